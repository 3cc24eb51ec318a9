"""How associations and operations ended, in words: each code of Orthanc here was measured."""

from itertools import product
from typing import Any

import pytest

from bridge.recorder import records
from database.models import Association, Operation, Sender
from database.transfer_terms import (
    AssociationOutcome,
    Direction,
    DoorReason,
    EndedBy,
    OperationKind,
    Source,
    StatusClass,
    Storage,
)
from webapp.transfers.words import Tone, Words, outcome_of, status_code, status_of

OWN = "NOCTIS"


def association(outcome: AssociationOutcome, **values: Any) -> Association:
    defaults = {
        "calling_ae_title": "CT_EAST",
        "called_ae_title": OWN,
        "remote_ip": "192.0.2.10",
        "opaque_reason": "",
    }
    return Association(outcome=outcome, **{**defaults, **values})


def rejected(source: int, reason: int, **values: Any) -> Words:
    row = association(
        AssociationOutcome.REJECTED,
        **{
            "ended_by": EndedBy.ORTHANC,
            "end_result": 1,
            "end_source": source,
            "end_reason": reason,
            **values,
        },
    )
    return outcome_of(row, OWN)


def operation(
    kind: OperationKind = OperationKind.C_STORE,
    status_class: StatusClass = StatusClass.FAILURE,
    status: int | None = None,
    **values: Any,
) -> Operation:
    defaults = {
        "source": Source.RECORDER,
        "direction": Direction.IN,
        "remote_ae_title": "CT_EAST",
        "move_destination": "",
        "reason": "",
    }
    return Operation(kind=kind, status_class=status_class, status=status, **{**defaults, **values})


def test_a_wrong_called_ae_title_says_who_this_is_and_what_to_set() -> None:
    assert rejected(1, 7, called_ae_title="WRONG") == Words(
        "rejected",
        "WRONG is not our AE title: this server is NOCTIS.",
        "Set the called AE title at the sender to NOCTIS.",
    )


def test_our_own_ae_title_that_orthanc_refuses_is_our_fault() -> None:
    words = rejected(1, 7, called_ae_title="noctis")
    assert "restart it" in words.advice
    assert "sender" not in words.advice


def test_an_unknown_caller_is_named_with_where_to_add_it() -> None:
    words = rejected(1, 3)
    assert words.why == "Orthanc doesn't know the AE title CT_EAST."
    assert "Unknown senders" in words.advice


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        ((1, 1), "No reason was given"),
        ((1, 2), "application context"),
        ((2, 2), "version of the protocol"),
        ((3, 1), "Too much to do"),
        ((3, 2), "As many associations as allowed"),
        ((9, 9), "Source 9, reason 9: not in the standard"),
    ],
)
def test_every_rejection_says_why(codes: tuple[int, int], said: str) -> None:
    assert said in rejected(*codes).why


def test_a_sender_of_the_list_reads_as_its_association() -> None:
    codes = {"ended_by": EndedBy.ORTHANC, "end_result": 1, "end_source": 1, "end_reason": 3}
    outcome = AssociationOutcome.REJECTED
    sender = Sender(ae_title="CT_EAST", called_ae_title=OWN, remote_ip="192.0.2.10", outcome=outcome, **codes)
    assert outcome_of(sender, OWN) == outcome_of(association(outcome, **codes), OWN)


@pytest.mark.parametrize("reason", list(DoorReason))
def test_every_reason_of_the_door_says_why_and_what_to_do(reason: DoorReason) -> None:
    row = association(AssociationOutcome.REJECTED, ended_by=EndedBy.RECORDER, door_reason=reason)
    words = outcome_of(row, OWN)
    assert words.why.endswith(".")
    assert words.advice.endswith(".")
    assert "{" not in words.why + words.advice


def test_the_door_names_whom_it_turned_away() -> None:
    def words(reason: DoorReason) -> Words:
        row = association(AssociationOutcome.REJECTED, ended_by=EndedBy.RECORDER, door_reason=reason)
        return outcome_of(row, OWN)

    assert words(DoorReason.BLOCKED).why == "An administrator has blocked CT_EAST."
    assert "may not come from 192.0.2.10" in words(DoorReason.HOST_NOT_ALLOWED).why


def test_an_abort_of_orthanc_leads_to_what_the_sender_may_do() -> None:
    row = association(AssociationOutcome.ABORTED, ended_by=EndedBy.ORTHANC, end_source=0, end_reason=0)
    words = outcome_of(row, OWN)
    assert "an operation that it may not do" in words.why
    assert "what CT_EAST may do" in words.advice


@pytest.mark.parametrize(
    ("by", "source", "reason", "said"),
    [
        (EndedBy.REMOTE, 0, 0, "CT_EAST aborted it."),
        (
            EndedBy.REMOTE,
            2,
            6,
            "CT_EAST aborted it. Its network layer did: a PDU's parameter with an invalid",
        ),
        (EndedBy.ORTHANC, 2, 2, "Orthanc aborted it. Its network layer did: a PDU that it didn't expect."),
        (EndedBy.ORTHANC, 2, 99, "no reason of the standard"),
    ],
)
def test_other_aborts_say_who_and_which_layer(by: EndedBy, source: int, reason: int, said: str) -> None:
    row = association(AssociationOutcome.ABORTED, ended_by=by, end_source=source, end_reason=reason)
    assert said in outcome_of(row, OWN).why


def test_what_nobody_knows_is_said_to_be_unknown() -> None:
    stopped = outcome_of(association(AssociationOutcome.INTERRUPTED), OWN)
    assert (stopped.tone, "isn't known" in stopped.why) == (Tone.UNKNOWN, True)
    opaque = outcome_of(association(AssociationOutcome.INTERRUPTED, opaque_reason="a PDU cut off"), OWN)
    assert "read no further (a PDU cut off). It was forwarded" in opaque.why


