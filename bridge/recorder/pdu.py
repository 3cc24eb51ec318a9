"""PDUs as they pass (PS3.8 9.3): framing in one direction; keeps only what is needed. Pure: no sockets.

pynetdicom's own decoder wants whole PDUs and takes milliseconds for a large association request; in tests it
is the oracle of this one.
"""

from struct import Struct
from typing import Protocol

ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ, P_DATA, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)
HEADER_LENGTH = 6
LONGEST_CONTROL_PDU = 512 * 1024
"""Bytes. 128 presentation contexts with 40 transfer syntaxes each need about 150 kB."""
_LONGEST_COMMAND_SET = 64 * 1024
LONGEST_KEPT_DATA_SET = 256 * 1024

PDU_HEADER = Struct(">BxI")
"""Type and length."""
_PDV_HEADER = Struct(">IBB")
_IS_COMMAND, _IS_LAST = 0x01, 0x02


class Unreadable(Exception):  # noqa: N818 - named by what to do: read no further
    """Read no further: this isn't what PS3.7 and PS3.8 say. The text holds nothing of what was sent."""


class Listener(Protocol):
    """Hears what passes in one direction."""

    def control(self, kind: int, body: bytes) -> None:
        """A whole PDU other than P-DATA-TF, without its header."""

    def command(self, context_id: int, command_set: bytes) -> tuple[bool, bool]:
        """A whole command set. Answers whether a data set follows, and whether it should be kept."""

    def message_end(self, data_set: bytes | None, byte_count: int) -> None:
        """The last fragment has passed. ``data_set`` is None when it wasn't to be kept, or too long."""


class PDUReader:
    """One direction of an association. ``feed`` takes whatever came; memory is bounded whatever that is."""

    __slots__ = (
        "_body",
        "_command",
        "_context_id",
        "_data",
        "_data_count",
        "_flags",
        "_fragment_left",
        "_has_data",
        "_header",
        "_kind",
        "_listener",
        "_pdu_left",
    )

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._header = b""
        """Of a PDU or PDV, as far as it came."""
        self._kind = 0
        self._pdu_left = 0
        self._body = bytearray()
        self._context_id = self._flags = self._fragment_left = 0
        self._command = bytearray()
        self._has_data = False
        """The command set is complete: its data set comes."""
        self._data: bytearray | None = None
        self._data_count = 0

    def feed(self, chunk: memoryview) -> None:
        """Raises Unreadable; what the listener raises passes through."""
        at, end = 0, len(chunk)
        while at < end:
            if self._fragment_left:
                at = self._take_fragment(chunk, at, end)
            elif not self._pdu_left:
                at = self._take_pdu_header(chunk, at, end)
            elif self._kind == P_DATA:
                at = self._take_pdv_header(chunk, at, end)
            else:
                at = self._take_body(chunk, at, end)

    def _take_pdu_header(self, chunk: memoryview, at: int, end: int) -> int:
        wanted = HEADER_LENGTH - len(self._header)
        if end - at < wanted:
            self._header += bytes(chunk[at:end])
            return end
        self._kind, self._pdu_left = PDU_HEADER.unpack(self._header + bytes(chunk[at : at + wanted]))
        self._header = b""
        if not ASSOCIATE_RQ <= self._kind <= ABORT:
            raise Unreadable(f"a PDU of the unknown type {self._kind}")
        if self._kind != P_DATA and not 4 <= self._pdu_left <= LONGEST_CONTROL_PDU:
            raise Unreadable(f"a PDU of type {self._kind} with {self._pdu_left} bytes")
        return at + wanted

    def _take_pdv_header(self, chunk: memoryview, at: int, end: int) -> int:
        wanted = _PDV_HEADER.size - len(self._header)
        if end - at < wanted:
            self._header += bytes(chunk[at:end])
            return end
        length, context_id, flags = _PDV_HEADER.unpack(self._header + bytes(chunk[at : at + wanted]))
        self._header = b""
        if not 2 <= length <= self._pdu_left - 4:
            raise Unreadable("a presentation data value that doesn't fit into its PDU")
        is_inside = bool(self._command) or self._has_data
        if is_inside and context_id != self._context_id:
            raise Unreadable("a message that changes its presentation context")
        if bool(flags & _IS_COMMAND) == self._has_data:
            raise Unreadable("a data set without its command, or a command instead of its data set")
        self._context_id, self._flags = context_id, flags
        self._fragment_left = length - 2
        self._pdu_left -= length + 4
        if not self._fragment_left:
            self._end_fragment()
        return at + wanted

    def _take_fragment(self, chunk: memoryview, at: int, end: int) -> int:
        until = min(end, at + self._fragment_left)
        self._fragment_left -= until - at
        if self._has_data:
            self._data_count += until - at
            if self._data is not None:
                self._data += chunk[at:until]
                if len(self._data) > LONGEST_KEPT_DATA_SET:
                    self._data = None
        else:
            self._command += chunk[at:until]
            if len(self._command) > _LONGEST_COMMAND_SET:
                raise Unreadable("a command set that has no end")
        if not self._fragment_left:
            self._end_fragment()
        return until

    def _end_fragment(self) -> None:
        if not self._flags & _IS_LAST:
            return
        if self._has_data:
            data_set = None if self._data is None else bytes(self._data)
            self._end_message(data_set)
            return
        command_set = bytes(self._command)
        self._command.clear()
        self._has_data, is_kept = self._listener.command(self._context_id, command_set)
        self._data = bytearray() if is_kept else None
        if not self._has_data:
            self._end_message(None)

    def _end_message(self, data_set: bytes | None) -> None:
        byte_count = self._data_count
        self._has_data, self._data, self._data_count = False, None, 0
        self._listener.message_end(data_set, byte_count)

    def _take_body(self, chunk: memoryview, at: int, end: int) -> int:
        until = min(end, at + self._pdu_left)
        self._body += chunk[at:until]
        self._pdu_left -= until - at
        if not self._pdu_left:
            body = bytes(self._body)
            self._body = bytearray()
            self._listener.control(self._kind, body)
        return until


VISIBLE = {code: 0x2400 + code for code in range(32)} | {127: 0x2421}


def text_of(value: bytes) -> str:
    """A UID or name without its padding; what no text may hold becomes a picture of it (NUL is ␀)."""
    return value.strip(b"\0 ").decode("ascii", "replace")[:64].translate(VISIBLE)


def title_of(value: bytes) -> str:
    """An AE title (PS3.5 6.2: blanks around it say nothing); the same pictures for what it may not hold."""
    return value.rstrip(b"\0").strip(b" ").decode("ascii", "replace")[:64].translate(VISIBLE)
