"""A spool as a busy recorder leaves it: the recorder's own code hears PDUs that passed no network."""

import time
from collections.abc import Iterator
from functools import partial
from itertools import count, cycle, zip_longest
from pathlib import Path
from struct import pack

from pydicom.uid import CTImageStorage

from bench.conversations import Opening
from bridge.recorder.associate import AssociationRequest, read_request
from bridge.recorder.dialogue import Dialogue
from bridge.recorder.pdu import HEADER_LENGTH, P_DATA, PDU_HEADER, RELEASE_RP, RELEASE_RQ
from bridge.recorder.records import Caller
from bridge.recorder.spool import Spool
from database.transfer_terms import EndedBy

ASSOCIATIONS_AT_ONCE = 8
STORES_AN_ASSOCIATION = 100
_SECONDS_TO_ANSWER = (0.001, 0.002, 0.003, 0.005, 0.008)
_DATA_SET = bytes(3000)
_COMMAND, _DATA = 0x03, 0x02
"""Control headers of last fragments (PS3.8 E.2)."""


def write_spool(folder: Path, words: Opening, association_count: int) -> None:
    """Each association stores a series of CT instances; so many are open at the same time."""
    spool = Spool(folder)
    spool.announce()
    numbers = count(1)
    pauses = cycle(_SECONDS_TO_ANSWER)
    for first in range(0, association_count, ASSOCIATIONS_AT_ONCE):
        together = [
            _associate(number, words, spool, numbers)
            for number in range(first, min(association_count, first + ASSOCIATIONS_AT_ONCE))
        ]
        for _ in zip_longest(*together):
            time.sleep(next(pauses))
    spool.close()


def _associate(number: int, words: Opening, spool: Spool, numbers: "count[int]") -> Iterator[None]:
    """Stops after each request: Orthanc is thinking."""
    request = read_request(words.request[HEADER_LENGTH:])
    sender = number % ASSOCIATIONS_AT_ONCE
    request.calling_ae_title = b"CT_%d" % sender
    dialogue = Dialogue(
        Caller(f"192.0.2.{sender}", 49152 + number), request, spool.write, partial(next, numbers)
    )
    dialogue.begin()
    remote, orthanc = partial(_hear, dialogue, EndedBy.REMOTE), partial(_hear, dialogue, EndedBy.ORTHANC)
    remote(words.request)
    orthanc(words.answer)
    context_id = _accepted_context(request)
    for message_id in range(1, STORES_AN_ASSOCIATION + 1):
        uid = f"1.2.826.0.1.3680043.8.498.{number}.{message_id}"
        remote(_store_request(context_id, message_id, uid))
        yield
        orthanc(_store_response(context_id, message_id, uid))
    remote(_pdu(RELEASE_RQ, bytes(4)))
    orthanc(_pdu(RELEASE_RP, bytes(4)))


def _hear(dialogue: Dialogue, side: EndedBy, pdus: bytes) -> None:
    dialogue.heard(side, memoryview(pdus))


def _accepted_context(request: AssociationRequest) -> int:
    return next(
        context.id
        for context in request.contexts.values()
        if context.abstract_syntax == CTImageStorage and context.result == 0
    )


def _store_request(context_id: int, message_id: int, uid: str) -> bytes:
    """PS3.7 9.3.1.1."""
    command = _command_set(
        {0x0002: CTImageStorage, 0x0100: 0x0001, 0x0110: message_id, 0x0700: 0, 0x0800: 1, 0x1000: uid}
    )
    return _p_data(context_id, _COMMAND, command) + _p_data(context_id, _DATA, _DATA_SET)


def _store_response(context_id: int, message_id: int, uid: str) -> bytes:
    """PS3.7 9.3.1.2, success."""
    command = _command_set(
        {0x0002: CTImageStorage, 0x0100: 0x8001, 0x0120: message_id, 0x0800: 0x0101, 0x0900: 0, 0x1000: uid}
    )
    return _p_data(context_id, _COMMAND, command)


def _command_set(values: dict[int, int | str]) -> bytes:
    elements = b"".join(
        _element(number, pack("<H", value) if isinstance(value, int) else _padded(value))
        for number, value in values.items()
    )
    return _element(0x0000, pack("<I", len(elements))) + elements


def _element(number: int, value: bytes) -> bytes:
    return pack("<HHI", 0x0000, number, len(value)) + value


def _padded(uid: str) -> bytes:
    return uid.encode() + b"\0" * (len(uid) % 2)


def _p_data(context_id: int, control_header: int, fragment: bytes) -> bytes:
    return _pdu(P_DATA, pack(">IBB", len(fragment) + 2, context_id, control_header) + fragment)


def _pdu(kind: int, body: bytes) -> bytes:
    return PDU_HEADER.pack(kind, len(body)) + body
