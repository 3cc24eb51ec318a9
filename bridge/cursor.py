"""Where we are in a change feed. Pure: no Orthanc, no SQL, no clock of its own.

``/changes?since=<the last number>`` loses events: an Orthanc on PostgreSQL numbers a row before it commits
it, so that row 8,351 can appear after 8,352 (orthanc-facts, 1). Hence gaps are held open for a minute and
read again, and only what lies below the first open gap is settled (``low``). Numbers are also used again by
an Orthanc that was restored or replaced; the remembered ``tail`` of rows gives that away.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from bridge.dicom_values import parse_orthanc_date
from bridge.errors import FeedRewound
from bridge.orthanc_answers import Change, ChangesPage

GAP_LIFETIME = timedelta(seconds=60)
TAIL_LENGTH = 100
_SHORTFALLS_TO_BELIEVE = 3  # PostgreSQL's own `Last` may step back by one for a moment
_READ_TOGETHER = 1000  # gaps nearer than this are read again in one request


def fingerprint(change: Change) -> str:
    text = f"{change.kind} {change.orthanc_id} {change.date}"
    return blake2b(text.encode(), digest_size=6).hexdigest()


@dataclass(frozen=True, slots=True)
class Position:
    """What is committed together with the rows that it accounts for."""

    low: int = 0
    high: int = 0
    tail: tuple[tuple[int, str], ...] = ()

    def as_json(self) -> list[list[Any]]:
        return [[seq, print_] for seq, print_ in self.tail]


@dataclass(frozen=True, slots=True)
class Gap:
    first: int
    last: int
    noticed_at: datetime


@dataclass(slots=True)
class Cursor:
    """Takes pages, gives back the rows not seen before."""

    position: Position = field(default_factory=Position)
    gaps: list[Gap] = field(default_factory=list)
    _shortfalls: int = 0

    @classmethod
    def resume(cls, low: int, tail: list[list[Any]]) -> "Cursor":
        """Start again at ``low``: what lay above an open gap is read again, harmlessly."""
        kept = tuple((int(seq), str(print_)) for seq, print_ in tail if seq <= low)
        return cls(Position(low, low, kept))

    @property
    def is_in_doubt(self) -> bool:
        """The feed ended before where we are: read again soon, to see whether it's another one."""
        return self._shortfalls > 0

    @property
    def since(self) -> int:
        """Read from here: the last row we know comes again, as the first, to prove it's the same feed."""
        return self.position.tail[-1][0] - 1 if self.position.tail else self.position.high

    def anchor_is_missing(self, page: ChangesPage) -> bool:
        """Whether the last row we know is gone: its resource was deleted, or the feed is another one."""
        if not self.position.tail:
            return False
        return not page.changes or page.changes[0].seq != self.position.tail[-1][0]

    def prune_tail(self, page: ChangesPage) -> None:
        """Keep of the tail what a page read from its start still shows."""
        present = {change.seq for change in page.changes}
        self._check_tail(page)
        tail = tuple(row for row in self.position.tail if row[0] in present)
        self.position = replace(self.position, tail=tail)

    def take(self, page: ChangesPage, now: datetime, orthanc_now: datetime | None) -> list[Change]:
        """The page's rows above ``high``; moves ``high`` and opens gaps.

        ``orthanc_now`` is Orthanc's clock (needed only where ``has_gap``): a gap before a row that is older
        than GAP_LIFETIME is final at once, or a catch-up would hold every deletion of the past open.
        Raises FeedRewound.
        """
        self._check_tail(page)
        self._check_shortfall(page)
        new = [change for change in page.changes if change.seq > self.position.high]
        high = self.position.high
        for change in new:
            if change.seq > high + 1 and not _is_old(change, orthanc_now):
                self.gaps.append(Gap(high + 1, change.seq - 1, now))
            high = change.seq
        self._move(high, new)
        return new

    def has_gap(self, page: ChangesPage) -> bool:
        """Whether ``take`` would find a number missing, and so wants to know Orthanc's clock."""
        expected = self.position.high
        for change in page.changes:
            if change.seq > expected:
                if change.seq != expected + 1:
                    return True
                expected = change.seq
        return False

    def gap_ranges(self) -> list[tuple[int, int]]:
        """``(first, last)`` of what to read again, near gaps together."""
        ranges: list[tuple[int, int]] = []
        for gap in self.gaps:
            if ranges and gap.last - ranges[-1][0] < _READ_TOGETHER:
                ranges[-1] = (ranges[-1][0], gap.last)
            else:
                ranges.append((gap.first, gap.last))
        return ranges

    def fill(self, changes: list[Change], now: datetime) -> list[Change]:
        """The rows that lie in open gaps; closes what they fill and what has been open long enough."""
        late = []
        for change in changes:
            index = next((i for i, gap in enumerate(self.gaps) if gap.first <= change.seq <= gap.last), None)
            if index is not None:
                late.append(change)
                self.gaps[index : index + 1] = _without(self.gaps[index], change.seq)
        self.gaps = [gap for gap in self.gaps if now - gap.noticed_at < GAP_LIFETIME]
        self._move(self.position.high, late)
        return late

    def _move(self, high: int, processed: list[Change]) -> None:
        low = self.gaps[0].first - 1 if self.gaps else high
        newest = [(change.seq, fingerprint(change)) for change in processed[-TAIL_LENGTH:]]
        tail = sorted({*self.position.tail, *newest})[-TAIL_LENGTH:]
        self.position = Position(low, high, tuple(tail))

    def _check_tail(self, page: ChangesPage) -> None:
        known = dict(self.position.tail)
        for change in page.changes:
            if change.seq > self.position.high:
                return
            if known.get(change.seq, fingerprint(change)) != fingerprint(change):
                raise FeedRewound(f"change {change.seq} is another one than before")
            if change.seq not in known and not self._is_awaited(change.seq):
                raise FeedRewound(f"change {change.seq} was gone, and is back")

    def _is_awaited(self, seq: int) -> bool:
        """In an open gap, or before all that we remember."""
        if not self.position.tail or seq < self.position.tail[0][0]:
            return True
        return any(gap.first <= seq <= gap.last for gap in self.gaps)

    def _check_shortfall(self, page: ChangesPage) -> None:
        if page.last >= self.position.high:
            self._shortfalls = 0
            return
        self._shortfalls += 1
        if self._shortfalls >= _SHORTFALLS_TO_BELIEVE:
            raise FeedRewound(f"the feed ends at {page.last}, before {self.position.high}")


def _is_old(change: Change, orthanc_now: datetime | None) -> bool:
    return orthanc_now is not None and orthanc_now - parse_orthanc_date(change.date) > GAP_LIFETIME


def _without(gap: Gap, seq: int) -> list[Gap]:
    parts = [replace(gap, last=seq - 1), replace(gap, first=seq + 1)]
    return [part for part in parts if part.first <= part.last]
