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

__all__ = [
    "FEED_NAME",
    "ApplicationEntity",
    "Base",
    "Facility",
    "Feed",
    "ForeignRegistration",
    "Instance",
    "LinkRun",
    "LinkSource",
    "Peer",
    "Registration",
    "RegistrationKind",
    "RegistrationState",
    "ResourceLevel",
    "Role",
    "Series",
    "Study",
    "StudyFacility",
    "StudyLink",
    "StudySender",
    "StudyWord",
    "SyncProblem",
    "User",
    "UserFacility",
]
