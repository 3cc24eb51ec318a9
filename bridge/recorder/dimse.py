"""Command sets (PS3.7 6.3, annex E) and what is kept of data sets: names, never values. Pure: no sockets."""

import re
import warnings
from io import BytesIO
from struct import Struct, error
from typing import Any

from pydicom.datadict import dictionary_has_tag, keyword_for_tag
from pydicom.filereader import read_dataset
from pydicom.uid import UID

from bridge.recorder.pdu import Unreadable, text_of, title_of
from database.transfer_terms import OperationKind, StatusClass

_ELEMENT = Struct("<HHI")
_US = Struct("<H")
NO_DATA_SET = 0x0101
RESPONSE = 0x8000
C_CANCEL = 0x0FFF
_PENDING = {0xFF00, 0xFF01}
_CANCELLED = 0xFE00
_WARNINGS = {0x0001, 0x0107, 0x0116}
_MOST_KEYS = 100
_MOST_UIDS = 1000
_QUERY_RETRIEVE_LEVEL, _FAILED_SOP_INSTANCE_UID_LIST = 0x00080052, 0x00080058
_NOT_ASKED_FOR = {_QUERY_RETRIEVE_LEVEL, 0x00080005}
# What stands where these belong may be anything, even a patient's name: only what they can be is kept
_LEVELS = {"PATIENT", "STUDY", "SERIES", "IMAGE"}
_UID = re.compile(rb"[0-9.]{1,64}")

Elements = dict[int, Any]
"""pydicom's elements by tag, their values still bytes."""

KINDS = {
    0x0001: OperationKind.C_STORE,
    0x0010: OperationKind.C_GET,
    0x0020: OperationKind.C_FIND,
    0x0021: OperationKind.C_MOVE,
    0x0030: OperationKind.C_ECHO,
    0x0100: OperationKind.N_EVENT_REPORT,
    0x0110: OperationKind.N_GET,
    0x0120: OperationKind.N_SET,
    0x0130: OperationKind.N_ACTION,
    0x0140: OperationKind.N_CREATE,
    0x0150: OperationKind.N_DELETE,
}
"""By command field (0000,0100)."""


class CommandSet:
    """A command set by element numbers of group 0000. Raises Unreadable for what isn't one."""

    __slots__ = ("_values",)

    def __init__(self, data: bytes) -> None:
        self._values: dict[int, bytes] = {}
        at, end = 0, len(data)
        try:
            while at < end:
                group, element, length = _ELEMENT.unpack_from(data, at)
                at += 8
                if group or at + length > end:
                    raise Unreadable("a command set that isn't one")
                self._values[element] = data[at : at + length]
                at += length
        except error:
            raise Unreadable("a command set cut off") from None

    def number(self, element: int) -> int | None:
        """VR US; None when it is missing."""
        value = self._values.get(element)
        if not value:
            return None
        if len(value) < _US.size:
            raise Unreadable("a number cut off")
        return int(_US.unpack_from(value)[0])

    def required(self, element: int) -> int:
        found = self.number(element)
        if found is None:
            raise Unreadable(f"a command set without (0000,{element:04X})")
        return found

    def uid(self, *elements: int) -> str:
        """The first of them that is there; empty without."""
        return next((text_of(self._values[one]) for one in elements if self._values.get(one)), "")

    def ae_title(self, element: int) -> str:
        return title_of(self._values.get(element, b""))

    @property
    def field(self) -> int:
        return self.required(0x0100)

    @property
    def has_data_set(self) -> bool:
        return self.number(0x0800) not in {None, NO_DATA_SET}


def status_class(status: int) -> StatusClass:
    """PS3.7 C: OPEN for a pending one."""
    if status == 0x0000:
        return StatusClass.SUCCESS
    if status in _PENDING:
        return StatusClass.OPEN
    if status == _CANCELLED:
        return StatusClass.CANCEL
    is_warning = status in _WARNINGS or status & 0xF000 == 0xB000
    return StatusClass.WARNING if is_warning else StatusClass.FAILURE


def query_of(data_set: bytes, transfer_syntax: str) -> tuple[str, list[str]]:
    """``(level, keywords)`` of an identifier; a tag stands for one without keyword. Raises Unreadable."""
    identifier = _read(data_set, transfer_syntax)
    keys = [tag for tag in identifier if tag not in _NOT_ASKED_FOR]
    level = text_of(_value(identifier, _QUERY_RETRIEVE_LEVEL)).upper()
    return level if level in _LEVELS else "", [_word(tag) for tag in keys[:_MOST_KEYS]]


def failed_uids_of(data_set: bytes, transfer_syntax: str) -> list[str]:
    """(0008,0058) of a C-MOVE's or C-GET's response. Raises Unreadable."""
    value = _value(_read(data_set, transfer_syntax), _FAILED_SOP_INSTANCE_UID_LIST)
    uids = [uid.strip(b"\0 ") for uid in value.split(b"\\")[:_MOST_UIDS]]
    return [uid.decode("ascii") for uid in uids if _UID.fullmatch(uid)]


def _word(tag: int) -> str:
    return keyword_for_tag(tag) if dictionary_has_tag(tag) else f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _value(data_set: Elements, tag: int) -> bytes:
    value = getattr(data_set.get(tag), "value", b"")
    return value if isinstance(value, bytes) else b""


def _read(data_set: bytes, transfer_syntax: str) -> Elements:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they quote values, and Python remembers each that it showed
            return _elements(data_set, UID(transfer_syntax))
    except Exception as problem:  # pydicom meets broken data sets with exceptions of every kind
        raise Unreadable("a data set that can't be read") from problem


def _elements(data_set: bytes, syntax: UID) -> Elements:
    if syntax.is_deflated:
        raise Unreadable("a deflated data set")  # Orthanc accepts none for queries
    found = read_dataset(
        BytesIO(data_set), syntax.is_implicit_VR, syntax.is_little_endian, bytelength=len(data_set)
    )
    return {int(tag): found.get_item(tag, keep_deferred=True) for tag in found.keys()}  # noqa: SIM118
