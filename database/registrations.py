"""Desired against applied: how far Orthanc knows what administrators decided. Reads only."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from database.models import ApplicationEntity, Peer, Registration, RegistrationKind, RegistrationState

Target = ApplicationEntity | Peer


def targets(session: Session, kind: RegistrationKind) -> Sequence[Target]:
    """All that administrators decided of one kind, the retired ones included."""
    if kind is RegistrationKind.PEER:
        return session.scalars(select(Peer).order_by(Peer.id)).all()
    return session.scalars(select(ApplicationEntity).order_by(ApplicationEntity.id)).all()


def name_of(target: Target) -> str:
    """Orthanc's id of its entry."""
    return f"noctis-peer-{target.id}" if isinstance(target, Peer) else f"noctis-{target.id}"


def state_of(target: Target, registration: Registration | None) -> RegistrationState | None:
    """None for what is retired and gone from Orthanc's list."""
    if target.retired_at is not None:
        return None if registration is None else RegistrationState.PENDING
    if registration is None or registration.applied_revision != target.revision:
        return RegistrationState.PENDING
    return registration.state


def registrations_of(session: Session, feed_id: int, kind: RegistrationKind) -> dict[int, Registration]:
    """By the id of the application entity or peer."""
    query = select(Registration).where(Registration.feed_id == feed_id, Registration.kind == kind)
    return {row.target_id: row for row in session.scalars(query)}


def count_registrations(session: Session, feed_id: int) -> dict[str, int]:
    """How many are in each state; all states are named."""
    counts = Counter[RegistrationState]()
    for kind in RegistrationKind:
        registrations = registrations_of(session, feed_id, kind)
        for target in targets(session, kind):
            state = state_of(target, registrations.get(target.id))
            if state is not None:
                counts[state] += 1
    return {state.value: counts[state] for state in RegistrationState}
