"""Rows of the log as pages show them: with their facility, their words, and what they were about.

A constant number of queries however many rows there are.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, false, func, or_, select, tuple_
from sqlalchemy.orm import Session, aliased

from database.models import ApplicationEntity, Association, Facility, Operation
from database.transfer_terms import AssociationOutcome, OperationKind, StatusClass
from webapp.transfers.descriptions import agreement_of, subject_of, work_of
from webapp.transfers.keys import RowKey
from webapp.transfers.words import Words, outcome_of, status_code, status_of

_MOST_COUNTED = 20_000
"""Operations whose kinds are counted for one page. Of associations beyond it only the number is said."""
_WITHOUT_TOTAL = (AssociationOutcome.OPEN, AssociationOutcome.INTERRUPTED)


@dataclass(frozen=True, slots=True)
class AssociationRow:
    association: Association
    key: RowKey
    facility: Facility | None
    words: Words
    work: str
    agreement: str
    """What is wrong with the presentation contexts; empty when something could be done."""
    problem: "OperationRow | None"
    """The first operation that failed, else the first with a warning."""


@dataclass(frozen=True, slots=True)
class OperationRow:
    operation: Operation
    key: RowKey
    facility: Facility | None
    words: Words
    code: str
    subject: str


def association_rows(
    session: Session, associations: Sequence[Association], own_ae_title: str
) -> list[AssociationRow]:
    facilities = facilities_of(session, (one.remote_ae_title_key for one in associations))
    counts = _kinds(session, associations)
    refused = _agreements(session, associations)
    problems = _first_problems(session, associations)
    return [
        AssociationRow(
            association=one,
            key=RowKey.of(one),
            facility=facilities.get(one.remote_ae_title_key),
            words=outcome_of(one, own_ae_title),
            work=work_of(one, counts[one.boot, one.number]),
            agreement=refused.get((one.boot, one.number), ""),
            problem=problems.get((one.boot, one.number)),
        )
        for one in associations
    ]


def operation_rows(session: Session, operations: Sequence[Operation]) -> list[OperationRow]:
    facilities = facilities_of(session, (one.remote_ae_title_key for one in operations))
    return [_operation_row(one, facilities.get(one.remote_ae_title_key)) for one in operations]


def _operation_row(operation: Operation, facility: Facility | None) -> OperationRow:
    return OperationRow(
        operation=operation,
        key=RowKey.of(operation),
        facility=facility,
        words=status_of(operation),
        code=status_code(operation),
        subject=subject_of(operation),
    )


def facilities_of(session: Session, titles: Iterable[str]) -> dict[str, Facility]:
    """By AE title's key, former AE titles included."""
    rows = session.execute(
        select(ApplicationEntity.ae_title_key, Facility)
        .join(Facility, Facility.id == ApplicationEntity.facility_id)
        .where(ApplicationEntity.ae_title_key.in_(set(titles)))
    )
    return {title: facility for title, facility in rows}  # noqa: C416 - rows aren't pairs for mypy


def _kinds(
    session: Session, associations: Sequence[Association]
) -> Mapping[tuple[int, int], Counter[OperationKind]]:
    """How many operations of each kind, by the association's boot and number."""
    counts: dict[tuple[int, int], Counter[OperationKind]] = defaultdict(Counter)
    rows = session.execute(
        select(Operation.boot, Operation.association_number, Operation.kind, func.count())
        .where(_belongs_to(_affordable(associations)))
        .group_by(Operation.boot, Operation.association_number, Operation.kind)
    )
    for boot, number, kind, count in rows:
        if number is not None:
            counts[boot, number][kind] = count
    return counts


def _affordable(associations: Sequence[Association]) -> list[Association]:
    """As many as can be counted quickly, the small ones first; and those whose total isn't written yet."""
    chosen, left = [], _MOST_COUNTED
    for one in sorted(associations, key=lambda one: one.operation_count):
        left -= one.operation_count
        if one.outcome in _WITHOUT_TOTAL or (one.operation_count and left >= 0):
            chosen.append(one)
    return chosen


def _belongs_to(associations: Sequence[Association]) -> ColumnElement[bool]:
    numbers: dict[int, list[int]] = defaultdict(list)
    for one in associations:
        numbers[one.boot].append(one.number)
    ways = (
        and_(Operation.boot == boot, Operation.association_number.in_(of)) for boot, of in numbers.items()
    )
    return or_(false(), *ways)


def _agreements(session: Session, associations: Sequence[Association]) -> dict[tuple[int, int], str]:
    """Of those in which nothing was done. Others' presentation contexts, which may be long, stay unread."""
    idle = [
        RowKey.of(one)
        for one in associations
        if not one.operation_count and one.outcome is not AssociationOutcome.REJECTED
    ]
    found = session.execute(
        select(Association.boot, Association.number, Association.presentation_contexts).where(
            tuple_(Association.started_at, Association.boot, Association.number).in_(idle)
        )
    )
    return {(boot, number): agreement_of(contexts) for boot, number, contexts in found}


def _first_problems(
    session: Session, associations: Sequence[Association]
) -> dict[tuple[int, int | None], OperationRow]:
    """Of those that ended well otherwise, so that their rows say why, too."""
    troubled = [one for one in associations if one.failure_count or one.warning_count]
    place = (
        func.row_number()
        .over(
            partition_by=(Operation.boot, Operation.association_number),
            order_by=(Operation.status_class, Operation.number),  # failures before warnings
        )
        .label("place")
    )
    is_problem = Operation.status_class.in_((StatusClass.FAILURE, StatusClass.WARNING))
    ranked = select(Operation, place).where(_belongs_to(_affordable(troubled)), is_problem).subquery()
    first = aliased(Operation, ranked)
    found = session.scalars(select(first).where(ranked.c.place == 1))
    return {(one.boot, one.association_number): _operation_row(one, None) for one in found}
