"""Testing a connection, through a real Orthanc, against real nodes and what is none."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from database.migrate import upgrade
from database.models import (
    FEED_NAME,
    ApplicationEntity,
    ConnectionTest,
    Feed,
    Peer,
    Registration,
    RegistrationKind,
    RegistrationState,
    Role,
    User,
)
from database.session import Database
from tests.factories import create_application_entity, create_facility, create_member
from tests.orthanc_process import AE_TITLE, OrthancProcess, free_port
from tests.remote_nodes import A_ABORT, Talk, dicom_node, hangs_up, is_silent, listener, says
from tests.webapp.conftest import SignIn, make_settings, services_of, signed_in
from webapp import create_app, registry

JSON = {"Accept": "application/json"}
KEY = "a key of the tests"


@pytest.fixture(scope="module")
def orthanc() -> Iterator[OrthancProcess]:
    with OrthancProcess() as process:
        yield process


@pytest.fixture
def app(tmp_path: Path, orthanc: OrthancProcess) -> Iterator[Flask]:
    settings = make_settings(
        tmp_path, orthanc_http_port=orthanc.http_port, orthanc_password=orthanc.password, encryption_key=KEY
    )
    upgrade(settings.sqlalchemy_url, settings.sqlalchemy_url)
    app = create_app(settings)
    app.config["WTF_CSRF_ENABLED"] = False
    yield app
    services_of(app).close()


@pytest.fixture
def admin(sign_in: SignIn) -> FlaskClient:
    return sign_in(Role.ADMINISTRATOR)


def typed(client: FlaskClient, port: int, host: str = "127.0.0.1", **more: str) -> dict[str, str]:
    """What testing a node says, as typed in the form."""
    form = {"ae_title": "THEIRS", "host": host, "port": str(port), **more}
    answer = client.post("/facilities/echo", data=form, headers=JSON)
    assert answer.status_code == 200
    return cast("dict[str, str]", answer.json)


def test_a_node_that_answers_is_timed(admin: FlaskClient) -> None:
    with dicom_node("THEIRS", knows=[AE_TITLE]) as port:
        finding = typed(admin, port)
    assert finding["outcome"] == "ok"
    assert finding["text"].startswith("answered in ")
    assert finding["text"].endswith(" ms")


def test_our_ae_title_towards_it_is_used(admin: FlaskClient) -> None:
    with dicom_node("THEIRS", knows=["OURS"]) as port:
        assert typed(admin, port, local_ae_title="OURS")["outcome"] == "ok"
        rejected = typed(admin, port)["text"]
    assert rejected == f"rejected: they don't know our AE title {AE_TITLE}, or don't answer to THEIRS"


def test_each_way_to_fail_has_its_words(admin: FlaskClient) -> None:
    nobody = free_port()
    assert typed(admin, nobody)["text"] == f"connection refused: nothing listens on 127.0.0.1:{nobody}"
    assert typed(admin, 104, host="nowhere.invalid")["text"].startswith("unknown host: the name nowhere.inv")
    with dicom_node("OTHER") as port:
        assert typed(admin, port)["text"].startswith("rejected: ")
    with dicom_node("THEIRS", knows_echo=False) as port:
        assert typed(admin, port)["text"] == "connected, but they don't accept C-ECHO"
    with dicom_node("THEIRS", status=0x0110) as port:
        assert typed(admin, port)["text"] == "connected, but they answered the C-ECHO with a failure"
    with dicom_node("THEIRS", aborts=True) as port:
        assert typed(admin, port)["text"].startswith("aborted: ")
        assert typed(admin, port, uses_tls="yes")["text"].startswith("TLS isn't set up in our archive")


@pytest.mark.parametrize(
    ("talk", "words"),
    [
        (hangs_up, "aborted: something listens on"),
        (says(A_ABORT), "aborted: something listens on"),
        (says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "not a DICOM server: something else answers on"),
        (is_silent, "no answer in 5 s from"),
    ],
)
def test_what_is_no_node_is_told_from_a_node(admin: FlaskClient, talk: Talk, words: str) -> None:
    with listener(talk) as port:
        finding = typed(admin, port)
    assert finding == {"outcome": "failed", "text": finding["text"]}
    assert words in finding["text"]
    assert f"127.0.0.1:{port}" in finding["text"]


def test_what_is_wrong_in_the_form_is_said_before_anybody_is_asked(admin: FlaskClient) -> None:
    assert typed(admin, 104, host="")["field"] == "host"
    assert typed(admin, 104, host="a b")["field"] == "host"
    assert typed(admin, 0)["field"] == "port"
    assert typed(admin, 104, ae_title="MUCH_TOO_LONG_FOR_DICOM")["field"] == "ae_title"


def test_the_proposed_title_and_port_are_tested_where_nothing_is_typed(admin: FlaskClient) -> None:
    with dicom_node("PROPOSED") as port:
        form = {"host": "127.0.0.1", "proposed_ae_title": "PROPOSED", "proposed_port": str(port)}
        answer = admin.post("/facilities/echo", data=form, headers=JSON)
    assert answer.json["outcome"] == "ok"  # type: ignore[index]


def test_what_a_saved_node_answers_is_kept(admin: FlaskClient, site_database: Database) -> None:
    facility = create_facility(site_database, "East")
    with dicom_node("EAST") as port:
        entity = create_application_entity(
            site_database, facility.id, ae_title="EAST", host="127.0.0.1", port=port
        )
        path = f"/facilities/{facility.id}/application-entities/{entity.id}/echo"
        assert admin.post(path, headers=JSON).json["outcome"] == "ok"  # type: ignore[index]
    page = admin.post(path, follow_redirects=True).text
    assert f"EAST: connection refused: nothing listens on 127.0.0.1:{port}." in page
    with site_database.read() as session:
        kept = session.get_one(ApplicationEntity, entity.id)
    assert kept.echo_finding == f"connection refused: nothing listens on 127.0.0.1:{port}"
    assert not kept.is_echo_ok
    assert kept.echoed_at is not None


def test_each_test_of_a_node_is_noted_for_the_transfer_log(
    admin: FlaskClient, site_database: Database
) -> None:
    facility = create_facility(site_database, "East")
    with dicom_node("THEIRS") as port:
        typed(admin, port)
        form = {"name": "West", "ae_title": "THEIRS", "host": "127.0.0.1", "port": str(port), "do": "test"}
        admin.post("/facilities/new", data=form)
    entity = create_application_entity(
        site_database, facility.id, ae_title="theirs", host="127.0.0.1", port=port
    )
    admin.post(f"/facilities/{facility.id}/application-entities/{entity.id}/echo")
    typed(admin, 104, host="")  # nobody was asked
    with site_database.read() as session:
        tests = session.scalars(select(ConnectionTest).order_by(ConnectionTest.id)).all()
        admins = list(session.scalars(select(User.id)))
    assert [(one.ae_title, one.host, one.is_ok) for one in tests] == [
        ("THEIRS", "127.0.0.1", True),
        ("THEIRS", "127.0.0.1", True),
        ("theirs", "127.0.0.1", False),
    ]
    assert tests[2].finding == f"connection refused: nothing listens on 127.0.0.1:{port}"
    assert all(one.started_at <= one.ended_at for one in tests)
    assert [one.user_id for one in tests] == admins * 3


def test_an_archive_that_refuses_us_says_nothing_about_the_clinic(
    tmp_path: Path, orthanc: OrthancProcess
) -> None:
    settings = make_settings(tmp_path, orthanc_http_port=orthanc.http_port, orthanc_password="wrong")
    upgrade(settings.sqlalchemy_url, settings.sqlalchemy_url)
    app = create_app(settings)
    app.config["WTF_CSRF_ENABLED"] = False
    client = signed_in(app, create_member(services_of(app).database, Role.ADMINISTRATOR))
    with dicom_node("THEIRS") as port:
        assert typed(client, port)["outcome"] == "untested"
    with services_of(app).database.read() as session:
        assert session.scalars(select(ConnectionTest)).all() == []
    services_of(app).close()


def peer(database: Database, url: str, password: str = "") -> Peer:
    facility = create_facility(database, "East")
    return registry.add_peer(
        database, facility.id, registry.PeerFields("Theirs", url, "noctis", password), KEY
    )


def note_registered(database: Database, one: Peer, revision: int = 1) -> None:
    with database.write() as session:
        feed = session.scalar(select(Feed).where(Feed.name == FEED_NAME))
        if feed is None:
            feed = Feed(name=FEED_NAME)
            session.add(feed)
            session.flush()
        row = Registration(feed_id=feed.id, kind=RegistrationKind.PEER, target_id=one.id)
        row.applied_revision, row.state = revision, RegistrationState.REGISTERED
        session.add(row)


def ask_peer(
    client: FlaskClient, orthanc: OrthancProcess, database: Database, one: Peer, password: str = ""
) -> dict[str, str]:
    """Registered as the bridge would, then tested on the facility's page."""
    note_registered(database, one)
    api = orthanc.client()
    api.put_peer(f"noctis-peer-{one.id}", {"Url": one.url, "Username": one.username, "Password": password})
    answer = client.post(f"/facilities/{one.facility_id}/peers/{one.id}/test", headers=JSON)
    api.delete_peer(f"noctis-peer-{one.id}")
    api.close()
    return cast("dict[str, str]", answer.json)


