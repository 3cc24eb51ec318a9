"""Figures of the last hour, day and 30 days, from measures. No queries, no routes but ``load_figures``.

The last hour is exact. Longer ones are made of hourly sums: whole hours, and durations to about a tenth.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from math import ceil
from typing import Any, TypeVar, cast

from sqlalchemy.orm import Session

from database.models import Facility
from database.transfer_terms import OperationKind, StatusClass
from webapp.charts import Column
from webapp.transfers import measures
from webapp.transfers.filters import TimePreset
from webapp.transfers.measures import Measure, Moment
from webapp.transfers.rows import facilities_of

K = TypeVar("K", bound=Hashable)

_DOUBTFUL = {StatusClass.WARNING, StatusClass.INTERRUPTED}


class Period(StrEnum):
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


PRESETS = {Period.HOUR: TimePreset.HOUR, Period.DAY: TimePreset.DAY, Period.MONTH: TimePreset.MONTH}
_BUCKETS = {Period.HOUR: 60, Period.DAY: 24, Period.MONTH: 30}


@dataclass(slots=True)
class Sums:
    """Of some operations. Durations in milliseconds, None without any."""

    operation_count: int = 0
    failure_count: int = 0
    warning_count: int = 0
    """Those whose end nobody knows included."""
    byte_count: int = 0
    median: float | None = None
    percentile_95: float | None = None
    bytes_a_second: float | None = None
    """While it was being transferred."""


@dataclass(slots=True)
class Bucket:
    """A minute, an hour or a day."""

    at: datetime
    good_count: int = 0
    warning_count: int = 0
    failure_count: int = 0
    byte_count: int = 0


@dataclass(frozen=True, slots=True)
class FacilitySums:
    """A facility's operations, or those of an AE title that no facility has."""

    name: str
    facility_code: str
    """Empty without a facility."""
    sums: Sums


@dataclass(frozen=True, slots=True)
class Trouble:
    """Operations of one AE title and kind that failed."""

    ae_title_key: str
    facility: str
    kind: OperationKind
    failure_count: int
    operation_count: int


@dataclass(frozen=True, slots=True)
class Figures:
    period: Period
    since: datetime
    until: datetime
    is_exact: bool
    association_count: int
    problem_count: int
    """Of associations."""
    total: Sums
    buckets: Sequence[Bucket]
    by_kind: Mapping[OperationKind, Sums]
    by_sender: Sequence[FacilitySums]
    troubles: Sequence[Trouble]


def load_figures(session: Session, period: Period, now: datetime) -> Figures:
    starts = starts_of(period, now)
    is_exact = period is Period.HOUR
    if is_exact:
        found, moments = (
            measures.recent_measures(session, starts[0]),
            measures.recent_moments(session, starts[0]),
        )
    else:
        found, moments = (
            measures.hourly_measures(session, starts[0]),
            measures.hourly_moments(session, starts[0]),
        )
    facilities = facilities_of(session, (one.ae_title_key for one in found))
    association_count, problem_count = measures.count_associations(session, starts[0])
    return Figures(
        period=period,
        since=starts[0],
        until=now,
        is_exact=is_exact,
        association_count=association_count,
        problem_count=problem_count,
        total=sums_of(found),
        buckets=buckets_of(moments, starts),
        by_kind={kind: sums_of(ones) for kind, ones in _largest_first(_grouped(found, lambda one: one.kind))},
        by_sender=_senders(found, facilities),
        troubles=_troubles(found, facilities),
    )


def as_json(figures: Figures) -> dict[str, Any]:
    """Instants as ISO 8601, durations in milliseconds."""
    return cast("dict[str, Any]", _plain(asdict(figures)))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def starts_of(period: Period, now: datetime) -> list[datetime]:
    """Of its minutes, hours or days; the last one is under way. Days are those of this server's calendar."""
    number = _BUCKETS[period]
    if period is Period.MONTH:
        today = now.astimezone().date()
        days = (today - timedelta(days=back) for back in reversed(range(number)))
        return [datetime.combine(day, time.min).astimezone(UTC) for day in days]
    step = timedelta(minutes=1) if period is Period.HOUR else timedelta(hours=1)
    last = now.replace(second=0, microsecond=0)
    last = last if period is Period.HOUR else last.replace(minute=0)
    return [last - back * step for back in reversed(range(number))]


