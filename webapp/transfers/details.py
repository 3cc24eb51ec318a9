"""One association, and what was done in it. Queries only."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from database.models import Association, Operation
from database.transfer_terms import StatusClass, Storage

_LARGEST_NUMBER = 2**63 - 1
_PROBLEMS = (StatusClass.FAILURE, StatusClass.WARNING, StatusClass.INTERRUPTED, StatusClass.CANCEL)


def operations_of(
    session: Session, association: Association, after: int, size: int, *, only_problems: bool
) -> tuple[Sequence[Operation], int | None]:
    """Those with a number above ``after``, in their order, and the number after which there are more."""
    query = _of(association).where(Operation.number > min(max(after, 0), _LARGEST_NUMBER))
    if only_problems:
        is_problem = or_(Operation.status_class.in_(_PROBLEMS), Operation.storage == Storage.NOT_HELD)
        query = query.where(is_problem)
    rows = session.scalars(query.order_by(Operation.number).limit(size + 1)).all()
    return rows[:size], rows[size - 1].number if len(rows) > size else None


def removed_count(session: Session, association: Association, retention_days: int) -> int:
    """How many of its successful operations have gone with the end of their retention."""
    if association.started_at > datetime.now(UTC) - timedelta(days=retention_days):
        return 0
    left = session.scalar(_of(association).with_only_columns(func.count(Operation.number))) or 0
    return max(0, association.operation_count - left)


def version_of(session: Session, association: Association) -> str:
    """Another one whenever something has happened in it."""
    newest = _of(association).with_only_columns(Operation.number, Operation.status_class)
    last = session.execute(newest.order_by(Operation.number.desc()).limit(1)).one_or_none()
    state = (association.outcome, association.ended_at, association.operation_count, last)
    return hashlib.sha256(repr(state).encode()).hexdigest()[:32]


def _of(association: Association) -> Select[Operation]:
    return select(Operation).where(
        Operation.boot == association.boot, Operation.association_number == association.number
    )
