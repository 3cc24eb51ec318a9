"""Whole associations as they are said, both sides encoded by pynetdicom, and what is written down of them."""

from typing import Any

import pytest
from pydicom import Dataset
from pynetdicom.sop_class import (
    CTImageStorage,
    ModalityWorklistInformationFind,
    StorageCommitmentPushModel,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from bridge.recorder.associate import AssociationRequest
from bridge.recorder.dialogue import Dialogue
from bridge.recorder.records import Caller, Record
from database.transfer_terms import DoorReason, EndedBy
from settings import PROBE_AE_TITLE
from tests import conversations as say
from tests.overhearing import CALLER, ORTHANC, REMOTE, Overheard, assert_whole

_MARKER = "KRANKHEIT"
_INSTANCE = "1.2.826.0.1.3680043.9.7433.1.7"
_IMAGE = b"\x10\0\x10\0PN\x0a\0" + _MARKER.encode() + b"^" + bytes(5000)
_QUERY = say.identifier(
    QueryRetrieveLevel="STUDY", PatientName=_MARKER, StudyDate="", AccessionNumber=_MARKER
)
_MATCH = say.identifier(QueryRetrieveLevel="STUDY", PatientName=_MARKER, AccessionNumber=_MARKER)
_PENDING, _CANCELLED = 0xFF00, 0xFE00


@pytest.fixture
def association() -> Overheard:
    """One that Orthanc has accepted."""
    return Overheard(say.request()).orthanc(say.acceptance())


def released(association: Overheard) -> Overheard:
    association.remote(say.release_request()).orthanc(say.release_response()).closed(REMOTE)
    assert_whole(association.records)
    assert _MARKER not in str(association.records)
    return association


def echo(message_id: int = 1) -> bytes:
    return say.message("C_ECHO_RQ", say.ECHO, MessageID=message_id, AffectedSOPClassUID=Verification)


def echo_response(message_id: int = 1, status: int = 0) -> bytes:
    return say.message("C_ECHO_RSP", say.ECHO, MessageIDBeingRespondedTo=message_id, Status=status)


def store(message_id: int = 1, **further: Any) -> bytes:
    return say.message(
        "C_STORE_RQ",
        say.STORE,
        MessageID=message_id,
        Priority=2,
        AffectedSOPClassUID=CTImageStorage,
        AffectedSOPInstanceUID=_INSTANCE,
        DataSet=_IMAGE,
        **further,
    )


def store_response(message_id: int = 1, status: int = 0) -> bytes:
    return say.message("C_STORE_RSP", say.STORE, MessageIDBeingRespondedTo=message_id, Status=status)


def find(message_id: int = 1, context_id: int = say.FIND, query: Dataset = _QUERY) -> bytes:
    sop_class, syntax = say.CONTEXTS[context_id]
    return say.message(
        "C_FIND_RQ",
        context_id,
        MessageID=message_id,
        Priority=2,
        AffectedSOPClassUID=sop_class,
        Identifier=say.encoded(query, syntax),
    )


def find_response(status: int, message_id: int = 1, context_id: int = say.FIND) -> bytes:
    identifier: dict[str, Any] = (
        {"Identifier": say.encoded(_MATCH, say.EXPLICIT)} if status == _PENDING else {}
    )
    return say.message(
        "C_FIND_RSP", context_id, MessageIDBeingRespondedTo=message_id, Status=status, **identifier
    )


def move(message_id: int = 1) -> bytes:
    return say.message(
        "C_MOVE_RQ",
        say.MOVE,
        MessageID=message_id,
        Priority=2,
        AffectedSOPClassUID=StudyRootQueryRetrieveInformationModelMove,
        MoveDestination="READER",
        Identifier=say.encoded(say.identifier(QueryRetrieveLevel="SERIES", StudyInstanceUID="1.2.3")),
    )


def retrieval_response(name: str, status: int, counts: tuple[int, int, int, int], **further: Any) -> bytes:
    """``counts`` of sub-operations: remaining, completed, failed, with warnings."""
    names = ("Remaining", "Completed", "Failed", "Warning")
    return say.message(
        name,
        say.MOVE if name == "C_MOVE_RSP" else say.GET,
        MessageIDBeingRespondedTo=1,
        Status=status,
        **{f"NumberOf{name}Suboperations": one for name, one in zip(names, counts, strict=True)},
        **further,
    )


def pdus_of(said: bytes) -> list[bytes]:
    pdus = []
    while said:
        end = 6 + int.from_bytes(said[2:6], "big")
        pdus.append(said[:end])
        said = said[end:]
    return pdus


def length_of(message: bytes) -> int:
    """Of its command and data set alone: each PDU has one value."""
    return sum(len(pdu) - 12 for pdu in pdus_of(message))


# What is kept of an association


def test_an_association_is_written_down_when_it_begins_is_answered_and_ends(association: Overheard) -> None:
    released(association)

    began, answered, ended = association.records
    assert began == {
        "record": "association",
        "started_at": began["started_at"],
        "number": 1,
        "calling_ae_title": "MODALITY",
        "called_ae_title": "NOCTIS",
        "remote_ip": CALLER.ip,
        "remote_port": CALLER.port,
        "implementation_class_uid": say.IMPLEMENTATION_CLASS_UID,
        "implementation_version_name": say.IMPLEMENTATION_VERSION_NAME,
        "presentation_contexts": [
            [id_, abstract, [syntax], None, ""] for id_, (abstract, syntax) in say.CONTEXTS.items()
        ],
        "received_byte_count": 0,
        "sent_byte_count": 0,
        "operation_count": 0,
        "failure_count": 0,
        "warning_count": 0,
    }
    accepted = [[id_, abstract, [syntax], 0, syntax] for id_, (abstract, syntax) in say.CONTEXTS.items()]
    received, sent = len(say.request()), len(say.acceptance())
    assert answered == began | {
        "presentation_contexts": accepted,
        "received_byte_count": received,
        "sent_byte_count": sent,
    }
    assert ended == answered | {
        "outcome": "released",
        "ended_by": "remote",
        "ended_at": ended["ended_at"],
        "received_byte_count": received + len(say.release_request()),
        "sent_byte_count": sent + len(say.release_response()),
    }


def test_refused_contexts_are_kept_with_their_result() -> None:
    answers = {id_: (3 if id_ == say.ECHO else 0, syntax) for id_, (_, syntax) in say.CONTEXTS.items()}

    association = Overheard(say.request()).orthanc(say.acceptance(answers))

    first, second = association.association["presentation_contexts"][:2]
    assert first[3:] == [3, ""]
    assert second[3:] == [0, say.EXPLICIT]


@pytest.mark.parametrize(
    ("caller", "kept"),
    [
        (Caller("192.0.2.7", 1), {}),
        (Caller("192.0.2.7", 1, is_tls=True), {"is_tls": True, "tls_subject": ""}),
        (Caller("192.0.2.7", 1, True, "CN=ct1"), {"is_tls": True, "tls_subject": "CN=ct1"}),
    ],
)
def test_of_tls_the_subject_is_kept(caller: Caller, kept: Record) -> None:
    record = Overheard(say.request(), caller).association

    assert {name: value for name, value in record.items() if "tls" in name} == kept


def test_a_rejection_by_orthanc_is_kept_with_its_codes() -> None:
    association = Overheard(say.request()).orthanc(say.rejection(1, 1, 7)).closed(ORTHANC)

    ended = association.association
    assert_whole(association.records)
    assert (ended["outcome"], ended["ended_by"]) == ("rejected", "orthanc")
    assert (ended["end_result"], ended["end_source"], ended["end_reason"]) == (1, 1, 7)


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [(DoorReason.BLOCKED, "rejected"), (DoorReason.ORTHANC_UNREACHABLE, "orthanc-unavailable")],
)
def test_a_rejection_by_the_recorder_says_why(reason: DoorReason, outcome: str) -> None:
    association = Overheard(say.request())

    association.dialogue.reject(2, 3, 1, reason)

    ended = association.association
    assert_whole(association.records)
    assert (ended["outcome"], ended["ended_by"], ended["door_reason"]) == (outcome, "recorder", reason)
    assert (ended["end_result"], ended["end_source"], ended["end_reason"]) == (2, 3, 1)


