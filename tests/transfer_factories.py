"""Rows of the transfer log as the bridge would write them."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import insert

from database.models import Association, Operation, Sender, Spool, SpoolGap, TransferHour
from database.session import Database
from database.transfer_terms import (
    AssociationOutcome,
    Direction,
    EndedBy,
    OperationKind,
    Source,
    StatusClass,
)
from tests.factories import CT_IMAGE, EXPLICIT_LITTLE

BOOT = 1_764_000_000
_numbers = count(1)
VERIFICATION = "1.2.840.10008.1.1"
SECOND = timedelta(seconds=1)
CONTEXT = [1, CT_IMAGE, ["1.2.840.10008.1.2", EXPLICIT_LITTLE], 0, EXPLICIT_LITTLE]
"""A presentation context that was accepted."""
WRONG_CALLED = {
    "outcome": AssociationOutcome.REJECTED,
    "ended_by": EndedBy.ORTHANC,
    "end_result": 1,
    "end_source": 1,
    "end_reason": 7,
    "called_ae_title": "WRONG",
}


def ago(**values: float) -> datetime:
    """``ago(minutes=5)``."""
    return datetime.now(UTC) - timedelta(**values)


def association_values(**values: Any) -> dict[str, Any]:
    """A released association of CT_EAST without operations, which began a minute ago."""
    started_at = values.get("started_at", ago(minutes=1))
    calling = values.get("calling_ae_title", "CT_EAST")
    defaults: dict[str, Any] = {
        "started_at": started_at,
        "boot": BOOT,
        "number": next(_numbers),
        "spool_id": 1,
        "ended_at": started_at + SECOND,
        "direction": Direction.IN,
        "calling_ae_title": calling,
        "called_ae_title": "NOCTIS",
        "remote_ae_title_key": calling.upper(),
        "remote_ip": "192.0.2.10",
        "remote_port": 49152,
        "implementation_class_uid": "1.2.276.0.7230010.3.0.3.6.7",
        "implementation_version_name": "OFFIS_DCMTK_367",
        "presentation_contexts": [CONTEXT],
        "outcome": AssociationOutcome.RELEASED,
        "ended_by": EndedBy.REMOTE,
        "received_byte_count": 4_321,
        "sent_byte_count": 1_234,
    }
    if values.get("outcome") is AssociationOutcome.OPEN:
        defaults |= {"ended_at": None, "ended_by": None}
    return {**defaults, **values}


def operation_values(
    association: Association | dict[str, Any] | None = None, **values: Any
) -> dict[str, Any]:
    """A C-STORE of a CT image that succeeded in 20 ms; of ``association``, or of CT_EAST a minute ago."""
    started_at = values.get("started_at") or (
        _of(association, "started_at") if association else ago(minutes=1)
    )
    calling = values.get("remote_ae_title") or (
        _of(association, "calling_ae_title") if association else "CT_EAST"
    )
    number = next(_numbers)
    defaults: dict[str, Any] = {
        "started_at": started_at,
        "boot": _of(association, "boot") if association else BOOT,
        "number": number,
        "spool_id": 1,
        "association_started_at": _of(association, "started_at") if association else None,
        "association_number": _of(association, "number") if association else None,
        "source": Source.RECORDER,
        "direction": Direction.IN,
        "kind": OperationKind.C_STORE,
        "message_id": number % 65_536,
        "remote_ae_title": calling,
        "remote_ae_title_key": calling.upper(),
        "remote_ip": _of(association, "remote_ip") if association else "192.0.2.10",
        "ended_at": started_at + timedelta(milliseconds=20),
        "status": 0,
        "status_class": StatusClass.SUCCESS,
        "request_byte_count": 524_288,
        "response_byte_count": 120,
        "sop_class_uid": CT_IMAGE,
        "sop_instance_uid": f"1.2.826.0.1.3680043.8.498.77.{number}",
        "transfer_syntax_uid": EXPLICIT_LITTLE,
    }
    if values.get("status_class") is StatusClass.OPEN:
        defaults |= {"ended_at": None, "status": None}
    return {**defaults, **values}


def create_association(database: Database, **values: Any) -> Association:
    """``values`` are columns; see ``association_values``."""
    with database.write() as session:
        row = Association(**association_values(**values))
        session.add(row)
    return row


def create_operation(database: Database, association: Association | None = None, **values: Any) -> Operation:
    """``values`` are columns; see ``operation_values``."""
    with database.write() as session:
        row = Operation(**operation_values(association, **values))
        session.add(row)
    return row


def create_dialogue(
    database: Database, operations: list[dict[str, Any]], **values: Any
) -> tuple[Association, list[Operation]]:
    """An association with operations, one a second, and the totals that go with them."""
    failures = sum(one.get("status_class") is StatusClass.FAILURE for one in operations)
    warnings = sum(one.get("status_class") is StatusClass.WARNING for one in operations)
    totals = {"operation_count": len(operations), "failure_count": failures, "warning_count": warnings}
    association = create_association(database, **{**totals, **values})
    rows = [
        Operation(
            **operation_values(association, **{"started_at": association.started_at + at * SECOND, **one})
        )
        for at, one in enumerate(operations)
    ]
    with database.write() as session:
        session.add_all(rows)
    return association, rows


def insert_many(database: Database, model: Any, rows: list[dict[str, Any]]) -> None:
    """Thousands of rows at once; each of the same columns."""
    with database.write() as session:
        session.execute(insert(model), rows)


def create_spool(database: Database, **values: Any) -> Spool:
    """A spool that the bridge has just read."""
    now = datetime.now(UTC)
    defaults: dict[str, Any] = {
        "name": f"spool-{next(_numbers)}",
        "host": "pacs1",
        "boot": BOOT,
        "recorded_at": now,
        "read_at": now,
    }
    with database.write() as session:
        spool = Spool(**{**defaults, **values})
        session.add(spool)
    return spool


def create_gap(database: Database, spool: Spool, **values: Any) -> SpoolGap:
    """A full disk for ten minutes, an hour ago."""
    defaults: dict[str, Any] = {
        "spool_id": spool.id,
        "began_at": ago(minutes=60),
        "ended_at": ago(minutes=50),
        "record_count": 7,
        "reason": "No space left on device",
    }
    with database.write() as session:
        gap = SpoolGap(**{**defaults, **values})
        session.add(gap)
    return gap


def create_hour(database: Database, **values: Any) -> TransferHour:
    """Ten C-STORE of CT_EAST in the hour before this one, each of about 19 ms."""
    this_hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    defaults: dict[str, Any] = {
        "hour_at": this_hour - timedelta(hours=1),
        "remote_ae_title_key": "CT_EAST",
        "direction": Direction.IN,
        "kind": OperationKind.C_STORE,
        "status_class": StatusClass.SUCCESS,
        "duration_step": 16,
        "operation_count": 10,
        "byte_count": 5_000_000,
    }
    with database.write() as session:
        hour = TransferHour(**{**defaults, **values})
        session.add(hour)
    return hour


def create_sender(database: Database, ae_title: str = "CT_NEW", **values: Any) -> Sender:
    """An AE title that Orthanc didn't know."""
    defaults: dict[str, Any] = {
        "ae_title_key": ae_title.upper(),
        "ae_title": ae_title,
        "called_ae_title": "NOCTIS",
        "remote_ip": "192.0.2.77",
        "first_seen_at": ago(days=2),
        "last_seen_at": ago(minutes=1),
        "outcome": AssociationOutcome.REJECTED,
        "ended_by": EndedBy.ORTHANC,
        "end_result": 1,
        "end_source": 1,
        "end_reason": 3,
    }
    with database.write() as session:
        sender = Sender(**{**defaults, **values})
        session.add(sender)
    return sender


def _of(association: Association | dict[str, Any] | None, name: str) -> Any:
    return association[name] if isinstance(association, dict) else getattr(association, name)
