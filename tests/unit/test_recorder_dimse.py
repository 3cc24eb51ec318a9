"""Command sets, status classes, and what is kept of identifiers: names, never values."""

import zlib
from contextlib import suppress
from io import BytesIO
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian
from pynetdicom import dimse_messages
from pynetdicom.dsutils import decode
from pynetdicom.sop_class import CTImageStorage
from pynetdicom.status import code_to_category

from bridge.recorder.dimse import KINDS, RESPONSE, CommandSet, failed_uids_of, query_of, status_class
from bridge.recorder.pdu import Unreadable
from database.transfer_terms import OperationKind, StatusClass
from tests import conversations as say

_KINDS = {kind.name: kind for kind in KINDS.values()}
_DATA_SETS = {
    **dict.fromkeys(
        ("C_FIND_RQ", "C_FIND_RSP", "C_GET_RQ", "C_GET_RSP", "C_MOVE_RQ", "C_MOVE_RSP"), "Identifier"
    ),
    **dict.fromkeys(("N_GET_RSP", "N_SET_RSP", "N_CREATE_RQ", "N_CREATE_RSP"), "AttributeList"),
    "C_STORE_RQ": "DataSet",
    "N_EVENT_REPORT_RQ": "EventInformation",
    "N_EVENT_REPORT_RSP": "EventReply",
    "N_SET_RQ": "ModificationList",
    "N_ACTION_RQ": "ActionInformation",
    "N_ACTION_RSP": "ActionReply",
}
_MARKER = "KRANKHEIT"
_SYNTAXES = [say.IMPLICIT, say.EXPLICIT, say.BIG_ENDIAN]
_QUERY = say.identifier(
    SpecificCharacterSet="ISO_IR 192",
    QueryRetrieveLevel="STUDY",
    PatientName=f"{_MARKER}^*",
    PatientID=_MARKER,
    StudyDate="20260101-20261231",
    StudyInstanceUID="",
    AccessionNumber="",
)


def parameters_of(name: str) -> dict[str, object]:
    """A value for everything that its command set may say."""
    made = getattr(dimse_messages, name)()
    values: dict[str, object] = {
        "MessageID": 513,
        "MessageIDBeingRespondedTo": 65535,
        "Priority": 2,
        "Status": 0xFF00,
        "EventTypeID": 2,
        "ActionTypeID": 1,
        "MoveDestination": "READER",
        "MoveOriginatorApplicationEntityTitle": "WORKSTATION",
        "MoveOriginatorMessageID": 4,
        "NumberOfRemainingSuboperations": 500,
        "NumberOfCompletedSuboperations": 3,
        "NumberOfFailedSuboperations": 2,
        "NumberOfWarningSuboperations": 1,
        "AffectedSOPClassUID": CTImageStorage,
        "RequestedSOPClassUID": CTImageStorage,
        "AffectedSOPInstanceUID": "1.2.3.4",
        "RequestedSOPInstanceUID": "1.2.3.45",
    }
    return {
        element.keyword: values[element.keyword] for element in made.command_set if element.keyword in values
    }


def messages() -> list[str]:
    return [f"{kind}_{way}" for kind in _KINDS if kind != "OTHER" for way in ("RQ", "RSP")] + ["C_CANCEL_RQ"]


@pytest.mark.parametrize("has_data_set", [False, True])
@pytest.mark.parametrize("name", messages())
def test_every_message_is_read_as_pynetdicom_reads_it(name: str, has_data_set: bool) -> None:
    parameters = parameters_of(name)
    can_have_one = name in _DATA_SETS
    if has_data_set and can_have_one:
        parameters[_DATA_SETS[name]] = b"\0" * 8
    data, _ = say.parts_of_message(name, **parameters)
    wanted = decode(BytesIO(data), True, True)

    command = CommandSet(data)

    assert command.field == wanted.CommandField
    assert command.has_data_set == (has_data_set and can_have_one)
    for keyword, element in {
        "MessageID": 0x0110,
        "MessageIDBeingRespondedTo": 0x0120,
        "Status": 0x0900,
        "NumberOfRemainingSuboperations": 0x1020,
        "NumberOfCompletedSuboperations": 0x1021,
        "NumberOfFailedSuboperations": 0x1022,
        "NumberOfWarningSuboperations": 0x1023,
    }.items():
        assert command.number(element) == wanted.get(keyword)
    for keyword, element in {
        "MoveDestination": 0x0600,
        "MoveOriginatorApplicationEntityTitle": 0x1030,
    }.items():
        assert command.ae_title(element) == wanted.get(keyword, "")
    for keywords, elements in {
        ("AffectedSOPClassUID", "RequestedSOPClassUID"): (0x0002, 0x0003),
        ("AffectedSOPInstanceUID", "RequestedSOPInstanceUID"): (0x1000, 0x1001),
    }.items():
        assert command.uid(*elements) == next((wanted[one].value for one in keywords if one in wanted), "")


