"""What must be right before a recorder takes the DICOM port: its limits, its certificate. Said in words."""

import ssl
from pathlib import Path

from bridge.recorder.streams import tls_context
from launch import orthanc
from settings import Settings, SettingsError

_HERE = ("localhost", "127.0.0.1", "::1")


def has_dicom_port_here(settings: Settings) -> bool:
    """Whether this start opens ``NOCTIS_DICOM_PORT``: for the recorder, or for an Orthanc of its own."""
    return settings.has_recorder or not settings.orthanc_url


def check(settings: Settings) -> None:
    """Raises SettingsError. Without a recorder nothing is asked."""
    if settings.has_recorder:
        check_limits(settings, is_orthanc_ours=not settings.orthanc_url)
        _check_destination(settings)
        if settings.dicom_tls_port is not None:
            _check_tls(settings)


def check_limits(settings: Settings, *, is_orthanc_ours: bool) -> None:
    """Orthanc has a thread for each association; whoever finds none waits for seconds (orthanc/README.md).

    How many threads an Orthanc has that others configure, nobody knows here. Raises SettingsError.
    """
    most, threads = settings.max_associations, orthanc.thread_count()
    if settings.max_associations_per_address > most:
        raise SettingsError(
            f"NOCTIS_MAX_ASSOCIATIONS_PER_ADDRESS ({settings.max_associations_per_address}) is more than "
            f"NOCTIS_MAX_ASSOCIATIONS ({most}): one address may have no more than all together."
        )
    if most >= threads and is_orthanc_ours:
        raise SettingsError(
            f"NOCTIS_MAX_ASSOCIATIONS ({most}) must be below the {threads} threads that Orthanc has for "
            "associations (DicomThreadsCount in orthanc/orthanc.json): choose a smaller number."
        )


def _check_destination(settings: Settings) -> None:
    """An Orthanc that is started here binds its port, too: there ``ports`` finds it out."""
    host, port = settings.orthanc_dicom_address
    if settings.orthanc_url and host in _HERE and port in (settings.dicom_port, settings.dicom_tls_port):
        raise SettingsError(
            f"The recorder would forward to itself, as port {port} is its own and Orthanc's: "
            "change NOCTIS_DICOM_PORT or NOCTIS_ORTHANC_DICOM_PORT."
        )


def _check_tls(settings: Settings) -> None:
    for name in ("dicom_tls_certificate", "dicom_tls_key"):
        if not getattr(settings, name):
            raise SettingsError(
                f"NOCTIS_DICOM_TLS_PORT is set, but NOCTIS_{name.upper()} isn't: DICOM over TLS needs a "
                "certificate and its private key, as PEM files."
            )
    certificate = _readable(settings.dicom_tls_certificate, "NOCTIS_DICOM_TLS_CERTIFICATE")
    key = _readable(settings.dicom_tls_key, "NOCTIS_DICOM_TLS_KEY")
    if b"ENCRYPTED" in key.read_bytes():
        raise SettingsError(
            f"NOCTIS_DICOM_TLS_KEY: the key in {key} has a passphrase, for which nobody can be asked: "
            "name a file with the key alone."
        )
    try:
        tls_context(certificate, key, None)
    except ssl.SSLError as error:
        raise SettingsError(
            "NOCTIS_DICOM_TLS_CERTIFICATE and NOCTIS_DICOM_TLS_KEY can't be used together "
            f"({_words(error)}): name a certificate and the private key that belongs to it, as PEM files."
        ) from error
    if settings.dicom_tls_client_ca:
        _check_client_ca(settings, certificate, key)


def _check_client_ca(settings: Settings, certificate: Path, key: Path) -> None:
    client_ca = _readable(settings.dicom_tls_client_ca, "NOCTIS_DICOM_TLS_CLIENT_CA")
    try:
        tls_context(certificate, key, client_ca)
    except ssl.SSLError as error:
        raise SettingsError(
            f"NOCTIS_DICOM_TLS_CLIENT_CA: {client_ca} holds no certificates ({_words(error)}): "
            "name a PEM file with those of the authorities."
        ) from error


def _readable(name: str, variable: str) -> Path:
    path = Path(name)
    try:
        path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"{variable}: {path} can't be read ({error.strerror}): name a file that this user may read."
        ) from error
    return path


def _words(error: ssl.SSLError) -> str:
    return (error.reason or "no PEM").replace("_", " ").lower()
