"""The feed's row: where a bridge stands, moved only by compare-and-set.

Two bridges that both believe to lead can't both move it: the second finds another ``revision`` and its whole
transaction, rows and all, is rolled back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from bridge.cursor import Position
from bridge.errors import CursorMoved
from database.models import FEED_NAME, Feed
from database.session import Database

_HEARTBEAT = timedelta(seconds=5)


@dataclass(slots=True)
class FeedRow:
    """What this bridge last read or wrote of the row."""

    id: int
    revision: int
    polled_at: datetime | None

    def move(self, session: Session, position: Position, polled_at: datetime) -> None:
        """Set the position inside the caller's transaction. Raises CursorMoved."""
        self._set(
            session,
            {
                "low": position.low,
                "high": position.high,
                "tail": position.as_json(),
                "polled_at": polled_at,
                "revision": self.revision + 1,
            },
        )

    def moved(self, polled_at: datetime) -> None:
        """The transaction of ``move`` is committed."""
        self.revision += 1
        self.polled_at = polled_at

    def guard(self, session: Session) -> None:
        """Raise CursorMoved, if another bridge works on this feed."""
        if session.scalar(select(Feed.revision).where(Feed.id == self.id)) != self.revision:
            raise CursorMoved

    def beat(self, database: Database) -> None:
        """Note that the feed was read although nothing was new, at most every five seconds."""
        now = datetime.now(UTC)
        # abs: a clock may have been ahead
        if self.polled_at is not None and abs(now - self.polled_at) < _HEARTBEAT:
            return
        with database.write() as session:
            self._set(session, {"polled_at": now})
        self.polled_at = now

    def note_sweep(self, database: Database, started_at: datetime, requested_at: datetime | None) -> None:
        """A sweep is done; ``requested_at`` is the request that it found, which is thereby met."""
        with database.write() as session:
            self._set(session, {"swept_at": started_at})
            session.execute(
                update(Feed)
                .where(Feed.id == self.id, Feed.sweep_requested_at == requested_at)
                .values(sweep_requested_at=None)
            )

    def begin_epoch(self, database: Database, low: int) -> None:
        """Another feed begins here: forget the old one's tail."""
        with database.write() as session:
            values = {"low": low, "high": low, "tail": [], "swept_at": None, "epoch": Feed.epoch + 1}
            self._set(session, {**values, "revision": self.revision + 1})
        self.revision += 1

    def _set(self, session: Session, values: Mapping[str, Any]) -> None:
        result = session.execute(
            update(Feed)
            .where(Feed.id == self.id, Feed.revision == self.revision)
            .values(**values)
            .execution_options(synchronize_session=False)
        )
        assert isinstance(result, CursorResult)  # noqa: S101 - what an UPDATE answers
        if result.rowcount != 1:
            raise CursorMoved


def load_feed(database: Database, name: str = FEED_NAME) -> Feed:
    """The feed's row as it stands, made if it is missing."""
    with database.read() as session:
        feed = session.scalar(select(Feed).where(Feed.name == name))
    if feed is not None:
        return feed
    with database.write() as session:
        feed = session.scalar(select(Feed).where(Feed.name == name))
        if feed is None:
            feed = Feed(name=name, low=0, high=0, tail=[], epoch=0, revision=0)
            session.add(feed)
    return feed


def request_sweep(database: Database, feed_id: int) -> datetime:
    """Ask whichever bridge leads for a sweep; it is done when the feed's request is another or none."""
    now = datetime.now(UTC)
    with database.write() as session:
        session.execute(update(Feed).where(Feed.id == feed_id).values(sweep_requested_at=now))
    return now
