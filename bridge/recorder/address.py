"""Where Orthanc is. Its name may lead elsewhere tomorrow, or nowhere yet; nobody waits for that."""

import ipaddress
import logging
import socket
import threading

logger = logging.getLogger(__name__)

_RESOLVE_SECONDS = 10.0


class OrthancAddress:
    """``now`` is what is known: ``(address, port)``, or None while the name leads nowhere."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self.now: tuple[str, int] | None = None
        if _is_address(host):
            self.now = (host, port)
        else:
            threading.Thread(target=self._resolve_again_and_again, name="resolve", daemon=True).start()

    def __str__(self) -> str:
        return f"{self._host} port {self._port}"

    def _resolve_again_and_again(self) -> None:
        wait = threading.Event()
        while True:
            try:
                found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)[0][4]
                self.now = str(found[0]), int(found[1])
            except (OSError, UnicodeError) as error:  # the address that is known may still be right
                logger.warning("Orthanc's host %s can't be found (%s)", self._host, error)
            wait.wait(_RESOLVE_SECONDS)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
