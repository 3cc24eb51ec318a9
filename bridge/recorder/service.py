"""``python -m bridge recorder``: the ports, the loop, and what is done twice a second.

One thread and one buffer for all associations. A selector's loop rather than asyncio's: each chunk is read,
sent on and read through in one step, with nothing kept for those who are silent.
"""

import logging
import os
import resource
import signal
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from selectors import EVENT_READ, BaseSelector, DefaultSelector, SelectorKey
from typing import Any

from bridge.recorder.address import OrthancAddress
from bridge.recorder.connection import Connection
from bridge.recorder.door import Door
from bridge.recorder.handshake import Handshake
from bridge.recorder.records import Caller, Record
from bridge.recorder.spool import Spool
from bridge.recorder.streams import Stream, tls_context
from database.transfer_terms import DoorReason
from settings import Settings

logger = logging.getLogger(__name__)

_ANY = "0.0.0.0"  # noqa: S104 - modalities come from other machines
_BACKLOG = 512
_BUFFER_LENGTH = 256 * 1024
_TICK_SECONDS = 0.5
_SECONDS_TO_END = 8.0
"""For running associations after SIGTERM."""
_CONNECTIONS_AN_ASSOCIATION = 3
"""So many may stand at the door for each that may be inside; more are closed unheard."""


class Recorder:
    """Listens, and keeps everything that connections share (``connection.Host``)."""

    def __init__(self, settings: Settings, spool: Spool) -> None:
        """Raises OSError when a port can't be bound or a TLS file can't be read."""
        self.selector: BaseSelector = DefaultSelector()
        self.buffer = memoryview(bytearray(_BUFFER_LENGTH))
        self.door = Door(settings.spool_dir, settings.max_associations, settings.max_associations_per_address)
        self.orthanc_address = OrthancAddress(*settings.orthanc_dicom_address)
        self.is_ending = False
        self._spool = spool
        self._number = 0
        self._connections: set[Connection] = set()
        self._handshakes: set[Handshake] = set()
        self._most_connections = settings.max_associations * _CONNECTIONS_AN_ASSOCIATION
        self._most_from_address = settings.max_associations_per_address * _CONNECTIONS_AN_ASSOCIATION
        self._tick_at = 0.0
        self._said = ""
        self._resting: list[SelectorKey] = []
        """Listeners that could accept nothing; they listen again with the next tick."""
        self._listeners = [self._listen(settings.dicom_port, self._welcome)]
        if settings.dicom_tls_port is not None:
            self._tls = _tls_of(settings)
            self._listeners.append(self._listen(settings.dicom_tls_port, self._welcome_tls))

    # What connections need

    def write(self, record: Record) -> None:
        self._spool.write(record)

    def next_number(self) -> int:
        self._number += 1
        return self._number

    def forget(self, connection: Connection) -> None:
        self._connections.discard(connection)

    def open_numbers(self) -> list[int]:
        return [number for one in self._connections for number in one.open_numbers()]

    # The loop

    def run(self, stop: "StopSignal") -> None:
        """Until ``stop``; then running associations get some seconds to end by themselves."""
        self.selector.register(stop.descriptor, EVENT_READ, lambda _events: stop.drain())
        while not stop.is_set:
            self._turn()
        self.is_ending = True
        self._listen_again()
        for listener in self._listeners:
            self.selector.unregister(listener)
            listener.close()
        deadline = time.monotonic() + _SECONDS_TO_END
        while self._connections and time.monotonic() < deadline:
            self._turn()
        for connection in list(self._connections):
            connection.give_up(DoorReason.ENDING)

    def _turn(self) -> None:
        for key, events in self.selector.select(_TICK_SECONDS):
            _call(key.data, events)
        now = time.monotonic()
        if now >= self._tick_at:
            self._tick_at = now + _TICK_SECONDS
            self._tick(now)

    def _tick(self, now: float) -> None:
        self._listen_again()
        self.door.look_at_policy()
        self._spool.try_again()
        if self._spool.failure != self._said:
            self._said = self._spool.failure
            logger.error(self._said or "the spool is written again")
        for handshake in list(self._handshakes):
            _call(handshake.tick, now)
        for connection in list(self._connections):
            _call(connection.tick, now)

    # Arrivals

    def _listen(self, port: int, welcome: Callable[[socket.socket, tuple[str, int]], None]) -> socket.socket:
        listener = socket.create_server((_ANY, port), backlog=_BACKLOG)
        listener.setblocking(False)
        self.selector.register(listener, EVENT_READ, lambda _events: self._accept(listener, welcome))
        return listener

    def _accept(
        self, listener: socket.socket, welcome: Callable[[socket.socket, tuple[str, int]], None]
    ) -> None:
        while True:
            try:
                connection, address = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:  # out of descriptors, or gone before it was accepted
                logger.error("a connection can't be accepted (%s)", error.strerror)
                self._resting.append(self.selector.unregister(listener))
                return
            if self._is_crowded(address[0]):
                logger.warning("more connections than can be heard: one from %s is closed", address[0])
                connection.close()
                continue
            try:
                welcome(connection, address[:2])
            except OSError:  # it was gone again at once
                connection.close()

    def _listen_again(self) -> None:
        while self._resting:
            key = self._resting.pop()
            self.selector.register(key.fileobj, key.events, key.data)

    def _is_crowded(self, ip: str) -> bool:
        """Whether as many as can be heard are here, all together or from one address alone."""
        here = len(self._connections) + len(self._handshakes)
        if here < self._most_from_address:
            return False
        from_ip = sum(one.ip == ip for group in (self._connections, self._handshakes) for one in group)
        return here >= self._most_connections or from_ip >= self._most_from_address

    def _welcome(self, connection: socket.socket, address: tuple[str, int]) -> None:
        self._connections.add(Connection(self, Stream(connection), Caller(*address)))

    def _welcome_tls(self, connection: socket.socket, address: tuple[str, int]) -> None:
        def done(handshake: Handshake, stream: Stream | None, subject: str) -> None:
            self._handshakes.discard(handshake)
            if stream is not None:
                caller = Caller(*address, is_tls=True, tls_subject=subject)
                self._connections.add(Connection(self, stream, caller))

        self._handshakes.add(Handshake(self, self._tls, connection, Caller(*address, is_tls=True), done))


