"""Which of several bridges works: a lock that the operating system or PostgreSQL takes back when one dies."""

import fcntl
from contextlib import suppress
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

_ADVISORY_LOCK = 0x4E4F4354  # "NOCT"; the feed's id is the lock's second number


class Leadership:
    """Held by at most one process a feed; ``hold`` may be called again and again."""

    def __init__(self, engine: Engine, feed_id: int) -> None:
        self._engine = engine
        self._feed_id = feed_id
        self._lock = {"lock": _ADVISORY_LOCK, "feed": feed_id}
        self._connection: Connection | None = None
        self._file: IO[bytes] | None = None

    def hold(self) -> bool:
        """Whether we lead now: take the lock if it is free, or see that we still have it.

        Raises SQLAlchemy's OperationalError when PostgreSQL can't be reached.
        """
        if self._engine.dialect.name == "postgresql":
            return self._hold_advisory_lock()
        return self._hold_file_lock()

    def release(self) -> None:
        if self._connection is not None:
            with suppress(DBAPIError):  # lost with its connection, if that is gone
                self._connection.execute(text("SELECT pg_advisory_unlock(:lock, :feed)"), self._lock)
            self._drop_connection()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _hold_advisory_lock(self) -> bool:
        if self._connection is not None:
            try:
                self._connection.execute(text("SELECT 1"))
            except DBAPIError:
                self._drop_connection()  # the lock went with the session
                raise
            return True
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        query = text("SELECT pg_try_advisory_lock(:lock, :feed)")
        if connection.scalar(query, self._lock):
            self._connection = connection
            return True
        connection.close()
        return False

    def _drop_connection(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()  # closes it: a pooled one would keep the lock
            self._connection.close()
            self._connection = None

    def _hold_file_lock(self) -> bool:
        if self._file is not None:
            return True
        path = Path(f"{self._engine.url.database}.feed-{self._feed_id}.lock")
        file = path.open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        return True
