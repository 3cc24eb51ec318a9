"""The study page: the patient's and study's facts, its series, and how everything arrived."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, Response, abort, jsonify, render_template, request
from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from database.models import Instance, Series, Study
from webapp.reading_order import numbers_first, reading_place
from webapp.services import current_database, current_services
from webapp.sessions import current_user
from webapp.sop_classes import Kind, kind, sop_class_name
from webapp.study_arrivals import load_groups, unlogged_arrivals
from webapp.study_flags import ASSIGNERS, PRIORITISERS
from webapp.study_links import load_links
from webapp.study_transfers import fates_in_words, load_transfers
from webapp.transfers.pages import READERS
from webapp.visibility import get_visible_study, visible_studies, visible_titles
from webapp.worklist_rows import arrives_at, load_rows

blueprint = Blueprint("studies", __name__, url_prefix="/studies/<id:study_id>")
blueprint.add_app_template_filter(fates_in_words)


@dataclass
class SeriesCard:
    """A series as the page shows it."""

    series: Series
    kinds: set[Kind] = field(default_factory=set)
    object_names: set[str] = field(default_factory=set)

    @property
    def has_pictures(self) -> bool:
        return bool(self.kinds & {Kind.PICTURE, Kind.UNKNOWN})


@blueprint.get("")
def show(study_id: int) -> str:
    with current_database().read() as session:
        study = get_visible_study(session, current_user(), study_id)
        groups = load_groups(session, study)
        cards = load_cards(session, study, groups)
        settings = current_services().settings
        titles = visible_titles(session, current_user())
        transfers = load_transfers(session, study, settings.ae_title, titles)
        links = load_links(session, study.id, current_user())
        [row] = load_rows(session, current_user(), [study], settings.stable_seconds)
    arrivals = unlogged_arrivals(groups, titles, has_recorder=settings.has_recorder)
    return render_template(
        "studies/study.html",
        study=study,
        links=links,
        cards=cards,
        row=row,
        may_assign=current_user().role in ASSIGNERS,
        may_prioritise=current_user().role in PRIORITISERS,
        transfers=transfers,
        may_read_log=current_user().role in READERS,
        arrivals=arrivals,
        is_hidden=bool(groups),
        byte_count=sum(group.byte_count for group in groups),
    )


@blueprint.get("/news")
def news(study_id: int) -> Response:
    """What of an open study page may have changed; 304 while nothing has. Asked every few seconds."""
    with current_database().read() as session:
        study = get_visible_study(session, current_user(), study_id)
    waits_until = arrives_at(study, current_services().settings.stable_seconds)
    values: dict[str, Any] = {
        "series": study.series_count,
        "instances": study.instance_count,
        "arrives": waits_until,
        "state": "gone" if study.deleted_at else "receiving" if waits_until else "arrived",
    }
    tag = hashlib.sha256(f"{study.id} {study.updated_at} {values}".encode()).hexdigest()[:32]
    response = Response(status=304) if tag in request.if_none_match else jsonify(values)
    response.set_etag(tag)
    return response


@blueprint.get("/series/<id:series_id>/instances")
def instances(study_id: int, series_id: int) -> Response:
    """The series' instances in reading order, compactly: a CT may have thousands.

    ``rows`` holds ``[id, frame count, index into kinds]``; ``kinds`` says what these objects are.
    """
    with current_database().read() as session:
        series = session.scalar(
            visible_studies(current_user())
            .where(Study.id == study_id)
            .join(Series, Series.study_id == Study.id)
            .where(Series.id == series_id, Series.deleted_at.is_(None))
            .with_only_columns(Series)
        )
        if series is None:
            abort(404)
        found = session.execute(
            select(
                Instance.id,
                Instance.number_of_frames,
                Instance.sop_class_uid,
                Instance.instance_number,
                Instance.sop_instance_uid,
            ).where(Instance.series_id == series_id, Instance.deleted_at.is_(None))
        ).all()
    return jsonify(_compact(sorted(found, key=reading_place)))


def _compact(found: Sequence[Row[int, int, str, int | None, str]]) -> dict[str, Any]:
    places: dict[str, int] = {}
    rows = [[row.id, max(1, row.number_of_frames), places.setdefault(row.sop_class_uid, len(places))]
            for row in found]  # fmt: skip
    return {"kinds": [{"name": sop_class_name(uid), "kind": kind(uid)} for uid in places], "rows": rows}


def load_cards(session: Session, study: Study, groups: Sequence[Row[Any]]) -> list[SeriesCard]:
    """The series that are left, in reading order; ``groups`` (``study_arrivals``) say what they hold."""
    series = session.scalars(
        select(Series)
        .where(Series.study_id == study.id, Series.deleted_at.is_(None))
        .order_by(*numbers_first(Series.series_number), Series.id)
    )
    cards = {one.id: SeriesCard(one) for one in series}
    for group in groups:
        card = cards.get(group.series_id)
        if card is not None:
            card.kinds.add(kind(group.sop_class_uid))
            card.object_names.add(sop_class_name(group.sop_class_uid))
    return list(cards.values())
