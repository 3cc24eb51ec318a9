"""PDUs as they pass: the same is heard however they are cut, and memory stays bounded whatever comes."""

import tracemalloc
from collections.abc import Callable, Iterable
from contextlib import suppress
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.pdu import P_DATA_TF

from bridge.recorder.pdu import (
    LONGEST_CONTROL_PDU,
    LONGEST_KEPT_DATA_SET,
    P_DATA,
    PDUReader,
    Unreadable,
    text_of,
    title_of,
)
from tests import conversations as say

_HAS_DATA, _IS_KEPT = 0x01, 0x02
_COMMAND, _LAST_OF_COMMAND, _DATA, _LAST_OF_DATA = 1, 3, 0, 2
_MEGABYTE = 2**20
_CONTROLS = [say.release_request(), say.abort(), say.rejection(2, 3, 1), say.acceptance(), say.request()]
Event = tuple[object, ...]


class Notebook:
    """Notes what it hears. The first byte of a command set says whether a data set follows and is kept."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def control(self, kind: int, body: bytes) -> None:
        self.events.append(("control", kind, body))

    def command(self, context_id: int, command_set: bytes) -> tuple[bool, bool]:
        self.events.append(("command", context_id, command_set))
        flags = command_set[0] if command_set else 0
        return bool(flags & _HAS_DATA), bool(flags & _IS_KEPT)

    def message_end(self, data_set: bytes | None, byte_count: int) -> None:
        self.events.append(("end", data_set, byte_count))


def heard(chunks: Iterable[bytes]) -> list[Event]:
    notebook = Notebook()
    reader = PDUReader(notebook)
    for chunk in chunks:
        reader.feed(memoryview(chunk))
    return notebook.events


def as_pynetdicom_reads(stream: bytes) -> list[Event]:
    """The same events, from pynetdicom's decoder of whole PDUs."""
    events: list[Event] = []
    command, data = b"", b""
    while stream:
        end = 6 + int.from_bytes(stream[2:6], "big")
        whole, stream = stream[:end], stream[end:]
        if whole[0] != P_DATA:
            events.append(("control", whole[0], whole[6:]))
            continue
        pdu = P_DATA_TF()
        pdu.decode(whole)
        for item in pdu.presentation_data_value_items:
            flags, fragment = item.presentation_data_value[0], item.presentation_data_value[1:]
            command, data = (command + fragment, data) if flags & 1 else (command, data + fragment)
            if flags == _LAST_OF_COMMAND:
                events.append(("command", item.presentation_context_id, command))
            if flags == _LAST_OF_DATA or (flags == _LAST_OF_COMMAND and not command[0] & _HAS_DATA):
                is_kept = command[0] & _IS_KEPT and command[0] & _HAS_DATA
                events.append(("end", data if is_kept else None, len(data)))
                command, data = b"", b""
    return events


