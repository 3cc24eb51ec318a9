"""DIMSE messages that modalities and archives say every day, and ones with a patient's name to look for."""

from typing import Any

from pydicom import Dataset
from pynetdicom.sop_class import (
    CTImageStorage,
    StorageCommitmentPushModel,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from tests import conversations as say

MARKER = "KRANKHEIT"
"""Stands in every data set, and must stand nowhere else."""
SOP_INSTANCE_UID = "1.2.826.0.1.3680043.9.7433.1.7"
WELL_KNOWN_INSTANCE_UID = "1.2.840.10008.1.20.1.1"
"""Of the storage commitment push model (PS3.4 J.3.5)."""
PENDING, CANCELLED = 0xFF00, 0xFE00
_IMAGE = b"\x10\0\x10\0PN\x0a\0" + MARKER.encode() + b"^" + bytes(5000)
_QUERY = say.identifier(QueryRetrieveLevel="STUDY", PatientName=MARKER, StudyDate="", AccessionNumber=MARKER)
_MATCH = say.identifier(QueryRetrieveLevel="STUDY", PatientName=MARKER, AccessionNumber=MARKER)
_STUDY = say.identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.3", PatientID=MARKER)
_INSTANCES = say.identifier(TransactionUID="1.2.9", PatientID=MARKER)


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
        AffectedSOPInstanceUID=SOP_INSTANCE_UID,
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
        {"Identifier": say.encoded(_MATCH, say.EXPLICIT)} if status == PENDING else {}
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
        Identifier=say.encoded(_STUDY),
    )


def get(message_id: int = 1) -> bytes:
    return say.message(
        "C_GET_RQ",
        say.GET,
        MessageID=message_id,
        Priority=2,
        AffectedSOPClassUID=StudyRootQueryRetrieveInformationModelGet,
        Identifier=say.encoded(_STUDY),
    )


def move_response(
    status: int, counts: tuple[int, int, int, int], message_id: int = 1, **further: Any
) -> bytes:
    """``counts`` of sub-operations: remaining, completed, failed, with warnings."""
    return _retrieval_response("C_MOVE_RSP", say.MOVE, status, counts, message_id, further)


def get_response(status: int, counts: tuple[int, int, int, int], message_id: int = 1) -> bytes:
    return _retrieval_response("C_GET_RSP", say.GET, status, counts, message_id, {})


def _retrieval_response(
    name: str, context_id: int, status: int, counts: tuple[int, ...], message_id: int, further: dict[str, Any]
) -> bytes:
    what = ("Remaining", "Completed", "Failed", "Warning")
    return say.message(
        name,
        context_id,
        MessageIDBeingRespondedTo=message_id,
        Status=status,
        **{f"NumberOf{one}Suboperations": number for one, number in zip(what, counts, strict=True)},
        **further,
    )


def cancel(message_id: int = 1) -> bytes:
    return say.message("C_CANCEL_RQ", say.FIND, MessageIDBeingRespondedTo=message_id)


def commitment(message_id: int = 1) -> bytes:
    """The request for storage commitment."""
    return say.message(
        "N_ACTION_RQ",
        say.COMMITMENT,
        MessageID=message_id,
        ActionTypeID=1,
        RequestedSOPClassUID=StorageCommitmentPushModel,
        RequestedSOPInstanceUID=WELL_KNOWN_INSTANCE_UID,
        ActionInformation=say.encoded(_INSTANCES),
    )


def commitment_response(message_id: int = 1, status: int = 0) -> bytes:
    return say.message("N_ACTION_RSP", say.COMMITMENT, MessageIDBeingRespondedTo=message_id, Status=status)


def commitment_report(message_id: int = 1) -> bytes:
    return say.message(
        "N_EVENT_REPORT_RQ",
        say.COMMITMENT,
        MessageID=message_id,
        EventTypeID=1,
        AffectedSOPClassUID=StorageCommitmentPushModel,
        AffectedSOPInstanceUID=WELL_KNOWN_INSTANCE_UID,
        EventInformation=say.encoded(_INSTANCES),
    )


def commitment_report_response(message_id: int = 1, status: int = 0) -> bytes:
    return say.message(
        "N_EVENT_REPORT_RSP", say.COMMITMENT, MessageIDBeingRespondedTo=message_id, Status=status
    )
