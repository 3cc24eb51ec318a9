"""The reading worklist: which studies wait, and what has come since the page was rendered."""

import hashlib
import math
import re
import time
from collections import defaultdict
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
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from database.models import Facility, Study, StudyFacility
from webapp.paging import SORT_COLUMNS, Cursor, Sort, fetch_page
from webapp.presentation import Count, instant
from webapp.services import current_database, current_services
from webapp.sessions import current_user, newest_change
from webapp.visibility import has_no_facility, visible_facilities, visible_studies
from webapp.worklist_filters import NO_FACILITY, DatePreset, Filters, Status
from webapp.worklist_news import Rendering, has_begun_to_match, moment

PAGE_SIZE = 100
_MOST_COUNTED = 999
_MOST_SHOWN_IDS = 2 * PAGE_SIZE
# What radiology sends; what was received lately is offered too, and what the URL asks for.
_MODALITIES = ("CR", "CT", "DX", "MG", "MR", "NM", "OT", "PT", "RF", "SC", "SR", "US", "XA")
_MODALITY = re.compile(r"[A-Z0-9_]{1,16}")  # VR CS (PS3.5 6.2), as all defined terms are written
_STUDIES_WITH_USUAL_MODALITIES = 2000

blueprint = Blueprint("worklist", __name__)


@blueprint.get("/")
def root() -> AnyResponse:
    return redirect(url_for("worklist.show"), 302)


@blueprint.get("/worklist")
def show() -> str:
    filters, sort = Filters.from_query(request.args), Sort.parse(request.args.get("sort", ""))
    cursor = Cursor.decode(request.args.get("page", ""), sort)
    matching = _matching_studies(filters)
    with current_database().read() as session:
        rendering = Rendering.now(session)
        page = fetch_page(session, matching, sort, cursor, PAGE_SIZE)
        context: dict[str, Any] = {
            "page": page,
            "news_url": _news_url(filters, rendering),
            "count": _count(session, matching),
            "facilities": session.scalars(visible_facilities(current_user()).order_by(Facility.name)).all(),
            "modality_choices": sorted({*_MODALITIES, *_usual_modalities(session), *filters.modalities}),
            "facilities_of": _facilities_of(session, [study.id for study in page.studies]),
            "lacks_facility": not page.studies and has_no_facility(session, current_user()),
        }
    return render_template(
        "worklist/worklist.html",
        filters=filters,
        sort=sort,
        is_first_page=cursor is None,
        sort_columns=SORT_COLUMNS,
        DatePreset=DatePreset,
        Status=Status,
        NO_FACILITY=NO_FACILITY,
        arrives_at=_arrives_at,
        **context,
    )


@blueprint.get("/worklist/news")
def news() -> AnyResponse:
    """What has changed since the page was rendered: how many studies are new, and which rows differ.

    Asked once a second by every open worklist. While nothing changed the answer is 304, for one query: who
    asks, and the end of an index.
    """
    state = _state()
    for tag in request.if_none_match.as_set():
        if _is_current(tag, state):
            unchanged = Response(status=304)
            unchanged.set_etag(tag)
            return unchanged
    filters, rendering = Filters.from_query(request.args), Rendering.from_query(request.args)
    has_begun = has_begun_to_match(filters, rendering, current_services().settings.stable_seconds)
    shown = _shown_ids()
    with current_database().read() as session:
        new = _count(session, _matching_studies(filters).where(has_begun, Study.id.not_in(shown)))
        rows = _changed_rows(session, shown, moment(request.args.get("changed", "")))
        changes_at = _next_arrival(session) if filters.status else ""
    response = jsonify(new=str(new), total=new.number, rows=rows, changed=_newest_change())
    response.set_etag(f"{state}-{changes_at}")
    return response


def _news_url(filters: Filters, rendering: Rendering) -> str:
    values: dict[str, Any] = {**filters.to_query(), **rendering.to_query(), "changed": _newest_change()}
    return url_for("worklist.news", **values)


def _matching_studies(filters: Filters) -> Select[Study]:
    """What the worklist shows: visible, still in the archive, and as the filters ask."""
    studies = visible_studies(current_user()).where(Study.deleted_at.is_(None))
    facilities = visible_facilities(current_user())
    return filters.apply(studies, facilities, current_services().settings.stable_seconds)


def _count(session: Session, studies: Select[Study]) -> Count:
    """Stops counting after 999: nobody reads on from there, and the database need not either."""
    some = studies.with_only_columns(Study.id).limit(_MOST_COUNTED + 1).subquery()
    return Count(session.scalar(select(func.count()).select_from(some)) or 0, _MOST_COUNTED)


def _facilities_of(session: Session, study_ids: list[int]) -> dict[int, list[str]]:
    """The names of each study's facilities, the first one first."""
    rows = session.execute(
        visible_facilities(current_user())
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


def _usual_modalities(session: Session) -> set[str]:
    """Those of the newest studies that this user may see."""
    newest = (
        visible_studies(current_user())
        .where(Study.deleted_at.is_(None))
        .with_only_columns(Study.modalities)
        .order_by(Study.received_at.desc())
        .limit(_STUDIES_WITH_USUAL_MODALITIES)
        .subquery()
    )
    texts = session.scalars(select(newest.c.modalities).distinct())
    return {word for text in texts for word in text.split() if _MODALITY.fullmatch(word)}


def _newest_change() -> str:
    """When the bridge last changed any study, for an address."""
    at = newest_change()
    return at.isoformat() if at else ""


def _state() -> str:
    """The part of the ETag that changes whenever the bridge has changed any study.

    Older than what is answered with it, never newer: at worst the same news come twice.
    """
    return hashlib.sha256(f"{_newest_change()} {current_user().id}".encode()).hexdigest()[:32]


def _is_current(tag: str, state: str) -> bool:
    """A tag is its state, and the second at which the answer changes without the bridge's doing."""
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


def _shown_ids() -> list[int]:
    """The studies that the asking page shows, as it says."""
    texts = request.args.get("shown", "").split(".")[:_MOST_SHOWN_IDS]
    return [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 19]


def _changed_rows(session: Session, shown: list[int], since: datetime | None) -> list[dict[str, Any]]:
    """Those of the rows shown that the bridge has written since, as the page would render them now."""
    studies = visible_studies(current_user()).where(Study.id.in_(shown))
    if since is not None:
        studies = studies.where(Study.updated_at >= since)
    changed = session.scalars(studies).all()
    facilities_of = _facilities_of(session, [study.id for study in changed])
    study_row = get_template_attribute("worklist/row.html", "study_row")
    return [
        {"id": study.id, "html": study_row(study, facilities_of.get(study.id, []), _arrives_at(study))}
        for study in changed
    ]


def _arrives_at(study: Study) -> str:
    """Until then *receiving*, unless more comes; afterwards *arrived*. Empty when that is past."""
    at = study.last_received_at + timedelta(seconds=current_services().settings.stable_seconds)
    return instant(at) if at > datetime.now(UTC) else ""
