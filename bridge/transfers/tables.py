"""Associations and operations into their tables, and what follows from them: senders and the hours' sums.

What has ended never changes any more, whatever is written again: sums count it once.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy.orm import Session

from bridge.transfers.rows import Row, hour_key, sender_row
from database.models import Association, Operation, Sender, TransferHour
from database.transfer_terms import AssociationOutcome
from database.upsert import upsert
from settings import DOCTOR_AE_TITLE

KEY = ("started_at", "boot", "number")


def write_associations(session: Session, rows: list[Row]) -> list[Row]:
    """Answers those that have ended with this."""
    written = upsert(
        session,
        Association,
        rows,
        key=KEY,
        overwrite=[name for name in (rows[0] if rows else ()) if name not in KEY],
        only_where="association.outcome = 'open'",
    )
    numbers = {number for _, _, number in written}
    ended = [row for row in rows if row["number"] in numbers and row["outcome"] != AssociationOutcome.OPEN]
    _write_senders(session, rows)
    return ended


def _write_senders(session: Session, associations: Iterable[Row]) -> None:
    latest: dict[str, Row] = {}
    for row in associations:
        if row["remote_ae_title_key"] and not DOCTOR_AE_TITLE.fullmatch(row["remote_ae_title_key"]):
            known = latest.get(row["remote_ae_title_key"])
            sender = sender_row(row)
            if known is not None:
                first = min(known["first_seen_at"], sender["first_seen_at"])
                sender = known if known["last_seen_at"] > sender["last_seen_at"] else sender
                sender["first_seen_at"] = first
            latest[row["remote_ae_title_key"]] = sender
    rows = list(latest.values())
    untouched = {"ae_title_key", "first_seen_at"}
    upsert(
        session,
        Sender,
        rows,
        key=("ae_title_key",),
        overwrite=[name for name in (rows[0] if rows else ()) if name not in untouched],
        only_where="excluded.last_seen_at >= sender.last_seen_at",
    )


def write_operations(session: Session, rows: list[Row]) -> list[Row]:
    """Also into the hours' sums. Answers those that have ended with this."""
    untouched = {*KEY, "study_id"}
    written = upsert(
        session,
        Operation,
        rows,
        key=KEY,
        overwrite=[name for name in (rows[0] if rows else ()) if name not in untouched],
        only_where="operation.status_class = 'open'",
    )
    keys = {(boot, number) for _, boot, number in written}
    ended = [row for row in rows if row["ended_at"] is not None and (row["boot"], row["number"]) in keys]
    _add_to_hours(session, ended)
    return ended


def _add_to_hours(session: Session, operations: Iterable[Row]) -> None:
    sums: dict[tuple[Any, ...], Row] = {}
    counts: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
    for row in operations:
        keys = hour_key(row)
        key = tuple(keys.values())
        sums[key] = keys
        counts[key][0] += 1
        counts[key][1] += row["request_byte_count"] + row["response_byte_count"]
    upsert(
        session,
        TransferHour,
        [
            keys | {"operation_count": counts[key][0], "byte_count": counts[key][1]}
            for key, keys in sums.items()
        ],
        key=("hour_at", "remote_ae_title_key", "direction", "kind", "status_class", "duration_step"),
        overwrite=(),
        also="operation_count = transfer_hour.operation_count + excluded.operation_count, "
        "byte_count = transfer_hour.byte_count + excluded.byte_count",
    )
