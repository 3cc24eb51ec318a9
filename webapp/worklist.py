"""The reading worklist: which studies wait, for whom, and what has come since the page was rendered."""

import math
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import (
    Blueprint,
    Response,
    get_template_attribute,
    jsonify,
    redirect,
    render_template,
    request,
    url_for,
)
from sqlalchemy import Select, exists, func, or_, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from database.models import Facility, Priority, Report, ReportLock, Role, Study, StudyFlag, User
from webapp.newest import LATE_COMMITS
from webapp.paging import Cursor, fetch_page
from webapp.presentation import Count
from webapp.report_filters import Assignment, ReportStatus
from webapp.saved_filters import query_of, saved_filters
from webapp.services import current_database, current_services
from webapp.sessions import current_user, newest
from webapp.sorting import Sort
from webapp.visibility import has_no_facility, visible_facilities, visible_studies
from webapp.worklist_filters import NO_FACILITY, DatePreset, Filters, Images
from webapp.worklist_news import Rendering, has_begun_to_match, moment
from webapp.worklist_rows import WorklistRow, load_rows

PAGE_SIZE = 100
_MOST_COUNTED = 999
_MOST_SHOWN_IDS = 2 * PAGE_SIZE
# What radiology sends; what was received lately is offered too, and what the URL asks for.
_MODALITIES = ("CR", "CT", "DX", "MG", "MR", "NM", "OT", "PT", "RF", "SC", "SR", "US", "XA")
_MODALITY = re.compile(r"[A-Z0-9_]{1,16}")  # VR CS (PS3.5 6.2), as all defined terms are written
_STUDIES_WITH_USUAL_MODALITIES = 2000
TABS = {
    "All": None,
    "Unread": ReportStatus.UNREAD,
    "Drafts": ReportStatus.DRAFT,
    "Preliminary": ReportStatus.PRELIMINARY,
    "Final today": ReportStatus.FINAL_TODAY,
}

blueprint = Blueprint("worklist", __name__)


@blueprint.get("/")
def root() -> AnyResponse:
    return redirect(url_for("worklist.show"), 302)


@blueprint.get("/worklist")
def show() -> str:
    filters, sort = _filters(), Sort.parse(request.args.get("sort", ""))
    cursor = Cursor.decode(request.args.get("page", ""), sort)
    with current_database().read() as session:
        rendering = Rendering.now(session)
        page = fetch_page(
            session, _matching_studies(filters), sort, cursor, PAGE_SIZE, is_unread=filters.is_unread
        )
        counts = _counts(session, filters)
        context: dict[str, Any] = {
            "page": page,
            "rows": _load_rows(session, page.studies),
            "news_url": _news_url(filters, rendering),
            "counts": counts,
            "facilities": session.scalars(visible_facilities(current_user()).order_by(Facility.name)).all(),
            "modality_choices": sorted({*_MODALITIES, *_usual_modalities(session), *filters.modalities}),
            "authors": _authors(session),
            "saved_filters": saved_filters(session, current_user().id),
            "lacks_facility": not page.studies and has_no_facility(session, current_user()),
        }
    return render_template(
        "worklist/worklist.html",
        filters=filters,
        sort=sort,
        is_first_page=cursor is None,
        current_query=query_of(filters, sort),
        DatePreset=DatePreset,
        Images=Images,
        ReportStatus=ReportStatus,
        Assignment=Assignment,
        Priority=Priority,
        NO_FACILITY=NO_FACILITY,
        TABS=TABS,
        **context,
    )


@blueprint.get("/worklist/news")
def news() -> AnyResponse:
    """What has changed since the page was rendered: how many studies are new, and which rows differ.

    Asked once a second by every open worklist. While nothing changed the answer is 304, for one query: who
    asks, and the ends of some indexes.
    """
    state = newest().digest(current_user().id)
    for tag in request.if_none_match.as_set():
        if _is_current(tag, state):
            unchanged = Response(status=304)
            unchanged.set_etag(tag)
            return unchanged
    filters, rendering = _filters(), Rendering.from_query(request.args)
    has_begun = has_begun_to_match(filters, rendering, current_services().settings.stable_seconds)
    shown = _ids("shown")
    with current_database().read() as session:
        new = _count(session, _matching_studies(filters).where(has_begun, Study.id.not_in(shown)))
        rows = _changed_rows(session, shown)
        counts = _counts(session, filters)
        changes_at = _next_arrival(session) if filters.images else ""
    response = jsonify(
        new=str(new),
        total=new.number,
        counts={name: str(count) for name, count in counts.items()},
        rows=rows,
        **_changes(),
    )
    response.set_etag(f"{state}-{changes_at}")
    return response


def _filters() -> Filters:
    """Of the address; facility staff needn't know who works on what."""
    filters = Filters.from_query(request.args)
    return filters.without_people() if current_user().role == Role.FACILITY_STAFF else filters


def _news_url(filters: Filters, rendering: Rendering) -> str:
    values: dict[str, Any] = {**filters.to_query(), **rendering.to_query(), **_changes()}
    return url_for("worklist.news", **values)


