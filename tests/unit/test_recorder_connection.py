"""What comes first when something passes: forwarding what is asked, and writing down what is answered."""

import select
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from selectors import BaseSelector, DefaultSelector

import pytest

from bridge.recorder.address import OrthancAddress
from bridge.recorder.connection import Connection
from bridge.recorder.door import Door
from bridge.recorder.records import Caller, Record
from bridge.recorder.streams import Stream
from tests import conversations as say
from tests import messages
from tests.sinks import accepted, connected, port_of, read_exactly


class Here:
    """A server of a single connection, which asks ``look`` about each record when it is written."""

    def __init__(self, folder: Path, orthanc_port: int) -> None:
        self.selector: BaseSelector = DefaultSelector()
        self.buffer = memoryview(bytearray(2**16))
        self.door = Door(folder, 10, 10)
        self.orthanc_address = OrthancAddress("127.0.0.1", orthanc_port)
        self.is_ending = False
        self.look: Callable[[Record], object] = lambda _record: None
        self._numbers = count(1)

    def write(self, record: Record) -> None:
        self.look(record)

    def next_number(self) -> int:
        return next(self._numbers)

    def forget(self, connection: Connection) -> None:
        assert connection.open_numbers() == []

    def turn_until(self, condition: Callable[[], object]) -> None:
        while not condition():
            for key, events in self.selector.select(60):
                key.data(events)


def has_something(connection: socket.socket) -> bool:
    return bool(select.select([connection], [], [], 0.05)[0])


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[tuple[Here, socket.socket, socket.socket]]:
    """Both ends of an association that Orthanc has accepted, and the server between them."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        door = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        here = Here(tmp_path, port_of(server))
        remote = stack.enter_context(connected(port_of(door)))
        connection = Connection(here, Stream(door.accept()[0]), Caller("127.0.0.1", 1))
        remote.sendall(say.request())
        here.turn_until(lambda: has_something(server))
        orthanc = stack.enter_context(accepted(server))
        here.turn_until(lambda: has_something(orthanc))
        assert read_exactly(orthanc, len(say.request())) == say.request()
        orthanc.sendall(say.acceptance())
        here.turn_until(lambda: has_something(remote))
        assert read_exactly(remote, len(say.acceptance())) == say.acceptance()
        yield here, remote, orthanc
        connection.close()
        here.selector.close()


def test_what_is_asked_goes_on_before_it_is_written_down(
    ends: tuple[Here, socket.socket, socket.socket],
) -> None:
    here, remote, orthanc = ends
    had_it: list[bool] = []
    here.look = lambda _record: had_it.append(has_something(orthanc))

    remote.sendall(messages.echo())
    here.turn_until(lambda: had_it)

    assert had_it == [True]


def test_what_is_answered_is_written_down_before_the_other_side_has_it(
    ends: tuple[Here, socket.socket, socket.socket],
) -> None:
    here, remote, orthanc = ends
    remote.sendall(messages.store())
    here.turn_until(lambda: has_something(orthanc))
    had_it: list[bool] = []
    here.look = lambda _record: had_it.append(has_something(remote))

    orthanc.sendall(messages.store_response())
    here.turn_until(lambda: had_it)

    assert had_it == [False]
    assert read_exactly(remote, len(messages.store_response())) == messages.store_response()
