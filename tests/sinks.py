"""What sockets at both ends of the recorder say and hear."""

import selectors
import socket
import ssl
import struct
import sys
import time
from contextlib import suppress
from random import Random

SECONDS = 60.0
"""After which a socket that should have got something gives up."""
_QUIET_SECONDS = 0.4
_CHUNK = 2**18
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


def port_of(server: socket.socket) -> int:
    return int(server.getsockname()[1])


def accepted(server: socket.socket) -> socket.socket:
    connection, _ = server.accept()
    connection.settimeout(SECONDS)
    return connection


def connected(port: int, *, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), SECONDS, (source, 0))


def read_all(connection: socket.socket) -> bytes:
    """To its end; a connection that was reset has just ended."""
    heard = bytearray()
    try:
        while chunk := connection.recv(_CHUNK):
            heard += chunk
    except ConnectionResetError:
        pass
    return bytes(heard)


def read_exactly(connection: socket.socket, length: int) -> bytes:
    heard = bytearray()
    while len(heard) < length and (chunk := connection.recv(length - len(heard))):
        heard += chunk
    return bytes(heard)


def send_until_it_blocks(connection: socket.socket, said: bytes) -> int:
    """How much is taken before nothing more is for some time."""
    sent = 0
    connection.setblocking(False)
    quiet_at = time.monotonic() + _QUIET_SECONDS
    while sent < len(said) and time.monotonic() < quiet_at:
        try:
            sent += connection.send(said[sent : sent + _CHUNK])
            quiet_at = time.monotonic() + _QUIET_SECONDS
        except _NOT_NOW:
            time.sleep(0.01)
    connection.settimeout(SECONDS)
    return sent


def reset(connection: socket.socket) -> None:
    """End it as a process that is killed with unread data does: by an RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class _Talker:
    """One end: says its part in random pieces, ends its side, and hears until the other has.

    It ends after having heard ``patience`` bytes, or all.
    """

    def __init__(self, connection: socket.socket, said: bytes, dice: Random, patience: int) -> None:
        self.socket = connection
        self._patience = patience
        self.heard = bytearray()
        self._left = memoryview(said)
        self._piece = self._left[:0]
        self._dice = dice
        self.has_heard_all = False
        self.has_said_all = False

    def events(self) -> int:
        has_heard_enough = self.has_heard_all or len(self.heard) >= self._patience
        may_end = has_heard_enough and not self.has_said_all
        reads = 0 if self.has_heard_all else selectors.EVENT_READ
        return reads | (selectors.EVENT_WRITE if self._left or may_end else 0)

    def speak(self) -> None:
        if not self._left:
            self.socket.shutdown(socket.SHUT_WR)
            self.has_said_all = True
            return
        if not self._piece:  # TLS wants the same piece until it is taken
            self._piece = self._left[: self._dice.choice([1, 5, 700, 10_000, _CHUNK])]
        with suppress(*_NOT_NOW):
            count = self.socket.send(self._piece)
            self._left, self._piece = self._left[count:], self._piece[count:]

    def listen(self) -> None:
        with suppress(*_NOT_NOW):
            while not self.has_heard_all:
                chunk = self.socket.recv(self._dice.choice([1, 100, _CHUNK]))
                self.heard += chunk
                self.has_heard_all = not chunk


def exchange(
    remote: socket.socket, orthanc: socket.socket, by_remote: bytes, by_orthanc: bytes, dice: Random
) -> tuple[bytes, bytes]:
    """What Orthanc heard, and what the remote side heard, when both say all they have and hear all."""
    patience = 0, 0
    if isinstance(remote, ssl.SSLSocket):  # where no side can be ended while the other goes on
        patience = sys.maxsize, len(by_remote)
    talkers = [_Talker(remote, by_remote, dice, patience[0]), _Talker(orthanc, by_orthanc, dice, patience[1])]
    deadline = time.monotonic() + SECONDS
    with selectors.DefaultSelector() as selector:
        for one in talkers:
            one.socket.setblocking(False)
            selector.register(one.socket, one.events(), one)
        while selector.get_map():
            assert time.monotonic() < deadline, "what was said doesn't come through"
            for key, events in selector.select(1.0):
                _turn(selector, key.data, events)
    return bytes(talkers[1].heard), bytes(talkers[0].heard)


def _turn(selector: selectors.BaseSelector, talker: _Talker, events: int) -> None:
    if events & selectors.EVENT_READ:
        talker.listen()
    if events & selectors.EVENT_WRITE:
        talker.speak()
    if talker.events():
        selector.modify(talker.socket, talker.events(), talker)
    else:
        selector.unregister(talker.socket)
