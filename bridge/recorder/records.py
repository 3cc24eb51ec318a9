"""What is written down: a record is all that is known of an association or an operation at that moment.

Its keys are the columns of its table; what has its default is left out. Times are microseconds since 1970.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from database.transfer_terms import AssociationOutcome, EndedBy, OperationKind, StatusClass

Record = dict[str, Any]
Write = Callable[[Record], None]


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


class Clock:
    """When something began and how long it took, whatever is done to the clock on the wall meanwhile."""

    __slots__ = ("_started", "started_at")

    def __init__(self) -> None:
        self.started_at = now()
        self._started = time.perf_counter_ns()

    def ended_at(self) -> int:
        return self.started_at + (time.perf_counter_ns() - self._started) // 1000


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is at the door, as far as the connection tells."""

    ip: str
    port: int
    is_tls: bool = False
    tls_subject: str = ""


class Operation:
    """One that waits for its response, or just got it. ``asker`` is the side that asked."""

    __slots__ = ("_clock", "asker", "kind", "record")

    def __init__(self, asker: EndedBy, kind: OperationKind, record: Record) -> None:
        self._clock = Clock()
        self.asker = asker
        self.kind = kind
        self.record: Record = {"record": "operation", "started_at": self._clock.started_at} | record

    def add(self, name: str, count: int) -> None:
        self.record[name] = self.record.get(name, 0) + count

    def end(self, status_class: StatusClass) -> Record:
        self.record["status_class"] = status_class.value
        self.record["ended_at"] = self._clock.ended_at()
        return self.record


def no_response(outcome: AssociationOutcome, by: EndedBy) -> str:
    """Why an operation has no status, in words."""
    return f"{_WHO[by]} {_HOW.get(outcome, 'closed the connection')} before the response"


_WHO = {EndedBy.REMOTE: "the other side", EndedBy.ORTHANC: "Orthanc", EndedBy.RECORDER: "the recorder"}
_HOW = {
    AssociationOutcome.ABORTED: "aborted the association",
    AssociationOutcome.RELEASED: "released the association",
}