@pytest.mark.parametrize(("pdu", "source", "reason"), [(say.abort(), 0, 0), (say.provider_abort(2), 2, 2)])
@pytest.mark.parametrize("by", [REMOTE, ORTHANC])
def test_an_abort_ends_what_waits_and_is_kept_with_its_codes(
    association: Overheard, by: EndedBy, pdu: bytes, source: int, reason: int
) -> None:
    association.remote(echo(), store(2))
    (association.remote if by is REMOTE else association.orthanc)(pdu)
    association.closed(ORTHANC)

    ended = association.association
    assert_whole(association.records)
    assert (ended["outcome"], ended["ended_by"]) == ("aborted", by)
    assert (ended["end_result"], ended["end_source"], ended["end_reason"]) == (None, source, reason)
    who = {REMOTE: "the other side", ORTHANC: "Orthanc"}[by]
    assert [(one["status_class"], one["reason"]) for one in association.operations] == [
        ("failure", f"{who} aborted the association before the response")
    ] * 2
    assert (ended["operation_count"], ended["failure_count"]) == (2, 2)


@pytest.mark.parametrize("by", [REMOTE, ORTHANC])
def test_a_lost_connection_fails_what_waits(association: Overheard, by: EndedBy) -> None:
    association.remote(echo()).closed(by)

    assert_whole(association.records)
    assert association.association["outcome"] == "connection-lost"
    assert association.association["ended_by"] == by
    assert association.operation["status_class"] == "failure"
    assert association.operation["reason"].endswith("closed the connection before the response")
    assert "status" not in association.operation


