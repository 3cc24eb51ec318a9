"""The registry: facilities, their application entities and peers, as administrators decide them.

Knows the database, not Flask and not Orthanc: the bridge carries out what is decided here. Every function
takes what a person entered, checks it, and raises RegistryError in words for people. Nothing is ever deleted.
"""

from webapp.registry.adoptions import adopt_drift, adopt_foreign, adopt_sender, reading_granted_by
from webapp.registry.blocking import block_sender, unblock_sender
from webapp.registry.entities import add_entity, change_entity
from webapp.registry.facilities import (
    change_facility,
    check_logo,
    create_facility,
    propose,
    reactivate_facility,
    retire_facility,
    revision_of,
    set_logo,
)
from webapp.registry.fields import EntityFields, FacilityFields, PeerFields, RegistryError, StaleError
from webapp.registry.links import link_study, unlink_study
from webapp.registry.peers import add_peer, change_peer
from webapp.registry.targets import note_test, push, reactivate, retire

__all__ = [
    "EntityFields",
    "FacilityFields",
    "PeerFields",
    "RegistryError",
    "StaleError",
    "add_entity",
    "add_peer",
    "adopt_drift",
    "adopt_foreign",
    "adopt_sender",
    "block_sender",
    "change_entity",
    "change_facility",
    "change_peer",
    "check_logo",
    "create_facility",
    "link_study",
    "note_test",
    "propose",
    "push",
    "reactivate",
    "reactivate_facility",
    "reading_granted_by",
    "retire",
    "retire_facility",
    "revision_of",
    "set_logo",
    "unblock_sender",
    "unlink_study",
]
