"""One association from its request to its end, written down as it passes: bytes in, records out."""

from collections.abc import Callable

from bridge.recorder.associate import AssociationRequest, read_acceptance
from bridge.recorder.operations import Operations
from bridge.recorder.pdu import (
    ABORT,
    ASSOCIATE_AC,
    ASSOCIATE_RJ,
    RELEASE_RP,
    RELEASE_RQ,
    PDUReader,
    Unreadable,
    title_of,
)
from bridge.recorder.records import Caller, Clock, Record, Write, no_response
from database.transfer_terms import AssociationOutcome, DoorReason, EndedBy, StatusClass
from settings import PROBE_AE_TITLE

_OTHER = {EndedBy.REMOTE: EndedBy.ORTHANC, EndedBy.ORTHANC: EndedBy.REMOTE}
_BY_ORTHANC_ALONE = {ASSOCIATE_AC, ASSOCIATE_RJ}


class Dialogue:
    """``write`` gets each record; ``next_number`` numbers associations and operations.

    Nothing that the wire brings raises out of here: what can't be read makes the association *opaque*.
    """

    def __init__(
        self, caller: Caller, request: AssociationRequest, write: Write, next_number: Callable[[], int]
    ) -> None:
        self._write = write
        self._clock = Clock()
        self._contexts = request.contexts
        self._received_count = self._sent_count = 0
        self._asked_for_release: dict[EndedBy, None] = {}
        self.has_ended = False
        self.number = next_number()
        self._record = _first_record(caller, request, self._clock.started_at, self.number)
        self._is_our_probe = self._record["calling_ae_title"].upper() == PROBE_AE_TITLE
        heading = {
            "association_started_at": self._clock.started_at,
            "association_number": self.number,
            "remote_ae_title": self._record["calling_ae_title"],
            "remote_ip": caller.ip,
        }
        self._operations = Operations(heading, self._contexts, write, next_number)
        self._readers = {side: PDUReader(_Ear(self, side)) for side in (EndedBy.REMOTE, EndedBy.ORTHANC)}

    # What passes

    def begin(self) -> None:
        """It goes on to Orthanc: from now on it is open."""
        self._write(self._snapshot())

    def heard(self, side: EndedBy, chunk: memoryview) -> None:
        """Bytes of one side, in their order."""
        if side is EndedBy.REMOTE:
            self._received_count += len(chunk)
        else:
            self._sent_count += len(chunk)
        reader = self._readers.get(side)
        if reader is None:
            return
        try:
            reader.feed(chunk)
        except Unreadable as reason:
            self.become_opaque(str(reason))
        except Exception as problem:  # noqa: BLE001 - reading must never harm forwarding
            self.become_opaque(f"the recorder failed to read it ({type(problem).__name__})")

    def become_opaque(self, reason: str) -> None:
        """Read no further. What waits for its response may have got one: nobody knows."""
        self._readers.clear()
        self._operations.end(StatusClass.INTERRUPTED, f"the association could be read no further: {reason}")
        self._record["opaque_reason"] = reason
        if not self.has_ended:
            self._write(self._snapshot())

    def open_numbers(self) -> list[int]:
        """Its own, and those of the operations that wait."""
        return [] if self.has_ended else [self.number, *self._operations.open_numbers()]

    # Its end

    def reject(self, result: int, source: int, reason: int, door_reason: DoorReason) -> None:
        """The recorder turns it away."""
        outcome = AssociationOutcome.REJECTED
        if door_reason is DoorReason.ORTHANC_UNREACHABLE:
            outcome = AssociationOutcome.ORTHANC_UNAVAILABLE
        self._record["door_reason"] = door_reason.value
        self._end(outcome, EndedBy.RECORDER, result, source, reason)

    def refuse_unread(self, door_reason: DoorReason | None, byte_count: int, opaque_reason: str = "") -> None:
        """No association request, or not all of one, came; without a reason the other side gave up."""
        self._received_count = byte_count
        if opaque_reason:
            self._record["opaque_reason"] = opaque_reason
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
        """Without a word, unless the end was said before. Of an opaque one nobody knows whether it was."""
        is_opaque = "opaque_reason" in self._record
        self._end(AssociationOutcome.INTERRUPTED if is_opaque else AssociationOutcome.CONNECTION_LOST, by)

    def _end(self, outcome: AssociationOutcome, by: EndedBy, *codes: int | None) -> None:
        if self.has_ended:
            return
        self._operations.end(StatusClass.FAILURE, no_response(outcome, by))
        self.has_ended = True
        self._readers.clear()
        record = self._snapshot()
        record |= {"outcome": outcome.value, "ended_by": by.value, "ended_at": self._clock.ended_at()}
        record |= dict(zip(("end_result", "end_source", "end_reason"), codes, strict=False))
        self._write(record)

    def _snapshot(self) -> Record:
        totals = self._operations.totals
        is_probe = self._is_our_probe and self._operations.has_only_echoes
        return self._record | {
            **({"is_probe": True} if is_probe else {}),
            "presentation_contexts": [context.as_json() for context in self._contexts.values()],
            "received_byte_count": self._received_count,
            "sent_byte_count": self._sent_count,
            "operation_count": totals.operations,
            "failure_count": totals.failures,
            "warning_count": totals.warnings,
        }

    # What the readers hear

    def control(self, side: EndedBy, kind: int, body: bytes) -> None:
        """A PDU other than P-DATA-TF. Raises Unreadable."""
        if kind in _BY_ORTHANC_ALONE and side is not EndedBy.ORTHANC:
            raise Unreadable("an answer to an association request by the side that asked")
        if kind == ASSOCIATE_AC:
            read_acceptance(body, self._contexts)
            self._write(self._snapshot())
        elif kind == ASSOCIATE_RJ:
            self._end(AssociationOutcome.REJECTED, side, *body[1:4])
        elif kind == RELEASE_RQ:
            self._asked_for_release.setdefault(side)
        elif kind == RELEASE_RP:
            if _OTHER[side] not in self._asked_for_release:
                raise Unreadable("a release response that nobody asked for")
            self._end(AssociationOutcome.RELEASED, next(iter(self._asked_for_release)))
        elif kind == ABORT:
            self._end(AssociationOutcome.ABORTED, side, None, *body[2:4])

    def command(self, side: EndedBy, context_id: int, data: bytes) -> tuple[bool, bool]:
        """Raises Unreadable."""
        return self._operations.command(side, context_id, data)

    def message_end(self, side: EndedBy, data_set: bytes | None, byte_count: int) -> None:
        self._operations.message_end(side, data_set, byte_count)


