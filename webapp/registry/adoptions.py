"""Decisions that take over what is there already: in Orthanc's list, or as an unknown sender."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from database.models import ApplicationEntity, Facility, ForeignRegistration, RegistrationKind
from database.session import Database
from webapp.registry import ae_titles
from webapp.registry.decisions import decide, find, load_taken
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


def adopt_drift(
    database: Database, entity_id: int, drift: Mapping[str, list[Any]], own_ae_title: str
) -> ApplicationEntity:
    """Decide what Orthanc had: ``{"Port": [ours, Orthanc's]}``. Raises RegistryError."""
    if any(theirs is None for _, theirs in drift.values()):
        raise RegistryError(
            "", "Orthanc had lost this entry, so there is nothing to take over: push it again, or retire it."
        )
    changes = {
        _FIELDS_OF_ORTHANC[name]: theirs for name, (_, theirs) in drift.items() if name in _FIELDS_OF_ORTHANC
    }
    if not changes:
        raise RegistryError("", "What differs follows from the other settings: change those, or push again.")

    def adopt(session: Session) -> ApplicationEntity:
        entity = find(session, ApplicationEntity, entity_id)
        return update_entity(session, entity, replace(fields_of(entity), **changes), own_ae_title)

    return decide(database, adopt)


def adopt_foreign(
    database: Database, foreign: ForeignRegistration, facility_id: int, own_ae_title: str
) -> ApplicationEntity:
    """Make a node of ours of a hand-made entry of Orthanc's list. Raises RegistryError.

    The hand-made entry stays, and is an alarm from now on, until somebody deletes it: two entries with one AE
    title open Orthanc's host check.
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
        taken = load_taken(session, own_ae_title)
        if isinstance(facility, str):
            owner = insert_facility(session, taken, FacilityFields(facility))
        else:
            owner = find(session, Facility, facility)
        return insert_entity(session, taken, owner, fields, own_ae_title)

    return decide(database, adopt)
