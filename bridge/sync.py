"""Making the database true to the feed: reads a batch, writes it with its position, reads ahead meanwhile."""

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice

from sqlalchemy.exc import DataError, IntegrityError, StatementError

from bridge.changes import Batch, ChangeReader, Resources, StudyReader
from bridge.cursor import Cursor, Position
from bridge.errors import FeedRewound
from bridge.feed import FeedRow, load_feed, request_sweep
from bridge.orthanc_client import OrthancClient
from bridge.studies import StudyWriter
from database.session import Database

logger = logging.getLogger(__name__)

_REREAD_AFTER_REWIND = 1000
"""How far to go back from the new feed's end: what was being committed while it was listed."""


# SQLite's driver raises Python's own exceptions for values that it can't store.
_BAD_VALUE = (ValueError, OverflowError, TypeError)
_MAYBE_BAD_DATA = (StatementError, *_BAD_VALUE)


class FeedSync:
    """One feed, followed. Everything it knows is reloaded from the database after any failure."""

    def __init__(self, database: Database, client: OrthancClient) -> None:
        self._database = database
        self._client = client
        self._pool = ThreadPoolExecutor(1, "read-ahead")
        self._ahead: Future[Batch] | None = None
        self._reader: ChangeReader | None = None
        self.row = FeedRow(0, 0, None)
        self.studies = StudyReader(client)

    def close(self) -> None:
        self.reset()
        self._pool.shutdown()

    def reset(self) -> None:
        """Forget what was read: the database says where to go on."""
        if self._ahead is not None:
            self._ahead.exception()  # a read that runs ends before the next begins
        self._ahead = self._reader = None

    def step(self) -> Batch:
        """Process one batch. ``change_count`` 0 and ``is_done``: the feed has been read to its end.

        Raises OrthancUnavailable, OrthancRefused, CursorMoved and SQLAlchemy's errors; each leaves this
        object ready for another ``step``.
        """
        try:
            return self._step()
        except FeedRewound as rewound:
            return self._begin_epoch(rewound)
        except BaseException:
            self.reset()
            raise

    def _step(self) -> Batch:
        reader = self._reader or self._load()
        batch = self._ahead.result() if self._ahead is not None else reader.read()
        self._ahead = None if batch.is_done else self._pool.submit(reader.read)
        if batch.change_count:
            self._write(batch)
        else:
            self.row.beat(self._database)
        if batch.wants_sweep:
            request_sweep(self._database, self.row.id)
        return batch

    def _load(self) -> ChangeReader:
        feed = load_feed(self._database)
        self.row = FeedRow(feed.id, feed.revision, feed.polled_at)
        self._reader = ChangeReader(self._client, self.studies, Cursor.resume(feed.low, feed.tail))
        return self._reader

    def _begin_epoch(self, rewound: FeedRewound) -> Batch:
        self.reset()
        logger.warning("Orthanc was restored or replaced (%s): comparing everything", rewound)
        last = self._client.last_change_seq()
        low = max(0, last - _REREAD_AFTER_REWIND)
        self.row.begin_epoch(self._database, low)
        return Batch(Position(low, low), 0, is_done=False, resources=Resources(), begins_epoch=True)

    def _write(self, batch: Batch) -> None:
        now = datetime.now(UTC)
        try:
            with self._database.write() as session:
                StudyWriter(session, self.row.id, now).write(batch.resources)
                self.row.move(session, batch.position, now)
        except _MAYBE_BAD_DATA as error:
            if not _is_bad_data(error):
                raise
            _write_one_by_one(self._database, self.row, batch.resources)
            with self._database.write() as session:
                self.row.move(session, batch.position, now)
        self.row.moved(now)


def write_resources(database: Database, row: FeedRow, found: Resources) -> None:
    """Write what a sweep read; what the database refuses becomes a problem. Raises CursorMoved."""
    try:
        _write_part(database, row, found)
    except _MAYBE_BAD_DATA as error:
        if not _is_bad_data(error):
            raise
        _write_one_by_one(database, row, found)


def _write_one_by_one(database: Database, row: FeedRow, found: Resources) -> None:
    """One bad value refuses a whole set: find it by halving, write the rest, record the problem."""
    refused = dict(found.unreadable)
    for kind, level in (("studies", "study"), ("series", "series"), ("instances", "instance")):
        pending = [getattr(found, kind)]
        while pending:
            part = pending.pop()
            try:
                _write_part(database, row, Resources(**{kind: part}))
            except _MAYBE_BAD_DATA as error:
                if not _is_bad_data(error):
                    raise
                if len(part) == 1:
                    reason = f"the database refuses it ({_kind_of(error)})"
                    refused[level, next(iter(part))] = reason
                else:
                    items = iter(part.items())
                    pending += [dict(islice(items, len(part) // 2)), dict(items)]
    _write_part(database, row, Resources(gone_instances=found.gone_instances, unreadable=refused))


def _write_part(database: Database, row: FeedRow, part: Resources) -> None:
    with database.write() as session:
        StudyWriter(session, row.id, datetime.now(UTC)).write(part)
        row.guard(session)


def _is_bad_data(error: Exception) -> bool:
    """Whether the values are to blame rather than the database's state."""
    if isinstance(error, StatementError):
        return isinstance(error, (DataError, IntegrityError)) or isinstance(error.orig, _BAD_VALUE)
    return True


def _kind_of(error: Exception) -> str:
    """The kind alone: a database's own words may quote the value."""
    return type(getattr(error, "orig", None) or error).__name__