def pieces(draw: st.DrawFn, whole: bytes) -> list[bytes]:
    """``whole``, cut anywhere, perhaps into empty ones."""
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    return [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


@st.composite
def values_of_message(draw: st.DrawFn) -> list[tuple[int, bytes]]:
    """A message as presentation data values."""
    context_id = draw(st.integers(1, 255))
    flags = draw(st.integers(0, 3))
    command = bytes([flags]) + draw(st.binary(max_size=40))
    values = [bytes([_COMMAND]) + piece for piece in pieces(draw, command)]
    values[-1] = bytes([_LAST_OF_COMMAND]) + values[-1][1:]
    if flags & _HAS_DATA:
        values += [bytes([_DATA]) + piece for piece in pieces(draw, draw(st.binary(max_size=60)))]
        values[-1] = bytes([_LAST_OF_DATA]) + values[-1][1:]
    return [(context_id, value) for value in values]


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Messages in P-DATA-TF PDUs of any number of values each, with other PDUs before, between and after."""
    messages = draw(st.lists(values_of_message(), max_size=4))
    values = [value for message in messages for value in message]
    stream = b""
    while values:
        stream += draw(st.sampled_from([b"", b"", *_CONTROLS]))
        taken = draw(st.integers(1, len(values)))
        stream += say.p_data(values[:taken])
        values = values[taken:]
    return stream + draw(st.sampled_from(_CONTROLS))


@given(streams(), st.data())
def test_however_the_stream_is_cut_the_same_is_heard_as_pynetdicom_reads(
    stream: bytes, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    chunks = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    wanted = as_pynetdicom_reads(stream)

    assert heard([stream]) == wanted
    assert heard(chunks) == wanted
    assert heard(bytes([byte]) for byte in stream) == wanted


@given(streams(), st.data())
def test_no_bytes_raise_anything_but_unreadable(stream: bytes, data: st.DataObject) -> None:
    mutated = bytearray(stream)
    for at in data.draw(st.lists(st.integers(0, len(stream) - 1), max_size=5)):
        mutated[at] = data.draw(st.integers(0, 255))
    with suppress(Unreadable):
        heard([bytes(mutated)])


@pytest.mark.parametrize("kind", [0, 8, 9, 0x41, 255])
def test_a_pdu_of_an_unknown_type_is_unreadable(kind: int) -> None:
    with pytest.raises(Unreadable, match=f"unknown type {kind}"):
        heard([bytes([kind, 0, 0, 0, 0, 4])])


@pytest.mark.parametrize("kind", [1, 2, 3, 5, 6, 7])
@pytest.mark.parametrize("length", [0, 3, LONGEST_CONTROL_PDU + 1, 2**32 - 1])
def test_a_pdu_of_absurd_length_is_unreadable_before_its_body_comes(kind: int, length: int) -> None:
    with pytest.raises(Unreadable):
        heard([pack(">BxI", kind, length)])


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([(1, b"\x01ab"), (3, b"\x03cd")], id="a command that changes its context"),
        pytest.param([(1, b"\x03\x01"), (3, b"\x02cd")], id="a data set in another context"),
        pytest.param([(1, b"\x02ab")], id="a data set without its command"),
        pytest.param([(1, b"\x03\x01"), (1, b"\x03\x00")], id="a command instead of its data set"),
    ],
)
def test_messages_that_contradict_themselves_are_unreadable(values: list[tuple[int, bytes]]) -> None:
    with pytest.raises(Unreadable):
        heard([say.p_data(values)])


@pytest.mark.parametrize("length", [0, 1, 7, 2**32 - 1])
def test_a_value_that_does_not_fit_into_its_pdu_is_unreadable(length: int) -> None:
    with pytest.raises(Unreadable):
        heard([pack(">BxIIBB", P_DATA, 10, length, 1, _COMMAND)])


# Memory


def peak_of(work: Callable[[], object]) -> int:
    """Bytes that it held at most beyond what there was before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def reader_inside(first_byte: int, length: int) -> tuple[PDUReader, Notebook]:
    """In the middle of a message whose data set comes in one value of ``length`` bytes."""
    notebook = Notebook()
    reader = PDUReader(notebook)
    reader.feed(memoryview(say.p_data([(1, bytes([_LAST_OF_COMMAND, first_byte]))])))
    reader.feed(memoryview(pack(">BxIIBB", P_DATA, length + 6, length + 2, 1, _LAST_OF_DATA)))
    return reader, notebook


@pytest.mark.parametrize("is_kept", [0, _IS_KEPT])
def test_an_object_of_four_gigabytes_takes_no_memory(is_kept: int) -> None:
    length = 2**32 - 7
    reader, notebook = reader_inside(_HAS_DATA | is_kept, length)
    chunk = memoryview(bytearray(_MEGABYTE))

    def feed() -> None:
        for _ in range(length // _MEGABYTE):
            reader.feed(chunk)
        reader.feed(chunk[: length % _MEGABYTE])

    assert peak_of(feed) < 3 * _MEGABYTE
    assert notebook.events[-1] == ("end", None, length)


def test_a_data_set_is_kept_up_to_its_limit_and_not_beyond() -> None:
    def kept(length: int) -> object:
        reader, notebook = reader_inside(_HAS_DATA | _IS_KEPT, length)
        reader.feed(memoryview(bytes(length)))
        return notebook.events[-1][1]

    assert kept(LONGEST_KEPT_DATA_SET) == bytes(LONGEST_KEPT_DATA_SET)
    assert kept(LONGEST_KEPT_DATA_SET + 1) is None


def test_a_command_set_without_an_end_is_unreadable_soon() -> None:
    reader = PDUReader(Notebook())
    fragment = memoryview(say.p_data([(1, bytes([_COMMAND]) + bytes(1000))]))

    def feed() -> None:
        for _ in range(10_000):
            reader.feed(fragment)

    with pytest.raises(Unreadable, match="no end"):
        peak_of(feed)
    assert len(reader._command) < 100_000


def test_empty_fragments_without_end_take_no_memory() -> None:
    reader = PDUReader(Notebook())
    empty = memoryview(say.p_data([(1, bytes([_COMMAND]))] * 1000))

    def feed() -> None:
        for _ in range(30):
            reader.feed(empty)

    assert peak_of(feed) < _MEGABYTE // 10


def test_a_pdu_in_single_bytes_takes_no_more_than_itself() -> None:
    notebook = Notebook()
    reader = PDUReader(notebook)
    body = bytes(range(250)) * 400
    stream = memoryview(pack(">BxI", 2, len(body)) + body)

    def feed() -> None:
        for at in range(len(stream)):
            reader.feed(stream[at : at + 1])

    assert peak_of(feed) < 4 * len(body)
    assert notebook.events == [("control", 2, body)]


# Texts


@given(st.binary(max_size=100))
def test_no_bytes_make_a_text_that_a_table_or_page_could_not_hold(value: bytes) -> None:
    for text in (text_of(value), title_of(value)):
        assert not any(ord(character) < 32 or ord(character) == 127 for character in text)
        assert len(text) <= 64


@pytest.mark.parametrize(
    "field",
    [b"MODALITY", b"MODALITY        ", b"  MODALITY", b"MODALITY\0\0\0", b"MODALITY  \0\0"],
)
def test_an_ae_title_is_the_same_however_it_is_padded(field: bytes) -> None:
    assert title_of(field) == "MODALITY"
