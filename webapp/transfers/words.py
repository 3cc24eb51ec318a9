"""How associations and operations ended, in the user's words: what, why, and what to do. Pure.

Codes are those of PS3.8 9.3.4 (A-ASSOCIATE-RJ), PS3.8 9.3.8 (A-ABORT), and of ``statuses``. What Orthanc
means by them was measured with 1.10.1, 1.12.7 and 1.13.0.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from database.models import Association, Operation, Sender
from database.transfer_terms import (
    AssociationOutcome,
    Direction,
    DoorReason,
    EndedBy,
    OperationKind,
    Source,
    StatusClass,
    Storage,
)
from webapp.transfers import endings, statuses


class Tone(StrEnum):
    """How bad it is."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    PENDING = "pending"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Words:
    what: str
    """One or two words, for a badge."""
    why: str = ""
    """A sentence or two; empty where ``what`` says all."""
    advice: str = ""
    """What to do; empty where nothing needs to be done."""
    tone: Tone = Tone.BAD


def outcome_of(row: Association | Sender, own_ae_title: str) -> Words:
    """How an association ended, or a sender's last one. ``own_ae_title`` is this server's."""
    calling = row.ae_title if isinstance(row, Sender) else row.calling_ae_title
    door_reason = row.door_reason or _DOOR_REASONS.get(row.outcome)
    if door_reason is not None:
        words = _at_the_door(door_reason, row.outcome, _titled(calling), row.remote_ip)
        tls_problem = row.opaque_reason if isinstance(row, Association) else ""
        return replace(words, why=f"{tls_problem[0].upper()}{tls_problem[1:]}.") if tls_problem else words
    if row.outcome is AssociationOutcome.REJECTED:
        return _rejected(row, _titled(calling), own_ae_title)
    if row.outcome is AssociationOutcome.ABORTED:
        return _aborted(row, _titled(calling))
    if row.outcome is AssociationOutcome.CONNECTION_LOST:
        return _LOST[row.ended_by]
    if isinstance(row, Association) and row.opaque_reason:
        why = f"It could be read no further ({row.opaque_reason}). It was forwarded all the same."
        return replace(_PLAIN_OUTCOMES[row.outcome], why=why)
    return _PLAIN_OUTCOMES[row.outcome]


def status_of(operation: Operation) -> Words:
    """How an operation ended: its status in words, and what else is known."""
    words = replace(_CLASSES[operation.status_class], why=_meaning(operation), advice=_advice(operation))
    if operation.status_class is StatusClass.FAILURE and operation.status is None and not _is_job(operation):
        words = replace(words, what="no response")
    if operation.storage is Storage.NOT_HELD:
        return replace(words, what="not held", tone=Tone.WARNING)
    return replace(words, what="duplicate") if operation.storage is Storage.DUPLICATE else words


def status_code(operation: Operation) -> str:
    """``A900``; empty without a response."""
    return "" if operation.status is None else f"{operation.status:04X}"


_PLAIN_OUTCOMES = {
    AssociationOutcome.OPEN: Words("open", tone=Tone.PENDING),
    AssociationOutcome.RELEASED: Words("released", tone=Tone.GOOD),
    AssociationOutcome.INTERRUPTED: Words(
        "interrupted",
        "The recorder was restarted, or its disk was full: how it ended isn't known.",
        tone=Tone.UNKNOWN,
    ),
}
_BY_THEM, _BY_ORTHANC, _BY_RECORDER = (
    Words(
        "connection lost",
        "The other side closed the connection without a word.",
        "Look into the sender's log, and at the network between.",
    ),
    Words(
        "connection lost",
        "Orthanc closed the connection without a word: it was restarted, crashed, or waited too long.",
        "Look into Orthanc's log of that time.",
    ),
    Words("connection lost", "The recorder closed the connection."),
)
_LOST = {
    EndedBy.REMOTE: _BY_THEM,
    EndedBy.ORTHANC: _BY_ORTHANC,
    EndedBy.RECORDER: _BY_RECORDER,
    None: Words("connection lost"),
}
_DOOR_REASONS = {
    AssociationOutcome.ORTHANC_UNAVAILABLE: DoorReason.ORTHANC_UNREACHABLE,
    AssociationOutcome.NOT_DICOM: DoorReason.NOT_AN_ASSOCIATION_REQUEST,
}
_WHAT = {
    AssociationOutcome.ORTHANC_UNAVAILABLE: "Orthanc unreachable",
    AssociationOutcome.NOT_DICOM: "not DICOM",
    AssociationOutcome.ABORTED: "aborted",
    AssociationOutcome.CONNECTION_LOST: "connection closed",
}


def _at_the_door(reason: DoorReason, outcome: AssociationOutcome, calling: str, ip: str) -> Words:
    why, advice = (
        text.format(calling=calling, ip=ip or "that address") for text in endings.AT_THE_DOOR[reason]
    )
    return Words(_WHAT.get(outcome, outcome.value), why, advice)


