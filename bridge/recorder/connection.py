"""One connection from the door to its end: waits for the association request, lets it in, forwards.

Requests are forwarded first and read afterwards; responses are written down before they are forwarded, so
that whatever a client has heard is recorded. Never more than one chunk a direction is kept: while one side
doesn't take its chunk, nothing is read from the other.
"""

import socket
import time
from collections.abc import Callable
from enum import Enum, auto
from selectors import EVENT_READ, EVENT_WRITE, BaseSelector
from typing import Protocol

from bridge.recorder import door as doors
from bridge.recorder import pdu
from bridge.recorder.dialogue import Caller, Dialogue, Record
from bridge.recorder.door import Door
from bridge.recorder.pdu import ASSOCIATE_RQ, HEADER_LENGTH, AssociationRequest, Unreadable
from bridge.recorder.streams import Stream
from database.transfer_terms import DoorReason, EndedBy

REQUEST_SECONDS = 10.0
"""From the connection to its whole association request (PS3.8 9.1.4, ARTIM)."""
_CONNECT_SECONDS = 5.0
_FAREWELL_SECONDS = 30.0
"""From the end of one side to that of the other."""


class Host(Protocol):
    """What a connection needs from its server."""

    selector: BaseSelector
    buffer: memoryview
    door: Door
    orthanc_address: tuple[str, int]
    is_ending: bool

    def write(self, record: Record) -> None: ...
    def next_number(self) -> int: ...
    def forget(self, connection: "Connection") -> None: ...


class State(Enum):
    REQUEST_AWAITED = auto()
    CONNECTING = auto()
    FORWARDING = auto()
    FAREWELL = auto()
    """Nothing more is forwarded; the other side may still be reading our last words."""
    CLOSED = auto()


