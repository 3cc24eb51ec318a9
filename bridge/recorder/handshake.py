"""TLS handshakes of clients, before their connections begin. One that fails is recorded: it says why.

Whoever connects and says nothing leaves no trace, here as on the plain port: health checks do that all day.
"""

import socket
import ssl
import time
from collections.abc import Callable
from selectors import EVENT_READ, EVENT_WRITE

from bridge.recorder.associate import AssociationRequest
from bridge.recorder.connection import REQUEST_SECONDS, Host
from bridge.recorder.dialogue import Dialogue
from bridge.recorder.records import Caller
from bridge.recorder.streams import TLSStream, subject_of
from database.transfer_terms import DoorReason

Done = Callable[["Handshake", TLSStream | None, str], None]


class Handshake:
    """Calls ``done`` once: with the stream and the client's subject, or with None when it failed."""

    __slots__ = ("_caller", "_deadline", "_done", "_has_spoken", "_host", "_socket")

    def __init__(
        self, host: Host, context: ssl.SSLContext, connection: socket.socket, caller: Caller, done: Done
    ) -> None:
        connection.setblocking(False)
        self._host = host
        self._caller = caller
        self._done = done
        self._has_spoken = False
        self._deadline = time.monotonic() + REQUEST_SECONDS
        self._socket = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        host.selector.register(self._socket, EVENT_READ, self._go_on)

    @property
    def ip(self) -> str:
        return self._caller.ip

    def tick(self, now: float) -> None:
        if now >= self._deadline:
            self._fail("no TLS handshake in time")

    def _go_on(self, _events: int) -> None:
        self._has_spoken = self._has_spoken or _says_something(self._socket)
        try:
            self._socket.do_handshake()
        except ssl.SSLWantReadError:
            self._host.selector.modify(self._socket, EVENT_READ, self._go_on)
        except ssl.SSLWantWriteError:
            self._host.selector.modify(self._socket, EVENT_WRITE, self._go_on)
        except ssl.SSLError as error:
            self._fail(f"the TLS handshake failed: {error.reason or 'the client ended it'}")
        except OSError:
            self._fail("the client ended the connection during the TLS handshake")
        else:
            self._host.selector.unregister(self._socket)
            self._done(self, TLSStream(self._socket), subject_of(self._socket))

    def _fail(self, reason: str) -> None:
        self._host.selector.unregister(self._socket)
        self._socket.close()
        if self._has_spoken:
            dialogue = Dialogue(
                self._caller, AssociationRequest(b"", b""), self._host.write, self._host.next_number
            )
            dialogue.refuse_unread(DoorReason.NOT_AN_ASSOCIATION_REQUEST, 0, reason)
        self._done(self, None, "")


def _says_something(connection: ssl.SSLSocket) -> bool:
    """Whether a byte is there, below TLS; none is taken."""
    try:
        return bool(socket.socket.recv(connection, 1, socket.MSG_PEEK))
    except OSError:
        return False
