"""The operations of one association: requests, their responses, and what was never answered. No sockets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bridge.recorder import dimse
from bridge.recorder.associate import PresentationContext
from bridge.recorder.dimse import CommandSet, status_class
from bridge.recorder.pdu import Unreadable
from bridge.recorder.records import Operation, Record, Write
from database.transfer_terms import Direction, EndedBy, OperationKind, StatusClass

_MOST_OUTSTANDING = 1024  # operations without a response; PS3.7 D.3.3.3 lets peers agree on any number
_QUERIES = {OperationKind.C_FIND, OperationKind.C_MOVE, OperationKind.C_GET}
_RETRIEVALS = {OperationKind.C_MOVE, OperationKind.C_GET}
_COUNTS = {
    0x1020: "remaining_count",
    0x1021: "completed_count",
    0x1022: "failed_count",
    0x1023: "warned_count",
}


@dataclass(slots=True)
class _Message:
    """What one side is in the middle of saying; no operation for a C-CANCEL."""

    operation: Operation | None
    is_response: bool
    status: int
    context: PresentationContext


@dataclass(slots=True)
class Totals:
    """How many there were, and how they ended."""

    operations: int = 0
    failures: int = 0
    warnings: int = 0


@dataclass(slots=True)
class Operations:
    """``heading`` is what every record of this association's operations begins with."""

    heading: Record
    contexts: Mapping[int, PresentationContext]
    write: Write
    next_number: Callable[[], int]
    totals: Totals = field(default_factory=Totals)
    has_only_echoes: bool = True
    _outstanding: dict[tuple[EndedBy, int], Operation] = field(default_factory=dict)
    """By the side that asked, and its message id."""
    _messages: dict[EndedBy, _Message] = field(default_factory=dict)

    def command(self, side: EndedBy, context_id: int, data: bytes) -> tuple[bool, bool]:
        """Whether a data set follows, and whether it is to be kept. Raises Unreadable."""
        command = CommandSet(data)
        context = self.contexts.get(context_id)
        if context is None:
            raise Unreadable("a message in a presentation context that wasn't asked for")
        message = _Message(None, is_response=False, status=0, context=context)
        if command.field == dimse.C_CANCEL:
            self._note_cancel(side, command)
        elif command.field & dimse.RESPONSE:
            self._take_response(side, message, command, len(data))
        else:
            self._take_request(side, message, command, len(data))
        self._messages[side] = message
        return command.has_data_set, command.has_data_set and _is_kept(message)

    def message_end(self, side: EndedBy, data_set: bytes | None, byte_count: int) -> None:
        message = self._messages.pop(side)
        operation = message.operation
        if operation is None:
            return
        operation.add("response_byte_count" if message.is_response else "request_byte_count", byte_count)
        if data_set is not None:
            _note_data_set(operation, message, data_set)
        if message.is_response:
            found = status_class(message.status)
            if found is not StatusClass.OPEN:
                operation.record["status"] = message.status
                self._outstanding.pop((operation.asker, operation.record["message_id"]), None)
                self._finish(operation, found)

    def end(self, found: StatusClass, reason: str) -> None:
        """No more responses will come, or be understood."""
        outstanding, self._outstanding = self._outstanding, {}
        for operation in outstanding.values():
            operation.record["reason"] = reason
            self._finish(operation, found)

    def open_numbers(self) -> list[int]:
        return [one.record["number"] for one in self._outstanding.values()]

    def _take_request(self, side: EndedBy, message: _Message, command: CommandSet, byte_count: int) -> None:
        kind = dimse.KINDS.get(command.field, OperationKind.OTHER)
        message_id = command.required(0x0110)
        key = (side, message_id)
        if key in self._outstanding or len(self._outstanding) >= _MOST_OUTSTANDING:
            raise Unreadable("a message id that still waits for its response, or too many of them")
        record = self.heading | {
            "number": self.next_number(),
            "kind": kind.value,
            "message_id": message_id,
            "request_byte_count": byte_count,
            "sop_class_uid": command.uid(0x0002, 0x0003),
            "sop_instance_uid": command.uid(0x1000, 0x1001),
            "transfer_syntax_uid": message.context.accepted_syntax,
        }
        if side is EndedBy.ORTHANC:
            record["direction"] = Direction.OUT.value
        if kind is OperationKind.C_MOVE:
            record["move_destination"] = command.ae_title(0x0600)
        if kind is OperationKind.C_STORE and (originator := command.ae_title(0x1030)):
            record["move_originator"] = originator
        message.operation = self._outstanding[key] = Operation(side, kind, record)
        self.totals.operations += 1
        self.has_only_echoes = self.has_only_echoes and kind is OperationKind.C_ECHO
        self.write(message.operation.record)

    def _take_response(self, side: EndedBy, message: _Message, command: CommandSet, byte_count: int) -> None:
        asker = EndedBy.ORTHANC if side is EndedBy.REMOTE else EndedBy.REMOTE
        operation = self._outstanding.get((asker, command.required(0x0120)))
        if operation is None:
            raise Unreadable("a response to nothing that was asked")
        message.operation, message.is_response = operation, True
        message.status = command.required(0x0900)
        operation.add("response_byte_count", byte_count)
        if operation.kind is OperationKind.C_FIND:
            operation.add("match_count", status_class(message.status) is StatusClass.OPEN)
        if operation.kind in _RETRIEVALS:
            counts = {name: command.number(element) for element, name in _COUNTS.items()}
            operation.record |= {name: count for name, count in counts.items() if count is not None}

    def _note_cancel(self, side: EndedBy, command: CommandSet) -> None:
        operation = self._outstanding.get((side, command.required(0x0120)))
        if operation is not None:
            operation.record["is_cancel_requested"] = True

    def _finish(self, operation: Operation, found: StatusClass) -> None:
        self.totals.failures += found is StatusClass.FAILURE
        self.totals.warnings += found is StatusClass.WARNING
        self.write(operation.end(found))


def _is_kept(message: _Message) -> bool:
    """Whether its data set says what the log keeps: what is asked for, and which instances failed."""
    kinds = _RETRIEVALS if message.is_response else _QUERIES
    return message.operation is not None and message.operation.kind in kinds


def _note_data_set(operation: Operation, message: _Message, data_set: bytes) -> None:
    """A broken data set is Orthanc's to refuse; here it only leaves these columns empty."""
    syntax = message.context.accepted_syntax
    try:
        if message.is_response:
            operation.record["failed_sop_instance_uids"] = dimse.failed_uids_of(data_set, syntax)
        else:
            level, keys = dimse.query_of(data_set, syntax)
            operation.record |= {"query_level": level, "query_keys": keys}
    except Unreadable:
        operation.record["reason"] = "its identifier can't be read"
