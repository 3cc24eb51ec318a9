"""Order, interval, backing off. What is done stands in ``sync`` and ``sweep``; here is when."""

import logging
import threading
import time
import traceback
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from sqlalchemy.exc import OperationalError

from bridge.changes import Batch
from bridge.decisions import Decisions
from bridge.errors import CursorMoved, OrthancRefused, OrthancUnavailable
from bridge.feed import load_feed
from bridge.leader import Leadership
from bridge.orthanc_client import OrthancClient
from bridge.priorities import Priorities
from bridge.schedule import SweepSchedule
from bridge.sweep import Findings, Sweep
from bridge.sync import FeedSync
from database.session import Database

logger = logging.getLogger(__name__)

_BUSY_SECONDS = 0.4  # often enough to be fresh, seldom enough to leave Orthanc to the senders
_IDLE_SECONDS = 0.7
_STANDBY_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 30.0


class Worker:
    """One bridge's work on one feed, a tick at a time."""

    def __init__(
        self,
        database: Database,
        client: OrthancClient,
        sweep_interval: timedelta,
        decisions: Decisions | None = None,
        priorities: Priorities | None = None,
    ) -> None:
        self._database = database
        self._client = client
        self._sync = FeedSync(database, client)
        self._decisions = decisions
        self._priorities = priorities
        self._schedule = SweepSchedule(database, client, sweep_interval)
        self._leadership: Leadership | None = None
        self._sweep: Sweep | None = None
        self._steps: Iterator[None] = iter(())
        self._interval = _IDLE_SECONDS
        self._leads: bool | None = None

    def close(self) -> None:
        self._sync.close()
        if self._leadership is not None:
            self._leadership.release()

    def lead(self) -> bool:
        """Whether this bridge works now; otherwise another one does."""
        if self._leadership is None:
            self._leadership = Leadership(self._database.engine, load_feed(self._database).id)
        leads = self._leadership.hold()
        if leads != self._leads:
            logger.info("working" if leads else "standing by: another bridge works")
        if not leads:
            self.reset()
        self._leads = leads
        return leads

    def tick(self) -> float:
        """Follow the feed by one batch and advance a sweep by one step; answers how long to wait then."""
        if not self.lead():
            return _STANDBY_SECONDS
        has_links = self._decisions is not None and self._decisions.link()
        batch = self._step()
        has_entries = self._decisions is not None and self._decisions.register(self._sync.row.id)
        if not batch.is_done or has_links or has_entries:
            return 0.0
        if self._sweep is None and self._schedule.is_due():
            self._begin_sweep()
        if self._sweep is not None:
            self._advance_or_postpone(self._sweep)
            return 0.0
        if self._priorities is not None:
            self._priorities.step()
        self._interval = _BUSY_SECONDS if batch.change_count else min(self._interval * 1.5, _IDLE_SECONDS)
        return self._interval

    def drain(self) -> int:
        """Follow the feed to its end, carry out decisions, and sweep if the feed can't have told all.

        Answers the count of changes.
        """
        count = self._follow_to_end()
        if self._decisions is not None:
            while self._decisions.link() or self._decisions.register(self._sync.row.id):
                pass
        if self._schedule.is_requested():
            self.sweep()
        return count

    def sweep(self) -> Findings:
        """Follow the feed to its end, then compare everything, at one go."""
        self._follow_to_end()
        sweep = self._sweep or self._begin_sweep()
        while self._sweep is not None:
            if self._step().is_done:
                self._advance_sweep(sweep)
        return sweep.findings

    def _follow_to_end(self) -> int:
        """To where the feed ended when this began, at least: it may never stand still."""
        target = self._client.last_change_seq()
        count = 0
        while True:
            batch = self._step()
            count += batch.change_count
            if batch.is_in_doubt:
                time.sleep(_BUSY_SECONDS)
            elif batch.is_done and (not batch.change_count or batch.position.high >= target):
                return count

    def _step(self) -> Batch:
        batch = self._sync.step()
        if batch.begins_epoch:
            self._sweep = None  # it compared with another Orthanc
        return batch

    def reset(self) -> None:
        """After a failure: what was read is forgotten, a sweep begins anew."""
        self._sync.reset()
        self._sweep = None

    def _begin_sweep(self) -> Sweep:
        self._sweep = Sweep(self._database, self._client, self._sync.row, self._sync.studies)
        self._steps = self._sweep.steps()
        return self._sweep

    def _advance_or_postpone(self, sweep: Sweep) -> None:
        """What stops a sweep mustn't stop the feed."""
        try:
            self._advance_sweep(sweep)
        except (OrthancRefused, OrthancUnavailable) as error:
            logger.warning("the sweep is put off: %s", error)
            self._sweep = None
            self._schedule.postpone()

    def _advance_sweep(self, sweep: Sweep) -> None:
        if next(self._steps, self) is not self:
            return
        self._sweep = None
        self._schedule.swept()
        findings = sweep.findings
        logger.info(
            "sweep: %d studies compared, %d resources written, %d marked as gone",
            findings.studies,
            findings.added,
            findings.deleted,
        )


class Ticks(Protocol):
    """What can be run: ``tick`` does a piece of work and answers how long to wait then."""

    def tick(self) -> float: ...
    def reset(self) -> None: ...


def run(worker: Ticks, stop: threading.Event, name: str = "the change feed") -> None:
    """Tick until ``stop`` is set. The only broad answer to failures: wait and go on, up to 30 s apart."""
    trouble = ""
    wait = _IDLE_SECONDS
    while not stop.is_set():
        try:
            pause = worker.tick()
        except CursorMoved:
            logger.warning("another bridge has moved %s: starting again from the database", name)
            worker.reset()
            pause = _STANDBY_SECONDS
        except Exception as error:  # noqa: BLE001 - whatever it is, the next attempt may go well
            worker.reset()
            if trouble != _describe(error):
                trouble = _describe(error)
                logger.warning("%s waits: %s", name, trouble)
            wait = min(wait * 2, _LONGEST_WAIT_SECONDS)
            pause = wait
        else:
            if trouble:
                logger.warning("%s goes on", name)
            trouble, wait = "", _IDLE_SECONDS
        stop.wait(pause)


def _describe(error: Exception) -> str:
    """In words. What a database or a library says may quote values, so only its kind and place are told."""
    if isinstance(error, (OrthancUnavailable, OrthancRefused)):
        return str(error)
    if isinstance(error, OperationalError):
        return f"the database doesn't answer ({type(error.orig).__name__})"
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {place.name}, {Path(place.filename).name} line {place.lineno}"
