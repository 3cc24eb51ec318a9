"""A study's transfers by the transfer log: what brought it, by association, and what was expected.

A C-STORE belongs to a study once Orthanc holds the instance: those that failed are counted with the
association that they were in. Queries only, a constant number however many instances a study has.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session, defer

from database.models import Association, Operation, Study
from database.transfer_terms import Direction, OperationKind, StatusClass, Storage
from webapp.sop_classes import transfer_syntax_name
from webapp.transfers.keys import RowKey
from webapp.transfers.words import Words, outcome_of

MOST_SHOWN = 10
"""Associations of one study: some senders make one for each instance."""
_RETRIEVALS = (OperationKind.C_MOVE, OperationKind.C_GET)


Fates = Counter[str]
"""C-STOREs by what became of them: their ``Storage`` where they have one, else their ``StatusClass``."""
_FATES = {
    Storage.STORED: "stored",
    Storage.DUPLICATE: "duplicate",
    Storage.NOT_HELD: "acknowledged, but not held",
    Storage.AWAITED: "still being looked up",
    StatusClass.FAILURE: "failed",
    StatusClass.INTERRUPTED: "interrupted",
    StatusClass.OPEN: "running",
}


def fates_in_words(fates: Fates) -> str:
    """``310 stored, 2 duplicate``."""
    return ", ".join(f"{fates[fate]} {words}" for fate, words in _FATES.items() if fates[fate])


@dataclass(slots=True)
class Transfer:
    """C-STOREs of one study in one association; of an AE title and address where none was recorded."""

    ae_title: str
    ae_title_key: str
    remote_ip: str
    key: RowKey | None
    """Of the association; None where no recorder saw one."""
    first_started_at: datetime
    last_ended_at: datetime
    byte_count: int = 0
    fates: Fates = field(default_factory=Counter)
    transfer_syntaxes: set[str] = field(default_factory=set)
    ending: Words | None = None
    """How the association ended."""
    strays: Fates = field(default_factory=Counter)
    """In the same association, of instances that no study has."""

    @property
    def seconds(self) -> float:
        return (self.last_ended_at - self.first_started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Orthanc asked for the study by C-MOVE or C-GET, and was told how many instances that would be."""

    operation: Operation
    expected_count: int
    received_count: int
    """Of the study's instances that are here, by whatever way they came."""

    @property
    def missing_count(self) -> int:
        return max(0, self.expected_count - self.received_count)


@dataclass(frozen=True, slots=True)
class StudyTransfers:
    transfers: Sequence[Transfer]
    """In their order; ``MOST_SHOWN`` at most, the first ones."""
    transfer_count: int
    fates: Fates
    byte_count: int
    retrievals: Sequence[Retrieval]


def load_transfers(
    session: Session, study: Study, own_ae_title: str, visible_titles: Collection[str] | None
) -> StudyTransfers:
    """``visible_titles`` are the keys of the only AE titles that the reader may know of; None: of all."""
    rows = _c_stores(session, study.id)
    found = [
        one for one in _by_association(rows) if visible_titles is None or one.ae_title_key in visible_titles
    ]
    shown = found[:MOST_SHOWN]
    _complete(session, {one.key: one for one in shown if one.key is not None}, own_ae_title)
    return StudyTransfers(
        shown,
        len(found),
        sum((one.fates for one in found), Counter()),
        sum(one.byte_count for one in found),
        _retrievals(session, study, visible_titles),
    )


def _c_stores(session: Session, study_id: int) -> Sequence[Any]:
    same: tuple[Any, ...] = (
        Operation.boot,
        Operation.association_number,
        Operation.association_started_at,
        Operation.remote_ae_title,
        Operation.remote_ae_title_key,
        Operation.remote_ip,
        Operation.transfer_syntax_uid,
        Operation.status_class,
        Operation.storage,
    )
    return session.execute(
        select(
            *same,
            func.count().label("store_count"),
            func.sum(Operation.request_byte_count).label("byte_count"),
            func.min(Operation.started_at).label("first_started_at"),
            func.max(func.coalesce(Operation.ended_at, Operation.started_at)).label("last_ended_at"),
        )
        .where(
            Operation.study_id == study_id,
            Operation.kind == OperationKind.C_STORE,
            Operation.direction == Direction.IN,
        )
        .group_by(*same)
        .order_by(func.min(Operation.started_at))
    ).all()


def _by_association(rows: Sequence[Any]) -> list[Transfer]:
    transfers: dict[Any, Transfer] = {}
    for row in rows:
        key = None
        if row.association_started_at is not None and row.association_number is not None:
            key = RowKey(row.association_started_at, row.boot, row.association_number)
        transfer = transfers.setdefault(
            key or (row.remote_ae_title_key, row.remote_ip),
            Transfer(
                row.remote_ae_title,
                row.remote_ae_title_key,
                row.remote_ip,
                key,
                row.first_started_at,
                row.last_ended_at,
            ),
        )
        transfer.first_started_at = min(transfer.first_started_at, row.first_started_at)
        transfer.last_ended_at = max(transfer.last_ended_at, row.last_ended_at)
        transfer.byte_count += int(row.byte_count)
        transfer.fates[row.storage or row.status_class] += row.store_count
        transfer.transfer_syntaxes.add(transfer_syntax_name(row.transfer_syntax_uid))
    return list(transfers.values())


def _complete(session: Session, transfers: Mapping[RowKey, Transfer], own_ae_title: str) -> None:
    """With what their associations tell beyond the study's own C-STOREs."""
    if not transfers:
        return
    associations = session.scalars(
        select(Association)
        .options(defer(Association.presentation_contexts))  # long
        .where(tuple_(Association.started_at, Association.boot, Association.number).in_(list(transfers)))
    )
    for association in associations:
        transfers[RowKey.of(association)].ending = outcome_of(association, own_ae_title)
    same = (Operation.boot, Operation.association_number, Operation.status_class, Operation.storage)
    strays = session.execute(
        select(Operation.association_started_at, *same, func.count())
        .where(
            tuple_(Operation.boot, Operation.association_number).in_([key[1:] for key in transfers]),
            Operation.study_id.is_(None),
            Operation.kind == OperationKind.C_STORE,
            Operation.direction == Direction.IN,
        )
        .group_by(Operation.association_started_at, *same)
    )
    for started_at, boot, number, status_class, storage, count in strays:
        if started_at is not None and number is not None:
            transfers[RowKey(started_at, boot, number)].strays[storage or status_class] += count


def _retrievals(session: Session, study: Study, visible_titles: Collection[str] | None) -> list[Retrieval]:
    """Those whose counts are known: nothing else proves how much there should be."""
    operations = session.scalars(
        select(Operation)
        .where(
            Operation.study_id == study.id,
            Operation.kind.in_(_RETRIEVALS),
            Operation.direction == Direction.OUT,
            Operation.completed_count.is_not(None),
        )
        .order_by(Operation.started_at.desc())
        .limit(MOST_SHOWN)
    )
    return [
        Retrieval(one, _expected(one), study.instance_count)
        for one in operations
        if visible_titles is None or one.remote_ae_title_key in visible_titles
    ]


def _expected(operation: Operation) -> int:
    """All sub-operations: those that the other side still had before it, too."""
    counts = (
        operation.completed_count,
        operation.failed_count,
        operation.warned_count,
        operation.remaining_count,
    )
    return sum(count for count in counts if count)
