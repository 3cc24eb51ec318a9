"""Orthanc itself: REST API, version, clock, and the DICOM port that it has for the recorder."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from bridge.dicom_values import parse_orthanc_date
from bridge.doctor.check import Check
from bridge.doctor.installation import is_listened_on
from bridge.errors import OrthancRefused, OrthancUnavailable
from bridge.orthanc_answers import System
from bridge.orthanc_client import OrthancClient
from settings import Settings

_CLOCK_TOLERANCE = timedelta(seconds=5)
_OLDEST_ORTHANC = (1, 10)


def check_orthanc(settings: Settings, client: OrthancClient) -> Iterator[Check]:
    url = settings.orthanc_api_url
    try:
        system = client.system()
        clock = parse_orthanc_date(client.now())
    except (OrthancUnavailable, OrthancRefused) as error:
        yield Check.failed(
            "Orthanc",
            str(error),
            f"Is Orthanc running at {url}, or does another program use that port "
            "(NOCTIS_ORTHANC_HTTP_PORT)? See log/orthanc.log in the data folder.",
        )
        return
    version = tuple(int(part) for part in system.version.split(".")[:2] if part.isdecimal())
    if version and version < _OLDEST_ORTHANC:
        yield Check.failed("Orthanc", f"version {system.version}", "Noctis needs 1.10 or newer.")
        return
    yield _check_identity(settings, system)
    drift = abs(datetime.now(UTC) - clock)
    finding = f"Orthanc's and ours are {drift.total_seconds():.0f} s apart"
    if drift <= _CLOCK_TOLERANCE:
        yield Check.passed("clock", finding)
    else:
        yield Check.failed("clock", finding, "Synchronise the hosts' clocks (NTP).")


def _check_identity(settings: Settings, system: System) -> Check:
    expected = (settings.ae_title, settings.orthanc_dicom_listener)
    finding = f"version {system.version}, AE title {system.dicom_aet}, DICOM port {system.dicom_port}"
    if settings.orthanc_url or (system.dicom_aet, system.dicom_port) == expected:
        return Check.passed("Orthanc", finding)
    return Check.failed("Orthanc", finding, f"Expected {expected[0]} on port {expected[1]}: restart Noctis.")


def check_own_dicom_port(settings: Settings) -> Check:
    """Where the recorder forwards to: told apart from the recorder's own port."""
    name = "Orthanc's DICOM port"
    if not settings.has_recorder:
        return Check.passed(name, "NOCTIS_RECORDER=off: Orthanc has the port that modalities use")
    host, port = settings.orthanc_dicom_address
    if is_listened_on(host, port):
        return Check.passed(name, f"answers at {host} port {port}")
    return Check.failed(
        name,
        f"nothing answers at {host} port {port}",
        "Is Orthanc running (log/orthanc.log in the data folder), and are NOCTIS_ORTHANC_DICOM_HOST and "
        "NOCTIS_ORTHANC_DICOM_PORT right? Until then the recorder turns senders away; they may try again.",
    )
