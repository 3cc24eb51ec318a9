"""Listening to conversations as the recorder does, and what must hold of its records whatever is said."""

import json
from collections.abc import Iterable
from itertools import count
from typing import Any, Self

from bridge.recorder.associate import AssociationRequest, read_request, read_titles, request_in
from bridge.recorder.dialogue import Dialogue
from bridge.recorder.pdu import Unreadable
from bridge.recorder.records import Caller, Record
from database.transfer_terms import EndedBy
from tests import conversations as say
from tests.messages import MARKER
from tests.sayings import ORTHANC, REMOTE, Turn

CALLER = Caller("192.0.2.7", 40_104)
_LONGEST_TEXT = 200


class Overheard:
    """One association that was let in, and the records that it wrote, as a spool would hold them."""

    def __init__(self, request: bytes, caller: Caller = CALLER) -> None:
        self.records: list[Record] = []
        numbers = count(1)
        self.dialogue = Dialogue(caller, _read(request), self._write, lambda: next(numbers))
        self.dialogue.begin()
        self.remote(request)

    def remote(self, *said: bytes) -> Self:
        return self._hear(REMOTE, said)

    def orthanc(self, *said: bytes) -> Self:
        return self._hear(ORTHANC, said)

    def closed(self, by: EndedBy) -> Self:
        self.dialogue.connection_closed(by)
        return self

    @property
    def association(self) -> Record:
        """The latest record of the association itself."""
        return [one for one in self.records if one["record"] == "association"][-1]

    @property
    def operations(self) -> list[Record]:
        """The latest record of each operation, in the order in which they began."""
        return list({one["number"]: one for one in self.records if one["record"] == "operation"}.values())

    @property
    def operation(self) -> Record:
        (found,) = self.operations
        return found

    def _hear(self, side: EndedBy, said: Iterable[bytes]) -> Self:
        for chunk in said:
            self.dialogue.heard(side, memoryview(chunk))
        return self

    def _write(self, record: Record) -> None:
        self.records.append(json.loads(json.dumps(record)))  # later changes to it must not show here


def overhear(request: bytes, turns: Iterable[Turn], closed_by: EndedBy = REMOTE) -> Overheard:
    """A whole association: its request, what is said then, and its end."""
    heard = Overheard(request)
    for side, said in turns:
        heard.remote(said) if side is REMOTE else heard.orthanc(said)
    return heard.closed(closed_by)


def released(association: Overheard) -> Overheard:
    """Ended in peace, and well written down."""
    association.remote(say.release_request()).orthanc(say.release_response()).closed(REMOTE)
    assert_whole(association.records)
    return association


def assert_whole(records: list[Record]) -> None:
    """What holds of the records of one association that has ended, and whose data sets have the marker."""
    assert MARKER not in json.dumps(records)
    assert_consistent(records)


def assert_consistent(records: list[Record]) -> None:
    """What holds of the records of any association that has ended."""
    assert [one for one in records if "failed to read" in one.get("opaque_reason", "")] == []
    assert max(map(len, _texts(records))) <= _LONGEST_TEXT
    last = records[-1]
    assert last["record"] == "association"
    assert [one for one in records if "outcome" in one] == [last]
    operations = [one for one in records if one["record"] == "operation"]
    ends = [one for one in operations if "status_class" in one]
    _assert_each_begins_and_ends_once(operations, ends)
    assert last["operation_count"] == len(ends)
    assert last["failure_count"] == _count(ends, "failure")
    assert last["warning_count"] == _count(ends, "warning")


def _assert_each_begins_and_ends_once(operations: list[Record], ends: list[Record]) -> None:
    numbers = [one["number"] for one in operations]
    begun = list(dict.fromkeys(numbers))
    assert [one["number"] for one in operations if "status_class" not in one] == begun
    assert sorted(one["number"] for one in ends) == begun == sorted(begun)
    for number in begun:
        beginning, end = (one for one in operations if one["number"] == number)
        assert "status_class" not in beginning
        assert end["ended_at"] >= end["started_at"] == beginning["started_at"]


def _count(ends: list[Record], status_class: str) -> int:
    return sum(one["status_class"] == status_class for one in ends)


def _texts(found: Any) -> Iterable[str]:
    if isinstance(found, str):
        yield found
    elif isinstance(found, dict | list):
        for one in found.values() if isinstance(found, dict) else found:
            yield from _texts(one)


def _read(request: bytes) -> AssociationRequest:
    """As at the door: without contexts where they can't be read."""
    body = request_in(request)
    assert body is not None
    try:
        return read_request(body)
    except Unreadable:
        return read_titles(body)