class StopSignal:
    """SIGTERM and SIGINT, heard by the selector as well."""

    def __init__(self) -> None:
        self.is_set = False
        self.descriptor, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._set)

    def _set(self, _number: int, _frame: object) -> None:
        self.is_set = True

    def drain(self) -> None:
        os.read(self.descriptor, 100)


def run(settings: Settings) -> None:
    """Record until SIGTERM. Raises OSError, ssl.SSLError and SpoolInUse before anything is recorded."""
    logging.getLogger("pydicom").disabled = True  # it would quote values of data sets
    _allow_descriptors()
    stop = StopSignal()
    spool = Spool(settings.spool_dir)
    try:
        recorder = Recorder(settings, spool)
        spool.open_numbers = recorder.open_numbers
        spool.announce()
        logger.info("recording on port %d, for Orthanc at %s", settings.dicom_port, recorder.orthanc_address)
        recorder.run(stop)
    finally:
        spool.close()


def _call(callback: Callable[[Any], None], argument: float) -> None:
    """A mistake of ours may cost one association, never the others."""
    try:
        callback(argument)
    except Exception:
        logger.exception("an association is given up")
        owner = getattr(callback, "__self__", None)
        if isinstance(owner, Connection):
            owner.close()


def _tls_of(settings: Settings) -> ssl.SSLContext:
    client_ca = Path(settings.dicom_tls_client_ca) if settings.dicom_tls_client_ca else None
    return tls_context(Path(settings.dicom_tls_certificate), Path(settings.dicom_tls_key), client_ca)


def _allow_descriptors() -> None:
    """As many as the system lets us have: two an association."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
