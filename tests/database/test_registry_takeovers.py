"""Taking over what is there already, peers with their passwords, and single studies linked by hand."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from database.encryption import decrypt
from database.models import (
    ApplicationEntity,
    Facility,
    ForeignRegistration,
    Peer,
    RegistrationKind,
    StudyLink,
)
from database.session import Database
from tests.factories import create_member, create_study
from webapp import registry
from webapp.registry import EntityFields, FacilityFields, PeerFields, RegistryError, StaleError

US = "NOCTIS"
KEY = "a key of the tests"


@pytest.fixture
def east(database: Database) -> Facility:
    return registry.create_facility(database, FacilityFields("East"), None, US)


@pytest.fixture
def entity(database: Database, east: Facility) -> ApplicationEntity:
    return registry.add_entity(database, east.id, EntityFields(host="a.example.org", may_find=True), US)


def stored_peer(database: Database, peer: Peer) -> Peer:
    with database.read() as session:
        return session.get_one(Peer, peer.id)


def foreign(**values: Any) -> ForeignRegistration:
    defaults = {"kind": RegistrationKind.APPLICATION_ENTITY, "ae_title": "OLD CT", "host": "b", "port": 104}
    return ForeignRegistration(**{**defaults, **values})


def test_a_drift_is_taken_over_as_our_own_decision(database: Database, entity: ApplicationEntity) -> None:
    drift: dict[str, list[Any]] = {
        "Port": [11113, 104],
        "AET": ["EAST", "EAST_CT"],
        "AllowFind": [True, False],
        "AllowFindWorklist": [True, False],
    }

    adopted = registry.adopt_drift(database, entity.id, drift, US, revision=1)

    assert (adopted.port, adopted.ae_title, adopted.may_find) == (104, "EAST_CT", False)
    assert (adopted.host, adopted.has_generated_port) == ("a.example.org", False)
    assert (adopted.revision, adopted.link_revision) == (2, 2)


def test_a_drift_that_lets_a_node_read_is_left_out_of_it(database: Database, east: Facility) -> None:
    entity = registry.add_entity(database, east.id, EntityFields(may_move=True), US)
    drift: dict[str, list[Any]] = {
        "Port": [11113, 104],
        "AllowFind": [False, True],
        "AllowGet": [False, True],
        "AllowMove": [True, False],
    }

    adopted = registry.adopt_drift(database, entity.id, drift, US, revision=1)

    assert registry.reading_granted_by(drift) == ["C-FIND", "C-GET"]
    assert adopted.port == 104
    assert (adopted.may_find, adopted.may_get, adopted.may_move) == (False, False, False)


def test_a_drift_from_an_older_decision_is_not_taken_over(
    database: Database, entity: ApplicationEntity
) -> None:
    registry.push(database, ApplicationEntity, entity.id)

    with pytest.raises(StaleError):
        registry.adopt_drift(database, entity.id, {"Port": [11113, 104]}, US, revision=1)


@pytest.mark.parametrize(
    ("drift", "reason"),
    [
        ({"AET": ["EAST", None]}, "had lost this entry"),
        ({"AllowFind": [False, True]}, "could then read every hospital's studies"),
        ({"AllowNAction": [True, False]}, "follows from the other settings"),
        ({"AET": ["EAST", "A\\B"]}, "backslash"),
        ({"AET": ["EAST", US]}, "our own AE title"),
    ],
)
def test_a_drift_that_we_would_not_allow_is_not_taken_over(
    database: Database, entity: ApplicationEntity, drift: dict[str, list[Any]], reason: str
) -> None:
    with pytest.raises(RegistryError, match=reason):
        registry.adopt_drift(database, entity.id, drift, US, revision=1)

    with database.read() as session:
        assert session.get_one(ApplicationEntity, entity.id).revision == 1


def test_a_hand_made_entry_becomes_a_node_of_ours(database: Database, east: Facility) -> None:
    adopted = registry.adopt_foreign(database, foreign(), east.id, US)

    assert (adopted.facility_id, adopted.ae_title, adopted.host, adopted.port) == (
        east.id,
        "OLD CT",
        "b",
        104,
    )


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (foreign(ae_title=""), "1 to 16 characters"),
        (foreign(ae_title="a" * 24), "this one has 24"),
        (foreign(kind=RegistrationKind.PEER), "password can't be read"),
    ],
)
def test_a_hand_made_entry_that_cannot_be_ours_says_why(
    database: Database, east: Facility, entry: ForeignRegistration, reason: str
) -> None:
    with pytest.raises(RegistryError, match=reason):
        registry.adopt_foreign(database, entry, east.id, US)


def test_an_unknown_sender_becomes_a_node_of_a_facility(database: Database, east: Facility) -> None:
    adopted = registry.adopt_sender(database, "ct 7", east.id, US)

    assert (adopted.facility_id, adopted.ae_title, adopted.ae_title_key) == (east.id, "ct 7", "CT 7")
    assert (adopted.host, adopted.may_store, adopted.may_find) == ("", True, False)


def test_an_unknown_sender_becomes_a_facility(database: Database) -> None:
    adopted = registry.adopt_sender(database, "CT7", "West", US)

    with database.read() as session:
        assert session.get_one(Facility, adopted.facility_id).name == "West"
    with pytest.raises(RegistryError, match=r"already an AE title of West \(WEST\)"):
        registry.adopt_sender(database, "ct7", "North", US)
    with database.read() as session:
        assert session.scalars(select(Facility.name)).all() == ["West"]


def test_a_peer_s_password_is_stored_encrypted_and_kept(database: Database, east: Facility) -> None:
    fields = PeerFields("East's Orthanc", "https://o.example.org/", "me", "secret")
    peer = registry.add_peer(database, east.id, fields, KEY)
    assert "secret" not in peer.encrypted_password
    assert decrypt(KEY, peer.encrypted_password) == "secret"

    registry.change_peer(database, peer.id, PeerFields("E", "https://o.example.org/x", "you"), KEY)
    changed = stored_peer(database, peer)
    assert (changed.name, changed.username, changed.revision) == ("E", "you", 2)
    assert decrypt(KEY, changed.encrypted_password) == "secret"

    registry.change_peer(database, peer.id, PeerFields("E", "https://o.example.org/", "you", "new"), KEY)
    assert decrypt(KEY, stored_peer(database, peer).encrypted_password) == "new"

    registry.change_peer(database, peer.id, PeerFields("E", "https://other.example.org/"), KEY)
    assert stored_peer(database, peer).encrypted_password == ""


def test_a_kept_password_is_not_sent_to_another_server(database: Database, east: Facility) -> None:
    peer = registry.add_peer(
        database, east.id, PeerFields("E", "https://o.example.org/", "me", "secret"), KEY
    )

    for url in ("https://thief.example.org/", "http://o.example.org/", "https://o.example.org:8042/"):
        with pytest.raises(RegistryError, match="another server") as caught:
            registry.change_peer(database, peer.id, PeerFields("E", url, "me"), KEY)
        assert caught.value.field == "password"

    assert stored_peer(database, peer).url == "https://o.example.org/"


@pytest.mark.parametrize(
    "changes",
    [
        PeerFields("E", "https://o.example.org/x", "me"),
        PeerFields("E", "https://o.example.org/", "you"),
        PeerFields("E", "https://o.example.org/", "me", "other"),
    ],
)
def test_what_was_found_at_another_peer_is_forgotten(
    database: Database, east: Facility, changes: PeerFields
) -> None:
    fields = PeerFields("E", "https://o.example.org/", "me", "secret")
    peer = registry.add_peer(database, east.id, fields, KEY)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    registry.note_test(database, Peer, peer.id, "answered", revision=1, is_ok=True, at=at)

    same = registry.change_peer(database, peer.id, PeerFields("F", "https://o.example.org/", "me"), KEY)
    other = registry.change_peer(database, peer.id, changes, KEY)

    assert (same.test_finding, same.tested_at, same.is_test_ok) == ("answered", at, True)
    assert (other.test_finding, other.tested_at, other.is_test_ok) == ("", None, False)


def test_nobody_takes_back_what_another_decided_of_a_peer(database: Database, east: Facility) -> None:
    peer = registry.add_peer(database, east.id, PeerFields("E", "https://o.example.org/"), KEY)
    registry.change_peer(database, peer.id, PeerFields("E", "https://n.example.org/"), KEY, revision=1)

    with pytest.raises(StaleError):
        registry.change_peer(database, peer.id, PeerFields("F", "https://o.example.org/"), KEY, revision=1)

    assert stored_peer(database, peer).url == "https://n.example.org/"


def test_peers_retire_and_return_with_their_facility(database: Database, east: Facility) -> None:
    peer = registry.add_peer(database, east.id, PeerFields("E", "https://o.example.org/"), KEY)
    alone = registry.add_peer(database, east.id, PeerFields("A", "https://a.example.org/"), KEY)
    registry.retire(database, Peer, alone.id)

    registry.retire_facility(database, east.id)
    assert stored_peer(database, peer).retired_at is not None
    with pytest.raises(RegistryError, match="East is retired"):
        registry.reactivate(database, Peer, alone.id)

    registry.reactivate_facility(database, east.id)
    assert (stored_peer(database, peer).retired_at, stored_peer(database, peer).revision) == (None, 3)
    assert stored_peer(database, alone).retired_at is not None
    registry.reactivate(database, Peer, alone.id)
    assert stored_peer(database, alone).retired_at is None


def test_a_test_of_a_peer_is_noted_and_a_push_is_a_decision(database: Database, east: Facility) -> None:
    peer = registry.add_peer(database, east.id, PeerFields("E", "https://o.example.org/"), KEY)
    at = datetime(2026, 1, 1, tzinfo=UTC)

    registry.note_test(
        database, Peer, peer.id, "user name or password not accepted", revision=1, is_ok=False, at=at
    )
    registry.push(database, Peer, peer.id)

    noted = stored_peer(database, peer)
    assert (noted.test_finding, noted.is_test_ok, noted.tested_at) == (
        "user name or password not accepted",
        False,
        at,
    )
    assert noted.revision == 2


def test_a_study_is_linked_by_hand_once_and_unlinked(database: Database, east: Facility) -> None:
    study, user = create_study(database), create_member(database)

    for _ in range(2):
        registry.link_study(database, study.id, east.id, user.id)
    with database.read() as session:
        links = session.scalars(select(StudyLink)).all()
    registry.unlink_study(database, study.id, east.id)

    assert [(link.study_id, link.facility_id, link.user_id) for link in links] == [
        (study.id, east.id, user.id)
    ]
    with database.read() as session:
        assert session.scalars(select(StudyLink)).all() == []


def test_no_study_is_linked_to_a_retired_facility(database: Database, east: Facility) -> None:
    study, user = create_study(database), create_member(database)
    registry.retire_facility(database, east.id)

    with pytest.raises(RegistryError, match="East is retired"):
        registry.link_study(database, study.id, east.id, user.id)
