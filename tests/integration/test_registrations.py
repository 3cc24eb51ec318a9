"""Facilities reach the real Orthanc, stay there whatever others do to it, and leave it when retired."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from sqlalchemy import select, update

from bridge import registrations
from bridge.errors import OrthancUnavailable
from bridge.feed import load_feed
from bridge.orthanc_client import OrthancClient
from bridge.registrations import Registrar
from bridge.scu import AssociationError, echo, store
from database.encryption import encrypt
from database.models import (
    ApplicationEntity,
    ForeignRegistration,
    Peer,
    Registration,
    RegistrationState,
)
from database.registrations import count_registrations
from database.session import Database
from emulator.studies import make_study
from settings import PROBE_AE_TITLE
from tests.factories import create_application_entity, create_facility
from tests.orthanc_process import AE_TITLE, OrthancProcess, free_port

KEY = "a key of the tests"
STRICT = {"DicomAlwaysAllowEcho": False, "DicomAlwaysAllowStore": False}


@pytest.fixture
def orthanc() -> Iterator[OrthancProcess]:
    """As ``make run`` configures it: unknown senders may do nothing."""
    with OrthancProcess(overrides=STRICT) as process:
        yield process


@pytest.fixture
def client(orthanc: OrthancProcess) -> Iterator[OrthancClient]:
    client = orthanc.client()
    yield client
    client.close()


@pytest.fixture
def feed_id(database: Database) -> int:
    return load_feed(database).id


@pytest.fixture
def registrar(database: Database, client: OrthancClient) -> Registrar:
    return Registrar(database, client, KEY)


def _entity(database: Database, **values: Any) -> ApplicationEntity:
    return create_application_entity(database, create_facility(database, "St. Anna").id, **values)


def _decide(database: Database, entity: ApplicationEntity | Peer, **values: Any) -> None:
    """As the webapp does: whatever changes raises the revision."""
    with database.write() as session:
        model = type(entity)
        session.execute(
            update(model).where(model.id == entity.id).values(revision=model.revision + 1, **values)
        )


def _registration(database: Database) -> Registration:
    with database.read() as session:
        return session.scalars(select(Registration)).one()


def _echo(orthanc: OrthancProcess, ae_title: str) -> int:
    return echo("127.0.0.1", orthanc.dicom_port, ae_title, AE_TITLE)


def test_an_entity_is_refused_before_it_is_registered_and_after_it_is_retired(
    orthanc: OrthancProcess, database: Database, registrar: Registrar, feed_id: int
) -> None:
    entity = _entity(database, ae_title="ANNA_CT")
    with pytest.raises(AssociationError):
        _echo(orthanc, "ANNA_CT")
    registrar.step(feed_id)
    assert _echo(orthanc, "ANNA_CT") == 0
    assert set(store(make_study(instance_count=2), "127.0.0.1", orthanc.dicom_port, "ANNA_CT", AE_TITLE)) == {
        0
    }
    assert _registration(database).state is RegistrationState.REGISTERED
    _decide(database, entity, retired_at=datetime.now(UTC))
    registrar.step(feed_id)
    with pytest.raises(AssociationError):
        _echo(orthanc, "ANNA_CT")
    with database.read() as session:
        assert session.scalars(select(Registration)).all() == []


def test_what_is_granted_and_what_changes_reaches_orthanc(
    client: OrthancClient, database: Database, registrar: Registrar, feed_id: int
) -> None:
    entity = _entity(database, ae_title="ANNA_CT", host="192.0.2.7", port=11113)
    registrar.step(feed_id)
    entry = client.modalities()[f"noctis-{entity.id}"]
    assert (entry["AET"], entry["Host"], entry["Port"]) == ("ANNA_CT", "192.0.2.7", 11113)
    assert (entry["AllowEcho"], entry["AllowStore"], entry["AllowFind"], entry["AllowMove"]) == (
        True, True, False, False,
    )  # fmt: skip
    _decide(database, entity, port=104, may_find=True, local_ae_title="NOCTIS_2", host="")
    registrar.step(feed_id)
    entry = client.modalities()[f"noctis-{entity.id}"]
    assert (entry["Host"], entry["Port"]) == ("host-not-set.invalid", 104)
    assert (entry["AllowFind"], entry["AllowGet"], entry["LocalAet"]) == (True, False, "NOCTIS_2")


def test_our_own_checks_are_let_in_always(
    orthanc: OrthancProcess, registrar: Registrar, feed_id: int
) -> None:
    registrar.step(feed_id)
    assert _echo(orthanc, PROBE_AE_TITLE) == 0


@pytest.mark.parametrize("edit", ["changed", "deleted"])
def test_an_edit_behind_our_back_is_repaired_and_remembered(
    edit: str, client: OrthancClient, database: Database, registrar: Registrar, feed_id: int
) -> None:
    entity = _entity(database, ae_title="ANNA_CT", host="192.0.2.7", port=11113)
    registrar.step(feed_id)
    name = f"noctis-{entity.id}"
    if edit == "changed":
        client.put_modality(name, {"AET": "ANNA_CT", "Host": "192.0.2.7", "Port": 4242, "AllowFind": True})
    else:
        client.delete_modality(name)
    registrar.step(feed_id)
    entry = client.modalities()[name]
    assert (entry["Port"], entry["AllowFind"]) == (11113, False)
    registration = _registration(database)
    assert registration.state is RegistrationState.REGISTERED
    assert registration.drifted_at is not None
    wanted = {"Port": [11113, 4242], "AllowFind": [False, True]}
    assert registration.drift.items() >= (wanted if edit == "changed" else {"AET": ["ANNA_CT", None]}).items()
    _decide(database, entity)
    registrar.step(feed_id)
    assert _registration(database).drift == {}  # a new decision closes the matter


def test_a_replaced_orthanc_gets_the_whole_list(
    orthanc: OrthancProcess, database: Database, registrar: Registrar, feed_id: int
) -> None:
    for number in range(3):
        _entity(database, ae_title=f"ANNA_{number}")
    registrar.step(feed_id)
    orthanc.stop()
    orthanc.wipe()
    orthanc.start()
    registrar.step(feed_id)
    assert [_echo(orthanc, f"ANNA_{number}") for number in range(3)] == [0, 0, 0]


def test_decisions_made_while_orthanc_is_down_are_carried_out_when_it_is_back(
    orthanc: OrthancProcess, database: Database, registrar: Registrar, feed_id: int
) -> None:
    orthanc.stop()
    for number in range(10):
        _entity(database, ae_title=f"ANNA_{number}")
    with pytest.raises(OrthancUnavailable):
        registrar.step(feed_id)
    with database.read() as session:
        assert count_registrations(session, feed_id)["pending"] == 10
    orthanc.start()
    registrar.step(feed_id)
    with database.read() as session:
        assert count_registrations(session, feed_id) == {
            "registered": 10,
            "pending": 0,
            "failed": 0,
            "drifted": 0,
        }
    assert _echo(orthanc, "ANNA_9") == 0


def test_entries_of_others_are_shown_never_touched_and_an_alarm_with_our_ae_title(
    client: OrthancClient, database: Database, registrar: Registrar, feed_id: int
) -> None:
    theirs = {"AET": "WORKSTATION", "Host": "192.0.2.9", "Port": 104}
    client.put_modality("by-hand", theirs)
    client.put_modality("twin", {**theirs, "AET": "anna_ct"})
    client.put_modality("noctis-workstation", {**theirs, "AET": "WORKSTATION_2"})
    client.put_modality("noctis-4711", {**theirs, "AET": "GHOST"})  # our id: a restored Orthanc remembers
    _entity(database, ae_title="ANNA_CT")
    before = client.modalities()["by-hand"]
    registrar.step(feed_id)
    registrar.step(feed_id)
    entries = client.modalities()
    assert entries["by-hand"] == before
    assert "noctis-4711" not in entries
    with database.read() as session:
        foreign = {one.name: one for one in session.scalars(select(ForeignRegistration))}
    assert {name: one.is_alarming for name, one in foreign.items()} == {
        "by-hand": False,
        "noctis-workstation": False,
        "twin": True,
    }
    assert (foreign["by-hand"].ae_title, foreign["by-hand"].port) == ("WORKSTATION", 104)
    client.delete_modality("twin")
    registrar.step(feed_id)
    with database.read() as session:
        names = session.scalars(select(ForeignRegistration.name).order_by(ForeignRegistration.name)).all()
    assert names == ["by-hand", "noctis-workstation"]


def test_a_hand_made_entry_that_lets_a_retired_node_in_again_is_an_alarm(
    client: OrthancClient, database: Database, registrar: Registrar, feed_id: int
) -> None:
    _entity(database, ae_title="ANNA_CT", retired_at=datetime.now(UTC))
    client.put_modality("by-hand", {"AET": "ANNA_CT", "Host": "192.0.2.9", "Port": 104})
    registrar.step(feed_id)
    with database.read() as session:
        assert session.scalars(select(ForeignRegistration.is_alarming)).all() == [True]


def test_fields_that_nobody_decides_here_stay_as_they_are_in_orthanc(
    client: OrthancClient, database: Database, registrar: Registrar, feed_id: int
) -> None:
    entity = _entity(database, ae_title="ANNA_CT")
    registrar.step(feed_id)
    name = f"noctis-{entity.id}"
    client.put_modality(name, {**client.modalities()[name], "Timeout": 60, "AllowTranscoding": False})
    registrar.step(feed_id)
    assert _registration(database).drifted_at is None
    _decide(database, entity, port=104)
    registrar.step(feed_id)
    entry = client.modalities()[name]
    assert (entry["Port"], entry["Timeout"], entry["AllowTranscoding"]) == (104, 60, False)


def test_characters_that_no_database_takes_stop_nothing(
    client: OrthancClient, database: Database, registrar: Registrar, feed_id: int
) -> None:
    entity = _entity(database, ae_title="ANNA_CT", host="192.0.2.7")
    registrar.step(feed_id)
    client.put_modality("by-hand", {"AET": "X\0Y", "Host": "h", "Port": 104})
    name = f"noctis-{entity.id}"
    client.put_modality(name, {**client.modalities()[name], "Host": "a\0b"})
    registrar.step(feed_id)
    assert client.modalities()[name]["Host"] == "192.0.2.7"
    assert _registration(database).state is RegistrationState.REGISTERED
    with database.read() as session:
        assert session.scalars(select(ForeignRegistration.ae_title)).all() == ["X\N{REPLACEMENT CHARACTER}Y"]


def test_many_nodes_are_registered_in_steps(
    client: OrthancClient,
    database: Database,
    registrar: Registrar,
    feed_id: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registrations, "_PUTS_A_STEP", 2)
    for number in range(3):
        _entity(database, ae_title=f"ANNA_{number}")
    assert registrar.step(feed_id)
    assert not registrar.step(feed_id)
    assert len(client.modalities()) == 4  # and our own probe


def test_what_orthanc_refuses_fails_in_words_and_is_registered_once_it_is_right(
    database: Database, registrar: Registrar, feed_id: int, orthanc: OrthancProcess
) -> None:
    entity = _entity(database, ae_title="ANNA_CT", port=70000)
    registrar.step(feed_id)
    registration = _registration(database)
    assert registration.state is RegistrationState.FAILED
    assert "Orthanc" in registration.reason
    _decide(database, entity, port=104)
    registrar.step(feed_id)
    assert _registration(database).state is RegistrationState.REGISTERED
    assert _echo(orthanc, "ANNA_CT") == 0


def test_another_orthanc_becomes_a_peer_and_receives(
    orthanc: OrthancProcess, client: OrthancClient, database: Database, registrar: Registrar, feed_id: int
) -> None:
    with OrthancProcess() as other:
        peer = Peer(
            facility_id=create_facility(database, "St. Berta").id,
            name="Berta's archive",
            url=other.url,
            username=other.username,
            encrypted_password=encrypt(KEY, other.password),
            created_at=datetime.now(UTC),
        )
        with database.write() as session:
            session.add(peer)
        registrar.step(feed_id)
        name = f"noctis-peer-{peer.id}"
        assert client.peer_system(name)["DicomAet"] == AE_TITLE
        _entity(database, ae_title="ANNA_CT")
        registrar.step(feed_id)
        store(make_study(instance_count=1), "127.0.0.1", orthanc.dicom_port, "ANNA_CT", AE_TITLE)
        (study,) = client.study_ids()
        sent = requests.post(
            f"{orthanc.url}/peers/{name}/store",
            data=study,
            auth=(orthanc.username, orthanc.password),
            timeout=30,
        )
        assert sent.status_code == requests.codes.ok
        theirs = other.client()
        assert theirs.study_ids() == [study]
        theirs.close()


def test_a_peer_that_lost_its_login_is_repaired(
    client: OrthancClient, database: Database, registrar: Registrar, feed_id: int
) -> None:
    url, facility_id = f"http://127.0.0.1:{free_port()}", create_facility(database, "St. Berta").id
    with database.write() as session:
        session.add(
            Peer(
                facility_id=facility_id,
                name="archive",
                url=url,
                username="noctis",
                encrypted_password=encrypt(KEY, "secret"),
                created_at=datetime.now(UTC),
            )
        )
    registrar.step(feed_id)
    (name,) = client.peers()
    client.put_peer(name, {"Url": url})
    registrar.step(feed_id)
    assert client.peers()[name]["Username"] == "noctis"
    assert _registration(database).drift == {"Username": ["noctis", ""], "Password": ["set", "none"]}


def test_a_peer_whose_password_can_t_be_read_says_so(
    database: Database, registrar: Registrar, feed_id: int
) -> None:
    facility = create_facility(database, "St. Berta")
    with database.write() as session:
        session.add(
            Peer(
                facility_id=facility.id,
                name="archive",
                url=f"http://127.0.0.1:{free_port()}",
                encrypted_password=encrypt("another key", "secret"),
                created_at=datetime.now(UTC),
            )
        )
    registrar.step(feed_id)
    registration = _registration(database)
    assert registration.state is RegistrationState.FAILED
    assert "enter the password again" in registration.reason
