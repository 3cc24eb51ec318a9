"""The transfer log's own words. Free of SQLAlchemy: the recorder speaks them, too, and knows no database."""

from enum import StrEnum


class Direction(StrEnum):
    """``in``: somebody asked us; ``out``: Orthanc asked, for us or for a C-MOVE or C-GET of theirs."""

    IN = "in"
    OUT = "out"


class Source(StrEnum):
    """Who says so."""

    RECORDER = "recorder"
    """The wire."""
    ORTHANC = "orthanc"
    """Orthanc's metadata of an instance that passed no recorder: only that it was stored, and when."""
    JOB = "job"
    """Orthanc's list of jobs."""
    TEST = "test"
    """A test of a connection, by an administrator."""


class AssociationOutcome(StrEnum):
    """How an association ended, if it did."""

    OPEN = "open"
    RELEASED = "released"
    ABORTED = "aborted"
    REJECTED = "rejected"
    CONNECTION_LOST = "connection-lost"
    ORTHANC_UNAVAILABLE = "orthanc-unavailable"
    NOT_DICOM = "not-dicom"
    """What came first was no association request."""
    INTERRUPTED = "interrupted"
    """The recorder ended before it: nobody knows how it ended."""


class EndedBy(StrEnum):
    """Who ended an association."""

    REMOTE = "remote"
    """The application entity on the other side."""
    ORTHANC = "orthanc"
    RECORDER = "recorder"


class DoorReason(StrEnum):
    """Why the recorder itself turned somebody away."""

    BLOCKED = "blocked"
    RETIRED = "retired"
    """Its node is, or all of its facility."""
    HOST_NOT_ALLOWED = "host-not-allowed"
    MALFORMED_AE_TITLE = "malformed-ae-title"
    TOO_MANY_ASSOCIATIONS = "too-many-associations"
    TOO_MANY_FROM_ADDRESS = "too-many-from-address"
    REQUEST_TIMEOUT = "request-timeout"
    NOT_AN_ASSOCIATION_REQUEST = "not-an-association-request"
    ORTHANC_UNREACHABLE = "orthanc-unreachable"
    ENDING = "ending"
    """The recorder was being stopped."""


class OperationKind(StrEnum):
    """DIMSE services (PS3.7 6.3)."""

    C_STORE = "c-store"
    C_ECHO = "c-echo"
    C_FIND = "c-find"
    C_MOVE = "c-move"
    C_GET = "c-get"
    N_ACTION = "n-action"
    N_EVENT_REPORT = "n-event-report"
    N_CREATE = "n-create"
    N_SET = "n-set"
    N_GET = "n-get"
    N_DELETE = "n-delete"
    OTHER = "other"


class StatusClass(StrEnum):
    """What became of an operation: the class of its status (PS3.7 C), or why it has none."""

    OPEN = "open"
    SUCCESS = "success"
    WARNING = "warning"
    FAILURE = "failure"
    """With a failure status, or without any: the association ended before it."""
    CANCEL = "cancel"
    INTERRUPTED = "interrupted"
    """The recorder ended before it: nobody knows its status."""


class Storage(StrEnum):
    """What Orthanc holds of an instance whose C-STORE was answered with success or a warning."""

    AWAITED = "awaited"
    """Not looked up yet: the change feed will tell."""
    STORED = "stored"
    DUPLICATE = "duplicate"
    """It held one with this UID before, which stays as it was."""
    NOT_HELD = "not-held"
    """It answered well and doesn't hold it: a filter, or deleted at once."""
