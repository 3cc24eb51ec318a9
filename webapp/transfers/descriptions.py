"""What associations and operations were, in a few words and numbers. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from database.models import Association, Operation
from database.transfer_terms import OperationKind
from webapp.sop_classes import sop_class_name

_MODALITY_WORKLIST = "1.2.840.10008.5.1.4.31"
_RESULTS = {  # PS3.8 9.3.3.2
    0: "accepted",
    1: "refused",
    2: "refused without a reason",
    3: "refused: abstract syntax not supported",
    4: "refused: transfer syntaxes not supported",
}


def kind_name(kind: OperationKind) -> str:
    return "other" if kind is OperationKind.OTHER else kind.value.upper()


def subject_of(operation: Operation) -> str:
    """``CT Image``; ``study level, 12 matches``; ``study to READER1``."""
    if operation.kind is OperationKind.C_FIND:
        return ", ".join(part for part in (_scope(operation), _matches(operation.match_count)) if part)
    if operation.kind is OperationKind.C_MOVE:
        return f"{_level(operation) or 'something'} to {operation.move_destination or '(no destination)'}"
    if operation.kind is OperationKind.C_GET:
        return _level(operation)
    if operation.kind is OperationKind.C_ECHO or not operation.sop_class_uid:
        return ""
    by = f", for a C-MOVE of {operation.move_originator}" if operation.move_originator else ""
    return f"{sop_class_name(operation.sop_class_uid)}{by}"


def sub_operations_of(operation: Operation) -> str:
    """``118 completed, 1 failed``; empty where the response said nothing of any."""
    counts = {
        "completed": operation.completed_count,
        "failed": operation.failed_count,
        "with a warning": operation.warned_count,
        "remaining": operation.remaining_count,
    }
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)


def work_of(association: Association, counts: Mapping[OperationKind, int]) -> str:
    """``120 C-STORE, 1 C-ECHO``; empty for none. Where ``counts`` lack some, only how many they were.

    The association's own total is written at its end: before, ``counts`` may know of more.
    """
    counted = sum(counts.values())
    number = max(association.operation_count, counted)
    if counted != number:
        return f"{number} operation{'' if number == 1 else 's'}"
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count} {kind_name(kind)}" for kind, count in ordered)


def agreement_of(presentation_contexts: Sequence[Sequence[Any]]) -> str:
    """A sentence when Orthanc took none of the presentation contexts: nothing could be done then."""
    results = [context[3] for context in presentation_contexts]
    if not results or not all(results):  # 0 is acceptance, None no answer
        return ""
    asked = (
        "the only presentation context" if len(results) == 1 else f"all {len(results)} presentation contexts"
    )
    return f"Orthanc refused {asked}: it takes none of these SOP classes in these transfer syntaxes."


def refused_first(presentation_contexts: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    """Those without an answer, too; else as they were asked for."""
    return sorted(presentation_contexts, key=lambda context: context[3] == 0)


def result_name(result: int | None) -> str:
    """Of a presentation context."""
    return "no answer" if result is None else _RESULTS.get(result, f"refused (result {result})")


def duration(seconds: float) -> str:
    """``12 ms``, ``1.2 s``, ``3 min 4 s``, ``2 h 5 min``."""
    if seconds < 0.9995:
        return f"{max(0.0, seconds) * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def _scope(operation: Operation) -> str:
    if operation.sop_class_uid == _MODALITY_WORKLIST:
        return "Modality Worklist"
    level = _level(operation)
    return f"{level} level" if level else ""


def _level(operation: Operation) -> str:
    level = operation.query_level.strip().lower()
    return "instance" if level == "image" else level


def _matches(count: int | None) -> str:
    if count is None:
        return ""
    return "1 match" if count == 1 else f"{count} matches"