def test_a_release_fails_what_waits(association: Overheard) -> None:
    released(association.remote(echo()))

    assert association.operation["reason"] == "the other side released the association before the response"


def test_a_recorder_that_ends_says_so(association: Overheard) -> None:
    association.remote(echo())

    association.dialogue.give_up(DoorReason.ENDING)

    assert_whole(association.records)
    assert association.association["ended_by"] == "recorder"
    assert association.association["door_reason"] == "ending"
    assert association.operation["reason"] == "the recorder closed the connection before the response"


def test_when_both_ask_for_release_the_first_ended_it(association: Overheard) -> None:
    association.orthanc(say.release_request()).remote(say.release_request(), say.release_response())
    association.orthanc(say.release_response()).closed(REMOTE)

    assert_whole(association.records)
    assert (association.association["outcome"], association.association["ended_by"]) == (
        "released",
        "orthanc",
    )


@pytest.mark.parametrize("first", [say.abort(), say.rejection(1, 1, 1)])
def test_nothing_is_written_after_the_end(first: bytes) -> None:
    association = Overheard(say.request()).remote(store()[:3000]).orthanc(first)
    written = len(association.records)

    association.remote(store()[3000:], echo(2), say.abort(), b"garbage")
    association.orthanc(say.acceptance(), store_response(), say.abort(), b"garbage").closed(ORTHANC)

    assert association.records[written:] == []
    assert_whole(association.records)


def test_what_comes_with_the_end_in_one_piece_is_not_written_either(association: Overheard) -> None:
    first, second, *rest = pdus_of(store(longest_pdu=1000))

    association.remote(b"".join([first, second, say.abort(), *rest, echo(2)])).closed(ORTHANC)

    assert_whole(association.records)
    assert association.association["outcome"] == "aborted"
    assert association.association["operation_count"] == 1


def test_a_response_that_is_being_said_when_all_ends_is_none(association: Overheard) -> None:
    first, *rest = pdus_of(retrieval_response("C_MOVE_RSP", 0, (0, 1, 0, 0), Identifier=bytes(100)))

    association.remote(move()).orthanc(b"".join([first, say.abort(), *rest])).closed(ORTHANC)

    assert_whole(association.records)
    assert "status" not in association.operation


def test_an_association_that_never_was_one_has_its_bytes_and_reason() -> None:
    records: list[Record] = []
    dialogue = Dialogue(CALLER, AssociationRequest(b"", b""), records.append, lambda: 1)

    dialogue.refuse_unread(DoorReason.NOT_AN_ASSOCIATION_REQUEST, 17, "the TLS handshake failed")

    (record,) = records
    assert (record["outcome"], record["ended_by"]) == ("not-dicom", "recorder")
    assert record["door_reason"] == "not-an-association-request"
    assert record["opaque_reason"] == "the TLS handshake failed"
    assert record["received_byte_count"] == 17


def test_a_caller_who_gives_up_within_its_request_lost_the_connection() -> None:
    records: list[Record] = []
    dialogue = Dialogue(CALLER, AssociationRequest(b"", b""), records.append, lambda: 1)

    dialogue.refuse_unread(None, 5)

    assert [(one["outcome"], one["ended_by"]) for one in records] == [("connection-lost", "remote")]


