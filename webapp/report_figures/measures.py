"""What reporting figures are made of: valid signatures, and studies that came, in some time. Queries only.

A signature tells by itself which facility and modalities its study had then: figures stay as they were,
whatever becomes of the study.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal, select
from sqlalchemy.orm import Session

from database.models import Purpose, Report, ReportAction, ReportRevision, Study, StudyFacility, User
from webapp.sql_times import milliseconds_between
from webapp.visibility import visible_studies

_MILLISECONDS_AN_HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class Signature:
    """What made a report, an amendment or an addendum valid."""

    at: datetime
    purpose: Purpose
    version: int
    author_id: int
    facility_id: int | None
    modalities: str
    received_at: datetime
    """The study's."""


@dataclass(frozen=True, slots=True)
class Reception:
    """Studies that are alike."""

    facility_id: int | None
    modalities: str
    study_count: int


def signatures(session: Session, reader: User, since: datetime, until: datetime) -> list[Signature]:
    """Those after which nothing was awaited."""
    snapshot = ReportRevision.snapshot
    rows = session.execute(
        visible_studies(reader)
        .join(Report, Report.study_id == Study.id)
        .join(ReportRevision, ReportRevision.report_id == Report.id)
        .where(ReportRevision.action.in_((ReportAction.SIGN, ReportAction.COSIGN)))
        .where(ReportRevision.written_at >= since, ReportRevision.written_at < until)
        .where(snapshot["is_valid"].as_boolean().is_(True))
        .with_only_columns(
            ReportRevision.written_at,
            ReportRevision.purpose,
            ReportRevision.version,
            ReportRevision.author_id,
            snapshot[("facility", "id")].as_integer(),
            snapshot[("study", "modalities")].as_string(),
            Study.received_at,
        )
        .order_by(ReportRevision.written_at)
    )
    return [Signature(*row) for row in rows]


def receptions(session: Session, reader: User, since: datetime, until: datetime) -> list[Reception]:
    """Studies of which the first instance came then."""
    facility_id = _first_facility().label("facility_id")
    studies = _received(reader, since, until).with_only_columns(facility_id, Study.modalities).subquery()
    alike = (studies.c.facility_id, studies.c.modalities)
    rows = session.execute(select(*alike, func.count()).group_by(*alike))
    return [Reception(*row) for row in rows]


def hourly_receptions(
    session: Session, reader: User, since: datetime, until: datetime
) -> list[tuple[datetime, int]]:
    """How many came in each hour of the span: days of people's calendar are made of whole hours."""
    start = literal(since, Study.received_at.type)
    hour = milliseconds_between(start, Study.received_at) // _MILLISECONDS_AN_HOUR
    rows = session.execute(
        _received(reader, since, until).with_only_columns(hour.label("hour"), func.count()).group_by("hour")
    )
    return [(since + timedelta(hours=at), count) for at, count in rows]


def _received(reader: User, since: datetime, until: datetime) -> Select[Any]:
    return visible_studies(reader).where(Study.received_at >= since, Study.received_at < until)


def _first_facility() -> ColumnElement[int | None]:
    return (
        select(StudyFacility.facility_id)
        .where(StudyFacility.study_id == Study.id)
        .order_by(StudyFacility.linked_at, StudyFacility.facility_id)
        .limit(1)
        .correlate(Study)
        .scalar_subquery()
    )
