"""The study page: the patient's and study's facts, its series, and how everything arrived."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from flask import Blueprint, Response, abort, jsonify, render_template, request
from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from database.models import (
    ApplicationEntity,
    Facility,
    Instance,
    Role,
    Series,
    Study,
    StudyFacility,
    User,
)
from webapp.presentation import instant
from webapp.reading_order import numbers_first, reading_place
from webapp.registry.ae_titles import key_of
from webapp.services import current_database, current_services
from webapp.sessions import current_user
from webapp.sop_classes import Kind, kind, sop_class_name, transfer_syntax_name
from webapp.study_links import load_links
from webapp.visibility import get_visible_study, visible_facilities, visible_studies

blueprint = Blueprint("studies", __name__, url_prefix="/studies/<id:study_id>")


@dataclass
class SeriesCard:
    """A series as the page shows it."""

    series: Series
    kinds: set[Kind] = field(default_factory=set)
    object_names: set[str] = field(default_factory=set)

    @property
    def has_pictures(self) -> bool:
        return bool(self.kinds & {Kind.PICTURE, Kind.UNKNOWN})


class Way(NamedTuple):
    """How an instance came."""

    calling_ae_title: str
    called_ae_title: str
    remote_ip: str
    origin: str
    transfer_syntax: str


@dataclass(frozen=True)
class Arrival:
    """Instances of one study that came the same way."""

    way: Way
    instance_count: int
    byte_count: int
    first_received_at: datetime
    last_received_at: datetime


@blueprint.get("")
def show(study_id: int) -> str:
    with current_database().read() as session:
        study = get_visible_study(session, current_user(), study_id)
        series = session.scalars(
            select(Series)
            .where(Series.study_id == study.id, Series.deleted_at.is_(None))
            .order_by(*numbers_first(Series.series_number), Series.id)
        ).all()
        groups = _groups(session, study)
        facilities = session.scalars(
            visible_facilities(current_user())
            .with_only_columns(Facility.name)
            .join(StudyFacility, StudyFacility.facility_id == Facility.id)
            .where(StudyFacility.study_id == study.id)
            .group_by(Facility.id, Facility.name)
            .order_by(func.min(StudyFacility.linked_at))
        ).all()
        arrivals = _visible_arrivals(session, current_user(), groups)
        links = load_links(session, study.id, current_user())
    return render_template(
        "studies/study.html",
        study=study,
        links=links,
        cards=_cards(series, groups),
        arrivals=arrivals,
        has_hidden_arrivals=bool(groups) and not arrivals,
        byte_count=sum(group.byte_count for group in groups),
        facilities=facilities,
        arrives_at=_arrives_at(study),
    )


@blueprint.get("/news")
def news(study_id: int) -> Response:
    """What of an open study page may have changed; 304 while nothing has. Asked every few seconds."""
    with current_database().read() as session:
        study = get_visible_study(session, current_user(), study_id)
    arrives_at = _arrives_at(study)
    values: dict[str, Any] = {
        "series": study.series_count,
        "instances": study.instance_count,
        "arrives": arrives_at,
        "state": "gone" if study.deleted_at else "receiving" if arrives_at else "arrived",
    }
    tag = hashlib.sha256(f"{study.id} {study.updated_at} {values}".encode()).hexdigest()[:32]
    response = Response(status=304) if tag in request.if_none_match else jsonify(values)
    response.set_etag(tag)
    return response


def _arrives_at(study: Study) -> str:
    """Empty when that is past."""
    at = study.last_received_at + timedelta(seconds=current_services().settings.stable_seconds)
    return instant(at) if at > datetime.now(UTC) else ""


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


def _groups(session: Session, study: Study) -> Sequence[Row[Any]]:
    """All about the study's instances in a few rows: one for each way in which some of them came."""
    ways = (
        Series.id,
        Instance.sop_class_uid,
        Instance.transfer_syntax_uid,
        Instance.calling_ae_title,
        Instance.called_ae_title,
        Instance.remote_ip,
        Instance.origin,
    )
    return session.execute(
        select(
            Series.id.label("series_id"),
            *ways[1:],
            func.count().label("instance_count"),
            func.sum(Instance.file_size).label("byte_count"),
            func.min(Instance.received_at).label("first_received_at"),
            func.max(Instance.received_at).label("last_received_at"),
        )
        .join(Series, Series.id == Instance.series_id)
        .where(Series.study_id == study.id, Instance.deleted_at.is_(None))
        .group_by(*ways)
        .order_by(func.min(Instance.received_at))
    ).all()


def _cards(series: Sequence[Series], groups: Sequence[Row[Any]]) -> list[SeriesCard]:
    cards = {one.id: SeriesCard(one) for one in series}
    for group in groups:
        card = cards.get(group.series_id)
        if card is not None:
            card.kinds.add(kind(group.sop_class_uid))
            card.object_names.add(sop_class_name(group.sop_class_uid))
    return list(cards.values())


def _visible_arrivals(session: Session, user: User, groups: Sequence[Row[Any]]) -> list[Arrival]:
    """All, or for facility staff only what nodes of their own facilities sent."""
    if user.role != Role.FACILITY_STAFF:
        return _arrivals(groups)
    own = set(
        session.scalars(
            visible_facilities(user)
            .join(ApplicationEntity, ApplicationEntity.facility_id == Facility.id)
            .with_only_columns(ApplicationEntity.ae_title_key)
        )
    )
    return _arrivals([group for group in groups if key_of(group.calling_ae_title) in own])


def _arrivals(groups: Sequence[Row[Any]]) -> list[Arrival]:
    """The groups again, whatever the series and SOP class."""
    ways: dict[Way, list[Row[Any]]] = defaultdict(list)
    for group in groups:
        syntax = transfer_syntax_name(group.transfer_syntax_uid)
        ways[
            Way(group.calling_ae_title, group.called_ae_title, group.remote_ip, group.origin, syntax)
        ].append(group)
    return [
        Arrival(
            way,
            instance_count=sum(row.instance_count for row in rows),
            byte_count=int(sum(row.byte_count for row in rows)),
            first_received_at=min(row.first_received_at for row in rows),
            last_received_at=max(row.last_received_at for row in rows),
        )
        for way, rows in ways.items()
    ]