# Opaque associations


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"\xffgarbage", id="garbage"),
        pytest.param(
            say.message("C_ECHO_RQ", 99, MessageID=2, AffectedSOPClassUID="1.2"), id="unknown context"
        ),
        pytest.param(echo(), id="a message id that still waits"),
        pytest.param(echo_response(2), id="a response to nothing"),
        pytest.param(say.p_data([(say.ECHO, b"\x03garbage")]), id="no command set"),
        pytest.param(say.acceptance(), id="an acceptance by the side that asked"),
        pytest.param(say.rejection(1, 1, 7), id="a rejection by the side that asked"),
        pytest.param(say.release_response(), id="a release that nobody asked for"),
    ],
)
def test_what_cannot_be_read_makes_the_association_opaque(association: Overheard, said: bytes) -> None:
    association.remote(echo(), said)
    turned = association.association
    association.remote(b"anything").orthanc(echo_response(), b"anything").closed(REMOTE)

    ended = association.association
    assert_whole(association.records)
    assert turned["opaque_reason"]
    assert (ended["outcome"], ended["opaque_reason"]) == ("interrupted", turned["opaque_reason"])
    assert association.operation["status_class"] == "interrupted"
    assert association.operation["reason"].endswith(turned["opaque_reason"])
    assert ended["failure_count"] == 0
    assert ended["received_byte_count"] == len(say.request()) + len(echo()) + len(said) + len(b"anything")


def test_an_answer_to_a_context_that_was_not_asked_for_makes_it_opaque() -> None:
    association = Overheard(say.request({1: (Verification, [say.IMPLICIT])})).orthanc(say.acceptance())

    assert "wasn't asked for" in association.association["opaque_reason"]


def test_too_many_that_wait_make_it_opaque(association: Overheard) -> None:
    association.remote(*(echo(message_id) for message_id in range(2000))).closed(REMOTE)

    assert_whole(association.records)
    assert "too many" in association.association["opaque_reason"]
    assert association.association["operation_count"] == 1024


# Operations


@pytest.mark.parametrize(
    ("status", "status_class"),
    [(0x0000, "success"), (0xB007, "warning"), (0xA700, "failure"), (0x0110, "failure"), (0x0122, "failure")],
)
def test_a_store_has_the_status_that_the_sender_was_given(
    association: Overheard, status: int, status_class: str
) -> None:
    released(association.remote(store(7)).orthanc(store_response(7, status)))

    operation = association.operation
    assert operation == {
        "record": "operation",
        "started_at": operation["started_at"],
        "association_started_at": association.association["started_at"],
        "association_number": 1,
        "number": 2,
        "remote_ae_title": "MODALITY",
        "remote_ip": CALLER.ip,
        "kind": "c-store",
        "message_id": 7,
        "sop_class_uid": CTImageStorage,
        "sop_instance_uid": _INSTANCE,
        "transfer_syntax_uid": say.EXPLICIT,
        "request_byte_count": length_of(store(7)),
        "response_byte_count": length_of(store_response(7, status)),
        "status": status,
        "status_class": status_class,
        "ended_at": operation["ended_at"],
    }
    counts = association.association
    assert counts["failure_count"] == (status_class == "failure")
    assert counts["warning_count"] == (status_class == "warning")


def test_a_store_for_somebody_elses_move_names_who_asked(association: Overheard) -> None:
    originator: dict[str, Any] = {
        "MoveOriginatorApplicationEntityTitle": "WORKSTATION",
        "MoveOriginatorMessageID": 3,
    }
    released(association.remote(store(**originator)).orthanc(store_response()))

    assert association.operation["move_originator"] == "WORKSTATION"


def test_an_operation_is_open_until_its_final_response(association: Overheard) -> None:
    association.remote(find()).orthanc(find_response(_PENDING))
    assert association.dialogue.open_numbers() == [1, 2]
    association.orthanc(find_response(0))
    assert association.dialogue.open_numbers() == [1]

    assert association.operation["status_class"] == "success"
    assert association.closed(REMOTE).dialogue.open_numbers() == []


@pytest.mark.parametrize("matches", [0, 1, 37])
@pytest.mark.parametrize("context_id", [say.FIND, say.BIG_ENDIAN_FIND])
def test_a_find_has_its_level_keys_and_number_of_matches(
    association: Overheard, matches: int, context_id: int
) -> None:
    association.remote(find(context_id=context_id))
    association.orthanc(*[find_response(_PENDING, context_id=context_id)] * matches)
    released(association.orthanc(find_response(0, context_id=context_id)))

    operation = association.operation
    assert (operation["kind"], operation["status_class"]) == ("c-find", "success")
    assert operation["sop_class_uid"] == StudyRootQueryRetrieveInformationModelFind
    assert operation["query_level"] == "STUDY"
    assert operation["query_keys"] == ["StudyDate", "AccessionNumber", "PatientName"]
    assert operation["match_count"] == matches


