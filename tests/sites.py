"""A real recorder process with plain sockets at both ends: a client, and a sink in Orthanc's place."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bridge.recorder.records import Record
from tests import conversations as say
from tests.orthanc_process import free_port
from tests.recorders import RecorderProcess
from tests.sinks import SECONDS, accepted, connected, port_of, read_exactly
from tests.waiting import wait_until


class Site:
    """``server`` is the sink's listening socket; the recorder forwards there."""

    def __init__(self, recorder: RecorderProcess, server: socket.socket) -> None:
        self.recorder = recorder
        self.server = server

    def connected(self, source: str = "127.0.0.1") -> socket.socket:
        return connected(self.recorder.port, source=source)

    def associated(
        self, request: bytes | None = None, *, source: str = "127.0.0.1"
    ) -> tuple[socket.socket, socket.socket]:
        """Both ends of a new association, after its request has come through."""
        request = say.request() if request is None else request
        remote = self.connected(source)
        remote.sendall(request)
        orthanc = accepted(self.server)
        assert read_exactly(orthanc, len(request)) == request
        return remote, orthanc

    def ended_associations(self, count: int) -> list[list[Record]]:
        """The records of each association with its operations, when so many have ended."""

        def ended() -> int:
            return sum("outcome" in one for one in self.recorder.records())

        wait_until(lambda: ended() >= count, f"{count} associations that have ended")
        groups: dict[int, list[Record]] = {}
        for one in self.recorder.records():
            if one["record"] in {"association", "operation"}:
                groups.setdefault(one.get("association_number", one["number"]), []).append(one)
        return list(groups.values())

    def last_ended(self, count: int = 1) -> Record:
        """The last record of the last of so many associations."""
        return self.ended_associations(count)[-1][-1]


@contextmanager
def site(data_dir: Path | None = None, /, **settings: Any) -> Iterator[Site]:
    """``data_dir`` and ``settings`` are the recorder's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(SECONDS)
        with RecorderProcess(port_of(server), data_dir, **settings) as recorder:
            yield Site(recorder, server)


@contextmanager
def site_without_orthanc(**settings: Any) -> Iterator[tuple[RecorderProcess, Callable[[], socket.socket]]]:
    """Nobody listens where Orthanc would, until what is given beside the recorder is called."""
    port = free_port()
    servers: list[socket.socket] = []

    def start() -> socket.socket:
        servers.append(socket.create_server(("127.0.0.1", port)))
        servers[-1].settimeout(SECONDS)
        return servers[-1]

    try:
        with RecorderProcess(port, **settings) as recorder:
            yield recorder, start
    finally:
        for server in servers:
            server.close()
