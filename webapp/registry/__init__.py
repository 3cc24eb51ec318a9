"""The registry: facilities, their application entities and peers, as administrators decide them.

Knows the database, not Flask and not Orthanc: the bridge carries out what is decided here. Every function
takes what a person entered, checks it, and raises RegistryError in words for people. Nothing is ever deleted.
"""

from webapp.registry.adoptions import adopt_drift, adopt_foreign, adopt_sender
from webapp.registry.entities import (
    add_entity,
    change_entity,
    note_echo,
    push_entity,
    reactivate_entity,
    retire_entity,
)
from webapp.registry.facilities import (
    change_facility,
    check_logo,
    create_facility,
    propose,
    reactivate_facility,
    retire_facility,
    set_logo,
)
from webapp.registry.fields import EntityFields, FacilityFields, PeerFields, RegistryError
from webapp.registry.links import link_study, unlink_study
from webapp.registry.peers import (
    add_peer,
    change_peer,
    note_peer_test,
    push_peer,
    reactivate_peer,
    retire_peer,
)

__all__ = [
    "EntityFields",
    "FacilityFields",
    "PeerFields",
    "RegistryError",
    "add_entity",
    "add_peer",
    "adopt_drift",
    "adopt_foreign",
    "adopt_sender",
    "change_entity",
    "change_facility",
    "change_peer",
    "check_logo",
    "create_facility",
    "link_study",
    "note_echo",
    "note_peer_test",
    "propose",
    "push_entity",
    "push_peer",
    "reactivate_entity",
    "reactivate_facility",
    "reactivate_peer",
    "retire_entity",
    "retire_facility",
    "retire_peer",
    "set_logo",
    "unlink_study",
]