def test_a_worklist_find_has_no_level(association: Overheard) -> None:
    step = say.identifier(Modality="CT", ScheduledPerformingPhysicianName=_MARKER)
    query = say.identifier(PatientName=_MARKER, ScheduledProcedureStepSequence=[step])
    association.remote(find(context_id=say.WORKLIST, query=query))
    released(association.orthanc(find_response(0, context_id=say.WORKLIST)))

    operation = association.operation
    assert operation["sop_class_uid"] == ModalityWorklistInformationFind
    assert operation["query_level"] == ""
    assert operation["query_keys"] == ["PatientName", "ScheduledProcedureStepSequence"]


def test_a_find_whose_identifier_is_broken_is_read_on(association: Overheard) -> None:
    broken = say.message(
        "C_FIND_RQ",
        say.FIND,
        MessageID=1,
        Priority=2,
        AffectedSOPClassUID=StudyRootQueryRetrieveInformationModelFind,
        Identifier=b"\x40\0\0\1SQ\0\0\xff\xff\xff\xff" + _MARKER.encode(),
    )
    released(association.remote(broken).orthanc(find_response(0xC000)))

    assert association.operation["reason"] == "its identifier can't be read"
    assert association.operation["status_class"] == "failure"
    assert "opaque_reason" not in association.association


def test_a_cancelled_find_says_both(association: Overheard) -> None:
    cancel = say.message("C_CANCEL_RQ", say.FIND, MessageIDBeingRespondedTo=1)
    association.remote(find()).orthanc(find_response(_PENDING)).remote(cancel)
    released(association.orthanc(find_response(_CANCELLED)))

    operation = association.operation
    assert (operation["status"], operation["status_class"]) == (_CANCELLED, "cancel")
    assert operation["is_cancel_requested"] is True
    assert operation["match_count"] == 1


def test_a_cancel_for_what_has_ended_changes_nothing(association: Overheard) -> None:
    cancel = say.message("C_CANCEL_RQ", say.FIND, MessageIDBeingRespondedTo=1)
    released(association.remote(find()).orthanc(find_response(0)).remote(cancel))

    assert "is_cancel_requested" not in association.operation


def test_a_move_has_its_destination_counts_and_failed_instances(association: Overheard) -> None:
    failed = say.encoded(say.identifier(FailedSOPInstanceUIDList=["1.2.3.4", "1.2.3.5"]))
    association.remote(move())
    association.orthanc(retrieval_response("C_MOVE_RSP", _PENDING, (5, 1, 0, 0)))
    association.orthanc(retrieval_response("C_MOVE_RSP", _PENDING, (1, 3, 2, 0)))
    association.orthanc(retrieval_response("C_MOVE_RSP", 0xB000, (0, 3, 2, 1), Identifier=failed))
    released(association)

    operation = association.operation
    assert (operation["kind"], operation["status_class"]) == ("c-move", "warning")
    assert operation["move_destination"] == "READER"
    assert (operation["query_level"], operation["query_keys"]) == ("SERIES", ["StudyInstanceUID"])
    counts = ("remaining_count", "completed_count", "failed_count", "warned_count")
    assert [operation[name] for name in counts] == [0, 3, 2, 1]
    assert operation["failed_sop_instance_uids"] == ["1.2.3.4", "1.2.3.5"]


def test_a_move_to_nowhere_fails_without_counts(association: Overheard) -> None:
    response = say.message("C_MOVE_RSP", say.MOVE, MessageIDBeingRespondedTo=1, Status=0xA801)
    released(association.remote(move()).orthanc(response))

    assert (association.operation["status"], association.operation["status_class"]) == (0xA801, "failure")
    assert "completed_count" not in association.operation


