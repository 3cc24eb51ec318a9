"""What a row of the worklist shows besides its study: report, who writes, priority, assignee. Queries only.

One query for all of them, and one for their facilities.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, select
from sqlalchemy.orm import Session, aliased

from database.models import (
    Facility,
    Priority,
    Report,
    ReportAction,
    ReportLock,
    ReportRevision,
    ReportState,
    Role,
    Study,
    StudyFacility,
    StudyFlag,
    User,
)
from webapp.presentation import instant
from webapp.report_status import LIMITS, StatusWords, Turnaround, priority_of, status_words
from webapp.reports.writing import standing_of
from webapp.visibility import visible_facilities

_author, _assignee, _holder = aliased(User), aliased(User), aliased(User)


@dataclass(frozen=True, slots=True)
class WorklistRow:
    """``author``, ``writer`` and ``assignee`` are names; empty: there is none, or the reader needn't know."""

    study: Study
    facilities: Sequence[str]
    arrives_at: str
    """Until then *receiving*, unless more comes; afterwards *arrived*. Empty when that is past."""
    status: StatusWords
    is_printable: bool
    has_late_images: bool
    """Images came after the last signature: the report doesn't know of them."""
    author: str
    writer: str
    """Who is writing at this moment."""
    priority: Priority
    is_priority_decided: bool
    """By a person; otherwise it is what the study asks for."""
    assignee_id: int | None
    assignee: str
    turnaround: Turnaround


def load_rows(
    session: Session, reader: User, studies: Sequence[Study], stable_seconds: int
) -> list[WorklistRow]:
    """As ``reader`` may know them, who may see the studies."""
    ids = [study.id for study in studies]
    facilities = facilities_of(session, reader, ids)
    facts = {row.id: row for row in session.execute(_facts().where(Study.id.in_(ids)))}
    return [
        _row(reader, study, facilities.get(study.id, []), facts[study.id], stable_seconds)
        for study in studies
    ]


def facilities_of(session: Session, reader: User, study_ids: Iterable[int]) -> dict[int, list[str]]:
    """The names of each study's facilities, the first one first."""
    rows = session.execute(
        visible_facilities(reader)
        .with_only_columns(StudyFacility.study_id, Facility.name)
        .join(StudyFacility, Facility.id == StudyFacility.facility_id)
        .where(StudyFacility.study_id.in_(study_ids))
        .order_by(StudyFacility.linked_at, Facility.id)
    )
    names: dict[int, list[str]] = defaultdict(list)
    for study_id, name in rows:
        if name not in names[study_id]:
            names[study_id].append(name)
    return names


def _facts() -> Any:
    return (
        select(
            Study.id,
            Report,
            _first_final_at().label("first_final_at"),
            _last_signed_at().label("last_signed_at"),
            _name(_author).label("author"),
            _name(_holder).label("writer"),
            StudyFlag.priority,
            StudyFlag.assignee_id,
            _name(_assignee).label("assignee"),
        )
        .outerjoin(Report, Report.study_id == Study.id)
        .outerjoin(_author, _author.id == Report.author_id)
        .outerjoin(ReportLock, _is_held())
        .outerjoin(_holder, _holder.id == ReportLock.user_id)
        .outerjoin(StudyFlag, StudyFlag.study_id == Study.id)
        .outerjoin(_assignee, _assignee.id == StudyFlag.assignee_id)
    )


def _is_held() -> ColumnElement[bool]:
    return and_(ReportLock.study_id == Study.id, ReportLock.beats_until > datetime.now(UTC))


def _name(user: Any) -> ColumnElement[str]:
    return func.coalesce(func.nullif(user.full_name, ""), user.username)


def _first_final_at() -> ColumnElement[datetime | None]:
    """An amendment makes no report late, nor early."""
    first = _signatures(func.min(ReportRevision.written_at))
    return case((Report.version > 1, first), else_=Report.finalized_at)


def _last_signed_at() -> ColumnElement[datetime | None]:
    """Whoever signs an addendum has seen what had come."""
    last = func.coalesce(_signatures(func.max(ReportRevision.written_at)), Report.finalized_at)
    return case((Report.addendum_count > 0, last), else_=Report.finalized_at)


def _signatures(what: Any) -> Any:
    return (
        select(what)
        .where(
            ReportRevision.report_id == Report.id,
            ReportRevision.action.in_((ReportAction.SIGN, ReportAction.COSIGN)),
            ReportRevision.state == ReportState.FINAL,
        )
        .correlate(Report)
        .scalar_subquery()
    )


def _row(
    reader: User, study: Study, facilities: Sequence[str], facts: Any, stable_seconds: int
) -> WorklistRow:
    is_all_told = reader.role != Role.FACILITY_STAFF
    report: Report | None = facts.Report
    standing = standing_of(report)
    is_final = standing.state is ReportState.FINAL
    priority = priority_of(facts.priority, study.requested_priority)
    is_author_told = is_all_told or (standing.is_readable_by_all and standing.writing is None)
    return WorklistRow(
        study=study,
        facilities=facilities,
        arrives_at=arrives_at(study, stable_seconds),
        status=status_words(standing, is_all_told=is_all_told),
        is_printable=is_final,
        has_late_images=is_final and study.last_received_at > facts.last_signed_at,
        author=(facts.author or "") if is_author_told and is_reported(standing.state) else "",
        writer=(facts.writer or "") if is_all_told else "",
        priority=priority,
        is_priority_decided=facts.priority is not None,
        assignee_id=facts.assignee_id if is_all_told else None,
        assignee=(facts.assignee or "") if is_all_told else "",
        turnaround=Turnaround(
            study.received_at, facts.first_final_at if is_final else None, LIMITS[priority]
        ),
    )


def is_reported(state: ReportState | None) -> bool:
    return state not in {None, ReportState.DISCARDED}


def arrives_at(study: Study, stable_seconds: int) -> str:
    at = study.last_received_at + timedelta(seconds=stable_seconds)
    return instant(at) if at > datetime.now(UTC) else ""
