"""Which operation brought which instance, and what of that Orthanc holds.

The wire knows that an instance was sent and how that was answered; the change feed knows what Orthanc holds.
They meet by SOP Instance UID and time: only then is it known to which study a transfer belongs, whether an
instance came past the recorder, and whether a success left anything. Orthanc's clock has seconds only, and
may be a few of them apart from ours.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, or_, select, update
from sqlalchemy.orm import Session

from bridge.transfers.rows import OPERATION
from bridge.transfers.tables import write_operations
from database.models import Feed, Instance, Operation, Series, Spool, StudySender
from database.session import Database
from database.transfer_terms import OperationKind, Source, StatusClass, Storage

UNRECORDED_BOOT = 0
"""In place of a recorder's boot: operations that only Orthanc's metadata tells of, numbered by instance."""
_ORIGIN_DICOM = "DicomProtocol"
_A_STEP = 1000
_TOLERANCE = timedelta(seconds=5)
_RESOLUTION = timedelta(seconds=1)
_BYPASSED_AFTER = timedelta(seconds=60)
"""So long an instance may wait for its operation. Nothing else waits for that."""
_DUPLICATE_AFTER = timedelta(seconds=5)
_NOT_HELD_AFTER = timedelta(seconds=120)


class Accounting:
    """``step`` does a bounded piece of work and answers whether more is waiting."""

    def __init__(self, database: Database, *, has_recorder: bool) -> None:
        self._database = database
        self._has_recorder = has_recorder

    def step(self) -> bool:
        now = datetime.now(UTC)
        with self._database.read() as session:
            instances = _unaccounted(session)
            operations = _candidates(session, {one.sop_instance_uid for one in instances})
            all_read_at = _all_read_at(session) if self._has_recorder else now
            settled = _settled(session, now)
        pairs = _pair(instances, operations)
        bypassed = [one for one in instances if one.id not in pairs and self._is_past(one, now, all_read_at)]
        if pairs or bypassed or settled:
            with self._database.write() as session:
                _account(session, instances, pairs)
                _enter_unrecorded(session, bypassed)
                _settle(session, settled)
        return len(instances) == _A_STEP and bool(pairs or bypassed)

    def _is_past(self, instance: Row[Any], now: datetime, all_read_at: datetime | None) -> bool:
        """Whether no record of it will come any more."""
        if not self._has_recorder or instance.origin != _ORIGIN_DICOM:
            return True
        due_at = instance.received_at + _BYPASSED_AFTER
        return all_read_at is not None and min(now, all_read_at) > due_at


def _unaccounted(session: Session) -> list[Row[Any]]:
    query = (
        select(
            Instance.id,
            Instance.sop_instance_uid,
            Instance.sop_class_uid,
            Instance.transfer_syntax_uid,
            Instance.calling_ae_title,
            Instance.remote_ip,
            Instance.file_size,
            Instance.origin,
            Instance.received_at,
            Series.study_id,
        )
        .join(Series, Series.id == Instance.series_id)
        .where(Instance.accounted_at.is_distinct_from(Instance.received_at))
        .order_by(Instance.received_at)
        .limit(_A_STEP)
    )
    return list(session.execute(query))


def _candidates(session: Session, uids: Iterable[str]) -> dict[str, list[Row[Any]]]:
    """The acknowledged C-STOREs of these instances that aren't known to have brought one.

    Those of which nothing is known first: a duplicate may turn out to be none, when Orthanc had lost it.
    """
    wanted = list(uids)
    if not wanted:
        return {}
    query = (
        select(
            Operation.started_at,
            Operation.boot,
            Operation.number,
            Operation.ended_at,
            Operation.sop_instance_uid,
            Operation.remote_ae_title_key,
            Operation.remote_ip,
        )
        .where(Operation.sop_instance_uid.in_(wanted))
        .where(Operation.storage.in_([Storage.AWAITED, Storage.DUPLICATE, Storage.NOT_HELD]))
        .order_by(Operation.storage != Storage.AWAITED, Operation.started_at)
    )
    found: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in list[Row[Any]](session.execute(query)):
        found[str(row.sop_instance_uid)].append(row)
    return found


def _pair(instances: Iterable[Row[Any]], operations: dict[str, list[Row[Any]]]) -> dict[int, Row[Any]]:
    """The operation of each instance, by the instance's id: the first that fits in time and sender."""
    pairs: dict[int, Row[Any]] = {}
    taken: set[tuple[int, int]] = set()
    for instance in instances:
        for operation in operations.get(instance.sop_instance_uid, ()):
            key = (operation.boot, operation.number)
            if key not in taken and _fits(instance, operation):
                pairs[instance.id] = operation
                taken.add(key)
                break
    return pairs


