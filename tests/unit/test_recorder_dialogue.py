"""Whole associations as they are said, both sides encoded by pynetdicom, and what is written down of them."""

import pytest
from pynetdicom.sop_class import Verification

from bridge.recorder.associate import AssociationRequest
from bridge.recorder.dialogue import Dialogue
from bridge.recorder.records import Caller, Record
from database.transfer_terms import DoorReason, EndedBy
from settings import PROBE_AE_TITLE
from tests import conversations as say
from tests.messages import echo, echo_response, move, move_response, store, store_response
from tests.overhearing import CALLER, Overheard, assert_whole, released
from tests.sayings import ORTHANC, REMOTE


@pytest.fixture
def association() -> Overheard:
    """One that Orthanc has accepted."""
    return Overheard(say.request()).orthanc(say.acceptance())


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
    first, second, *rest = say.pdus_of(store(longest_pdu=1000))

    association.remote(b"".join([first, second, say.abort(), *rest, echo(2)])).closed(ORTHANC)

    assert_whole(association.records)
    assert association.association["outcome"] == "aborted"
    assert association.association["operation_count"] == 1


def test_a_response_that_is_being_said_when_all_ends_is_none(association: Overheard) -> None:
    first, *rest = say.pdus_of(move_response(0, (0, 1, 0, 0), Identifier=bytes(100)))

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
