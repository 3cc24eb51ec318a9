"""The worklist's filters that ask for reports, priorities and assignments, as conditions. No routes.

What is rare is a set that an index finds (IN); what most studies have is looked up study by study, while the
list's own order is read (EXISTS): either way no million of rows is gone through.
"""

from datetime import UTC, datetime, time
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, exists, func, not_, or_, select, union_all

from database.models import Priority, Report, ReportState, Study, StudyFlag, User


class ReportStatus(StrEnum):
    UNREAD = "unread"
    DRAFT = "draft"
    PRELIMINARY = "preliminary"
    AWAITING = "awaiting"
    """The second signature."""
    FINAL = "final"
    FINAL_TODAY = "final-today"
    """By this server's calendar."""
    RETRACTED = "retracted"


class Assignment(StrEnum):
    MINE = "mine"
    NOBODY = "nobody"


def has_status(status: ReportStatus) -> ColumnElement[bool]:
    if status is ReportStatus.UNREAD:
        return Study.is_reported.is_(False)  # literally as the index has it
    if status is ReportStatus.FINAL:
        return exists().where(Report.study_id == Study.id, Report.state == ReportState.FINAL)
    return Study.id.in_(select(Report.study_id).where(_is_rare(status)).correlate(None))


def _is_rare(status: ReportStatus) -> ColumnElement[bool]:
    if status is ReportStatus.FINAL_TODAY:
        return (Report.state == ReportState.FINAL) & (Report.finalized_at >= midnight())
    if status is ReportStatus.AWAITING:
        return Report.first_signer_id > 0  # IS NOT NULL is no use of an index to SQLite
    return Report.state == ReportState(status.value)


def midnight() -> datetime:
    """When this server's day began."""
    today = datetime.now(UTC).astimezone().date()
    return datetime.combine(today, time.min).astimezone(UTC)


def has_author(username: str) -> ColumnElement[bool]:
    """Who wrote last, or signed."""
    author = select(User.id).where(User.username == username).scalar_subquery()
    written = select(Report.study_id).where(Report.author_id == author, Report.state != ReportState.DISCARDED)
    return Study.id.in_(written.correlate(None))


def is_assigned(assignment: Assignment, user_id: int) -> ColumnElement[bool]:
    if assignment is Assignment.MINE:
        return Study.id.in_(
            select(StudyFlag.study_id).where(StudyFlag.assignee_id == user_id).correlate(None)
        )
    return ~exists().where(StudyFlag.study_id == Study.id, StudyFlag.assignee_id.is_not(None))


def has_priority(priority: Priority, *, is_unread: bool = False) -> ColumnElement[bool]:
    """As a person decided, or else as the study asks. ``is_unread``: only unread studies are looked for."""
    if priority is Priority.ROUTINE:
        return _is_routine()
    other = Study.__table__.alias()
    decided = select(StudyFlag.study_id).where(StudyFlag.priority == priority)
    is_decided = exists().where(StudyFlag.study_id == other.c.id, StudyFlag.priority.is_not(None))
    requested = select(other.c.id).where(other.c.requested_priority == priority.value, ~is_decided)
    if is_unread:
        requested = requested.where(other.c.is_reported.is_(False))  # literally as the index has it
    return Study.id.in_(union_all(decided, requested))


def _is_routine() -> ColumnElement[bool]:
    """What most studies are, whether anybody says so or not."""
    flag = exists().where(StudyFlag.study_id == Study.id)
    hurried = (Priority.STAT, Priority.URGENT)
    asks_for_more = func.coalesce(Study.requested_priority, "").in_([one.value for one in hurried])
    return and_(
        ~flag.where(StudyFlag.priority.in_(hurried)),
        or_(not_(asks_for_more), flag.where(StudyFlag.priority == Priority.ROUTINE)),
    )
