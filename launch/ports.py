"""Are the ports that Noctis will listen on free? Asked before anything starts, answered in words."""

import errno
import socket
import time
from dataclasses import dataclass

from launch.errors import LaunchError
from launch.recorder import has_dicom_port_here
from settings import Settings

_ANY = "0.0.0.0"  # noqa: S104 - what Orthanc and the recorder bind, so what must be free


@dataclass(frozen=True)
class Listener:
    """A port of ours: what it is for, and the variable that moves it."""

    purpose: str
    variable: str
    host: str
    port: int


def listeners(settings: Settings) -> list[Listener]:
    """What this start will listen on. An Orthanc elsewhere (NOCTIS_ORTHANC_URL) needs no port here."""
    web = Listener("the web pages", "NOCTIS_HTTP_PORT", settings.http_host, settings.http_port)
    return [web, *_dicom_listeners(settings), *_orthanc_listeners(settings)]


def _dicom_listeners(settings: Settings) -> list[Listener]:
    """Where modalities arrive, at the recorder or at Orthanc itself."""
    if not has_dicom_port_here(settings):
        return []
    plain = Listener("DICOM", "NOCTIS_DICOM_PORT", _ANY, settings.dicom_port)
    if settings.dicom_tls_port is None or not settings.has_recorder:
        return [plain]
    return [plain, Listener("DICOM over TLS", "NOCTIS_DICOM_TLS_PORT", _ANY, settings.dicom_tls_port)]


def _orthanc_listeners(settings: Settings) -> list[Listener]:
    """What an Orthanc that is started here has for itself."""
    if settings.orthanc_url:
        return []
    rest = Listener("Orthanc's REST API", "NOCTIS_ORTHANC_HTTP_PORT", _ANY, settings.orthanc_http_port)
    if not settings.has_recorder:
        return [rest]
    own = "Orthanc's own DICOM port", "NOCTIS_ORTHANC_DICOM_PORT"
    return [Listener(*own, _ANY, settings.orthanc_dicom_port), rest]


def check_ports(settings: Settings, *, wait_seconds: float = 0.0) -> None:
    """Raise LaunchError unless every port can be had, within ``wait_seconds`` (processes of a killed
    supervisor may still be ending)."""
    wanted = listeners(settings)
    _check_distinct(wanted)
    deadline = time.monotonic() + wait_seconds
    for listener in wanted:
        while True:
            try:
                _try_binding(listener.host, listener.port)
                break
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() >= deadline:
                    raise LaunchError(_sentence(listener, error)) from error
            time.sleep(0.1)


def _check_distinct(wanted: list[Listener]) -> None:
    seen: dict[int, Listener] = {}
    for listener in wanted:
        other = seen.setdefault(listener.port, listener)
        if other is not listener:
            raise LaunchError(
                f"Port {listener.port} is set for {other.purpose} and for {listener.purpose}: "
                f"change {other.variable} or {listener.variable}."
            )


def _try_binding(host: str, port: int) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        # As the servers themselves do: only a listener is in the way, not a connection that just ended
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        probe.listen(1)


def _sentence(listener: Listener, error: OSError) -> str:
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"{listener.host} is not an address of this machine: change NOCTIS_HTTP_HOST."
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {listener.port}, for {listener.purpose}, is in use by another program: "
            f"stop that program, or choose another port with {listener.variable}."
        )
    return (
        f"Port {listener.port}, for {listener.purpose}, can't be opened ({error.strerror}): "
        f"choose another with {listener.variable}."
    )