def test_a_peer_that_answers_tells_its_version(
    admin: FlaskClient, orthanc: OrthancProcess, site_database: Database
) -> None:
    # An Orthanc may be its own peer
    found = ask_peer(admin, orthanc, site_database, peer(site_database, orthanc.url), orthanc.password)
    assert found["outcome"] == "ok"
    assert ": Orthanc 1." in found["text"]


def test_each_way_in_which_a_peer_fails_has_its_words(
    admin: FlaskClient, orthanc: OrthancProcess, site_database: Database
) -> None:
    def words(url: str) -> str:
        found = ask_peer(admin, orthanc, site_database, peer(site_database, url), "wrong")
        assert found["outcome"] == "failed"
        return found["text"]

    assert "doesn't accept this user name" in words(orthanc.url)
    assert words(f"http://127.0.0.1:{free_port()}/").startswith("connection refused")
    assert words("http://nowhere.invalid/").startswith("unknown host")
    for status in ("400 Bad Request", "204 No Content"):
        with listener(says(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())) as port:
            assert words(f"http://127.0.0.1:{port}/").startswith("not an Orthanc"), status
    for status in ("301 Moved", "404 Not Found", "503 Service Unavailable"):
        with listener(says(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())) as port:
            assert words(f"http://127.0.0.1:{port}/").endswith("or no Orthanc is at this address"), status
    with listener(says(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")) as port:
        assert words(f"http://127.0.0.1:{port}/") == "it doesn't accept this user name and password"
    with listener(says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")) as port:
        assert words(f"http://127.0.0.1:{port}/").startswith("not an Orthanc")


def test_a_peer_that_orthanc_does_not_know_yet_is_said_to_be_so(
    admin: FlaskClient, site_database: Database
) -> None:
    one = peer(site_database, "http://192.0.2.1/")
    path = f"/facilities/{one.facility_id}/peers/{one.id}"
    answer = admin.post(f"{path}/test", headers=JSON)
    assert answer.json["text"].startswith("not tested: not registered yet")  # type: ignore[index]
    note_registered(site_database, one)
    assert admin.post(f"{path}/test", headers=JSON).json["outcome"] == "failed"  # type: ignore[index]
    admin.post(f"{path}/push")  # Orthanc may still have the one before
    answer = admin.post(f"{path}/test", headers=JSON)
    assert answer.json["outcome"] == "untested"  # type: ignore[index]


def test_what_a_peer_calls_its_version_is_cut(
    admin: FlaskClient, orthanc: OrthancProcess, site_database: Database
) -> None:
    body = b'{"Version": "1.12\\u001b[31m\\u202e' + b"9" * 5000 + b'"}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with listener(says(answer)) as port:
        found = ask_peer(admin, orthanc, site_database, peer(site_database, f"http://127.0.0.1:{port}/"))
    assert found["outcome"] == "ok"
    assert found["text"].split("Orthanc ")[1] == "1.12[31m" + "9" * 32
