"""What two sides say to each other, written down as it passes. Pure: no sockets; ``write`` takes the records.

A record is the whole of what is known of an association or an operation at that moment, under the names of
its table's columns; what has its default is left out. Times are microseconds since 1970.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bridge.recorder import dimse
from bridge.recorder.dimse import CommandSet, status_class
from bridge.recorder.pdu import (
    ABORT,
    ASSOCIATE_AC,
    ASSOCIATE_RJ,
    RELEASE_RP,
    RELEASE_RQ,
    AssociationRequest,
    PDUReader,
    PresentationContext,
    Unreadable,
    read_acceptance,
    title_of,
)
from database.transfer_terms import (
    AssociationOutcome,
    Direction,
    DoorReason,
    EndedBy,
    OperationKind,
    StatusClass,
)
from settings import PROBE_AE_TITLE

Record = dict[str, Any]
_MOST_OUTSTANDING = 1024  # operations without a response; PS3.7 D.3.3.3 lets peers agree on any number
_QUERIES = {OperationKind.C_FIND, OperationKind.C_MOVE, OperationKind.C_GET}
_RETRIEVALS = {OperationKind.C_MOVE, OperationKind.C_GET}
_COUNTS = {
    0x1020: "remaining_count",
    0x1021: "completed_count",
    0x1022: "failed_count",
    0x1023: "warned_count",
}


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is at the door, as far as the connection tells."""

    ip: str
    port: int
    is_tls: bool = False
    tls_subject: str = ""


class Operation:
    """One that waits for its response, or just got it."""

    __slots__ = ("asker", "kind", "record", "started")

    def __init__(self, asker: "_Side", kind: OperationKind, record: Record) -> None:
        self.asker = asker
        self.kind = kind
        self.record = record
        self.started = time.perf_counter_ns()

    def end(self, status_class: StatusClass) -> Record:
        elapsed = (time.perf_counter_ns() - self.started) // 1000
        self.record["status_class"] = status_class.value
        self.record["ended_at"] = self.record["started_at"] + elapsed
        return self.record


@dataclass(slots=True)
class _Totals:
    """Of one association."""

    operations: int = 0
    failures: int = 0
    warnings: int = 0
    received: int = 0
    sent: int = 0


@dataclass(slots=True)
class _Side:
    """One of the two, and the message that it is in the middle of."""

    name: EndedBy
    operation: Operation | None = None
    is_response: bool = False
    status: int = 0
    context: PresentationContext | None = None
    outstanding: dict[int, Operation] = field(default_factory=dict)
    """By message id: what this side asked and the other hasn't answered."""


