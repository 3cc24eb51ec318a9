"""DIMSE operations as they are said, both sides encoded by pynetdicom, and what is written down of them."""

import pytest
from pynetdicom.sop_class import (
    CTImageStorage,
    ModalityWorklistInformationFind,
    StudyRootQueryRetrieveInformationModelFind,
)

from tests import conversations as say
from tests.messages import (
    CANCELLED,
    MARKER,
    PENDING,
    SOP_INSTANCE_UID,
    WELL_KNOWN_INSTANCE_UID,
    cancel,
    commitment,
    commitment_report,
    commitment_report_response,
    commitment_response,
    echo,
    echo_response,
    find,
    find_response,
    get,
    get_response,
    move,
    move_response,
    store,
    store_response,
)
from tests.overhearing import CALLER, Overheard, released
from tests.sayings import REMOTE


@pytest.fixture
def association() -> Overheard:
    """One that Orthanc has accepted."""
    return Overheard(say.request()).orthanc(say.acceptance())


def length_of(message: bytes) -> int:
    """Of its command and data set alone: each PDU has one value."""
    return sum(len(pdu) - 12 for pdu in say.pdus_of(message))


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
        "sop_instance_uid": SOP_INSTANCE_UID,
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
    request = store(MoveOriginatorApplicationEntityTitle="WORKSTATION", MoveOriginatorMessageID=3)
    released(association.remote(request).orthanc(store_response()))

    assert association.operation["move_originator"] == "WORKSTATION"


def test_an_operation_is_open_until_its_final_response(association: Overheard) -> None:
    association.remote(find()).orthanc(find_response(PENDING))
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
    association.orthanc(*[find_response(PENDING, context_id=context_id)] * matches)
    released(association.orthanc(find_response(0, context_id=context_id)))

    operation = association.operation
    assert (operation["kind"], operation["status_class"]) == ("c-find", "success")
    assert operation["sop_class_uid"] == StudyRootQueryRetrieveInformationModelFind
    assert operation["query_level"] == "STUDY"
    assert operation["query_keys"] == ["StudyDate", "AccessionNumber", "PatientName"]
    assert operation["match_count"] == matches


def test_a_worklist_find_has_no_level(association: Overheard) -> None:
    step = say.identifier(Modality="CT", ScheduledPerformingPhysicianName=MARKER)
    query = say.identifier(PatientName=MARKER, ScheduledProcedureStepSequence=[step])
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
        Identifier=b"\x40\0\0\1SQ\0\0\xff\xff\xff\xff" + MARKER.encode(),
    )
    released(association.remote(broken).orthanc(find_response(0xC000)))

    assert association.operation["reason"] == "its identifier can't be read"
    assert association.operation["status_class"] == "failure"
    assert "opaque_reason" not in association.association


def test_a_cancelled_find_says_both(association: Overheard) -> None:
    association.remote(find()).orthanc(find_response(PENDING)).remote(cancel())
    released(association.orthanc(find_response(CANCELLED)))

    operation = association.operation
    assert (operation["status"], operation["status_class"]) == (CANCELLED, "cancel")
    assert operation["is_cancel_requested"] is True
    assert operation["match_count"] == 1


def test_a_cancel_for_what_has_ended_changes_nothing(association: Overheard) -> None:
    released(association.remote(find()).orthanc(find_response(0)).remote(cancel()))

    assert "is_cancel_requested" not in association.operation


def test_a_move_has_its_destination_counts_and_failed_instances(association: Overheard) -> None:
    failed = say.encoded(say.identifier(FailedSOPInstanceUIDList=["1.2.3.4", "1.2.3.5"]))
    association.remote(move())
    association.orthanc(move_response(PENDING, (5, 1, 0, 0)))
    association.orthanc(move_response(PENDING, (1, 3, 2, 0)))
    association.orthanc(move_response(0xB000, (0, 3, 2, 1), Identifier=failed))
    released(association)

    operation = association.operation
    assert (operation["kind"], operation["status_class"]) == ("c-move", "warning")
    assert operation["move_destination"] == "READER"
    assert (operation["query_level"], operation["query_keys"]) == ("STUDY", ["PatientID", "StudyInstanceUID"])
    counts = ("remaining_count", "completed_count", "failed_count", "warned_count")
    assert [operation[name] for name in counts] == [0, 3, 2, 1]
    assert operation["failed_sop_instance_uids"] == ["1.2.3.4", "1.2.3.5"]


def test_a_move_to_nowhere_fails_without_counts(association: Overheard) -> None:
    response = say.message("C_MOVE_RSP", say.MOVE, MessageIDBeingRespondedTo=1, Status=0xA801)
    released(association.remote(move()).orthanc(response))

    assert (association.operation["status"], association.operation["status_class"]) == (0xA801, "failure")
    assert "completed_count" not in association.operation


def test_the_stores_of_a_get_are_orthancs_own_operations(association: Overheard) -> None:
    association.remote(get())
    association.orthanc(store(1)).remote(store_response(1))  # the ids of both sides are their own
    association.orthanc(get_response(PENDING, (1, 1, 0, 0)))
    association.orthanc(store(2)).remote(store_response(2, 0xA700))
    association.orthanc(get_response(0xB000, (0, 1, 1, 0)))
    released(association)

    got, first, second = association.operations
    assert (got["kind"], got["status_class"], got["failed_count"]) == ("c-get", "warning", 1)
    assert "direction" not in got
    assert [(one["kind"], one["direction"]) for one in (first, second)] == [("c-store", "out")] * 2
    assert [one["status_class"] for one in (first, second)] == ["success", "failure"]


def test_storage_commitment_is_asked_and_reported(association: Overheard) -> None:
    association.remote(commitment()).orthanc(commitment_response(), commitment_report())
    released(association.remote(commitment_report_response(1, 0x0110)))

    asked, reported = association.operations
    assert (asked["kind"], asked["status_class"]) == ("n-action", "success")
    assert (reported["kind"], reported["status_class"], reported["direction"]) == (
        "n-event-report",
        "failure",
        "out",
    )
    assert {one["sop_instance_uid"] for one in (asked, reported)} == {WELL_KNOWN_INSTANCE_UID}


def test_asynchronous_operations_get_the_answers_that_are_theirs(association: Overheard) -> None:
    association.remote(store(1), echo(2), find(3), store(4))
    association.orthanc(
        store_response(4, 0xA700), find_response(PENDING, 3), store_response(1), echo_response(2)
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
