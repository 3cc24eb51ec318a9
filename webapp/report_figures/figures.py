"""Turnaround and volumes, by day, facility, modality and radiologist. No queries but through ``measures``.

Turnaround is the time from a study's reception to its first final report. Reports count for whoever made them
final, and for the day on which they did. Days are those of this server's calendar.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from database.models import Facility, Purpose, User
from webapp.report_figures import measures
from webapp.report_figures.measures import Reception, Signature
from webapp.transfers.figures import percentile

K = TypeVar("K", bound=Hashable)

LONGEST_SPAN = 366
"""Days."""
_NO_PICTURES = {"SR", "KO", "PR", "DOC", "AU", "REG", "SEG"}


@dataclass(frozen=True, slots=True)
class Span:
    """Whole days, both ends included."""

    first: date
    last: date

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=at) for at in range((self.last - self.first).days + 1)]

    @property
    def since(self) -> datetime:
        return _midnight(self.first)

    @property
    def until(self) -> datetime:
        return _midnight(self.last + timedelta(days=1))


@dataclass(slots=True)
class Sums:
    """``received_count`` is None where studies that wait for their report belong to nobody."""

    received_count: int | None = 0
    report_count: int = 0
    """Became final for the first time."""
    addendum_count: int = 0
    amendment_count: int = 0
    minutes: list[float] = field(default_factory=list)
    """The turnaround of each report."""

    @property
    def median(self) -> float | None:
        return self._percentile(0.5)

    @property
    def percentile_95(self) -> float | None:
        return self._percentile(0.95)

    def _percentile(self, share: float) -> float | None:
        return percentile([(value, 1) for value in sorted(self.minutes)], share)

    def add(self, signature: Signature) -> None:
        if signature.purpose is Purpose.ADDENDUM:
            self.addendum_count += 1
        elif signature.version > 1:
            self.amendment_count += 1
        else:
            self.report_count += 1
            minutes = (signature.at - signature.received_at).total_seconds() / 60
            if minutes >= 0:  # otherwise the study left the archive and was sent again
                self.minutes.append(minutes)


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    sums: Sums


@dataclass(frozen=True, slots=True)
class Figures:
    span: Span
    total: Sums
    by_day: Sequence[tuple[date, Sums]]
    by_facility: Sequence[Group]
    by_modality: Sequence[Group]
    by_radiologist: Sequence[Group]


def load_figures(session: Session, reader: User, span: Span) -> Figures:
    signed = measures.signatures(session, reader, span.since, span.until)
    received = measures.receptions(session, reader, span.since, span.until)
    by_hour = measures.hourly_receptions(session, reader, span.since, span.until)
    facilities = {one.id: one.name for one in session.scalars(select(Facility))}
    users = {user.id: user.full_name or user.username for user in session.scalars(select(User))}
    return Figures(
        span=span,
        total=_total(signed, received),
        by_day=_by_day(span, signed, by_hour),
        by_facility=_groups(
            signed,
            received,
            lambda one: facilities.get(one.facility_id or 0, "no facility"),
        ),
        by_modality=_groups(signed, received, lambda one: main_modalities(one.modalities)),
        by_radiologist=_by_radiologist(signed, users),
    )


def main_modalities(modalities: str) -> str:
    """Without what has no pictures of its own: ``CT SR`` → ``CT``."""
    words = modalities.split()
    return " ".join([word for word in words if word not in _NO_PICTURES] or words) or "not given"


def _total(signed: Iterable[Signature], received: Iterable[Reception]) -> Sums:
    total = Sums(received_count=sum(one.study_count for one in received))
    for signature in signed:
        total.add(signature)
    return total


def _by_day(
    span: Span, signed: Iterable[Signature], by_hour: Iterable[tuple[datetime, int]]
) -> list[tuple[date, Sums]]:
    days = [(day, Sums()) for day in span.days]
    starts = [_midnight(day) for day, _ in days]
    for signature in signed:
        days[bisect_right(starts, signature.at) - 1][1].add(signature)
    for hour, count in by_hour:
        sums = days[bisect_right(starts, hour) - 1][1]
        sums.received_count = (sums.received_count or 0) + count
    return days


def _groups(
    signed: Iterable[Signature],
    received: Iterable[Reception],
    name_of: Callable[[Signature | Reception], str],
) -> list[Group]:
    groups: dict[str, Sums] = defaultdict(Sums)
    for signature in signed:
        groups[name_of(signature)].add(signature)
    for one in received:
        sums = groups[name_of(one)]
        sums.received_count = (sums.received_count or 0) + one.study_count
    return _largest_first(groups)


def _by_radiologist(signed: Iterable[Signature], names: Mapping[int, str]) -> list[Group]:
    groups: dict[str, Sums] = defaultdict(lambda: Sums(received_count=None))
    for signature in signed:
        groups[names[signature.author_id]].add(signature)
    return _largest_first(groups)


def _largest_first(groups: Mapping[str, Sums]) -> list[Group]:
    ordered = sorted(
        groups.items(), key=lambda item: (-item[1].report_count, -(item[1].received_count or 0), item[0])
    )
    return [Group(name, sums) for name, sums in ordered]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min).astimezone(UTC)