class Dialogue:
    """One association from its request to its end.

    ``write`` gets each record; ``next_number`` gives each association and operation its number. Nothing that
    the wire brings raises out of here: what can't be read makes the association *opaque*.
    """

    def __init__(
        self,
        caller: Caller,
        request: AssociationRequest,
        write: Callable[[Record], None],
        next_number: Callable[[], int],
    ) -> None:
        self._write = write
        self._next_number = next_number
        self._contexts = request.contexts
        self._totals = _Totals()
        self._started = time.perf_counter_ns()
        self._remote, self._orthanc = _Side(EndedBy.REMOTE), _Side(EndedBy.ORTHANC)
        self._released_by: EndedBy | None = None
        self.has_ended = False
        self.number = next_number()
        self._remote_title = title_of(request.calling_ae_title)
        self._record: Record = {
            "record": "association",
            "started_at": now(),
            "number": self.number,
            "calling_ae_title": self._remote_title,
            "called_ae_title": title_of(request.called_ae_title),
            "remote_ip": caller.ip,
            "remote_port": caller.port,
        }
        if caller.is_tls:
            self._record |= {"is_tls": True, "tls_subject": caller.tls_subject}
        if request.implementation_class_uid:
            self._record["implementation_class_uid"] = request.implementation_class_uid
            self._record["implementation_version_name"] = request.implementation_version_name
        self._is_probe = self._remote_title.upper() == PROBE_AE_TITLE
        self._readers: dict[EndedBy, PDUReader] = {
            side.name: PDUReader(_Ear(self, side)) for side in (self._remote, self._orthanc)
        }

    # What passes

    def begin(self) -> None:
        """It goes on to Orthanc: from now on it is open."""
        self._write(self._snapshot())

    def heard(self, side: EndedBy, chunk: memoryview) -> None:
        """Bytes of one side, in their order."""
        if side is EndedBy.REMOTE:
            self._totals.received += len(chunk)
        else:
            self._totals.sent += len(chunk)
        reader = self._readers.get(side)
        if reader is None:
            return
        try:
            reader.feed(chunk)
        except Unreadable as reason:
            self.become_opaque(str(reason))
        except Exception as problem:  # noqa: BLE001 - reading must never harm forwarding
            self.become_opaque(f"the recorder failed to read it ({type(problem).__name__})")

    def become_opaque(self, reason: str, *, is_open: bool = True) -> None:
        """Read no further. What waits for its response may have got one: nobody knows."""
        self._readers.clear()
        self._end_outstanding(StatusClass.INTERRUPTED, f"the association could be read no further: {reason}")
        self._record["opaque_reason"] = reason
        if is_open and not self.has_ended:
            self._write(self._snapshot())

    def open_numbers(self) -> list[int]:
        """Its own and those of the operations that wait."""
        waiting = [*self._remote.outstanding.values(), *self._orthanc.outstanding.values()]
        return [] if self.has_ended else [self.number, *(one.record["number"] for one in waiting)]

    # Its end

    def reject(self, result: int, source: int, reason: int, door_reason: DoorReason) -> None:
        """The recorder turns it away."""
        outcome = AssociationOutcome.REJECTED
        if door_reason is DoorReason.ORTHANC_UNREACHABLE:
            outcome = AssociationOutcome.ORTHANC_UNAVAILABLE
        self._record["door_reason"] = door_reason.value
        self._end(outcome, EndedBy.RECORDER, result, source, reason)

    def refuse_unread(self, door_reason: DoorReason | None, byte_count: int) -> None:
        """No association request, or not all of one, came; without a reason the other side gave up."""
        self._totals.received = byte_count
        if door_reason is None:
            self._end(AssociationOutcome.CONNECTION_LOST, EndedBy.REMOTE)
            return
        self._record["door_reason"] = door_reason.value
        self._end(AssociationOutcome.NOT_DICOM, EndedBy.RECORDER)

    def give_up(self, door_reason: DoorReason) -> None:
        """The recorder ends a running association."""
        self._record["door_reason"] = door_reason.value
        self.connection_closed(EndedBy.RECORDER)

    def connection_closed(self, by: EndedBy) -> None:
        """Without a word, unless the end was said before."""
        if self.has_ended:
            return
        is_opaque = "opaque_reason" in self._record
        self._end(AssociationOutcome.INTERRUPTED if is_opaque else AssociationOutcome.CONNECTION_LOST, by)

    def _end(self, outcome: AssociationOutcome, by: EndedBy, *codes: int | None) -> None:
        if self.has_ended:
            return
        self._end_outstanding(StatusClass.FAILURE, _NO_RESPONSE[outcome, by])
        self.has_ended = True
        record = self._snapshot()
        record["outcome"], record["ended_by"] = outcome.value, by.value
        record["ended_at"] = record["started_at"] + (time.perf_counter_ns() - self._started) // 1000
        for name, code in zip(("end_result", "end_source", "end_reason"), codes, strict=False):
            record[name] = code
        self._write(record)

    def _end_outstanding(self, status_class: StatusClass, reason: str) -> None:
        for side in (self._remote, self._orthanc):
            for operation in side.outstanding.values():
                operation.record["reason"] = reason
                self._finish(operation, status_class)
            side.outstanding.clear()

    def _snapshot(self) -> Record:
        totals = self._totals
        mark = {"is_probe": True} if self._is_probe else {}
        return (
            self._record
            | mark
            | {
                "presentation_contexts": [context.as_json() for context in self._contexts.values()],
                "received_byte_count": totals.received,
                "sent_byte_count": totals.sent,
                "operation_count": totals.operations,
                "failure_count": totals.failures,
                "warning_count": totals.warnings,
            }
        )

    # PDUs other than data

    def control(self, side: _Side, kind: int, body: bytes) -> None:
        """Raises Unreadable."""
        if kind == ASSOCIATE_AC:
            read_acceptance(body, self._contexts)
            self._write(self._snapshot())
        elif kind == ASSOCIATE_RJ:
            self._end(AssociationOutcome.REJECTED, side.name, *body[1:4])
        elif kind == RELEASE_RQ:
            self._released_by = self._released_by or side.name
        elif kind == RELEASE_RP:
            self._end(AssociationOutcome.RELEASED, self._released_by or side.name)
        elif kind == ABORT:
            self._end(AssociationOutcome.ABORTED, side.name, None, *body[2:4])

    # Messages

    def command(self, side: _Side, context_id: int, data: bytes) -> tuple[bool, bool]:
        """Raises Unreadable."""
        command = CommandSet(data)
        side.context = self._contexts.get(context_id)
        if side.context is None:
            raise Unreadable("a message in a presentation context that wasn't asked for")
        if command.field == dimse.C_CANCEL:
            self._note_cancel(side, command)
        elif command.field & dimse.RESPONSE:
            self._take_response(side, command, len(data))
        else:
            self._take_request(side, command, len(data))
        operation = side.operation
        has_data_set = command.has_data_set
        is_kept = operation is not None and _is_kept(operation, is_response=side.is_response)
        return has_data_set, has_data_set and is_kept

    def message_end(self, side: _Side, data_set: bytes | None, byte_count: int) -> None:
        operation, side.operation = side.operation, None
        if operation is None:
            return
        name = "response_byte_count" if side.is_response else "request_byte_count"
        operation.record[name] = operation.record.get(name, 0) + byte_count
        if data_set is not None and side.context is not None:
            _note_data_set(operation, data_set, side.context.accepted_syntax, is_response=side.is_response)
        if side.is_response:
            found = status_class(side.status)
            if found is not StatusClass.OPEN:
                operation.record["status"] = side.status
                operation.asker.outstanding.pop(operation.record["message_id"], None)
                self._finish(operation, found)

    def _take_request(self, side: _Side, command: CommandSet, byte_count: int) -> None:
        kind = dimse.KINDS.get(command.field, OperationKind.OTHER)
        message_id = command.required(0x0110)
        if message_id in side.outstanding or len(side.outstanding) >= _MOST_OUTSTANDING:
            raise Unreadable("a message id that still waits for its response, or too many of them")
        context = side.context
        record: Record = {
            "record": "operation",
            "started_at": now(),
            "number": self._next_number(),
            "association_started_at": self._record["started_at"],
            "association_number": self.number,
            "kind": kind.value,
            "message_id": message_id,
            "remote_ae_title": self._remote_title,
            "remote_ip": self._record["remote_ip"],
            "request_byte_count": byte_count,
            "sop_class_uid": command.uid(0x0002, 0x0003),
            "sop_instance_uid": command.uid(0x1000, 0x1001),
            "transfer_syntax_uid": context.accepted_syntax if context else "",
        }
        if side is self._orthanc:
            record["direction"] = Direction.OUT.value
        if kind is OperationKind.C_MOVE:
            record["move_destination"] = command.ae_title(0x0600)
        if kind is OperationKind.C_STORE and (originator := command.ae_title(0x1030)):
            record["move_originator"] = originator
        side.operation = side.outstanding[message_id] = Operation(side, kind, record)
        side.is_response = False
        self._totals.operations += 1
        self._is_probe = self._is_probe and kind is OperationKind.C_ECHO
        self._write(record)

    def _take_response(self, side: _Side, command: CommandSet, byte_count: int) -> None:
        asker = self._orthanc if side is self._remote else self._remote
        operation = asker.outstanding.get(command.required(0x0120))
        if operation is None:
            raise Unreadable("a response to nothing that was asked")
        side.operation, side.is_response, side.status = operation, True, command.required(0x0900)
        record = operation.record
        record["response_byte_count"] = record.get("response_byte_count", 0) + byte_count
        if operation.kind is OperationKind.C_FIND and status_class(side.status) is StatusClass.OPEN:
            record["match_count"] = record.get("match_count", 0) + 1
        if operation.kind in _RETRIEVALS:
            counts = {name: command.number(element) for element, name in _COUNTS.items()}
            record |= {name: count for name, count in counts.items() if count is not None}

    def _note_cancel(self, side: _Side, command: CommandSet) -> None:
        side.operation = None
        operation = side.outstanding.get(command.required(0x0120))
        if operation is not None:
            operation.record["is_cancel_requested"] = True

    def _finish(self, operation: Operation, found: StatusClass) -> None:
        if operation.kind is OperationKind.C_FIND and operation.record.get("query_level"):
            operation.record.setdefault("match_count", 0)
        self._totals.failures += found is StatusClass.FAILURE
        self._totals.warnings += found is StatusClass.WARNING
        self._write(operation.end(found))


