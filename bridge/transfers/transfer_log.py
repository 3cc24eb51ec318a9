"""Order and interval of the transfer log's work, a tick at a time. What is done stands in other modules."""

import fcntl
import logging
import threading
import time
from contextlib import suppress
from typing import IO

from sqlalchemy.exc import DataError, IntegrityError

from bridge.errors import OrthancRefused, OrthancUnavailable
from bridge.orthanc_client import OrthancClient
from bridge.transfers import outgoing, retention
from bridge.transfers.accounting import Accounting
from bridge.transfers.collector import Collector
from bridge.transfers.door_file import DoorFile
from bridge.transfers.reading import Chunk, Position, name_of, read_chunk
from bridge.transfers.writing import ChunkWriter, SpoolState, beat, load_spool
from database.session import Database
from settings import Settings

logger = logging.getLogger(__name__)

_IDLE_SECONDS = 0.3
_STANDBY_SECONDS = 1.0
_ASIDE_SECONDS = 2.0
"""Between looks at what isn't the spool."""
_RETENTION_SECONDS = 600.0
LOCK_FILE = "reader.lock"


class TransferLog:
    """One spool's reader, and whatever else feeds the log. One bridge reads a spool at a time."""

    def __init__(
        self,
        database: Database,
        client: OrthancClient,
        settings: Settings,
        collector: Collector | None = None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._folder = settings.spool_dir
        self._spool: SpoolState | None = None
        self._accounting = Accounting(database, has_recorder=settings.has_recorder)
        self._jobs = outgoing.Jobs(database, client)
        self._collector = collector
        self._lock: IO[bytes] | None = None
        self._aside_at = self._retention_at = 0.0
        self._stop = threading.Event()
        beside = {"door": DoorFile(database, self._folder).run, "jobs": self._jobs.run}
        self._threads = [
            threading.Thread(target=run, args=(self._stop,), name=name, daemon=True)
            for name, run in beside.items()
        ]

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        if self._collector is not None:
            self._collector.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def reset(self) -> None:
        """After a failure: how far the spool is read is asked of the database again."""
        self._spool = None

    def tick(self) -> float:
        """Read a chunk, or do what else there is; answers how long to wait then. Raises what went wrong."""
        if not self._leads():
            return _STANDBY_SECONDS
        if self._read():
            return 0.0
        is_waiting = self._accounting.step()
        if time.monotonic() >= self._aside_at:
            self._aside_at = time.monotonic() + _ASIDE_SECONDS
            self._look_aside()
        return 0.0 if is_waiting else _IDLE_SECONDS

    def drain(self) -> None:
        """All that the spool holds now, and what follows from it; nothing when another bridge reads it."""
        if not self._leads():
            return
        while self._read() or self._accounting.step():
            pass
        self._look_aside()
        with suppress(OrthancUnavailable, OrthancRefused):
            self._jobs.step()

    def _leads(self) -> bool:
        """The lock ends with the process that holds it."""
        if self._lock is not None:
            return True
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = (self._folder / LOCK_FILE).open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._lock = file
        for thread in self._threads:
            thread.start()
        return True

    def _read(self) -> bool:
        """One chunk of the spool; answers whether there was one."""
        if self._spool is None:
            name = name_of(self._folder)
            if not name:
                return False
            self._spool = load_spool(self._database, name)
        chunk = read_chunk(self._folder, self._spool.position)
        if chunk.is_last and chunk.position == self._spool.position:
            return False
        try:
            self._write(chunk)
        except (DataError, IntegrityError, TypeError):
            self._write_line_by_line(chunk)
        return True

    def _write(self, chunk: Chunk) -> None:
        assert self._spool is not None  # noqa: S101 - loaded before a chunk is read
        with self._database.write() as session:
            writer = ChunkWriter(session, self._spool)
            writer.write(chunk)
            if self._collector is not None:
                self._collector.send(writer.ended)
        self._spool = SpoolState(
            self._spool.id, chunk.position, writer.boot, writer.recorded_at, writer.damaged_count
        )

    def _write_line_by_line(self, chunk: Chunk) -> None:
        """One line that the database refuses costs no other; it counts as damaged."""
        first = chunk.position.byte_offset - sum(len(line) + 1 for line in chunk.lines)
        for line in chunk.lines:
            first += len(line) + 1
            position = Position(chunk.position.segment, first)
            try:
                self._write(Chunk([line], position, is_last=False))
            except (DataError, IntegrityError, TypeError) as error:
                logger.error("a line of the spool is refused (%s)", type(error).__name__)
                self._write(Chunk([], position, is_last=False, torn_count=1))

    def _look_aside(self) -> None:
        if self._spool is not None:
            beat(self._database, self._spool.id)
        outgoing.enter_connection_tests(self._database)
        if time.monotonic() >= self._retention_at and not retention.forget_successes(
            self._database, self._settings.transfer_retention_days
        ):
            self._retention_at = time.monotonic() + _RETENTION_SECONDS
            if self._spool is not None:
                retention.remove_segments(
                    self._folder, self._spool.position, self._settings.spool_retention_days
                )