@pytest.mark.parametrize("outcome", list(AssociationOutcome))
@pytest.mark.parametrize("by", [*EndedBy, None])
def test_every_ending_has_words(outcome: AssociationOutcome, by: EndedBy | None) -> None:
    words = outcome_of(association(outcome, ended_by=by), OWN)
    assert words.what
    assert "None" not in words.why + words.advice
    is_problem = outcome not in {AssociationOutcome.OPEN, AssociationOutcome.RELEASED}
    assert (words.tone in {Tone.BAD, Tone.UNKNOWN}) == is_problem
    assert not is_problem or words.why or outcome is AssociationOutcome.CONNECTION_LOST


def test_an_empty_ae_title_is_visible() -> None:
    assert "(no AE title)" in rejected(1, 3, calling_ae_title="  ").why


@pytest.mark.parametrize(
    ("kind", "status", "meaning"),
    [
        (OperationKind.C_STORE, 0xA700, "Out of resources."),
        (OperationKind.C_STORE, 0xA7FF, "Out of resources."),
        (OperationKind.C_STORE, 0xA900, "The data set doesn't fit the SOP class that was announced."),
        (OperationKind.C_STORE, 0xC123, "The data set can't be understood."),
        (OperationKind.C_FIND, 0xC000, "Unable to process the query."),
        (OperationKind.C_MOVE, 0xA801, "The move destination is unknown."),
        (OperationKind.C_MOVE, 0xA702, "Out of resources: the sub-operations can't be done."),
        (OperationKind.C_GET, 0xB000, "Done, but one or more sub-operations failed."),
        (OperationKind.C_ECHO, 0x0122, "The SOP class is not supported."),
        (OperationKind.N_ACTION, 0x0213, "Out of resources."),
        (OperationKind.C_ECHO, 0xA900, "The standard has no such status."),
        (OperationKind.OTHER, 0x0110, "Processing failed."),
    ],
)
def test_a_status_means_what_its_service_says(kind: OperationKind, status: int, meaning: str) -> None:
    assert status_of(operation(kind, status=status)).why == meaning


def test_every_status_of_every_kind_has_words() -> None:
    for kind, status in product(OperationKind, range(0, 0x10000, 7)):
        words = status_of(operation(kind, status=status))
        assert "{" not in words.why + words.advice


def test_success_needs_no_words() -> None:
    words = status_of(operation(status_class=StatusClass.SUCCESS, status=0, storage=Storage.STORED))
    assert words == Words("success", tone=Tone.GOOD)


def test_orthancs_answers_come_with_what_it_means_by_them() -> None:
    moved = status_of(operation(OperationKind.C_MOVE, status=0xC000, move_destination="READER1"))
    assert "doesn't know the move destination READER1 or can't reach it" in moved.advice
    assert "a UID is missing" in status_of(operation(status=0xA700)).advice


def test_another_ones_answer_to_us_comes_without_orthancs_meaning() -> None:
    assert status_of(operation(status=0xA700, direction=Direction.OUT)).advice == ""


def test_without_a_response_the_reason_is_the_recorders() -> None:
    words = status_of(operation(reason="the other side closed the connection before the response"))
    assert words.what == "no response"
    assert words.why == "The other side closed the connection before the response."


def test_an_abort_instead_of_a_response_leads_to_the_permission() -> None:
    reason = records.no_response(AssociationOutcome.ABORTED, EndedBy.ORTHANC)
    words = status_of(operation(OperationKind.C_FIND, reason=reason))
    assert words.advice.endswith("grant CT_EAST C-FIND under Facilities.")


def test_a_jobs_failure_speaks_for_itself() -> None:
    words = status_of(operation(source=Source.JOB, reason="connection refused"))
    assert (words.what, words.why) == (
        "failure",
        "Connection refused. Known from Orthanc's list of jobs.",
    )


@pytest.mark.parametrize(
    ("values", "what", "said"),
    [
        ({"storage": Storage.DUPLICATE}, "duplicate", "nothing changed"),
        ({"storage": Storage.NOT_HELD}, "not held", "Orthanc doesn't hold it"),
        ({"storage": Storage.AWAITED}, "success", ""),
        ({"source": Source.ORTHANC}, "success", "Not recorded (bypassed): only Orthanc knows of it"),
        ({"source": Source.TEST}, "success", "A test of the connection."),
    ],
)
def test_a_success_says_what_became_of_it(values: dict[str, Any], what: str, said: str) -> None:
    words = status_of(operation(status_class=StatusClass.SUCCESS, status=0, **values))
    assert words.what == what
    assert said in words.why


def test_what_the_recorder_missed_is_not_invented() -> None:
    words = status_of(operation(status_class=StatusClass.INTERRUPTED))
    assert (words.what, words.tone) == ("interrupted", Tone.UNKNOWN)
    assert "isn't known" in words.why


def test_codes_are_written_as_the_standard_does() -> None:
    assert [status_code(operation(status=one)) for one in (0, 0xA900, None)] == ["0000", "A900", ""]


def test_a_failed_tls_handshake_is_said_to_be_one() -> None:
    row = association(
        AssociationOutcome.NOT_DICOM,
        ended_by=EndedBy.RECORDER,
        door_reason=DoorReason.NOT_AN_ASSOCIATION_REQUEST,
        opaque_reason="the TLS handshake failed: CERTIFICATE_VERIFY_FAILED",
    )
    assert outcome_of(row, "NOCTIS").why == "The TLS handshake failed: CERTIFICATE_VERIFY_FAILED."
