"""Everything that may be said, to put conversations together from, in order or not, whole or garbled."""

from collections.abc import Callable
from functools import lru_cache
from random import Random

from database.transfer_terms import EndedBy
from tests import conversations as say
from tests import messages
from tests.messages import PENDING

Turn = tuple[EndedBy, bytes]
REMOTE, ORTHANC = EndedBy.REMOTE, EndedBy.ORTHANC
OTHER = {REMOTE: ORTHANC, ORTHANC: REMOTE}
REQUESTS: dict[str, Callable[[int], bytes]] = {
    "c-echo": messages.echo,
    "c-store": messages.store,
    "c-find": messages.find,
    "c-move": messages.move,
    "c-get": messages.get,
    "n-action": messages.commitment,
    "n-event-report": messages.commitment_report,
}
RESPONSES: dict[str, Callable[[int, int], bytes]] = {
    "c-echo": messages.echo_response,
    "c-store": messages.store_response,
    "c-find": lambda id_, status: messages.find_response(status, id_),
    "c-move": lambda id_, status: messages.move_response(status, (0, 0, 0, 0), id_),
    "c-get": lambda id_, status: messages.get_response(status, (0, 0, 0, 0), id_),
    "n-action": messages.commitment_response,
    "n-event-report": messages.commitment_report_response,
}
KINDS_OF = {REMOTE: sorted(REQUESTS.keys() - {"n-event-report"}), ORTHANC: ["c-store", "n-event-report"]}


@lru_cache(maxsize=1)
def sayings() -> list[Turn]:
    """Whole messages and PDUs of both sides, of which conversations are put together and garbled."""
    said: list[Turn] = [(ORTHANC, say.acceptance()), (ORTHANC, say.rejection(1, 1, 7))]
    for side in (REMOTE, ORTHANC):
        said += [(side, say.abort()), (side, say.release_request()), (side, say.release_response())]
        for message_id in (1, 2):
            said += [(side, REQUESTS[kind](message_id)) for kind in KINDS_OF[side]]
            said += [
                (OTHER[side], RESPONSES[kind](message_id, status))
                for kind in KINDS_OF[side]
                for status in (0, 0xA700)
            ]
    said += [(REMOTE, messages.cancel()), (ORTHANC, messages.find_response(PENDING))]
    return said


def random_traffic(side: EndedBy, dice: Random) -> bytes:
    """What one side may say in its association: valid for a while, and then perhaps not."""
    valid = [said for by, said in sayings() if by is side]
    said = [dice.choice(valid) for _ in range(dice.randrange(1, 12))]
    if dice.random() < 0.6:
        place = dice.randrange(len(said))
        said[place] = _garbled(said[place], dice)
    return b"".join(said)


def _garbled(said: bytes, dice: Random) -> bytes:
    changed = bytearray(said)
    for _ in range(dice.randrange(5)):
        changed[dice.randrange(len(changed))] = dice.randrange(256)
    at, end = sorted((dice.randrange(len(said)), dice.randrange(len(said))))
    whole = bytes(changed)
    return dice.choice(
        [whole, whole[:at], whole[:end] + whole[at:], whole[:at] + dice.randbytes(5000) + whole[at:]]
    )
