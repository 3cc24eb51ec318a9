"""What sockets at both ends of the recorder say and hear."""

import selectors
import socket
import struct
import time
from random import Random

SECONDS = 60.0
"""After which a socket that should have got something gives up."""
_CHUNK = 2**18


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


def send_until_it_blocks(connection: socket.socket, said: bytes, *, quiet_seconds: float = 1.0) -> int:
    """How much is taken before nothing more is for some time."""
    sent = 0
    connection.setblocking(False)
    quiet_at = time.monotonic() + quiet_seconds
    while sent < len(said) and time.monotonic() < quiet_at:
        try:
            sent += connection.send(said[sent : sent + _CHUNK])
            quiet_at = time.monotonic() + quiet_seconds
        except BlockingIOError:
            time.sleep(0.01)
    connection.settimeout(SECONDS)
    return sent


def reset(connection: socket.socket) -> None:
    """End it as a process that is killed with unread data does: by an RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class _Talker:
    """One end: says its part in random pieces, shuts its side, and hears until the other has."""

    def __init__(self, connection: socket.socket, said: bytes, dice: Random) -> None:
        self.socket = connection
        self.heard = bytearray()
        self._left = memoryview(said)
        self._dice = dice
        self.has_heard_all = False
        self.has_said_all = False

    def events(self) -> int:
        reads = 0 if self.has_heard_all else selectors.EVENT_READ
        return reads | (0 if self.has_said_all else selectors.EVENT_WRITE)

    def speak(self) -> None:
        if self._left:
            length = self._dice.choice([1, 5, 700, 10_000, _CHUNK])
            self._left = self._left[self.socket.send(self._left[:length]) :]
        else:
            self.socket.shutdown(socket.SHUT_WR)
            self.has_said_all = True

    def listen(self) -> None:
        chunk = self.socket.recv(self._dice.choice([1, 100, _CHUNK]))
        self.heard += chunk
        self.has_heard_all = not chunk


def exchange(
    remote: socket.socket, orthanc: socket.socket, by_remote: bytes, by_orthanc: bytes, dice: Random
) -> tuple[bytes, bytes]:
    """What Orthanc heard, and what the remote side heard, when both say all they have and hear all."""
    talkers = [_Talker(remote, by_remote, dice), _Talker(orthanc, by_orthanc, dice)]
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
