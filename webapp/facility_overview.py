"""What pages show of facilities: their nodes and peers, how far Orthanc knows them, what they sent and when.

Queries only, a constant number for a page however many facilities there are.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from database.models import (
    FEED_NAME,
    ApplicationEntity,
    Facility,
    Feed,
    Instance,
    LinkRun,
    Peer,
    RegistrationKind,
    Sender,
    Series,
    StudySender,
)
from database.registrations import Target, registrations_of, state_of
from webapp.facility_views import FacilityView, TargetView

RECENTLY = timedelta(hours=24)
# The bridge notes every five seconds that it has heard Orthanc.
_SILENCE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class BridgeSilence:
    """The bridge hasn't heard Orthanc for a while: decisions wait, and states may be out of date."""

    since: datetime | None
    """None: never since the database was made."""


def load_silence(session: Session) -> BridgeSilence | None:
    """None while the bridge follows Orthanc."""
    polled_at = session.scalar(select(Feed.polled_at).where(Feed.name == FEED_NAME))
    if polled_at is not None and datetime.now(UTC) - polled_at < _SILENCE:
        return None
    return BridgeSilence(polled_at)


def list_facilities(session: Session) -> list[FacilityView]:
    """All of them by name, retired ones included, with their nodes and peers."""
    facilities = session.scalars(select(Facility).order_by(func.lower(Facility.name), Facility.id)).all()
    return _views(session, facilities, None)


def load_facility(session: Session, facility_id: int) -> FacilityView | None:
    facility = session.get(Facility, facility_id)
    return None if facility is None else _views(session, [facility], facility_id)[0]


def load_target(session: Session, kind: RegistrationKind, target: Target) -> TargetView:
    """With its state alone."""
    registration = registrations_of(session, feed_id(session), kind).get(target.id)
    return TargetView(target, state_of(target, registration), registration)


def list_states(session: Session, facility_id: int | None) -> list[tuple[Any, ...]]:
    """All that open pages follow, cheaply: states, reasons, drifts, and how far studies are linked.

    Who came to the DICOM port is followed by one facility's page alone, where somebody may wait for a test
    from the other side; the list of all would never come to rest.
    """
    feed = feed_id(session)
    rows: list[tuple[Any, ...]] = []
    for kind, model in _MODELS.items():
        registrations = registrations_of(session, feed, kind)
        for target in session.scalars(_of_facility(model, facility_id)):
            one = registrations.get(target.id)
            state = state_of(target, one)
            facts = (one.reason, one.registered_at, one.drifted_at) if one else ()
            rows.append((kind.value, target.id, state.value if state else "", *facts))
    runs = select(LinkRun).order_by(LinkRun.application_entity_id)
    if facility_id is not None:
        own = select(ApplicationEntity.id).where(ApplicationEntity.facility_id == facility_id)
        runs = runs.where(LinkRun.application_entity_id.in_(own))
        senders = session.scalars(senders_of(facility_id))
        rows.extend((one.ae_title_key, one.last_seen_at, one.outcome.value) for one in senders)
    rows.extend((one.application_entity_id, one.study_count, one.done_at) for one in session.scalars(runs))
    return [*rows, (load_silence(session) is None,)]


def list_active_facilities(session: Session) -> Sequence[Facility]:
    """To choose from."""
    return session.scalars(
        select(Facility).where(Facility.retired_at.is_(None)).order_by(func.lower(Facility.name), Facility.id)
    ).all()


def titles_of(facility_id: int) -> Select[str]:
    """The keys of its AE titles, former and retired ones included."""
    return select(ApplicationEntity.ae_title_key).where(ApplicationEntity.facility_id == facility_id)


def senders_of(facility_id: int) -> Select[Sender]:
    """What the DICOM port knows of its AE titles."""
    titles = titles_of(facility_id)
    return select(Sender).where(Sender.ae_title_key.in_(titles)).order_by(Sender.ae_title_key)


def feed_id(session: Session) -> int:
    """0, which no feed has, before the bridge has run for the first time."""
    return session.scalar(select(Feed.id).where(Feed.name == FEED_NAME)) or 0


_MODELS: dict[RegistrationKind, Any] = {
    RegistrationKind.APPLICATION_ENTITY: ApplicationEntity,
    RegistrationKind.PEER: Peer,
}