def _fits(instance: Row[Any], operation: Row[Any]) -> bool:
    first = operation.started_at - _TOLERANCE - _RESOLUTION
    return bool(
        first <= instance.received_at <= operation.ended_at + _TOLERANCE
        and instance.calling_ae_title.upper() == operation.remote_ae_title_key
    )


def _all_read_at(session: Session) -> datetime | None:
    """Until when every spool that is in use has been read; None before any was."""
    recent = datetime.now(UTC) - timedelta(days=1)
    return session.scalar(select(func.min(Spool.read_at)).where(Spool.read_at > recent))


def _account(session: Session, instances: list[Row[Any]], pairs: dict[int, Row[Any]]) -> None:
    found = [one for one in instances if one.id in pairs]
    if not found:
        return
    session.execute(
        update(Instance),
        [
            {"id": one.id, "accounted_at": one.received_at, "remote_ip": pairs[one.id].remote_ip}
            for one in found
        ],
    )
    session.execute(
        update(Operation),
        [_key_of(pairs[one.id]) | {"storage": Storage.STORED, "study_id": one.study_id} for one in found],
    )
    _note_addresses(
        session, {(one.study_id, pairs[one.id].remote_ae_title_key): pairs[one.id].remote_ip for one in found}
    )


def _note_addresses(session: Session, addresses: dict[tuple[int, str], str]) -> None:
    """From where a study's senders really sent."""
    for (study_id, ae_title_key), remote_ip in addresses.items():
        session.execute(
            update(StudySender)
            .where(StudySender.study_id == study_id, StudySender.ae_title_key == ae_title_key)
            .values(remote_ip=remote_ip)
            .execution_options(synchronize_session=False)
        )


def _enter_unrecorded(session: Session, instances: list[Row[Any]]) -> None:
    """What came by DICOM without a record is in the log all the same, as far as Orthanc knows of it."""
    if not instances:
        return
    rows = [
        OPERATION
        | {
            "started_at": one.received_at,
            "boot": UNRECORDED_BOOT,
            "number": one.id,
            "source": Source.ORTHANC,
            "kind": OperationKind.C_STORE,
            "remote_ae_title": one.calling_ae_title,
            "remote_ae_title_key": one.calling_ae_title.upper(),
            "remote_ip": one.remote_ip,
            "ended_at": one.received_at,
            "status_class": StatusClass.SUCCESS,
            "request_byte_count": one.file_size,
            "sop_class_uid": one.sop_class_uid,
            "sop_instance_uid": one.sop_instance_uid,
            "transfer_syntax_uid": one.transfer_syntax_uid,
            "storage": Storage.STORED,
            "study_id": one.study_id,
        }
        for one in instances
        if one.origin == _ORIGIN_DICOM
    ]
    write_operations(session, rows)
    session.execute(update(Instance), [{"id": one.id, "accounted_at": one.received_at} for one in instances])


def _settled(session: Session, now: datetime) -> list[dict[str, Any]]:
    """Acknowledged C-STOREs that brought nothing: Orthanc had it before, or doesn't hold it."""
    held, accounted = _held(Series.study_id), _held(Instance.accounted_at == Instance.received_at)
    awaited = (
        select(
            Operation.started_at,
            Operation.boot,
            Operation.number,
            Operation.ended_at,
            held.label("study_id"),
            accounted.label("is_accounted"),
        )
        .where(Operation.storage == Storage.AWAITED, Operation.started_at < now - _DUPLICATE_AFTER)
        .order_by(Operation.started_at)
        .limit(_A_STEP)
    )
    polled_at = session.scalar(select(func.max(Feed.polled_at)))
    settled = []
    for row in session.execute(awaited):
        if row.is_accounted and row.ended_at < now - _DUPLICATE_AFTER:
            settled.append(_key_of(row) | {"storage": Storage.DUPLICATE, "study_id": row.study_id})
        elif row.study_id is None and polled_at is not None and polled_at > row.ended_at + _NOT_HELD_AFTER:
            settled.append(_key_of(row) | {"storage": Storage.NOT_HELD, "study_id": None})
    return settled


def _held(what: Any) -> Any:
    """Of the instance with the operation's UID that Orthanc held after it, if there is one."""
    return (
        select(what)
        .select_from(Instance)
        .join(Series, Series.id == Instance.series_id)
        .where(Instance.sop_instance_uid == Operation.sop_instance_uid)
        .where(or_(Instance.deleted_at.is_(None), Instance.deleted_at > Operation.started_at))
        .order_by(Instance.deleted_at.is_not(None), Instance.id)
        .limit(1)
        .correlate(Operation)
        .scalar_subquery()
    )


def _settle(session: Session, settled: list[dict[str, Any]]) -> None:
    if settled:
        session.execute(update(Operation), settled)


def _key_of(operation: Row[Any]) -> dict[str, Any]:
    return {"started_at": operation.started_at, "boot": operation.boot, "number": operation.number}
