"""Records into the database: rows and position in one transaction; reading again changes nothing.

What has ended never changes any more, whatever is read again: sums count it once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import CursorResult, func, select, tuple_, update
from sqlalchemy.orm import Session

from bridge.errors import CursorMoved
from bridge.transfers.reading import Chunk, Position
from bridge.transfers.rows import Record, Row, association_row, moment, operation_row
from bridge.transfers.tables import KEY, write_associations, write_operations
from database.models import Association, Operation, Spool, SpoolGap
from database.session import Database
from database.transfer_terms import AssociationOutcome, StatusClass
from database.upsert import upsert

_NOT_A_RECORD = (KeyError, TypeError, ValueError, AttributeError, OverflowError)
_INTERRUPTED = "the recorder ended before the response"
_LOST = "its end could not be recorded"
ToRow = Callable[[Record, int, int], Row | None]


@dataclass(slots=True)
class SpoolState:
    """How far one spool is in the database: what its row says, moved by compare-and-set."""

    id: int
    position: Position
    boot: int
    recorded_at: datetime | None = None
    damaged_count: int = 0


def load_spool(database: Database, name: str) -> SpoolState:
    """The spool's row as it stands, made if it is missing."""
    with database.write() as session:
        row = session.scalar(select(Spool).where(Spool.name == name))
        if row is None:
            row = Spool(name=name)
            session.add(row)
            session.flush()
        return SpoolState(
            row.id, Position(row.segment, row.byte_offset), row.boot, row.recorded_at, row.damaged_count
        )


@dataclass(slots=True)
class _Part:
    """Between two records that close what is open: the latest of each number, which says all there is."""

    associations: dict[int, Record] = field(default_factory=dict)
    operations: dict[int, Record] = field(default_factory=dict)


class ChunkWriter:
    """Writes one chunk inside the caller's transaction."""

    def __init__(self, session: Session, spool: SpoolState) -> None:
        self._session = session
        self._spool = spool
        self._part = _Part()
        self._host: str | None = None
        self.boot = spool.boot
        self.recorded_at = spool.recorded_at
        self.damaged_count = spool.damaged_count
        self.ended: list[Row] = []
        """Associations and operations that ended in this chunk, for a collector."""

    def write(self, chunk: Chunk) -> None:
        """Raises CursorMoved when somebody else has read on, TypeError, and SQLAlchemy's errors."""
        self.damaged_count += chunk.torn_count
        for line in chunk.lines:
            try:
                self._take(orjson.loads(line))
            except _NOT_A_RECORD:
                self.damaged_count += bool(line)  # an empty one ends a line that was torn
        self._flush()
        self._move(chunk.position)

    def _take(self, record: dict[str, Any]) -> None:
        kind = record["record"]
        if kind == "operation":
            self._note_time(record.get("ended_at") or record["started_at"])
            self._part.operations[record["number"]] = record
        elif kind == "association":
            self._note_time(record.get("ended_at") or record["started_at"])
            self._part.associations[record["number"]] = record
        elif kind == "boot":
            self._take_boot(record)
        elif kind == "gap":
            self._take_gap(record)

    def _note_time(self, microseconds: int) -> None:
        at = moment(microseconds)
        if self.recorded_at is None or at > self.recorded_at:
            self.recorded_at = at

    def _take_boot(self, record: dict[str, Any]) -> None:
        boot = int(record["boot"])
        self._note_time(record["written_at"])
        self._host = str(record["host"])
        if boot == self.boot:
            return
        self._flush()
        self.boot = boot
        self._interrupt(_INTERRUPTED, Association.boot != boot, Operation.boot != boot)

    def _take_gap(self, record: dict[str, Any]) -> None:
        self._flush()
        row = {
            "spool_id": self._spool.id,
            "began_at": moment(record["began_at"]),
            "ended_at": moment(record["ended_at"]),
            "record_count": int(record["record_count"]),
            "reason": str(record["reason"]),
        }
        upsert(self._session, SpoolGap, [row], key=("spool_id", "began_at"), overwrite=("ended_at",))
        still_open = [int(number) for number in record["open_numbers"]]
        self._interrupt(_LOST, Association.number.not_in(still_open), Operation.number.not_in(still_open))

    def _interrupt(self, reason: str, associations: Any, operations: Any) -> None:
        """What is open now and fits never got an end that was written down."""
        is_open = Association.outcome == AssociationOutcome.OPEN
        outcome = {"outcome": AssociationOutcome.INTERRUPTED}
        keys = self._end(Association, outcome, is_open, associations)
        is_waiting = Operation.status_class == StatusClass.OPEN
        unknown = {"status_class": StatusClass.INTERRUPTED, "reason": reason}
        self._end(Operation, unknown, is_waiting, operations)
        if keys:
            # What was recorded of them last was before their last operations
            self._session.execute(
                update(Association)
                .where(tuple_(Association.started_at, Association.boot, Association.number).in_(keys))
                .values(
                    operation_count=_count(),
                    failure_count=_count(Operation.status_class == StatusClass.FAILURE),
                    warning_count=_count(Operation.status_class == StatusClass.WARNING),
                )
                .execution_options(synchronize_session=False)
            )

    def _end(self, model: type[Association | Operation], values: Row, *which: Any) -> list[Any]:
        """Answers their keys."""
        keys = self._session.execute(
            update(model)
            .where(model.spool_id == self._spool.id, *which)
            .values(**values)
            .returning(model.started_at, model.boot, model.number)
            .execution_options(synchronize_session=False)
        ).all()
        self.ended += [dict(zip(KEY, key, strict=True)) | values for key in keys]
        return [tuple(key) for key in keys]

    def _flush(self) -> None:
        part, self._part = self._part, _Part()
        self.ended += write_associations(self._session, self._rows(association_row, part.associations))
        self.ended += write_operations(self._session, self._rows(operation_row, part.operations))

    def _rows(self, to_row: ToRow, records: dict[int, Record]) -> list[Row]:
        """Raises TypeError for a record that no recorder writes: the one before it may be lost with it."""
        try:
            rows = [to_row(record, self._spool.id, self.boot) for record in records.values()]
        except _NOT_A_RECORD as error:
            raise TypeError("a record that no recorder writes") from error
        return [row for row in rows if row is not None]

    def _move(self, position: Position) -> None:
        before = self._spool.position
        values = {
            "segment": position.segment,
            "byte_offset": position.byte_offset,
            "boot": self.boot,
            "recorded_at": self.recorded_at,
            "damaged_count": self.damaged_count,
        }
        result = self._session.execute(
            update(Spool)
            .where(Spool.id == self._spool.id)
            .where(Spool.segment == before.segment, Spool.byte_offset == before.byte_offset)
            .values(**values if self._host is None else values | {"host": self._host})
            .execution_options(synchronize_session=False)
        )
        assert isinstance(result, CursorResult)  # noqa: S101 - what an UPDATE answers
        if result.rowcount != 1:
            raise CursorMoved


def _count(*conditions: Any) -> Any:
    of_it = (Operation.boot == Association.boot, Operation.association_number == Association.number)
    return select(func.count()).where(*of_it, *conditions).scalar_subquery()


def beat(database: Database, spool_id: int) -> None:
    """Note that all of the spool has been read."""
    with database.write() as session:
        session.execute(update(Spool).where(Spool.id == spool_id).values(read_at=datetime.now(UTC)))