class Connection:
    """A client, and Orthanc once it is let in. All methods are called from the one loop; none raises."""

    __slots__ = (
        "_caller",
        "_deadline",
        "_dialogue",
        "_ended_first",
        "_events",
        "_host",
        "_is_inside",
        "_orthanc",
        "_remote",
        "_request",
        "state",
    )

    def __init__(self, host: Host, stream: Stream, caller: Caller) -> None:
        self._host = host
        self._remote = stream
        self._caller = caller
        self._orthanc: Stream | None = None
        self._request = bytearray()
        self._dialogue: Dialogue | None = None
        self._is_inside = False
        self._ended_first: EndedBy | None = None
        self._events: dict[Stream, int] = {}
        self.state = State.REQUEST_AWAITED
        self._deadline = time.monotonic() + REQUEST_SECONDS
        self._watch(stream, EVENT_READ, self._on_remote)

    def open_numbers(self) -> list[int]:
        return self._dialogue.open_numbers() if self._dialogue is not None else []

    def tick(self, now: float) -> None:
        """Asked about twice a second: has it waited too long?"""
        if now < self._deadline:
            return
        if self.state is State.REQUEST_AWAITED:
            self._refuse_unread(DoorReason.REQUEST_TIMEOUT)
        elif self.state is State.CONNECTING:
            self._reject(DoorReason.ORTHANC_UNREACHABLE)
        else:
            self.close()
        self._settle()

    def give_up(self, reason: DoorReason) -> None:
        """The recorder ends."""
        if self._dialogue is not None:
            self._dialogue.give_up(reason)
        self.close()

    def close(self) -> None:
        if self.state is State.CLOSED:
            return
        self.state = State.CLOSED
        if self._dialogue is not None:
            self._dialogue.connection_closed(self._ended_first or EndedBy.REMOTE)
        for stream in (self._remote, self._orthanc):
            if stream is not None:
                self._unwatch(stream)
                stream.close()
        if self._is_inside:
            self._host.door.leave(self._caller.ip)
        self._host.forget(self)

    # What the selector says

    def _on_remote(self, events: int) -> None:
        if self.state is State.CLOSED:
            return
        if events & EVENT_WRITE:
            _flush(self._remote)
        if events & EVENT_READ:
            self._read_remote()
        self._settle()

    def _on_orthanc(self, events: int) -> None:
        orthanc = self._orthanc
        if self.state is State.CLOSED or orthanc is None:
            return
        if self.state is State.CONNECTING:
            self._connected(orthanc)
        elif events & EVENT_WRITE:
            _flush(orthanc)
        if events & EVENT_READ and self.state is State.FORWARDING:
            self._read_orthanc(orthanc)
        if self._remote.has_more() and self._may_read_remote():
            self._read_remote()
        self._settle()

    def _read_remote(self) -> None:
        buffer = self._host.buffer
        while True:
            count = _receive(self._remote, buffer)
            if count is None:
                return
            if count == 0:
                self._ended(self._remote, EndedBy.REMOTE)
                return
            self._take_from_remote(buffer[:count])
            if not self._remote.has_more() or not self._may_read_remote():
                return

    def _take_from_remote(self, chunk: memoryview) -> None:
        if self.state is State.REQUEST_AWAITED:
            self._request += chunk
            self._consider_request()
        elif self.state is State.FORWARDING and self._orthanc is not None and self._dialogue is not None:
            _send(self._orthanc, chunk)
            self._dialogue.heard(EndedBy.REMOTE, chunk)

    def _read_orthanc(self, orthanc: Stream) -> None:
        buffer = self._host.buffer
        count = _receive(orthanc, buffer)
        if count is None:
            return
        if count == 0:
            self._ended(orthanc, EndedBy.ORTHANC)
            return
        chunk = buffer[:count]
        if self._dialogue is not None:
            self._dialogue.heard(EndedBy.ORTHANC, chunk)
        _send(self._remote, chunk)

    # At the door

    def _consider_request(self) -> None:
        """The association request, as far as it came."""
        received = self._request
        if received[0] != ASSOCIATE_RQ:
            self._refuse_unread(DoorReason.NOT_AN_ASSOCIATION_REQUEST)
            return
        if len(received) < HEADER_LENGTH:
            return
        length = int.from_bytes(received[2:HEADER_LENGTH])
        if length > pdu.LONGEST_CONTROL_PDU:
            self._refuse_unread(DoorReason.NOT_AN_ASSOCIATION_REQUEST)
        elif len(received) >= HEADER_LENGTH + length:
            self._judge(bytes(received[HEADER_LENGTH : HEADER_LENGTH + length]))

    def _judge(self, body: bytes) -> None:
        opaque_reason = ""
        try:
            request = pdu.read_request(body)
        except Unreadable as unreadable:
            opaque_reason = str(unreadable)
            try:
                request = pdu.read_titles(body)
            except Unreadable:
                self._refuse_unread(DoorReason.NOT_AN_ASSOCIATION_REQUEST)
                return
        self._dialogue = self._new_dialogue(request)
        reason = self._host.door.judge(request.calling_ae_title, request.called_ae_title, self._caller.ip)
        if self._host.is_ending:
            reason = reason or DoorReason.ENDING
        if reason is not None:
            self._reject(reason, doors.codes_of(reason, request.calling_ae_title))
            return
        self._host.door.enter(self._caller.ip)
        self._is_inside = True
        if opaque_reason:
            self._dialogue.become_opaque(opaque_reason)
        self._connect()

    def _new_dialogue(self, request: AssociationRequest) -> Dialogue:
        return Dialogue(self._caller, request, self._host.write, self._host.next_number)

    def _reject(self, reason: DoorReason, codes: tuple[int, int, int] | None = None) -> None:
        """By an A-ASSOCIATE-RJ; recorded before it is sent."""
        codes = codes or doors.CODES[reason]
        if self._dialogue is not None:
            self._dialogue.reject(*codes, reason)
        self._say_farewell(pdu.rejection(*codes))

    def _refuse_unread(self, reason: DoorReason) -> None:
        """What came first was no association request, or not all of one. Who said nothing leaves no trace."""
        if not self._request:
            self.close()
            return
        dialogue = self._new_dialogue(AssociationRequest(b"", b""))
        dialogue.refuse_unread(reason, len(self._request))
        self._say_farewell(pdu.abort(2, 0))

    def _say_farewell(self, words: bytes) -> None:
        self.state = State.FAREWELL
        self._deadline = time.monotonic() + REQUEST_SECONDS
        if self._orthanc is not None:
            self._unwatch(self._orthanc)
            self._orthanc.close()
            self._orthanc = None
        _send(self._remote, memoryview(words))

    # Forwarding

    def _connect(self) -> None:
        self.state = State.CONNECTING
        self._deadline = time.monotonic() + _CONNECT_SECONDS
        address = self._host.orthanc_address
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        stream = Stream(socket.socket(family, socket.SOCK_STREAM))
        self._orthanc = stream
        stream.socket.connect_ex(address)  # what comes of it is asked for when the selector knows
        self._watch(stream, EVENT_WRITE, self._on_orthanc)

    def _connected(self, orthanc: Stream) -> None:
        if orthanc.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._reject(DoorReason.ORTHANC_UNREACHABLE)
            return
        self.state = State.FORWARDING
        self._deadline = float("inf")
        received, self._request = memoryview(bytes(self._request)), bytearray()
        if self._dialogue is not None:
            self._dialogue.begin()
            _send(orthanc, received)
            self._dialogue.heard(EndedBy.REMOTE, received)

    def _ended(self, stream: Stream, by: EndedBy) -> None:
        """One side says no more. The other is told, when it has taken all that was said before."""
        stream.has_ended = True
        self._ended_first = self._ended_first or by
        if self.state is State.REQUEST_AWAITED and self._request:
            self._new_dialogue(AssociationRequest(b"", b"")).refuse_unread(None, len(self._request))
        if self.state is not State.FORWARDING:
            self.close()
            return
        self._deadline = time.monotonic() + _FAREWELL_SECONDS
        if self._dialogue is not None and by is EndedBy.ORTHANC:
            self._dialogue.connection_closed(self._ended_first)

    # What to wait for

    def _may_read_remote(self) -> bool:
        if self.state is State.FORWARDING:
            return self._orthanc is not None and not self._orthanc.pending and not self._remote.has_ended
        return self.state in {State.REQUEST_AWAITED, State.FAREWELL} and not self._remote.has_ended

    def _settle(self) -> None:
        """After whatever happened: pass ends on, and tell the selector what to wait for now."""
        remote, orthanc = self._remote, self._orthanc
        if self.state is State.FORWARDING and orthanc is not None:
            _pass_end_on(remote, orthanc)
            _pass_end_on(orthanc, remote)
            if remote.has_ended and orthanc.has_ended and not remote.pending and not orthanc.pending:
                self.close()
        elif self.state is State.FAREWELL and not remote.pending and not remote.is_shut:
            _shut(remote)
        if self.state is State.CLOSED:
            return
        reads = EVENT_READ if self._may_read_remote() else 0
        self._watch(remote, reads | (EVENT_WRITE if remote.pending else 0), self._on_remote)
        if orthanc is not None and self.state is State.FORWARDING:
            reads = 0 if remote.pending or orthanc.has_ended else EVENT_READ
            self._watch(orthanc, reads | (EVENT_WRITE if orthanc.pending else 0), self._on_orthanc)

    def _watch(self, stream: Stream, events: int, callback: Callable[[int], None]) -> None:
        before = self._events.get(stream, 0)
        if events == before:
            return
        selector = self._host.selector
        if not before:
            selector.register(stream.socket, events, callback)
        elif not events:
            selector.unregister(stream.socket)
        else:
            selector.modify(stream.socket, events, callback)
        self._events[stream] = events

    def _unwatch(self, stream: Stream) -> None:
        if self._events.pop(stream, 0):
            self._host.selector.unregister(stream.socket)


# A side that takes no more is left alone; what it said before is still read, up to its end.


def _receive(stream: Stream, buffer: memoryview) -> int | None:
    try:
        return stream.receive(buffer)
    except OSError:
        stream.give_up_sending()
        return 0


def _send(stream: Stream, chunk: memoryview) -> None:
    if stream.is_shut:
        return
    try:
        stream.send(chunk)
    except OSError:
        stream.give_up_sending()


def _flush(stream: Stream) -> None:
    try:
        stream.flush()
    except OSError:
        stream.give_up_sending()


def _shut(stream: Stream) -> None:
    try:
        stream.shut()
    except OSError:
        stream.give_up_sending()


def _pass_end_on(ended: Stream, other: Stream) -> None:
    if ended.has_ended and not other.pending and not other.is_shut:
        _shut(other)
