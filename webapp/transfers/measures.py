"""What figures are made of: sums over the last hour's operations, or over ``transfer_hour``. Queries only."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, case, func, literal, or_, select
from sqlalchemy.orm import Session

from database.models import Association, Operation, TransferHour
from database.transfer_terms import AssociationOutcome, OperationKind, Source, StatusClass
from webapp.sql_times import milliseconds_between

_MILLISECONDS_A_MINUTE = 60_000
_STEPS_A_DOUBLING = 4


@dataclass(frozen=True, slots=True)
class Measure:
    """Operations that are alike, and took equally long."""

    ae_title_key: str
    kind: OperationKind
    status_class: StatusClass
    milliseconds: float | None
    """Each; None where it has no end."""
    operation_count: int
    byte_count: int


@dataclass(frozen=True, slots=True)
class Moment:
    """Operations of one minute or hour that ended alike."""

    at: datetime
    status_class: StatusClass
    operation_count: int
    byte_count: int


_bytes = func.sum(Operation.request_byte_count + Operation.response_byte_count)
_WELL = (AssociationOutcome.OPEN, AssociationOutcome.RELEASED)


def recent_measures(session: Session, since: datetime) -> list[Measure]:
    """Of the operations that began since then and have ended: exact to the millisecond."""
    measured = milliseconds_between(Operation.started_at, Operation.ended_at)
    duration = case((Operation.source != Source.ORTHANC, measured))  # which knows no beginnings
    alike = (Operation.remote_ae_title_key, Operation.kind, Operation.status_class, duration)
    rows = session.execute(_recent(since).with_only_columns(*alike, func.count(), _bytes).group_by(*alike))
    return [
        Measure(title, kind, status_class, milliseconds, count, int(byte_count))
        for title, kind, status_class, milliseconds, count, byte_count in rows
    ]


def recent_moments(session: Session, since: datetime) -> list[Moment]:
    """The same by minutes."""
    start = literal(since, Operation.started_at.type)
    minute = milliseconds_between(start, Operation.started_at) // _MILLISECONDS_A_MINUTE
    alike = (minute, Operation.status_class)
    rows = session.execute(_recent(since).with_only_columns(*alike, func.count(), _bytes).group_by(*alike))
    return [
        Moment(since + timedelta(minutes=at), status_class, count, int(byte_count))
        for at, status_class, count, byte_count in rows
    ]


def hourly_measures(session: Session, since: datetime) -> list[Measure]:
    """Of what ended in the hours since then; durations are the geometric middles of their steps."""
    alike = (
        TransferHour.remote_ae_title_key,
        TransferHour.kind,
        TransferHour.status_class,
        TransferHour.duration_step,
    )
    rows = session.execute(_hourly(since).with_only_columns(*alike, *_SUMS).group_by(*alike))
    return [
        Measure(title, kind, status_class, _duration_of(kind, step), int(count), int(byte_count))
        for title, kind, status_class, step, count, byte_count in rows
    ]


def hourly_moments(session: Session, since: datetime) -> list[Moment]:
    """The same by hours."""
    alike = (TransferHour.hour_at, TransferHour.status_class)
    rows = session.execute(_hourly(since).with_only_columns(*alike, *_SUMS).group_by(*alike))
    return [
        Moment(hour_at, status_class, int(count), int(byte_count))
        for hour_at, status_class, count, byte_count in rows
    ]


def count_associations(session: Session, since: datetime) -> tuple[int, int]:
    """How many began since then, and in how many of them something went wrong."""
    is_problem = or_(Association.outcome.not_in(_WELL), Association.failure_count > 0)
    row = session.execute(
        select(func.count(), func.sum(case((is_problem, 1), else_=0))).where(Association.started_at >= since)
    ).one()
    return row[0], int(row[1] or 0)


def middle_of(step: int) -> float:
    """Milliseconds. A step holds durations from 2^(step/4) to 2^((step+1)/4)."""
    return float(2 ** ((step + 0.5) / _STEPS_A_DOUBLING))


def _duration_of(kind: OperationKind, step: int) -> float | None:
    """None for what only Orthanc tells of: its step is the lowest, and no C-STORE is that fast."""
    return None if kind is OperationKind.C_STORE and step == 0 else middle_of(step)


_SUMS = (func.sum(TransferHour.operation_count), func.sum(TransferHour.byte_count))


def _recent(since: datetime) -> Select[Any]:
    return select(Operation).where(Operation.started_at >= since, Operation.ended_at.is_not(None))


def _hourly(since: datetime) -> Select[Any]:
    return select(TransferHour).where(TransferHour.hour_at >= since)
