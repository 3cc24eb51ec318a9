"""What the transfer log says of a facility's nodes: when each operation was seen last, what failed lately.

Queries only, a constant number for a facility's page however many nodes it has. Former AE titles count as
their node's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, text
from sqlalchemy.orm import Session

from database.models import ApplicationEntity, Association, Operation, Sender
from database.transfer_terms import AssociationOutcome, Direction, OperationKind, StatusClass
from webapp.facility_overview import RECENTLY, senders_of, titles_of
from webapp.facility_views import TargetView
from webapp.transfers.filters import Filters, TimePreset, View
from webapp.transfers.words import Words, outcome_of

_KINDS = (
    OperationKind.C_ECHO,
    OperationKind.C_STORE,
    OperationKind.C_FIND,
    OperationKind.C_MOVE,
    OperationKind.C_GET,
)
_WELL = (AssociationOutcome.OPEN, AssociationOutcome.RELEASED)
# Nearly all operations are C-STOREs to us: an index holds the others alone, and this condition leads to it
_IS_NO_STORE_TO_US = text("(operation.kind <> 'c-store' OR operation.direction = 'out')")


@dataclass(frozen=True, slots=True)
class LastOperation:
    """When an operation was last begun; successes are forgotten when their retention ends."""

    ae_title_key: str
    direction: Direction
    kind: OperationKind
    started_at: datetime

    @property
    def query(self) -> dict[str, str]:
        """Of the transfer log's address: this one and what came since."""
        filters = Filters(
            view=View.OPERATIONS,
            ae_title=self.ae_title_key,
            kind=self.kind,
            direction=self.direction,
            since=self.started_at.replace(minute=0, second=0, microsecond=0),
        )
        return filters.to_query()


@dataclass(slots=True)
class Failures:
    """Of the last 24 hours, under one AE title."""

    ae_title_key: str
    operation_count: int = 0
    association_count: int = 0
    """That ended badly, or in which an operation failed: what the transfer log calls problems."""

    @property
    def operations_query(self) -> dict[str, str]:
        return Filters(
            view=View.OPERATIONS,
            preset=TimePreset.DAY,
            ae_title=self.ae_title_key,
            status_class=StatusClass.FAILURE,
        ).to_query()

    @property
    def associations_query(self) -> dict[str, str]:
        return Filters(preset=TimePreset.DAY, ae_title=self.ae_title_key, is_problem=True).to_query()


@dataclass(slots=True)
class Traffic:
    """Of one node."""

    ending: Words | None = None
    """How its last association ended; None where no recorder saw any."""
    last: list[LastOperation] = field(default_factory=list)
    """At most one for each direction and operation."""
    failures: list[Failures] = field(default_factory=list)

    @property
    def incoming(self) -> list[LastOperation]:
        return [one for one in self.last if one.direction is Direction.IN]

    @property
    def outgoing(self) -> list[LastOperation]:
        return [one for one in self.last if one.direction is Direction.OUT]


def load_traffic(
    session: Session, facility_id: int, views: Iterable[TargetView], own_ae_title: str
) -> dict[int, Traffic]:
    """By the node's id."""
    last = _last_operations(session, facility_id)
    failures = _failures(session, facility_id)
    senders = {one.ae_title_key: one for one in session.scalars(senders_of(facility_id))}
    traffic = {}
    for view in views:
        keys = [one.target.ae_title_key for one in (view, *view.former)]
        came = max((senders[key] for key in keys if key in senders), key=_last_seen_at, default=None)
        traffic[view.target.id] = Traffic(
            outcome_of(came, own_ae_title) if came is not None else None,
            _latest(one for key in keys for one in last[key]),
            [failures[key] for key in keys if key in failures],
        )
    return traffic


def _last_seen_at(sender: Sender) -> datetime:
    return sender.last_seen_at


def _latest(operations: Iterable[LastOperation]) -> list[LastOperation]:
    found: dict[tuple[Direction, OperationKind], LastOperation] = {}
    for one in sorted(operations, key=lambda one: one.started_at):
        found[one.direction, one.kind] = one
    return [
        found[direction, kind] for direction in Direction for kind in _KINDS if (direction, kind) in found
    ]


def _last_operations(session: Session, facility_id: int) -> Mapping[str, Sequence[LastOperation]]:
    """By AE title's key; one look at the end of an index for each operation."""
    asked = [(direction, kind) for direction in Direction for kind in _KINDS]
    rows = session.execute(
        select(ApplicationEntity.ae_title_key, *(_newest(*one) for one in asked)).where(
            ApplicationEntity.facility_id == facility_id
        )
    )
    return {
        key: [LastOperation(key, *one, at) for one, at in zip(asked, moments, strict=True) if at is not None]
        for key, *moments in rows
    }


def _newest(direction: Direction, kind: OperationKind) -> Any:
    conditions: list[ColumnElement[bool] | Any] = [
        Operation.remote_ae_title_key == ApplicationEntity.ae_title_key,
        Operation.direction == direction,
        Operation.kind == kind,
    ]
    if (direction, kind) != (Direction.IN, OperationKind.C_STORE):
        conditions.append(_IS_NO_STORE_TO_US)
    return (
        select(func.max(Operation.started_at))
        .where(*conditions)
        .correlate(ApplicationEntity)
        .scalar_subquery()
    )


def _failures(session: Session, facility_id: int) -> Mapping[str, Failures]:
    """By AE title's key, of those that have any."""
    since = datetime.now(UTC) - RECENTLY
    found: dict[str, Failures] = {}
    operations = _count_by_title(Operation, facility_id, since, Operation.status_class == StatusClass.FAILURE)
    for key, count in session.execute(operations):
        found.setdefault(key, Failures(key)).operation_count = count
    badly = or_(Association.outcome.not_in(_WELL), Association.failure_count > 0)
    for key, count in session.execute(_count_by_title(Association, facility_id, since, badly)):
        found.setdefault(key, Failures(key)).association_count = count
    return found


def _count_by_title(
    model: type[Association | Operation], facility_id: int, since: datetime, condition: ColumnElement[bool]
) -> Any:
    return (
        select(model.remote_ae_title_key, func.count())
        .where(model.remote_ae_title_key.in_(titles_of(facility_id)), model.started_at > since, condition)
        .group_by(model.remote_ae_title_key)
    )