def _rejected(row: Association | Sender, calling: str, own_ae_title: str) -> Words:
    code = (row.end_source or 0, row.end_reason or 0)
    if row.ended_by is EndedBy.REMOTE:
        return Words("rejected", f"The other side rejected it (source {code[0]}, reason {code[1]}).")
    if code == (1, 3):
        return Words(
            "rejected",
            f"Orthanc doesn't know the AE title {calling}.",
            "If it may send, add it under Facilities, or adopt it under Unknown senders.",
        )
    if code == (1, 7):
        return _wrong_called(_titled(row.called_ae_title), own_ae_title)
    why, advice = endings.REJECTIONS.get(
        code, (f"Source {code[0]}, reason {code[1]}: not in the standard.", "")
    )
    return Words("rejected", f"Orthanc rejected it. {why}", advice)


def _wrong_called(called: str, own_ae_title: str) -> Words:
    if called.upper() == own_ae_title.upper():
        return Words(
            "rejected",
            f"Orthanc doesn't answer to {called}, although this server is {own_ae_title}.",
            "Orthanc runs with another AE title than NOCTIS_AE_TITLE: restart it with this one.",
        )
    return Words(
        "rejected",
        f"{called} is not our AE title: this server is {own_ae_title}.",
        f"Set the called AE title at the sender to {own_ae_title}.",
    )


def _aborted(row: Association | Sender, calling: str) -> Words:
    is_protocol = row.end_source == 2
    detail = (
        f" Its network layer did: {endings.ABORTS.get(row.end_reason or 0, 'no reason of the standard')}."
    )
    if row.ended_by is EndedBy.ORTHANC and is_protocol:
        return Words("aborted", f"Orthanc aborted it.{detail}", "Look into the log of Orthanc of that time.")
    if row.ended_by is EndedBy.ORTHANC:
        return Words(
            "aborted",
            "Orthanc aborted it. It does so when an AE title asks for an operation that it may not do.",
            f"See under Facilities what {calling} may do; otherwise Orthanc's log has the reason.",
        )
    why = f"{calling} aborted it.{detail if is_protocol else ''}"
    return Words("aborted", why, "The reason stands in the sender's log.")


_CLASSES = {
    StatusClass.OPEN: Words("running", tone=Tone.PENDING),
    StatusClass.SUCCESS: Words("success", tone=Tone.GOOD),
    StatusClass.WARNING: Words("warning", tone=Tone.WARNING),
    StatusClass.FAILURE: Words("failure"),
    StatusClass.CANCEL: Words("cancelled", tone=Tone.UNKNOWN),
    StatusClass.INTERRUPTED: Words("interrupted", tone=Tone.UNKNOWN),
}
_SOURCES = {
    Source.RECORDER: "",
    Source.ORTHANC: "Not recorded (bypassed): only Orthanc knows of it, and only that it was stored.",
    Source.JOB: "Known from Orthanc's list of jobs.",
    Source.TEST: "A test of the connection.",
}
_STORAGE = {
    Storage.DUPLICATE: "Orthanc held an instance with this UID before; nothing changed.",
    Storage.NOT_HELD: (
        "Acknowledged, but Orthanc doesn't hold it: a filter dropped it, or it was deleted at once."
    ),
}
_QUERIES = {OperationKind.C_FIND, OperationKind.C_MOVE, OperationKind.C_GET}


def _meaning(operation: Operation) -> str:
    """All that is known of why, as sentences."""
    status = operation.status
    parts = ["" if status is None else statuses.meaning_of(operation.kind, status)]
    parts += [_sentence(operation.reason), _SOURCES[operation.source]]
    if operation.status_class is StatusClass.INTERRUPTED:
        parts.append("Its status isn't known.")
    parts.append(_STORAGE.get(operation.storage, "") if operation.storage else "")
    return " ".join(part for part in parts if part)


def _advice(operation: Operation) -> str:
    if operation.storage is Storage.NOT_HELD:
        return "If it should be here, look at Orthanc's filters and log, and have it sent again."
    if operation.status_class is not StatusClass.FAILURE:
        return ""
    who = _titled(operation.remote_ae_title)
    if (
        operation.status is None
        and operation.kind in _QUERIES
        and operation.reason.startswith("Orthanc abort")
    ):
        service = operation.kind.value.upper()
        return f"Orthanc does so when an AE title may not do this: grant {who} {service} under Facilities."
    if operation.status is None or operation.direction is Direction.OUT:
        return ""
    return statuses.advice_of(operation.kind, operation.status, _titled(operation.move_destination))


def _is_job(operation: Operation) -> bool:
    """What Orthanc did for us and told in words: no response of its was lost."""
    return operation.source in {Source.JOB, Source.TEST}


def _sentence(text: str) -> str:
    text = text.strip()
    return f"{text[0].upper()}{text[1:].rstrip('.')}." if text else ""


def _titled(ae_title: str) -> str:
    return ae_title.strip() or "(no AE title)"