def _views(session: Session, facilities: Iterable[Facility], facility_id: int | None) -> list[FacilityView]:
    feed = feed_id(session)
    entities = _entity_views(session, feed, facility_id)
    peers = _target_views(session, feed, RegistrationKind.PEER, facility_id)
    return [FacilityView(one, entities.get(one.id, []), peers[one.id]) for one in facilities]


def _entity_views(session: Session, feed: int, facility_id: int | None) -> dict[int, list[TargetView]]:
    views = _target_views(session, feed, RegistrationKind.APPLICATION_ENTITY, facility_id)
    seen = _last_seen(session, facility_id)
    counts = _recent_counts(session, facility_id)
    ids = _of_facility(ApplicationEntity, facility_id).with_only_columns(ApplicationEntity.id)
    runs = session.scalars(select(LinkRun).where(LinkRun.application_entity_id.in_(ids.order_by(None))))
    run_of = {run.application_entity_id: run for run in runs}
    for view in (one for views_of_one in views.values() for one in views_of_one):
        key = view.target.ae_title_key
        view.last_received_at, view.last_came_at = seen.get(key, (None, None))
        view.recent_count = counts.get(key, 0)
        view.link_run = run_of.get(view.target.id)
    return {one: _fold(views_of_one) for one, views_of_one in views.items()}


def _fold(views: list[TargetView]) -> list[TargetView]:
    """Former AE titles into the nodes that had them: both belong to one facility."""
    view_of = {view.target.id: view for view in views}
    for view in views:
        if view.target.successor_id in view_of:
            view_of[view.target.successor_id].take_former(view)
    return [view for view in views if view.target.successor_id not in view_of]


def _target_views(
    session: Session, feed: int, kind: RegistrationKind, facility_id: int | None
) -> dict[int, list[TargetView]]:
    """By facility, the retired ones last."""
    registrations = registrations_of(session, feed, kind)
    views: dict[int, list[TargetView]] = defaultdict(list)
    for target in session.scalars(_of_facility(_MODELS[kind], facility_id)):
        registration = registrations.get(target.id)
        views[target.facility_id].append(TargetView(target, state_of(target, registration), registration))
    return views


def _of_facility(model: Any, facility_id: int | None) -> Any:
    query = select(model).order_by(model.retired_at.is_not(None), model.id)
    return query if facility_id is None else query.where(model.facility_id == facility_id)


def _last_seen(
    session: Session, facility_id: int | None
) -> dict[str, tuple[datetime | None, datetime | None]]:
    """When each sent, and when each came, by AE title's key; one look at the end of an index for each."""
    newest = (
        select(func.max(StudySender.last_received_at))
        .where(StudySender.ae_title_key == ApplicationEntity.ae_title_key)
        .correlate(ApplicationEntity)
        .scalar_subquery()
    )
    query = select(ApplicationEntity.ae_title_key, newest, Sender.last_seen_at).outerjoin(
        Sender, Sender.ae_title_key == ApplicationEntity.ae_title_key
    )
    if facility_id is not None:
        query = query.where(ApplicationEntity.facility_id == facility_id)
    return {key: (received_at, came_at) for key, received_at, came_at in session.execute(query)}


def _recent_counts(session: Session, facility_id: int | None) -> dict[str, int]:
    """Instances of the last 24 h, by AE title's key. Only studies that got some of late are looked into."""
    cutoff = datetime.now(UTC) - RECENTLY
    query = (
        select(StudySender.ae_title_key, func.count(Instance.id))
        .join(ApplicationEntity, ApplicationEntity.ae_title_key == StudySender.ae_title_key)
        .join(Series, Series.study_id == StudySender.study_id)
        .join(Instance, Instance.series_id == Series.id)
        .where(
            StudySender.last_received_at > cutoff,
            Instance.received_at > cutoff,
            Instance.deleted_at.is_(None),
            func.upper(Instance.calling_ae_title) == StudySender.ae_title_key,
        )
        .group_by(StudySender.ae_title_key)
    )
    if facility_id is not None:
        query = query.where(ApplicationEntity.facility_id == facility_id)
    return dict(session.execute(query).all())
