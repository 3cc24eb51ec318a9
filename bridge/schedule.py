"""When a sweep is due: never swept, asked for, its time has come, or counts that stay different."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import exists, func, select

from bridge.feed import load_feed
from bridge.orthanc_client import OrthancClient
from database.models import Study, SyncProblem
from database.session import Database

_LOOK_SECONDS = 2.0
_COMPARE_SECONDS = 10.0
_COMPARE_SHARE = 200
"""Comparing counts may take a two-hundredth of the time: in a huge archive it is done less often."""
_POSTPONED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Difference:
    """Orthanc's counts less the database's."""

    studies: int
    series: int
    instances: int


class SweepSchedule:
    def __init__(self, database: Database, client: OrthancClient, interval: timedelta) -> None:
        self._database = database
        self._client = client
        self._interval = interval
        self._look_at = 0.0
        self._compare_at = 0.0
        self._difference: Difference | None = None
        self._explained: Difference | None = None
        self._just_swept = False

    def is_due(self) -> bool:
        """Looks at most every two seconds: asked for, or long ago, or counts that stay different."""
        if time.monotonic() < self._look_at:
            return False
        self._look_at = time.monotonic() + _LOOK_SECONDS
        feed = load_feed(self._database)
        if feed.swept_at is None or feed.sweep_requested_at is not None:
            return True
        if abs(datetime.now(UTC) - feed.swept_at) >= self._interval:  # a clock may have been ahead
            return True
        return self._counts_stay_different(feed.id)

    def is_requested(self) -> bool:
        """Whether the feed itself calls for one: it never had one, or can't have told all."""
        feed = load_feed(self._database)
        return feed.swept_at is None or feed.sweep_requested_at is not None

    def swept(self) -> None:
        """A sweep ended just now: what still differs at the next comparison may be its problems."""
        self._just_swept = True
        self._difference = None

    def postpone(self) -> None:
        """A sweep failed: the feed goes on meanwhile."""
        self._look_at = time.monotonic() + _POSTPONED_SECONDS

    def _counts_stay_different(self, feed_id: int) -> bool:
        """Twice the same, ten seconds apart: not just a study on its way. What a sweep left is explained."""
        if time.monotonic() < self._compare_at:
            return False
        before, self._difference = self._difference, self._compare(feed_id)
        if self._just_swept:
            self._just_swept = False
            self._explained = self._difference if self._lacks_something(feed_id) else None
        unexplained = self._difference not in {Difference(0, 0, 0), self._explained}
        return unexplained and self._difference == before

    def _lacks_something(self, feed_id: int) -> bool:
        """Only what can't be kept may stay different; anything else came or went since the sweep."""
        query = select(exists().where(SyncProblem.feed_id == feed_id, SyncProblem.is_kept.is_(False)))
        with self._database.read() as session:
            return bool(session.scalar(query))

    def _compare(self, feed_id: int) -> Difference:
        started = time.monotonic()
        theirs = self._client.statistics()
        query = select(func.count(), func.sum(Study.series_count), func.sum(Study.instance_count)).where(
            Study.feed_id == feed_id, Study.deleted_at.is_(None)
        )
        with self._database.read() as session:
            studies, series, instances = session.execute(query).one()
        cost = time.monotonic() - started
        self._compare_at = time.monotonic() + max(_COMPARE_SECONDS, _COMPARE_SHARE * cost)
        return Difference(
            theirs.study_count - studies,
            theirs.series_count - int(series or 0),
            theirs.instance_count - int(instances or 0),
        )