class _Ear:
    """Hears one side for the dialogue. What comes after the end belongs to nothing any more."""

    __slots__ = ("_dialogue", "_side")

    def __init__(self, dialogue: Dialogue, side: EndedBy) -> None:
        self._dialogue = dialogue
        self._side = side

    def control(self, kind: int, body: bytes) -> None:
        if not self._dialogue.has_ended:
            self._dialogue.control(self._side, kind, body)

    def command(self, context_id: int, command_set: bytes) -> tuple[bool, bool]:
        if self._dialogue.has_ended:
            return False, False
        return self._dialogue.command(self._side, context_id, command_set)

    def message_end(self, data_set: bytes | None, byte_count: int) -> None:
        if not self._dialogue.has_ended:
            self._dialogue.message_end(self._side, data_set, byte_count)


def _first_record(caller: Caller, request: AssociationRequest, started_at: int, number: int) -> Record:
    record: Record = {
        "record": "association",
        "started_at": started_at,
        "number": number,
        "calling_ae_title": title_of(request.calling_ae_title),
        "called_ae_title": title_of(request.called_ae_title),
        "remote_ip": caller.ip,
        "remote_port": caller.port,
    }
    if caller.is_tls:
        record |= {"is_tls": True, "tls_subject": caller.tls_subject}
    if request.implementation_class_uid or request.implementation_version_name:
        record["implementation_class_uid"] = request.implementation_class_uid
        record["implementation_version_name"] = request.implementation_version_name
    return record
