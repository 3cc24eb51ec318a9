"""From the recorder's records to rows. Pure: no spool, no SQL."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from database.transfer_terms import (
    AssociationOutcome,
    Direction,
    OperationKind,
    Source,
    StatusClass,
    Storage,
)
from settings import PROBE_AE_TITLE

Row = dict[str, Any]
Record = Mapping[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HELD = {StatusClass.SUCCESS, StatusClass.WARNING}
_LONGEST_STEP = 160  # a duration of twelve days

_ASSOCIATION: Row = {
    "ended_at": None,
    "direction": Direction.IN,
    "calling_ae_title": "",
    "called_ae_title": "",
    "remote_ip": "",
    "remote_port": 0,
    "tls_subject": "",
    "is_tls": False,
    "implementation_class_uid": "",
    "implementation_version_name": "",
    "presentation_contexts": [],
    "outcome": AssociationOutcome.OPEN,
    "ended_by": None,
    "end_result": None,
    "end_source": None,
    "end_reason": None,
    "door_reason": None,
    "opaque_reason": "",
    "received_byte_count": 0,
    "sent_byte_count": 0,
    "operation_count": 0,
    "failure_count": 0,
    "warning_count": 0,
}
OPERATION: Row = {
    "spool_id": None,
    "association_started_at": None,
    "association_number": None,
    "source": Source.RECORDER,
    "direction": Direction.IN,
    "kind": OperationKind.OTHER,
    "message_id": None,
    "remote_ae_title": "",
    "remote_ae_title_key": "",
    "remote_ip": "",
    "ended_at": None,
    "status": None,
    "status_class": StatusClass.OPEN,
    "reason": "",
    "is_cancel_requested": False,
    "request_byte_count": 0,
    "response_byte_count": 0,
    "sop_class_uid": "",
    "sop_instance_uid": "",
    "transfer_syntax_uid": "",
    "query_level": "",
    "query_keys": [],
    "match_count": None,
    "move_destination": "",
    "move_originator": "",
    "remaining_count": None,
    "completed_count": None,
    "failed_count": None,
    "warned_count": None,
    "failed_sop_instance_uids": [],
    "storage": None,
    "study_id": None,
}
"""What an operation has when nothing else is known of it."""


def moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def association_row(record: Record, spool_id: int, boot: int) -> Row | None:
    """None for a probe of our own. Raises KeyError, TypeError or ValueError for what no recorder writes."""
    if record.get("is_probe"):
        return None
    row = _ASSOCIATION | _known(record, _ASSOCIATION)
    row |= {
        "started_at": moment(record["started_at"]),
        "boot": boot,
        "number": int(record["number"]),
        "spool_id": spool_id,
        "remote_ae_title_key": str(row["calling_ae_title"]).upper(),
        "ended_at": _moment_or_none(row["ended_at"]),
    }
    return row


def operation_row(record: Record, spool_id: int, boot: int) -> Row | None:
    """As ``association_row``."""
    row = OPERATION | _known(record, OPERATION)
    key = str(row["remote_ae_title"]).upper()
    if key == PROBE_AE_TITLE and row["kind"] == OperationKind.C_ECHO:
        return None
    is_received = row["kind"] == OperationKind.C_STORE and row["direction"] == Direction.IN
    row |= {
        "started_at": moment(record["started_at"]),
        "boot": boot,
        "number": int(record["number"]),
        "spool_id": spool_id,
        "association_started_at": _moment_or_none(row["association_started_at"]),
        "remote_ae_title_key": key,
        "ended_at": _moment_or_none(row["ended_at"]),
        "storage": Storage.AWAITED if is_received and row["status_class"] in _HELD else None,
    }
    return row


def _known(record: Record, columns: Row) -> Row:
    return {name: value for name, value in record.items() if name in columns}


def _moment_or_none(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else moment(microseconds)


def sender_row(association: Row) -> Row:
    """What its AE title's last association was."""
    return {
        "ae_title_key": association["remote_ae_title_key"],
        "ae_title": association["calling_ae_title"],
        "called_ae_title": association["called_ae_title"],
        "remote_ip": association["remote_ip"],
        "first_seen_at": association["started_at"],
        "last_seen_at": association["started_at"],
        **{
            name: association[name]
            for name in ("outcome", "ended_by", "end_result", "end_source", "end_reason", "door_reason")
        },
    }


def hour_key(operation: Row) -> Row:
    """Of the sum to which an operation that has ended belongs."""
    ended_at: datetime = operation["ended_at"]
    return {
        "hour_at": ended_at.replace(minute=0, second=0, microsecond=0),
        "remote_ae_title_key": operation["remote_ae_title_key"],
        "direction": operation["direction"],
        "kind": operation["kind"],
        "status_class": operation["status_class"],
        "duration_step": duration_step(ended_at - operation["started_at"]),
    }


def duration_step(duration: timedelta) -> int:
    """``TransferHour.duration_step``: quarters of a power of two of milliseconds, from below 1 ms (0) up."""
    milliseconds = duration / timedelta(milliseconds=1)
    if milliseconds < 1:
        return 0
    return min(_LONGEST_STEP, math.floor(4 * math.log2(milliseconds)))
