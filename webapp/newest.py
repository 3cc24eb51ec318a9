"""What open worklists compare: has anything that they show changed? Read along with who is asking.

The newest change of each table is the end of an index. On PostgreSQL a transaction may commit after another
that began later, and be older than what is newest: so the newest few rows count by their ids, too. Locks end
without anybody's doing, therefore those that are alive now are counted.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Select, Subquery, func, select, true
from sqlalchemy.orm import InstrumentedAttribute

from database.models import Report, ReportLock, Study, StudyFlag, User

LATE_COMMITS = timedelta(seconds=10)
"""How much older than the newest change one may be that is seen only now."""
_MOST_LATE_COMMITS = 20


@dataclass(frozen=True, slots=True)
class Newest:
    """When the bridge last changed any study, and people any report and any flag."""

    study_at: datetime | None = None
    report_at: datetime | None = None
    flag_at: datetime | None = None
    rest: tuple[Any, ...] = ()

    def digest(self, user_id: int) -> str:
        """Another one after every change."""
        parts = (self.study_at, self.report_at, self.flag_at, *self.rest, user_id)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def user_and_newest(user_id: int) -> Select[Any]:
    """One query; ``read_row`` takes its row apart."""
    study_at = select(func.max(Study.updated_at)).scalar_subquery()
    reports = _newest_of(Report.updated_at, Report.study_id).subquery("newest_reports")
    flags = _newest_of(StudyFlag.updated_at, StudyFlag.study_id).subquery("newest_flags")
    locks = _living_locks()
    return (
        select(User, study_at, reports.c.at, flags.c.at, reports.c.ids, flags.c.ids, *locks.c)
        .select_from(User)
        .join(reports, true())
        .join(flags, true())
        .join(locks, true())
        .where(User.id == user_id)
    )


def read_row(row: Any) -> tuple[User, Newest]:
    user, study_at, report_at, flag_at, *rest = row
    return user, Newest(study_at, report_at, flag_at, tuple(rest))


def _newest_of(
    changed_at: InstrumentedAttribute[datetime], study_id: InstrumentedAttribute[int]
) -> Select[Any]:
    some = (
        select(changed_at.label("at"), study_id.label("id"))
        .order_by(changed_at.desc())
        .limit(_MOST_LATE_COMMITS)
        .subquery()
    )
    return select(func.max(some.c.at).label("at"), func.sum(some.c.id).label("ids"))


def _living_locks() -> Subquery:
    return (
        select(
            func.count().label("count"),
            func.max(ReportLock.acquired_at).label("acquired_at"),
            func.sum(ReportLock.study_id).label("ids"),
        )
        .where(ReportLock.beats_until > datetime.now(UTC))
        .subquery("living_locks")
    )
