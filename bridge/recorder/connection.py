"""One connection from the door to its end: waits for the association request, lets it in, forwards.

Requests are forwarded first and read afterwards; responses are written down before they are forwarded, so
that whatever a client has heard is recorded. Never more than one chunk a direction is kept: while one side
doesn't take its chunk, nothing is read from the other.
"""

import errno
import socket
import time
from enum import Enum, auto
from selectors import EVENT_READ, EVENT_WRITE, BaseSelector
from typing import Protocol

from bridge.recorder import associate
from bridge.recorder import door as doors
from bridge.recorder.address import OrthancAddress
from bridge.recorder.associate import AssociationRequest
from bridge.recorder.dialogue import Dialogue
from bridge.recorder.door import Door
from bridge.recorder.pdu import Unreadable
from bridge.recorder.records import Caller, Record
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
    orthanc_address: OrthancAddress
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
        self.state = State.REQUEST_AWAITED
        self._deadline = time.monotonic() + REQUEST_SECONDS
        stream.watch(host.selector, EVENT_READ, self._on_remote)

    @property
    def ip(self) -> str:
        return self._caller.ip

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
                stream.close(self._host.selector)
        if self._is_inside:
            self._host.door.leave(self._caller.ip)
        self._host.forget(self)

    # What the selector says

    def _on_remote(self, events: int) -> None:
        if self.state is State.CLOSED:
            return
        if events & EVENT_WRITE:
            self._remote.flush()
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
            orthanc.flush()
        if events & EVENT_READ and self.state is State.FORWARDING:
            self._read_orthanc(orthanc)
        if self._remote.has_more() and self._may_read_remote():
            self._read_remote()
        self._settle()

    def _read_remote(self) -> None:
        buffer = self._host.buffer
        while True:
            count = self._remote.receive(buffer)
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
            self._orthanc.send(chunk)
            self._dialogue.heard(EndedBy.REMOTE, chunk)

    def _read_orthanc(self, orthanc: Stream) -> None:
        buffer = self._host.buffer
        count = orthanc.receive(buffer)
        if count is None:
            return
        if count == 0:
            self._ended(orthanc, EndedBy.ORTHANC)
            return
        chunk = buffer[:count]
        if self._dialogue is not None:
            self._dialogue.heard(EndedBy.ORTHANC, chunk)
        self._remote.send(chunk)

    # At the door

    def _consider_request(self) -> None:
        """The association request, as far as it came."""
        try:
            body = associate.request_in(self._request)
            if body is None:
                return
            request = associate.read_titles(body)
        except Unreadable:
            self._refuse_unread(DoorReason.NOT_AN_ASSOCIATION_REQUEST)
            return
        try:
            request = associate.read_request(body)
            opaque_reason = ""
        except Unreadable as reason:
            opaque_reason = str(reason)
        self._judge(request, opaque_reason)

    def _judge(self, request: AssociationRequest, opaque_reason: str) -> None:
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
        self._say_farewell(associate.rejection(*codes))

    def _refuse_unread(self, reason: DoorReason) -> None:
        """What came first was no association request, or not all of one. Who said nothing leaves no trace."""
        if not self._request:
            self.close()
            return
        dialogue = self._new_dialogue(AssociationRequest(b"", b""))
        dialogue.refuse_unread(reason, len(self._request))
        self._say_farewell(associate.abort(2, 0))

    def _say_farewell(self, words: bytes) -> None:
        self.state = State.FAREWELL
        self._deadline = time.monotonic() + REQUEST_SECONDS
        if self._orthanc is not None:
            self._orthanc.close(self._host.selector)
            self._orthanc = None
        self._remote.send(memoryview(words))

    # Forwarding

    def _connect(self) -> None:
        self.state = State.CONNECTING
        self._deadline = time.monotonic() + _CONNECT_SECONDS
        address = self._host.orthanc_address.now
        if address is None:
            self._reject(DoorReason.ORTHANC_UNREACHABLE)
            return
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        try:
            stream = Stream(socket.socket(family, socket.SOCK_STREAM))
        except OSError:  # no descriptor left
            self._reject(DoorReason.ORTHANC_UNREACHABLE)
            return
        self._orthanc = stream
        if stream.socket.connect_ex(address) not in {0, errno.EINPROGRESS}:
            self._reject(DoorReason.ORTHANC_UNREACHABLE)
            return
        stream.watch(self._host.selector, EVENT_WRITE, self._on_orthanc)

    def _connected(self, orthanc: Stream) -> None:
        if orthanc.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._reject(DoorReason.ORTHANC_UNREACHABLE)
            return
        self.state = State.FORWARDING
        self._deadline = float("inf")
        received, self._request = memoryview(bytes(self._request)), bytearray()
        if self._dialogue is not None:
            self._dialogue.begin()
            orthanc.send(received)
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
            if remote.has_ended and not orthanc.pending:
                orthanc.shut()
            if orthanc.has_ended and not remote.pending:
                remote.shut()
            if remote.has_ended and orthanc.has_ended and remote.is_shut and orthanc.is_shut:
                self.close()
        elif self.state is State.FAREWELL and not remote.pending:
            remote.shut()
        if self.state is State.CLOSED:
            return
        selector = self._host.selector
        reads = EVENT_READ if self._may_read_remote() else 0
        remote.watch(selector, reads | (EVENT_WRITE if remote.pending else 0), self._on_remote)
        if orthanc is not None and self.state is State.FORWARDING:
            reads = 0 if remote.pending or orthanc.has_ended else EVENT_READ
            orthanc.watch(selector, reads | (EVENT_WRITE if orthanc.pending else 0), self._on_orthanc)