def buckets_of(moments: Iterable[Moment], starts: Sequence[datetime]) -> list[Bucket]:
    buckets = [Bucket(start) for start in starts]
    for one in moments:
        bucket = buckets[max(0, bisect_right(starts, one.at) - 1)]
        bucket.byte_count += one.byte_count
        if one.status_class is StatusClass.FAILURE:
            bucket.failure_count += one.operation_count
        elif one.status_class in _DOUBTFUL:
            bucket.warning_count += one.operation_count
        else:
            bucket.good_count += one.operation_count
    return buckets


def columns_of(buckets: Iterable[Bucket]) -> list[Column]:
    """Of a chart: warnings and failures stand on what went well."""
    return [
        {"good": one.good_count, "warning": one.warning_count, "bad": one.failure_count} for one in buckets
    ]


def sums_of(found: Sequence[Measure]) -> Sums:
    timed = sorted((one.milliseconds, one.operation_count) for one in found if one.milliseconds is not None)
    return Sums(
        operation_count=sum(one.operation_count for one in found),
        failure_count=sum(one.operation_count for one in found if one.status_class is StatusClass.FAILURE),
        warning_count=sum(one.operation_count for one in found if one.status_class in _DOUBTFUL),
        byte_count=sum(one.byte_count for one in found),
        median=percentile(timed, 0.5),
        percentile_95=percentile(timed, 0.95),
        bytes_a_second=_throughput(found),
    )


def percentile(timed: Sequence[tuple[float, int]], share: float) -> float | None:
    """By nearest rank; ``timed`` is sorted, with how many took so long."""
    rank = ceil(share * sum(count for _, count in timed))
    passed = 0
    for value, count in timed:
        passed += count
        if passed >= rank:
            return value
    return None


def _throughput(found: Sequence[Measure]) -> float | None:
    """Of C-STOREs, each by itself: those of several associations at once add nothing."""
    stores = [one for one in found if one.kind is OperationKind.C_STORE and one.milliseconds]
    seconds = sum((one.milliseconds or 0) * one.operation_count for one in stores) / 1000
    return sum(one.byte_count for one in stores) / seconds if seconds else None


def _senders(found: Sequence[Measure], facilities: Mapping[str, Facility]) -> list[FacilitySums]:
    def owner(one: Measure) -> tuple[str, str]:
        facility = facilities.get(one.ae_title_key)
        return (facility.name, facility.code) if facility else (one.ae_title_key, "")

    grouped = _grouped(found, owner)
    senders = [FacilitySums(name, code, sums_of(ones)) for (name, code), ones in grouped.items()]
    return sorted(senders, key=lambda one: (-one.sums.byte_count, one.name))


def _troubles(found: Sequence[Measure], facilities: Mapping[str, Facility]) -> list[Trouble]:
    troubles = []
    for (title, kind), ones in _grouped(found, lambda one: (one.ae_title_key, one.kind)).items():
        facility, sums = facilities.get(title), sums_of(ones)
        if sums.failure_count:
            name = facility.name if facility else ""
            troubles.append(Trouble(title, name, kind, sums.failure_count, sums.operation_count))
    return sorted(troubles, key=lambda one: (-one.failure_count, one.ae_title_key))


def _grouped(found: Iterable[Measure], key: Callable[[Measure], K]) -> dict[K, list[Measure]]:
    groups: dict[K, list[Measure]] = defaultdict(list)
    for one in found:
        groups[key(one)].append(one)
    return groups


def _largest_first(groups: Mapping[K, list[Measure]]) -> list[tuple[K, list[Measure]]]:
    return sorted(groups.items(), key=lambda item: -sum(one.operation_count for one in item[1]))
