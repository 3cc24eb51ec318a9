"""Any conversation in any order, and any bytes: what begins ends, counts agree, and no exception escapes."""

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from database.transfer_terms import EndedBy, StatusClass
from tests import conversations as say
from tests import messages
from tests.messages import PENDING
from tests.overhearing import Overheard, assert_whole, overhear
from tests.sayings import KINDS_OF, ORTHANC, OTHER, REMOTE, REQUESTS, RESPONSES, Turn, sayings

_STREAMED = {"c-find", "c-move", "c-get"}
_STATUSES = {
    0x0000: StatusClass.SUCCESS,
    0xB000: StatusClass.WARNING,
    0xA700: StatusClass.FAILURE,
    0x0122: StatusClass.FAILURE,
    0xFE00: StatusClass.CANCEL,
}

sides = st.sampled_from([REMOTE, ORTHANC])
message_ids = st.integers(0, 3)
piece_lengths = st.sampled_from([10**6, 10**6, 1000, 13, 1])


class Asked(NamedTuple):
    """An operation as the model knows it."""

    by: EndedBy
    message_id: int
    kind: str


class Association(RuleBasedStateMachine):
    """Says what is allowed, or garbage, to a dialogue, and keeps a model of what should be written down."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = Overheard(say.request())
        self.waiting: dict[tuple[EndedBy, int], int] = {}
        """Places in ``asked``."""
        self.asked: list[Asked] = []
        self.ended: dict[int, StatusClass] = {}
        self.outcome = ""

    @initialize()
    def accept(self) -> None:
        self.heard.orthanc(say.acceptance())

    def say(self, side: EndedBy, said: bytes, piece_length: int) -> None:
        hear = self.heard.remote if side is REMOTE else self.heard.orthanc
        hear(*(said[at : at + piece_length] for at in range(0, len(said), piece_length)))

    @rule(side=sides, data=st.data(), message_id=message_ids, piece_length=piece_lengths)
    def ask(self, side: EndedBy, data: st.DataObject, message_id: int, piece_length: int) -> None:
        kind = data.draw(st.sampled_from(KINDS_OF[side]))
        if (side, message_id) in self.waiting:
            return
        self.say(side, REQUESTS[kind](message_id), piece_length)
        if not self.outcome:
            self.waiting[side, message_id] = len(self.asked)
            self.asked.append(Asked(side, message_id, kind))

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), status=st.sampled_from([*_STATUSES, PENDING]), piece_length=piece_lengths)
    def answer(self, data: st.DataObject, status: int, piece_length: int) -> None:
        key = data.draw(st.sampled_from(sorted(self.waiting)))
        place = self.waiting[key]
        one = self.asked[place]
        if status == PENDING and one.kind not in _STREAMED:
            return
        self.say(OTHER[one.by], RESPONSES[one.kind](one.message_id, status), piece_length)
        if status != PENDING:
            self.ended[place] = _STATUSES[status]
            del self.waiting[key]

    @rule(message_id=message_ids)
    def cancel(self, message_id: int) -> None:
        self.heard.remote(messages.cancel(message_id))

    @rule(side=sides, how=st.sampled_from(["aborted", "released", "connection-lost", "interrupted"]))
    def end(self, side: EndedBy, how: str) -> None:
        if how == "aborted":
            self.say(side, say.abort(), 10)
        elif how == "released":
            self.say(side, say.release_request(), 4)
            self.say(OTHER[side], say.release_response(), 4)
        elif how == "connection-lost":
            self.heard.closed(side)
        else:
            self.say(side, b"\xffgarbage", 3)
        status_class = StatusClass.INTERRUPTED if how == "interrupted" else StatusClass.FAILURE
        self.ended |= dict.fromkeys(self.waiting.values(), status_class)
        self.waiting.clear()
        self.outcome = self.outcome or how

    def teardown(self) -> None:
        self.end(REMOTE, "connection-lost")
        assert_whole(self.heard.records)
        assert self.heard.association["outcome"] == self.outcome
        assert [(one["kind"], one["message_id"]) for one in self.heard.operations] == [
            (one.kind, one.message_id) for one in self.asked
        ]
        assert [one.get("direction", "in") for one in self.heard.operations] == [
            "in" if one.by is REMOTE else "out" for one in self.asked
        ]
        assert dict(enumerate(one["status_class"] for one in self.heard.operations)) == self.ended


def test_of_any_conversation_everything_that_begins_ends_as_it_was_said() -> None:
    run_state_machine_as_test(Association, settings=settings(max_examples=80, stateful_step_count=25))


# Anything at all


@st.composite
def garbled(draw: st.DrawFn, said: bytes) -> bytes:
    """A few bytes changed, or cut, or twice, or something else put in."""
    changed = bytearray(said)
    for at in draw(st.lists(st.integers(0, len(said) - 1), max_size=4)):
        changed[at] = draw(st.integers(0, 255))
    at, end = sorted(draw(st.tuples(st.integers(0, len(said)), st.integers(0, len(said)))))
    return bytes(draw(st.sampled_from([changed, changed[:at], changed[at:], changed[:end] + changed[at:]])))


@st.composite
def turns(draw: st.DrawFn) -> list[Turn]:
    found = [(ORTHANC, say.acceptance()), *draw(st.lists(st.sampled_from(sayings()), max_size=12))]
    for place in draw(st.lists(st.integers(0, len(found) - 1), max_size=3)):
        side, said = found[place]
        found[place] = (
            draw(st.sampled_from([side, side, OTHER[side]])),
            draw(garbled(said)) if said else said,
        )
    return found


@settings(max_examples=300)
@given(turns(), sides)
def test_whatever_is_said_the_records_are_whole(said: list[Turn], closed_by: EndedBy) -> None:
    assert_whole(overhear(say.request(), said, closed_by).records)


@given(st.lists(st.tuples(sides, st.binary(max_size=300)), max_size=8), sides)
def test_whatever_bytes_are_heard_the_records_are_whole(said: list[Turn], closed_by: EndedBy) -> None:
    assert_whole(overhear(say.request(), said, closed_by).records)


@given(st.data())
def test_whatever_was_asked_for_the_records_are_whole(data: st.DataObject) -> None:
    request = bytearray(say.request())
    for at in data.draw(st.lists(st.integers(6, len(request) - 1), max_size=6)):
        request[at] = data.draw(st.integers(0, 255))
    conversation = [
        (ORTHANC, say.acceptance()),
        (REMOTE, messages.store()),
        (ORTHANC, messages.store_response()),
    ]

    assert_whole(overhear(bytes(request), conversation).records)