def test_the_stores_of_a_get_are_orthancs_own_operations(association: Overheard) -> None:
    get = say.message(
        "C_GET_RQ",
        say.GET,
        MessageID=1,
        Priority=2,
        AffectedSOPClassUID=StudyRootQueryRetrieveInformationModelGet,
        Identifier=say.encoded(say.identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.3")),
    )
    association.remote(get)
    association.orthanc(store(1)).remote(store_response(1))  # the ids of both sides are their own
    association.orthanc(retrieval_response("C_GET_RSP", _PENDING, (1, 1, 0, 0)))
    association.orthanc(store(2)).remote(store_response(2, 0xA700))
    association.orthanc(retrieval_response("C_GET_RSP", 0xB000, (0, 1, 1, 0)))
    released(association)

    got, first, second = association.operations
    assert (got["kind"], got["status_class"], got["failed_count"]) == ("c-get", "warning", 1)
    assert "direction" not in got
    assert [(one["kind"], one["direction"]) for one in (first, second)] == [("c-store", "out")] * 2
    assert [one["status_class"] for one in (first, second)] == ["success", "failure"]


def test_storage_commitment_is_asked_and_reported(association: Overheard) -> None:
    instances = say.encoded(say.identifier(TransactionUID="1.2.9"))
    well_known = "1.2.840.10008.1.20.1.1"
    action = say.message(
        "N_ACTION_RQ",
        say.COMMITMENT,
        MessageID=1,
        ActionTypeID=1,
        RequestedSOPClassUID=StorageCommitmentPushModel,
        RequestedSOPInstanceUID=well_known,
        ActionInformation=instances,
    )
    report = say.message(
        "N_EVENT_REPORT_RQ",
        say.COMMITMENT,
        MessageID=1,
        EventTypeID=1,
        AffectedSOPClassUID=StorageCommitmentPushModel,
        AffectedSOPInstanceUID=well_known,
        EventInformation=instances,
    )
    association.remote(action)
    association.orthanc(
        say.message("N_ACTION_RSP", say.COMMITMENT, MessageIDBeingRespondedTo=1, Status=0), report
    )
    association.remote(
        say.message("N_EVENT_REPORT_RSP", say.COMMITMENT, MessageIDBeingRespondedTo=1, Status=0x0110)
    )
    released(association)

    asked, reported = association.operations
    assert (asked["kind"], asked["status_class"]) == ("n-action", "success")
    assert (reported["kind"], reported["status_class"], reported["direction"]) == (
        "n-event-report",
        "failure",
        "out",
    )
    assert {one["sop_instance_uid"] for one in (asked, reported)} == {well_known}


def test_asynchronous_operations_get_the_answers_that_are_theirs(association: Overheard) -> None:
    association.remote(store(1), echo(2), find(3), store(4))
    association.orthanc(
        store_response(4, 0xA700), find_response(_PENDING, 3), store_response(1), echo_response(2)
    )
    association.orthanc(find_response(0, 3))
    released(association)

    assert [(one["message_id"], one["status"]) for one in association.operations] == [
        (1, 0),
        (2, 0),
        (3, 0),
        (4, 0xA700),
    ]
    assert association.association["failure_count"] == 1


def test_a_message_id_may_come_again_once_it_is_answered(association: Overheard) -> None:
    for _ in range(3):
        association.remote(store(1)).orthanc(store_response(1))
    released(association)

    assert association.association["operation_count"] == 3


def test_a_store_that_is_refused_before_it_has_ended_is_read_on(association: Overheard) -> None:
    association.remote(store(1)[:3000]).orthanc(store_response(1, 0xA700)).remote(store(1)[3000:])
    released(association.remote(echo(2)).orthanc(echo_response(2)))

    assert [one["status"] for one in association.operations] == [0xA700, 0]


def test_an_unknown_command_is_an_operation_all_the_same(association: Overheard) -> None:
    command = say.encoded(say.identifier(CommandField=0x0222, MessageID=5, CommandDataSetType=0x0101))
    answer = say.encoded(
        say.identifier(
            CommandField=0x8222, MessageIDBeingRespondedTo=5, CommandDataSetType=0x0101, Status=0x0211
        )
    )
    association.remote(say.p_data([(say.ECHO, b"\x03" + command)]))
    released(association.orthanc(say.p_data([(say.ECHO, b"\x03" + answer)])))

    assert (association.operation["kind"], association.operation["status_class"]) == ("other", "failure")


# Our own probes


@pytest.mark.parametrize("title", [PROBE_AE_TITLE, PROBE_AE_TITLE.lower()])
def test_a_probe_of_ours_is_marked(title: str) -> None:
    association = Overheard(say.request(calling=title)).orthanc(say.acceptance())

    released(association.remote(echo()).orthanc(echo_response()))

    assert association.association["is_probe"] is True


def test_whoever_does_more_than_echo_under_its_name_is_no_probe() -> None:
    association = Overheard(say.request(calling=PROBE_AE_TITLE)).orthanc(say.acceptance())

    released(association.remote(echo(), store(2)).orthanc(echo_response(), store_response(2)))

    assert "is_probe" not in association.association
