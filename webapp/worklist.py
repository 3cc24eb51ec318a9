"""The reading worklist: which studies wait, and what has come since the page was rendered."""

import hashlib
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
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

PAGE_SIZE = 100
_MOST_COUNTED = 999
_MOST_SHOWN_IDS = 2 * PAGE_SIZE
# What radiology sends; whatever else is in the URL is offered too, so that it can be taken away again.
_MODALITIES = ("CR", "CT", "DX", "MG", "MR", "NM", "OT", "PT", "RF", "SC", "SR", "US", "XA")

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
        known = session.scalar(select(func.max(Study.id))) or 0
        page = fetch_page(session, matching, sort, cursor, PAGE_SIZE)
        context: dict[str, Any] = {
            "page": page,
            "known": known,
            "count": _count(session, matching),
            "facilities": session.scalars(visible_facilities(current_user()).order_by(Facility.name)).all(),
            "facilities_of": _facilities_of(session, [study.id for study in page.studies]),
            "lacks_facility": not page.studies and has_no_facility(session, current_user()),
        }
    return render_template(
        "worklist/worklist.html",
        filters=filters,
        sort=sort,
        is_first_page=cursor is None,
        sort_columns=SORT_COLUMNS,
        modality_choices=sorted({*_MODALITIES, *filters.modalities}),
        DatePreset=DatePreset,
        Status=Status,
        NO_FACILITY=NO_FACILITY,
        arrives_at=_arrives_at,
        **context,
    )


@blueprint.get("/worklist/news")
def news() -> AnyResponse:
    """What has changed since the page was rendered: studies that are new, and today's counts of those shown.

    Asked once a second by every open worklist. While nothing changed the answer is 304, for one query: who
    asks, and the end of an index.
    """
    tag = _state()
    if tag in request.if_none_match:
        unchanged = Response(status=304)
        unchanged.set_etag(tag)
        return unchanged
    with current_database().read() as session:
        matching = _matching_studies(Filters.from_query(request.args))
        known = min(max(request.args.get("known", 0, int), 0), 2**62)
        arrived = _count(session, matching.where(Study.id > known))
        shown = _shown(session)
    response = jsonify(new=str(arrived), total=arrived.number, shown=[_live_values(study) for study in shown])
    response.set_etag(tag)
    return response


def _matching_studies(filters: Filters) -> Select[Study]:
    """What the worklist shows: visible, still in the archive, and as the filters ask."""
    studies = visible_studies(current_user()).where(Study.deleted_at.is_(None))
    return filters.apply(studies, current_services().settings.stable_seconds)


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


def _state() -> str:
    """An ETag that changes whenever the bridge has changed any study.

    Older than what is answered with it, never newer: at worst the same news come twice.
    """
    return hashlib.sha256(f"{newest_change()} {current_user().id}".encode()).hexdigest()[:32]


def _shown(session: Session) -> list[Study]:
    """The studies that the asking page shows, as far as this user may see them."""
    texts = request.args.get("shown", "").split(".")[:_MOST_SHOWN_IDS]
    ids = [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 19]
    return list(session.scalars(visible_studies(current_user()).where(Study.id.in_(ids)))) if ids else []


def _live_values(study: Study) -> dict[str, Any]:
    """What of a row goes on changing while its images come."""
    return {
        "id": study.id,
        "series": study.series_count,
        "images": study.instance_count,
        "modalities": study.modalities,
        "arrives": _arrives_at(study),
        "gone": study.deleted_at is not None,
    }


def _arrives_at(study: Study) -> str:
    """Until then *receiving*, unless more comes; afterwards *arrived*. Empty when that is past."""
    at = study.last_received_at + timedelta(seconds=current_services().settings.stable_seconds)
    return instant(at) if at > datetime.now(UTC) else ""
