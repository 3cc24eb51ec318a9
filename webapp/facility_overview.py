"""What pages show of facilities: their nodes and peers, how far Orthanc knows them, what they sent and when.

Queries only, a constant number for a page however many facilities there are.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from database.models import (
    FEED_NAME,
    ApplicationEntity,
    Facility,
    Feed,
    Instance,
    LinkRun,
    Peer,
    Registration,
    RegistrationKind,
    RegistrationState,
    Series,
    StudySender,
)
from database.registrations import Target, registrations_of, state_of
from webapp import registry

RECENTLY = timedelta(hours=24)
# The bridge notes every five seconds that it has heard Orthanc.
_SILENCE = timedelta(seconds=30)
_WORDS_OF_ORTHANC = {
    "AET": "AE title",
    "Host": "host",
    "Port": "port",
    "LocalAet": "our AE title",
    "UseDicomTls": "TLS",
    "Url": "address",
    "Username": "user name",
    "AllowEcho": "C-ECHO",
    "AllowStore": "C-STORE",
    "AllowFind": "C-FIND",
    "AllowFindWorklist": "C-FIND for Modality Worklist",
    "AllowMove": "C-MOVE",
    "AllowGet": "C-GET",
    "AllowNAction": "N-ACTION",
    "AllowEventReport": "N-EVENT-REPORT",
}
_ATTENTION = {RegistrationState.PENDING, RegistrationState.FAILED, RegistrationState.DRIFTED}


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of which Orthanc's list held something else; ``name`` in our words."""

    name: str
    ours: Any
    theirs: Any


@dataclass(slots=True)
class TargetView:
    """An application entity or a peer, and how far Orthanc knows it."""

    target: Any
    state: RegistrationState | None
    registration: Registration | None
    last_seen_at: datetime | None = None
    recent_count: int = 0
    link_run: LinkRun | None = None
    former: list["TargetView"] = field(default_factory=list)
    """Its former AE titles: what they sent counts as sent by it."""

    @property
    def drift_id(self) -> str:
        """Another one for each drift; empty without."""
        at = self.registration.drifted_at if self.registration is not None and self.drift else None
        return "" if at is None else at.isoformat()

    @property
    def left_out(self) -> list[str]:
        """What isn't adopted with the rest of the drift."""
        return registry.reading_granted_by(self.drift)

    @property
    def drift(self) -> dict[str, list[Any]]:
        """What the last drift was, by Orthanc's names, until the next decision."""
        registration = self.registration
        is_current = registration is not None and registration.applied_revision == self.target.revision
        return registration.drift if registration is not None and is_current else {}

    @property
    def differences(self) -> list[Difference]:
        return [
            Difference(_WORDS_OF_ORTHANC.get(name, name), *values)
            for name, values in sorted(self.drift.items())
        ]

    @property
    def was_lost(self) -> bool:
        """Orthanc's list had lost the whole entry: there is nothing of it to adopt."""
        return any(one.theirs is None for one in self.differences)

    @property
    def is_linked(self) -> bool:
        """Whether the studies that came already are where the latest decision wants them."""
        return self.has_done_run and all(one.is_linked for one in self.former)

    @property
    def linked_count(self) -> int | None:
        """Of studies, so far; None before the latest decision is being carried out."""
        runs = [one.link_run for one in (self, *self.former) if one.has_current_run]
        return sum(run.study_count for run in runs if run is not None) if runs else None

    @property
    def linked_at(self) -> datetime | None:
        runs = [one.link_run for one in (self, *self.former)]
        return max((run.done_at for run in runs if run is not None and run.done_at), default=None)

    @property
    def has_current_run(self) -> bool:
        return self.link_run is not None and self.link_run.link_revision == self.target.link_revision

    @property
    def has_done_run(self) -> bool:
        return self.has_current_run and self.link_run is not None and self.link_run.done_at is not None

    def take_former(self, view: "TargetView") -> None:
        self.former.append(view)
        seen = filter(None, (self.last_seen_at, view.last_seen_at))
        self.last_seen_at = max(seen, default=None)
        self.recent_count += view.recent_count


@dataclass(slots=True)
class FacilityView:
    facility: Facility
    entities: list[TargetView] = field(default_factory=list)
    peers: list[TargetView] = field(default_factory=list)

    @property
    def last_seen_at(self) -> datetime | None:
        return max((one.last_seen_at for one in self.entities if one.last_seen_at), default=None)

    @property
    def recent_count(self) -> int:
        return sum(one.recent_count for one in self.entities)

    @property
    def is_silent(self) -> bool:
        """Longer than its threshold; one that never sent counts from its creation."""
        hours = self.facility.silent_hours
        if hours is None or self.facility.retired_at is not None:
            return False
        heard_at = max(filter(None, (self.last_seen_at, self.facility.created_at)))
        return datetime.now(UTC) - heard_at > timedelta(hours=hours)

    @property
    def needs_attention(self) -> bool:
        """Silent, or not all of it in Orthanc as decided."""
        return self.is_silent or any(one.state in _ATTENTION for one in [*self.entities, *self.peers])

    def has_word(self, text: str) -> bool:
        titles = (view.target.ae_title for one in self.entities for view in (one, *one.former))
        values = (self.facility.name, self.facility.code, *titles)
        return any(text.casefold() in value.casefold() for value in values)


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
    """All that open pages follow, cheaply: states, reasons, drifts, and how far studies are linked."""
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
    rows.extend((one.application_entity_id, one.study_count, one.done_at) for one in session.scalars(runs))
    return [*rows, (load_silence(session) is None,)]


def list_active_facilities(session: Session) -> Sequence[Facility]:
    """To choose from."""
    return session.scalars(
        select(Facility).where(Facility.retired_at.is_(None)).order_by(func.lower(Facility.name), Facility.id)
    ).all()


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
        view.last_seen_at, view.recent_count = seen.get(key), counts.get(key, 0)
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


def _last_seen(session: Session, facility_id: int | None) -> dict[str, datetime | None]:
    """By AE title's key; one look at the end of an index for each."""
    newest = (
        select(func.max(StudySender.last_received_at))
        .where(StudySender.ae_title_key == ApplicationEntity.ae_title_key)
        .correlate(ApplicationEntity)
        .scalar_subquery()
    )
    query = select(ApplicationEntity.ae_title_key, newest)
    if facility_id is not None:
        query = query.where(ApplicationEntity.facility_id == facility_id)
    return dict(session.execute(query).all())


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
