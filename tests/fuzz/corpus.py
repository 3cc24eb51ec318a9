"""Conversations as single byte strings, which a fuzzer can mutate, and the seeds that it begins with.

A turn is a byte for the side that speaks, two for the length of what it says, and that. The first turn is the
association request.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from bridge.recorder.associate import read_titles, request_in
from bridge.recorder.pdu import Unreadable
from tests import conversations as say
from tests import messages
from tests.messages import CANCELLED, PENDING
from tests.overhearing import assert_consistent, overhear
from tests.sayings import KINDS_OF, ORTHANC, OTHER, REMOTE, REQUESTS, RESPONSES, Turn

_HEADER_LENGTH = 3
_LONGEST_TURN = 2**16 - 1
_RELEASE: list[Turn] = [(REMOTE, say.release_request()), (ORTHANC, say.release_response())]


def encoded(turns: Iterable[Turn]) -> bytes:
    return b"".join(
        (b"\0" if side is REMOTE else b"\1") + len(said).to_bytes(2, "big") + said for side, said in turns
    )


def decoded(data: bytes) -> Iterator[Turn]:
    """Of any bytes."""
    while data:
        end = _HEADER_LENGTH + int.from_bytes(data[1:_HEADER_LENGTH], "big")
        yield (ORTHANC if data[0] & 1 else REMOTE), data[_HEADER_LENGTH:end]
        data = data[end:]


def seeds() -> dict[str, bytes]:
    """One conversation for each thing that can happen, by its name."""
    accepted: list[Turn] = [(REMOTE, say.request()), (ORTHANC, say.acceptance())]
    found = {
        f"{side}-{kind}": [(side, REQUESTS[kind](1)), (OTHER[side], RESPONSES[kind](1, 0))]
        for side, kinds in KINDS_OF.items()
        for kind in kinds
    }
    found |= {
        "asynchronous": [
            (REMOTE, messages.store(1) + messages.echo(2)),
            (ORTHANC, messages.echo_response(2) + messages.store_response(1, 0xA700)),
        ],
        "cancelled": [
            (REMOTE, messages.find()),
            (ORTHANC, messages.find_response(PENDING)),
            (REMOTE, messages.cancel()),
            (ORTHANC, messages.find_response(CANCELLED)),
        ],
        "failed-instances": [
            (REMOTE, messages.move()),
            (ORTHANC, messages.move_response(PENDING, (3, 1, 0, 0))),
            (ORTHANC, messages.move_response(0xB000, (0, 1, 2, 1), Identifier=_failed_instances())),
        ],
        "big-endian": [(REMOTE, messages.find(1, say.BIG_ENDIAN_FIND))],
        "small-pieces": [(REMOTE, messages.store(1, longest_pdu=300)), (ORTHANC, messages.store_response())],
        "aborted": [(REMOTE, messages.store()), (ORTHANC, say.provider_abort(2))],
    }
    conversations = {name: [*accepted, *turns, *_RELEASE] for name, turns in found.items()}
    conversations["rejected"] = [(REMOTE, say.request()), (ORTHANC, say.rejection(1, 1, 7))]
    return {name: encoded(turns) for name, turns in conversations.items()}


def _failed_instances() -> bytes:
    return say.encoded(say.identifier(FailedSOPInstanceUIDList=["1.2.3.4", "1.2.3.5"]))


def hear(data: bytes) -> None:
    """Raises AssertionError when the records aren't whole, or whatever else escaped."""
    turns = list(decoded(data))
    if not turns or not turns[0][1]:
        return
    request = turns[0][1]
    with suppress(Unreadable):
        body = request_in(request)
        if body is not None:
            read_titles(body)
            assert_consistent(overhear(request, turns[1:]).records)
