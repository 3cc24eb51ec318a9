"""Decisions that take over what is there already: in Orthanc's list, or as an unknown sender."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from database.models import ApplicationEntity, Facility, ForeignRegistration, RegistrationKind
from database.session import Database
from webapp.registry import ae_titles
from webapp.registry.decisions import decide, find, load_taken, require_unchanged, take_turn
from webapp.registry.entities import add_entity, fields_of, insert_entity, update_entity
from webapp.registry.facilities import insert_facility
from webapp.registry.fields import EntityFields, FacilityFields, RegistryError

# Orthanc's names of what a person may decide; the bridge derives the others from these
_FIELDS_OF_ORTHANC = {
    "AET": "ae_title",
    "Host": "host",
    "Port": "port",
    "LocalAet": "local_ae_title",
    "UseDicomTls": "uses_tls",
    "AllowEcho": "may_echo",
    "AllowStore": "may_store",
    "AllowFind": "may_find",
    "AllowMove": "may_move",
    "AllowGet": "may_get",
}

# Operations that let a node out of its own house
_READING = {"AllowFind": "C-FIND", "AllowMove": "C-MOVE", "AllowGet": "C-GET"}


def reading_granted_by(drift: Mapping[str, list[Any]]) -> list[str]:
    """What a drift would let a node read that it may not; never adopted: ``["C-FIND", …]``."""
    return [word for name, word in _READING.items() if name in drift and drift[name][1] is True]


def adopt_drift(
    database: Database, entity_id: int, drift: Mapping[str, list[Any]], own_ae_title: str, *, revision: int
) -> ApplicationEntity:
    """Decide what Orthanc had: ``{"Port": [ours, Orthanc's]}``, without ``reading_granted_by`` it.

    ``revision`` is the one that it drifted from. Raises RegistryError; StaleError when it is another now.
    """
    if any(theirs is None for _, theirs in drift.values()):
        raise RegistryError(
            "", "Orthanc had lost this entry, so there is nothing to take over: push it again, or retire it."
        )
    changes = {
        _FIELDS_OF_ORTHANC[name]: theirs
        for name, (_, theirs) in drift.items()
        if name in _FIELDS_OF_ORTHANC and not (name in _READING and theirs)
    }
    if not changes and reading_granted_by(drift):
        raise RegistryError(
            "",
            "Nothing is taken over: this node could then read every hospital's studies. If that is meant, "
            "tick it among what the node may do.",
        )
    if not changes:
        raise RegistryError("", "What differs follows from the other settings: change those, or push again.")

    def adopt(session: Session) -> ApplicationEntity:
        entity = find(session, ApplicationEntity, entity_id)
        require_unchanged(entity.revision, revision)
        return update_entity(session, entity, replace(fields_of(entity), **changes), own_ae_title)

    return decide(database, adopt)


def adopt_foreign(
    database: Database, foreign: ForeignRegistration, facility_id: int, own_ae_title: str
) -> ApplicationEntity:
    """Make a node of ours of a hand-made entry of Orthanc's list. Raises RegistryError.

    The hand-made entry stays, and is an alarm from now on, until somebody deletes it: Orthanc allows an AE
    title only what all its entries allow, and C-MOVE may go to the host of either.
    """
    if foreign.kind is not RegistrationKind.APPLICATION_ENTITY:
        raise RegistryError("", "A peer can't be taken over, as its password can't be read: add it anew.")
    fields = EntityFields(ae_title=ae_titles.check(foreign.ae_title), host=foreign.host, port=foreign.port)
    return add_entity(database, facility_id, fields, own_ae_title)


def adopt_sender(
    database: Database, ae_title: str, facility: int | str, own_ae_title: str
) -> ApplicationEntity:
    """Make a node of an unknown sender, of a facility by its id or of a new one by its name.

    The studies that it sent follow. Raises RegistryError.
    """
    fields = EntityFields(ae_title=ae_titles.check(ae_title))

    def adopt(session: Session) -> ApplicationEntity:
        take_turn(session)
        taken = load_taken(session, own_ae_title)
        if isinstance(facility, str):
            owner = insert_facility(session, taken, FacilityFields(facility))
        else:
            owner = find(session, Facility, facility)
        return insert_entity(session, taken, owner, fields, own_ae_title)

    return decide(database, adopt)