def _matching_studies(filters: Filters) -> Select[Study]:
    """What the worklist shows: visible, still in the archive, and as the filters ask."""
    user = current_user()
    studies = visible_studies(user).where(Study.deleted_at.is_(None))
    return filters.apply(
        studies, visible_facilities(user), current_services().settings.stable_seconds, user.id
    )


def _count(session: Session, studies: Select[Study]) -> Count:
    """Stops counting after 999: nobody reads on from there, and the database need not either."""
    return Count(session.scalar(select(_number(studies))) or 0, _MOST_COUNTED)


def _number(studies: Select[Study]) -> Any:
    some = studies.with_only_columns(Study.id).limit(_MOST_COUNTED + 1).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


def _counts(session: Session, filters: Filters) -> dict[str, Count]:
    """How many studies each tab leads to, the other filters being as they are, and this page; one query."""
    asked = {name: filters.with_status(status) for name, status in TABS.items()} | {"": filters}
    numbers = session.execute(select(*(_number(_matching_studies(one)) for one in asked.values()))).one()
    return {name: Count(number, _MOST_COUNTED) for name, number in zip(asked, numbers, strict=True)}


def _load_rows(session: Session, studies: Any) -> list[WorklistRow]:
    return load_rows(session, current_user(), studies, current_services().settings.stable_seconds)


def _usual_modalities(session: Session) -> set[str]:
    """Those of the newest studies that this user may see."""
    latest = (
        visible_studies(current_user())
        .where(Study.deleted_at.is_(None))
        .with_only_columns(Study.modalities)
        .order_by(Study.received_at.desc())
        .limit(_STUDIES_WITH_USUAL_MODALITIES)
        .subquery()
    )
    texts = session.scalars(select(latest.c.modalities).distinct())
    return {word for text in texts for word in text.split() if _MODALITY.fullmatch(word)}


def _authors(session: Session) -> list[User]:
    """Those who write reports, or have; none for facility staff."""
    if current_user().role == Role.FACILITY_STAFF:
        return []
    has_written = exists().where(Report.author_id == User.id)
    radiologists = select(User).where(or_(User.role == Role.RADIOLOGIST, has_written))
    return sorted(session.scalars(radiologists), key=lambda one: (one.full_name or one.username).lower())


def _changes() -> dict[str, str]:
    """When the bridge last changed any study, and people any report and any flag, for an address."""
    now = newest()
    moments = {"changed": now.study_at, "reported": now.report_at, "flagged": now.flag_at}
    return {name: at.isoformat() if at else "" for name, at in moments.items()}


def _is_current(tag: str, state: str) -> bool:
    """A tag is its state, and the second at which the answer changes without anybody's doing."""
    known, _, changes_at = tag.partition("-")
    return known == state and (changes_at == "" or (changes_at.isdecimal() and int(changes_at) > time.time()))


def _next_arrival(session: Session) -> str:
    """The Unix second at which the next *receiving* study will have *arrived*, unless more of it comes."""
    stable_age = timedelta(seconds=current_services().settings.stable_seconds)
    latest_arrived = datetime.now(UTC) - stable_age
    receiving = visible_studies(current_user()).where(
        Study.updated_at > latest_arrived,  # has an index; what came later was also written later
        Study.last_received_at > latest_arrived,
    )
    first = session.scalar(receiving.with_only_columns(func.min(Study.last_received_at)))
    return str(math.ceil((first + stable_age).timestamp())) if first else ""


def _ids(name: str) -> list[int]:
    """Studies that the asking page names."""
    texts = request.args.get(name, "").split(".")[:_MOST_SHOWN_IDS]
    return [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 19]


def _changed_rows(session: Session, shown: list[int]) -> list[dict[str, Any]]:
    """Those of the rows shown that may differ by now, as the page would render them.

    Locks come and go without a trace: rows that have one, and those that the page shows with one, are among
    them.
    """
    studies = visible_studies(current_user()).where(Study.id.in_(shown))
    since = moment(request.args.get("changed", ""))
    if since is not None:
        report = exists().where(Report.study_id == Study.id, Report.updated_at >= _since("reported"))
        flag = exists().where(StudyFlag.study_id == Study.id, StudyFlag.updated_at >= _since("flagged"))
        lock = exists().where(ReportLock.study_id == Study.id, ReportLock.beats_until > datetime.now(UTC))
        was_locked = Study.id.in_(_ids("locked"))
        studies = studies.where(or_(Study.updated_at >= since, report, flag, lock, was_locked))
    return [rendered_row(row) for row in _load_rows(session, session.scalars(studies).all())]


def _since(name: str) -> datetime:
    at = moment(request.args.get(name, ""))
    return at - LATE_COMMITS if at is not None else datetime.fromtimestamp(0, UTC)


def rendered_row(row: WorklistRow) -> dict[str, Any]:
    """For an open page to exchange."""
    study_row = get_template_attribute("worklist/row.html", "study_row")
    return {"id": row.study.id, "html": study_row(row)}