class _Ear:
    """Hears one side for the dialogue."""

    __slots__ = ("_dialogue", "_side")

    def __init__(self, dialogue: Dialogue, side: _Side) -> None:
        self._dialogue = dialogue
        self._side = side

    def control(self, kind: int, body: bytes) -> None:
        self._dialogue.control(self._side, kind, body)

    def command(self, context_id: int, command_set: bytes) -> tuple[bool, bool]:
        return self._dialogue.command(self._side, context_id, command_set)

    def message_end(self, data_set: bytes | None, byte_count: int) -> None:
        self._dialogue.message_end(self._side, data_set, byte_count)


def _is_kept(operation: Operation, *, is_response: bool) -> bool:
    """Whether its data set says what the log keeps: what is asked for, and which instances failed."""
    return operation.kind in (_RETRIEVALS if is_response else _QUERIES)


def _note_data_set(operation: Operation, data_set: bytes, syntax: str, *, is_response: bool) -> None:
    """A broken data set is Orthanc's to refuse; here it only leaves these columns empty."""
    try:
        if is_response:
            operation.record["failed_sop_instance_uids"] = dimse.failed_uids_of(data_set, syntax)
        else:
            level, keys = dimse.query_of(data_set, syntax)
            operation.record |= {"query_level": level, "query_keys": keys}
    except Unreadable:
        operation.record["reason"] = "its identifier can't be read"


_WHO = {EndedBy.REMOTE: "the other side", EndedBy.ORTHANC: "Orthanc", EndedBy.RECORDER: "the recorder"}
_HOW = {
    AssociationOutcome.ABORTED: "aborted the association before the response",
    AssociationOutcome.RELEASED: "released the association before the response",
}
_NO_RESPONSE = {
    (outcome, by): f"{_WHO[by]} {_HOW.get(outcome, 'closed the connection before the response')}"
    for outcome in AssociationOutcome
    for by in EndedBy
}
