"""What is said to begin an association, and to refuse one (PS3.8 9.3.2 to 9.3.4). Pure: no sockets."""

from dataclasses import dataclass, field
from functools import lru_cache
from struct import Struct

from bridge.recorder.pdu import (
    ABORT,
    ASSOCIATE_RJ,
    ASSOCIATE_RQ,
    HEADER_LENGTH,
    LONGEST_CONTROL_PDU,
    PDU_HEADER,
    Unreadable,
    text_of,
)

_ITEM_HEADER = Struct(">BxH")
_CONTEXT_RQ, _CONTEXT_AC, _ABSTRACT_SYNTAX, _TRANSFER_SYNTAX = 0x20, 0x21, 0x30, 0x40
_USER_INFORMATION, _IMPLEMENTATION_CLASS_UID, _IMPLEMENTATION_VERSION_NAME = 0x50, 0x52, 0x55
_FIXED_FIELDS = 68
_LONGEST_UID = 64  # PS3.5 9.1


@dataclass(slots=True)
class PresentationContext:
    """As asked for, and as answered: ``result`` is that of PS3.8 9.3.3.2, None before the answer."""

    id: int
    abstract_syntax: str
    transfer_syntaxes: list[str]
    result: int | None = None
    accepted_syntax: str = ""

    def as_json(self) -> list[object]:
        return [self.id, self.abstract_syntax, self.transfer_syntaxes, self.result, self.accepted_syntax]


@dataclass(slots=True)
class AssociationRequest:
    """What an A-ASSOCIATE-RQ says. ``contexts`` by their ids."""

    calling_ae_title: bytes
    called_ae_title: bytes
    """Both as sent, 16 bytes."""
    contexts: dict[int, PresentationContext] = field(default_factory=dict)
    implementation_class_uid: str = ""
    implementation_version_name: str = ""


def request_in(received: bytes | bytearray) -> bytes | None:
    """The body of the A-ASSOCIATE-RQ that ``received`` (not empty) begins with; None while it isn't whole.

    Raises Unreadable as soon as it is clear that it is none.
    """
    if received[0] != ASSOCIATE_RQ:
        raise Unreadable("no association request")
    if len(received) < HEADER_LENGTH:
        return None
    _, length = PDU_HEADER.unpack_from(received)
    if length > LONGEST_CONTROL_PDU:
        raise Unreadable("an association request without an end")
    whole = HEADER_LENGTH + length
    return bytes(received[HEADER_LENGTH:whole]) if len(received) >= whole else None


def read_titles(body: bytes) -> AssociationRequest:
    """The fixed fields alone (PS3.8 9.3.2). Raises Unreadable when there aren't even those."""
    if len(body) < _FIXED_FIELDS:
        raise Unreadable("an association request without AE titles")
    return AssociationRequest(body[20:36], body[4:20])


def read_request(body: bytes) -> AssociationRequest:
    """An A-ASSOCIATE-RQ without its header (PS3.8 9.3.2). Raises Unreadable."""
    request = read_titles(body)
    for kind, item in _items(body, _FIXED_FIELDS):
        if kind == _CONTEXT_RQ:
            context = _asked_context(item)
            request.contexts[context.id] = context
        elif kind == _USER_INFORMATION:
            _read_user_information(item, request)
    return request


def read_acceptance(body: bytes, contexts: dict[int, PresentationContext]) -> None:
    """Enter an A-ASSOCIATE-AC's results into the contexts asked for (PS3.8 9.3.3). Raises Unreadable."""
    for kind, item in _items(body, _FIXED_FIELDS):
        if kind != _CONTEXT_AC:
            continue
        if len(item) < 4:
            raise Unreadable("a presentation context without its result")
        context = contexts.get(item[0])
        if context is None:
            raise Unreadable("an answer to a presentation context that wasn't asked for")
        context.result = item[2]
        syntaxes = [_uid_of(value) for kind, value in _items(item, 4) if kind == _TRANSFER_SYNTAX]
        context.accepted_syntax = syntaxes[0] if syntaxes and context.result == 0 else ""


def _asked_context(item: bytes) -> PresentationContext:
    if len(item) < 4:
        raise Unreadable("a presentation context without an id")
    context = PresentationContext(item[0], "", [])
    for kind, value in _items(item, 4):
        if kind == _ABSTRACT_SYNTAX:
            context.abstract_syntax = _uid_of(value)
        elif kind == _TRANSFER_SYNTAX:
            context.transfer_syntaxes.append(_uid_of(value))
    return context


def _read_user_information(item: bytes, request: AssociationRequest) -> None:
    for kind, value in _items(item, 0):
        if kind == _IMPLEMENTATION_CLASS_UID:
            request.implementation_class_uid = text_of(value)
        elif kind == _IMPLEMENTATION_VERSION_NAME:
            request.implementation_version_name = text_of(value)


def _uid_of(value: bytes) -> str:
    """One text for all associations: they propose the same UIDs, which would be most of their memory."""
    return _shared_uid(value) if len(value) <= _LONGEST_UID else text_of(value)


@lru_cache(maxsize=1024)
def _shared_uid(value: bytes) -> str:
    return text_of(value)


def _items(body: bytes, at: int) -> list[tuple[int, bytes]]:
    items = []
    while at < len(body):
        if at + _ITEM_HEADER.size > len(body):
            raise Unreadable("an item cut off")
        kind, length = _ITEM_HEADER.unpack_from(body, at)
        at += _ITEM_HEADER.size
        if at + length > len(body):
            raise Unreadable("an item that is longer than its PDU")
        items.append((kind, body[at : at + length]))
        at += length
    return items


def rejection(result: int, source: int, reason: int) -> bytes:
    """An A-ASSOCIATE-RJ (PS3.8 9.3.4)."""
    return bytes([ASSOCIATE_RJ, 0, 0, 0, 0, 4, 0, result, source, reason])


def abort(source: int, reason: int) -> bytes:
    """An A-ABORT (PS3.8 9.3.8)."""
    return bytes([ABORT, 0, 0, 0, 0, 4, 0, 0, source, reason])
