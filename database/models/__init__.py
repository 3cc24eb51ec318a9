"""All tables. Each docstring names the table's one writer; a test holds the code to it.

Names are DICOM's, in snake_case. ``…_at`` is an aware UTC timestamp, ``…_date`` a date, ``…_count`` a count.
An enumeration is a StrEnum kept in a text column, so that a new value needs no migration.
"""

from database.models.accounts import Role, User, UserFacility
from database.models.base import Base
from database.models.facilities import (
    ApplicationEntity,
    Facility,
    ForeignRegistration,
    LinkRun,
    Peer,
    Registration,
    RegistrationKind,
    RegistrationState,
    StudyLink,
)
from database.models.studies import (
    FEED_NAME,
    Feed,
    Instance,
    LinkSource,
    ResourceLevel,
    Series,
    Study,
    StudyFacility,
    StudySender,
    StudyWord,
    SyncProblem,
)
from database.models.transfers import (
    Association,
    BlockedSender,
    ConnectionTest,
    Operation,
    Sender,
    Spool,
    SpoolGap,
    TransferHour,
)
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

__all__ = [
    "FEED_NAME",
    "ApplicationEntity",
    "Association",
    "AssociationOutcome",
    "Base",
    "BlockedSender",
    "ConnectionTest",
    "Direction",
    "DoorReason",
    "EndedBy",
    "Facility",
    "Feed",
    "ForeignRegistration",
    "Instance",
    "LinkRun",
    "LinkSource",
    "Operation",
    "OperationKind",
    "Peer",
    "Registration",
    "RegistrationKind",
    "RegistrationState",
    "ResourceLevel",
    "Role",
    "Sender",
    "Series",
    "Source",
    "Spool",
    "SpoolGap",
    "StatusClass",
    "Storage",
    "Study",
    "StudyFacility",
    "StudyLink",
    "StudySender",
    "StudyWord",
    "SyncProblem",
    "TransferHour",
    "User",
    "UserFacility",
]