@pytest.mark.parametrize("name", messages()[:-1])
def test_every_command_field_has_its_kind(name: str) -> None:
    kind, _, way = name.rpartition("_")
    data, _ = say.parts_of_message(name, **parameters_of(name))

    field = CommandSet(data).field

    assert KINDS[field & ~RESPONSE] is OperationKind[kind]
    assert bool(field & RESPONSE) == (way == "RSP")


@given(st.binary(max_size=60))
def test_no_bytes_make_a_command_set_raise_anything_but_unreadable(data: bytes) -> None:
    with suppress(Unreadable):
        command = CommandSet(data)
        command.uid(0x0002, 0x1000)
        command.ae_title(0x0600)
        command.number(0x0110)
        assert command.has_data_set in {False, True}
        command.required(0x0120)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\0\0\0\1\2\0\0\0\1", id="a value cut off"),
        pytest.param(b"\0\0\0\1\xff\xff\xff\xff", id="four gigabytes"),
        pytest.param(b"\0\0\0\1", id="an element cut off"),
        pytest.param(b"\x10\0\x10\0\2\0\0\0AB", id="a patient's name"),
    ],
)
def test_what_is_no_command_set_is_unreadable(data: bytes) -> None:
    with pytest.raises(Unreadable):
        CommandSet(data)


def test_a_number_of_one_byte_or_none_is_unreadable_where_it_is_needed() -> None:
    with pytest.raises(Unreadable, match="cut off"):
        CommandSet(b"\0\0\x10\1\1\0\0\0A").required(0x0110)
    with pytest.raises(Unreadable, match=r"\(0000,0110\)"):
        CommandSet(b"\0\0\x10\1\0\0\0\0").required(0x0110)


def test_status_classes_are_those_of_pynetdicom() -> None:
    classes = {
        "Success": StatusClass.SUCCESS,
        "Pending": StatusClass.OPEN,
        "Cancel": StatusClass.CANCEL,
        "Warning": StatusClass.WARNING,
        "Failure": StatusClass.FAILURE,
        "Unknown": StatusClass.FAILURE,  # nobody may take it for a success
    }
    assert [
        f"{code:04X}" for code in range(0x10000) if status_class(code) is not classes[code_to_category(code)]
    ] == []


# Identifiers


@pytest.mark.parametrize("syntax", _SYNTAXES)
def test_of_a_query_its_level_and_keys_are_kept(syntax: str) -> None:
    level, keys = query_of(say.encoded(_QUERY, syntax), syntax)

    assert level == "STUDY"
    assert keys == ["StudyDate", "AccessionNumber", "PatientName", "PatientID", "StudyInstanceUID"]


def worklist_query(*, has_undefined_lengths: bool) -> Dataset:
    step = say.identifier(Modality="CT", ScheduledPerformingPhysicianName=_MARKER)
    deep = say.identifier(CodeValue=_MARKER, CodeMeaning=_MARKER)
    step.ScheduledProtocolCodeSequence = [deep, deep]
    query = say.identifier(PatientName=_MARKER, ScheduledProcedureStepSequence=[step])
    for data_set, keyword in (
        (query, "ScheduledProcedureStepSequence"),
        (step, "ScheduledProtocolCodeSequence"),
    ):
        data_set[keyword].is_undefined_length = has_undefined_lengths
        for item in data_set[keyword].value:
            item.is_undefined_length_sequence_item = has_undefined_lengths
    return query


@pytest.mark.parametrize("syntax", _SYNTAXES)
@pytest.mark.parametrize("has_undefined_lengths", [False, True])
def test_of_sequences_only_their_own_names_are_kept(syntax: str, has_undefined_lengths: bool) -> None:
    query = worklist_query(has_undefined_lengths=has_undefined_lengths)

    assert query_of(say.encoded(query, syntax), syntax) == (
        "",
        ["PatientName", "ScheduledProcedureStepSequence"],
    )


def test_an_attribute_without_a_keyword_stands_as_its_tag() -> None:
    query = Dataset()
    query.add_new(0x00091001, "LO", _MARKER)
    query.add_new(0x00100010, "PN", _MARKER)

    assert query_of(say.encoded(query, say.EXPLICIT), say.EXPLICIT) == ("", ["(0009,1001)", "PatientName"])


