"""DIMSE statuses in words: PS3.4 by service class, PS3.7 C for all, and what Orthanc means by some. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from database.transfer_terms import OperationKind


class _Span(NamedTuple):
    """Statuses from ``first`` to ``last`` mean the same."""

    first: int
    last: int
    meaning: str


_OUT_OF_RESOURCES = "Out of resources."
_OTHER_THAN_SOP_CLASS = "What was asked doesn't fit the SOP class."

_GENERAL = (  # PS3.7 C
    _Span(0x0105, 0x0105, "No such attribute."),
    _Span(0x0106, 0x0106, "An attribute has an invalid value."),
    _Span(0x0107, 0x0107, "Some attributes were not taken."),
    _Span(0x0110, 0x0110, "Processing failed."),
    _Span(0x0111, 0x0111, "An instance with this UID exists already."),
    _Span(0x0112, 0x0112, "No such instance."),
    _Span(0x0113, 0x0113, "No such event type."),
    _Span(0x0114, 0x0114, "No such argument."),
    _Span(0x0115, 0x0115, "An argument has an invalid value."),
    _Span(0x0116, 0x0116, "An attribute's value was out of range."),
    _Span(0x0117, 0x0117, "The instance's UID is invalid."),
    _Span(0x0118, 0x0118, "No such SOP class."),
    _Span(0x0119, 0x0119, "The instance is not of this SOP class."),
    _Span(0x0120, 0x0120, "A required attribute is missing."),
    _Span(0x0121, 0x0121, "A required attribute has no value."),
    _Span(0x0122, 0x0122, "The SOP class is not supported."),
    _Span(0x0123, 0x0123, "No such action."),
    _Span(0x0124, 0x0124, "Not authorized."),
    _Span(0x0210, 0x0210, "The message id was in use already."),
    _Span(0x0211, 0x0211, "The operation is not one that was agreed on."),
    _Span(0x0212, 0x0212, "An argument is not of its type."),
    _Span(0x0213, 0x0213, "Out of resources."),
    _Span(0xFE00, 0xFE00, "Cancelled by whoever asked."),
)
_STORE = (  # PS3.4 B.2.3
    _Span(0xA700, 0xA7FF, _OUT_OF_RESOURCES),
    _Span(0xA900, 0xA9FF, "The data set doesn't fit the SOP class that was announced."),
    _Span(0xB000, 0xB000, "Stored; some data elements were changed."),
    _Span(0xB006, 0xB006, "Stored; some data elements were left out."),
    _Span(0xB007, 0xB007, "Stored; the data set doesn't fit its SOP class."),
    _Span(0xC000, 0xCFFF, "The data set can't be understood."),
)
_FIND = (  # PS3.4 C.4.1.1.4 and K.4.1.1.4
    _Span(0xA700, 0xA700, _OUT_OF_RESOURCES),
    _Span(0xA710, 0xA710, "The record to continue from is invalid."),
    _Span(0xA900, 0xA900, _OTHER_THAN_SOP_CLASS),
    _Span(0xB001, 0xB001, "There are more matches than were returned."),
    _Span(0xC000, 0xCFFF, "Unable to process the query."),
)
_RETRIEVE = (  # PS3.4 C.4.2.1.5, C.4.3.1.4 and Y
    _Span(0xA701, 0xA701, "Out of resources: the matches can't be counted."),
    _Span(0xA702, 0xA702, "Out of resources: the sub-operations can't be done."),
    _Span(0xA801, 0xA801, "The move destination is unknown."),
    _Span(0xA900, 0xA900, _OTHER_THAN_SOP_CLASS),
    _Span(0xAA00, 0xAA00, "None of the frames asked for is in the instance."),
    _Span(0xAA01, 0xAA01, "No new object can be made for this SOP class."),
    _Span(0xAA02, 0xAA02, "The frames can't be extracted."),
    _Span(0xAA03, 0xAA03, "The instance has no time to ask by."),
    _Span(0xAA04, 0xAA04, "Invalid request."),
    _Span(0xB000, 0xB000, "Done, but one or more sub-operations failed."),
    _Span(0xC000, 0xCFFF, "Unable to process the request."),
)
_PROCEDURE_STEP = (_Span(0x0001, 0x0001, "Some optional attributes are not supported."),)
_BY_KIND: Mapping[OperationKind, tuple[_Span, ...]] = {
    OperationKind.C_STORE: _STORE,
    OperationKind.C_FIND: _FIND,
    OperationKind.C_MOVE: _RETRIEVE,
    OperationKind.C_GET: _RETRIEVE,
    OperationKind.N_CREATE: _PROCEDURE_STEP,
    OperationKind.N_SET: _PROCEDURE_STEP,
    OperationKind.N_GET: _PROCEDURE_STEP,
}

_ADVICE: Mapping[OperationKind, tuple[_Span, ...]] = {  # measured: when Orthanc answers so
    OperationKind.C_STORE: (
        _Span(
            0xA700,
            0xA7FF,
            "See whether the disk has room. Orthanc also answers so when a UID is missing, such as the "
            "Study Instance UID: then the sender needs to be corrected.",
        ),
        _Span(
            0xA900,
            0xA9FF,
            "The data set names another SOP class or instance than the command: the sender needs correction.",
        ),
        _Span(0xC000, 0xCFFF, "Look into Orthanc's log; the file may be damaged."),
    ),
    OperationKind.C_MOVE: (
        _Span(
            0xC000,
            0xCFFF,
            "Orthanc answers so when it doesn't know the move destination {destination} or can't reach it: "
            "see under Facilities whether it has a host and port, and test the connection.",
        ),
    ),
    OperationKind.C_FIND: (_Span(0xC000, 0xCFFF, "Look into Orthanc's log of that time."),),
    OperationKind.C_GET: (_Span(0xC000, 0xCFFF, "Look into Orthanc's log of that time."),),
}


def meaning_of(kind: OperationKind, status: int) -> str:
    """A sentence; empty for success."""
    if status == 0:
        return ""
    return _find((*_BY_KIND.get(kind, ()), *_GENERAL), status) or "The standard has no such status."


def advice_of(kind: OperationKind, status: int, destination: str) -> str:
    """What to do about Orthanc's answer; empty where nothing general can be said."""
    return _find(_ADVICE.get(kind, ()), status).format(destination=destination)


def _find(spans: tuple[_Span, ...], status: int) -> str:
    return next((span.meaning for span in spans if span.first <= status <= span.last), "")
