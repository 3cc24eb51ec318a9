"""Sockets that never block: plain ones, and TLS that ends here. One way to read and write both."""

import re
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from selectors import BaseSelector
from typing import Any

from bridge.recorder.pdu import VISIBLE

TCP_QUICKACK = 12  # Linux; not in every Python's socket module
_NOT_NOW = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))

_SPECIAL = re.compile(r'[\\"+,;<>]|\A[ #]| \Z')
_SHORT_NAMES = {
    "commonName": "CN",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "streetAddress": "STREET",
    "domainComponent": "DC",
    "userId": "UID",
}
"""RFC 4514 3, by OpenSSL's names."""


class Stream:
    """One side's connection. ``pending`` is what it hasn't taken yet: meanwhile nobody reads for it.

    Nothing here raises. A side that takes no more is left alone; what it said before is still read.
    """

    __slots__ = ("_events", "has_ended", "is_shut", "pending", "socket")

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        # Nagle's algorithm and delayed ACKs together cost each small instance 40 ms or more
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
        self.socket = connection
        self.pending = memoryview(b"")
        self._events = 0
        self.has_ended = False
        """It says no more."""
        self.is_shut = False
        """It was told that nothing more comes."""

    def receive(self, buffer: memoryview) -> int | None:
        """Bytes read; 0 at its end or when it broke, None when there is nothing now."""
        try:
            count = self.socket.recv_into(buffer)
        except _NOT_NOW:
            return None
        except OSError:
            self._give_up_sending()
            return 0
        # The sender may wait for our ACK with its next PDU; the kernel forgets this wish again and again
        self.socket.setsockopt(socket.IPPROTO_TCP, TCP_QUICKACK, 1)
        return count

    def has_more(self) -> bool:
        """Whether something is left that the selector doesn't know of."""
        return False

    def send(self, chunk: memoryview) -> None:
        """Send what it takes; the rest is ``pending``, copied. Nothing, when it takes no more."""
        if self.is_shut:
            return
        count = self._send_some(chunk)
        if count < len(chunk) and not self.is_shut:
            self.pending = memoryview(bytes(chunk[count:]))

    def flush(self) -> None:
        """Send what is pending, as far as it is taken."""
        count = self._send_some(self.pending)
        self.pending = self.pending[count:]

    def shut(self) -> None:
        """Tell it that nothing more comes, once."""
        if not self.is_shut:
            self.is_shut = True
            with suppress(OSError):
                self._shut()

    def watch(self, selector: BaseSelector, events: int, callback: Callable[[int], None]) -> None:
        """Have ``callback`` called on these events from now on; 0 for none."""
        before, self._events = self._events, events
        if events == before:
            return
        if not before:
            selector.register(self.socket, events, callback)
        elif events:
            selector.modify(self.socket, events, callback)
        else:
            selector.unregister(self.socket)

    def close(self, selector: BaseSelector) -> None:
        if self._events:
            selector.unregister(self.socket)
            self._events = 0
        self.socket.close()

    def _shut(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def _send_some(self, chunk: memoryview) -> int:
        try:
            return self.socket.send(chunk)
        except _NOT_NOW:
            return 0
        except OSError:
            self._give_up_sending()
            return 0

    def _give_up_sending(self) -> None:
        self.is_shut = True
        self.pending = memoryview(b"")


class TLSStream(Stream):
    """A client's connection under TLS, after the handshake."""

    __slots__ = ("_is_deaf",)
    socket: ssl.SSLSocket

    def __init__(self, connection: ssl.SSLSocket) -> None:
        super().__init__(connection)
        self._is_deaf = False
        """OpenSSL reads no more. What still comes is dropped: an RST could cost the client our last words."""

    def receive(self, buffer: memoryview) -> int | None:
        if not self._is_deaf:
            return super().receive(buffer)
        try:
            return None if socket.socket.recv_into(self.socket, buffer) else 0
        except BlockingIOError:
            return None
        except OSError:
            return 0

    def has_more(self) -> bool:
        return not self._is_deaf and self.socket.pending() > 0

    def _shut(self) -> None:
        """Say TLS's farewell; a client that goes on talking meanwhile has nobody left to talk to."""
        try:
            self.socket.unwrap()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, ValueError):
            return  # it would wait for the client's own farewell, or had it before
        except ssl.SSLError:
            self._is_deaf = True


def tls_context(certificate: Path, key: Path, client_ca: Path | None) -> ssl.SSLContext:
    """For the TLS port; with ``client_ca`` clients must show its certificates. Raises OSError, SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # BCP 195, as PS3.15 B.9 and B.10 want it
    context.load_cert_chain(
        certificate, key, password=""
    )  # an encrypted key fails, rather than ask a terminal
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def subject_of(connection: ssl.SSLSocket) -> str:
    """Of the client's certificate, as RFC 4514 writes it; empty without one."""
    subject: Any = (connection.getpeercert() or {}).get("subject", ())
    names = [
        "+".join(f"{_SHORT_NAMES.get(name, name)}={_escaped(value)}" for name, value in part)
        for part in subject
    ]
    return ",".join(reversed(names)).translate(VISIBLE)


def _escaped(value: str) -> str:
    """RFC 4514 2.4."""
    return _SPECIAL.sub(r"\\\g<0>", value)