def test_of_very_many_keys_the_first_hundred_are_kept() -> None:
    query = Dataset()
    for element in range(0x1000, 0x1400):
        query.add_new(0x00090000 + element, "LO", _MARKER)

    _, keys = query_of(say.encoded(query), say.IMPLICIT)

    assert keys == [f"(0009,{element:04X})" for element in range(0x1000, 0x1064)]


@pytest.mark.parametrize(("value", "level"), [("IMAGE", "IMAGE"), ("series", "SERIES"), (_MARKER, "")])
def test_a_level_is_one_of_the_four_or_none(value: str, level: str) -> None:
    query = say.encoded(_QUERY, say.EXPLICIT).replace(b"CS\x06\0STUDY ", _cs(value))

    assert query_of(query, say.EXPLICIT)[0] == level


def _cs(value: str) -> bytes:
    raw = value.encode() + b" " * (len(value) % 2)
    return b"CS" + len(raw).to_bytes(2, "little") + raw


@pytest.mark.parametrize("syntax", _SYNTAXES)
@pytest.mark.parametrize("uids", [[], ["1.2.3"], ["1.2.3", "1.2.840.10008.1234567890.1"]])
def test_failed_instances_are_read(syntax: str, uids: list[str]) -> None:
    answer = say.encoded(say.identifier(FailedSOPInstanceUIDList=uids, PatientName=_MARKER), syntax)

    assert failed_uids_of(answer, syntax) == uids


def test_of_failed_instances_a_thousand_uids_are_kept_and_nothing_else() -> None:
    uids = [f"1.2.{number}" for number in range(3000)]
    values = [*uids[:2], _MARKER, "", *uids[2:]]
    answer = b"\x08\0\x58\0" + (raw := "\\".join(values).encode()).__len__().to_bytes(4, "little") + raw

    assert failed_uids_of(answer, say.IMPLICIT) == uids[:998]


@pytest.mark.parametrize("syntax", ["", "1.2.3", CTImageStorage, DeflatedExplicitVRLittleEndian])
def test_what_nobody_can_read_is_unreadable(syntax: str) -> None:
    plain = say.encoded(_QUERY, say.EXPLICIT)
    deflated = zlib.compress(plain, wbits=-15)
    for data_set in (plain, deflated):
        with pytest.raises(Unreadable) as raised:
            query_of(data_set, syntax)
        assert _MARKER not in str(raised.value)


@pytest.mark.parametrize("syntax", _SYNTAXES)
def test_endless_nesting_is_unreadable(syntax: str) -> None:
    order: Literal["big", "little"] = "big" if syntax == say.BIG_ENDIAN else "little"
    tag = (0x0040).to_bytes(2, order) + (0x0100).to_bytes(2, order)
    item = (0xFFFE).to_bytes(2, order) + (0xE000).to_bytes(2, order)
    undefined = b"\xff" * 4
    begin = tag + (undefined if syntax == say.IMPLICIT else b"SQ\0\0" + undefined)

    with pytest.raises(Unreadable):
        query_of((begin + item + undefined) * 5000, syntax)


@given(st.sampled_from(_SYNTAXES), st.sampled_from(_SYNTAXES), st.data())
def test_broken_identifiers_are_unreadable_at_worst_and_never_tell_a_value(
    written: str, read: str, data: st.DataObject
) -> None:
    whole = bytearray(say.encoded(worklist_query(has_undefined_lengths=True), written))
    whole += say.encoded(_QUERY, written)
    for at in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=6)):
        whole[at] = data.draw(st.sampled_from([0, 1, 8, 0x10, 0x52, 0x58, 0xFF, whole[at] ^ 1]))
    broken = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    with suppress(Unreadable):
        level, keys = query_of(broken, read)
        assert level in {"", "STUDY"}
        assert _MARKER[:4] not in "".join(keys)
    with suppress(Unreadable):
        assert _MARKER[:4] not in "".join(failed_uids_of(broken, read))


@given(st.binary(max_size=200), st.sampled_from(_SYNTAXES))
def test_no_bytes_make_an_identifier_raise_anything_but_unreadable(data: bytes, syntax: str) -> None:
    for read in (query_of, failed_uids_of):
        with suppress(Unreadable):
            read(data, syntax)


@pytest.mark.parametrize("syntax", [say.IMPLICIT, ".2.840"])
def test_no_value_comes_into_a_warning(syntax: str, recwarn: pytest.WarningsRecorder) -> None:
    query = say.encoded(_QUERY).replace(b"ISO_IR 192", b"KRANKHEIT!")

    with suppress(Unreadable):
        query_of(query, syntax)

    assert [str(one.message) for one in recwarn] == []
