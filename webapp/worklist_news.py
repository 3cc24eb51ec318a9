"""Which studies an open worklist announces: those that match now and didn't when it was rendered. No routes.

Nobody keeps what each page showed. The page itself keeps what there was when it was rendered, and hands it
back. That tells everything but corrections: a study whose new name matches the search comes with a reload.
Nor does anybody keep what priorities and assignments were: where they are asked for, any change counts.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, func, not_, or_, select, union_all
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from database.models import Instance, Report, ReportRevision, ReportState, Series, Study, StudyFlag
from webapp.newest import LATE_COMMITS
from webapp.report_filters import ReportStatus
from webapp.worklist_filters import Filters, Images

_LARGEST_ID = 2**63 - 1
_EPOCH = datetime.fromtimestamp(0, UTC)
_READ_AFTER_RECEPTION = timedelta(minutes=5)
"""The bridge reads a study's own priority when it has nothing more urgent to do."""
_STATES = {
    ReportStatus.UNREAD: (ReportState.DISCARDED,),
    ReportStatus.DRAFT: (ReportState.DRAFT,),
    ReportStatus.PRELIMINARY: (ReportState.PRELIMINARY,),
    ReportStatus.FINAL: (ReportState.FINAL,),
    ReportStatus.FINAL_TODAY: (ReportState.FINAL,),
    ReportStatus.RETRACTED: (ReportState.RETRACTED,),
}


@dataclass(frozen=True)
class Rendering:
    """What there was when a page was rendered. Travels in the address under which the page asks for news."""

    newest_id: int
    newest_received_at: datetime
    rendered_at: datetime

    @classmethod
    def now(cls, session: Session) -> "Rendering":
        # Two subqueries: each reads the end of an index, which max() does only when it is alone.
        newest = select(
            select(func.max(Study.id)).scalar_subquery(),
            select(func.max(Study.received_at)).scalar_subquery(),
        )
        rendered_at = datetime.now(UTC)
        newest_id, newest_received_at = session.execute(newest).one()
        return cls(newest_id or 0, newest_received_at or rendered_at, rendered_at)

    @classmethod
    def from_query(cls, args: MultiDict[str, str]) -> "Rendering":
        """Whatever makes no sense is as if the page had been rendered this moment."""
        now = datetime.now(UTC)
        newest_id = min(max(args.get("known", 0, int), 0), _LARGEST_ID)
        return cls(newest_id, moment(args.get("newest", "")) or now, moment(args.get("rendered", "")) or now)

    def to_query(self) -> dict[str, str]:
        return {
            "known": str(self.newest_id),
            "newest": self.newest_received_at.isoformat(),
            "rendered": self.rendered_at.isoformat(),
        }


def has_begun_to_match(filters: Filters, rendering: Rendering, stable_seconds: int) -> ColumnElement[bool]:
    """Of the studies that match now, those that didn't then.

    A study was inserted since (ids ascend with insertion, and there is one writer), or it had left the
    archive and was sent again, or its images have become what the filters ask for.
    """
    ways = [Study.id > rendering.newest_id, Study.received_at > rendering.newest_received_at]
    stable_age = timedelta(seconds=stable_seconds)
    other_then = _was_other(filters, rendering.rendered_at, stable_age)
    if other_then:
        # Whatever still was receiving then, or has received since, the bridge has written since that.
        ways.append(and_(Study.updated_at > rendering.rendered_at - stable_age, or_(*other_then)))
    ways += _people_changed(filters, rendering.rendered_at)
    # A union, not OR: each way reads the end of its own index, on both databases.
    return Study.id.in_(union_all(*(select(Study.id).where(way).correlate(None) for way in ways)))


def _was_other(filters: Filters, then: datetime, stable_age: timedelta) -> list[ColumnElement[bool]]:
    """Reasons for which a study that was there didn't match *then*: its images weren't what is asked for."""
    conditions: list[ColumnElement[bool]] = []
    was_receiving = (
        exists()
        .where(Series.study_id == Study.id, Instance.series_id == Series.id, Instance.deleted_at.is_(None))
        .where(Instance.received_at > then - stable_age, Instance.received_at <= then)
    )
    if filters.images is Images.ARRIVED:
        conditions.append(was_receiving)
    if filters.images is Images.RECEIVING:
        conditions.append(~was_receiving)
    if filters.modalities:
        conditions.append(~filters.has_modality().where(Series.received_at <= then))
    return conditions


def _people_changed(filters: Filters, then: datetime) -> list[ColumnElement[bool]]:
    """Ways in which people have made a study what is asked for; each is found by an index of what changed."""
    ways: list[ColumnElement[bool]] = []
    since = then - LATE_COMMITS
    if filters.status is not None or filters.author:
        reports = select(Report.study_id).where(Report.updated_at > since)
        if filters.status in _STATES:
            reports = reports.where(not_(_was_in(_STATES[filters.status], then)))
        ways.append(Study.id.in_(reports.correlate(None)))
    if filters.priority is not None or filters.assigned is not None:
        flags = select(StudyFlag.study_id).where(StudyFlag.updated_at > since)
        ways.append(Study.id.in_(flags.correlate(None)))
    if filters.priority is not None:
        ways.append(and_(Study.updated_at > since, Study.received_at > then - _READ_AFTER_RECEPTION))
    return ways


def _was_in(states: tuple[ReportState, ...], then: datetime) -> ColumnElement[bool]:
    """Whether the report was in one of these states *then*; without a report the study was unread."""
    state = (
        select(ReportRevision.state)
        .where(ReportRevision.report_id == Report.id, ReportRevision.written_at <= then)
        .order_by(ReportRevision.number.desc())
        .limit(1)
        .correlate(Report)
        .scalar_subquery()
    )
    missing = ReportState.DISCARDED
    return func.coalesce(state, missing).in_(states)


def moment(text: str) -> datetime | None:
    """An aware timestamp of an address; None for anything else."""
    try:
        at = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return at if at > _EPOCH else None
