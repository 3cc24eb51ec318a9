"""Who comes but belongs to no facility: listed with what became of it, adopted, blocked."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from database.migrate import upgrade
from database.models import Association, BlockedSender, Role, Sender, Study, StudySender, User
from database.session import Database
from database.transfer_terms import AssociationOutcome, DoorReason, EndedBy
from settings import PROBE_AE_TITLE
from tests.factories import create_application_entity, create_facility, create_member
from tests.transfer_factories import (
    WRONG_CALLED,
    ago,
    association_values,
    create_association,
    create_sender,
    insert_many,
)
from tests.webapp.conftest import SignIn, make_settings, services_of, signed_in
from tests.webapp.test_facilities import send
from tests.webapp.test_worklist import HOSTILE, counted_queries
from webapp import create_app

PATH = "/facilities/unknown-senders"
TURNED_AWAY = {"outcome": AssociationOutcome.REJECTED, "ended_by": EndedBy.RECORDER, "end_result": 1}


@pytest.fixture
def app(app: Flask) -> Flask:
    app.config["WTF_CSRF_ENABLED"] = False
    return app


@pytest.fixture
def admin(sign_in: SignIn) -> FlaskClient:
    return sign_in(Role.ADMINISTRATOR)


def row_of(page: str, ae_title: str) -> str:
    """The words of its row, without tags."""
    row = next(part for part in page.split("<tr")[1:] if f'mono">{ae_title}</th>' in part)
    return " ".join(re.sub(r"<[^>]*>", " ", "<tr" + row.split("</tr>")[0]).split())


def titles(page: str) -> list[str]:
    return re.findall(r'<th scope="row" role="rowheader" class="mono">([^<]*)</th>', page)


# Listed


@pytest.mark.usefixtures("database_url")
def test_unknown_senders_are_counted_and_adopted(admin: FlaskClient, site_database: Database) -> None:
    facility = create_facility(site_database, "East")
    create_application_entity(site_database, facility.id, ae_title="KNOWN")
    for title in ("KNOWN", "stranger", "STRANGER", "OTHER"):
        send(site_database, title)
    assert "2 unknown senders" in admin.get("/facilities").text
    page = admin.get(PATH).text
    assert "2 studies, 6 instances" in row_of(page, "STRANGER")
    assert "not recorded" in row_of(page, "STRANGER")
    assert set(titles(page)) == {"STRANGER", "OTHER"}
    answer = admin.post(PATH, data={"ae_title": "STRANGER", "name": "North"})
    assert answer.status_code == 303
    page = admin.get(answer.location).text
    assert "North" in page
    assert "The studies that it has sent follow." in page
    data = {"ae_title": "OTHER", "facility_id": str(facility.id)}
    assert admin.post(PATH, data=data).location == f"/facilities/{facility.id}"
    assert "Nobody unknown came" in admin.get(PATH).text


@pytest.mark.usefixtures("database_url")
def test_those_that_were_rejected_are_listed_with_why(admin: FlaskClient, site_database: Database) -> None:
    create_application_entity(site_database, create_facility(site_database, "East").id, ae_title="KNOWN")
    create_sender(site_database, "KNOWN")
    create_sender(site_database, "CT_NEW", last_seen_at=ago(minutes=9))
    create_sender(site_database, "Lost", **WRONG_CALLED | {"last_seen_at": ago(minutes=5)})
    for outcome, at in (
        (AssociationOutcome.REJECTED, ago(days=1)),
        (AssociationOutcome.REJECTED, ago(days=2)),
        (AssociationOutcome.RELEASED, ago(days=3)),
        (AssociationOutcome.REJECTED, ago(days=31)),
    ):
        create_association(site_database, calling_ae_title="Lost", outcome=outcome, started_at=at)
    assert "2 unknown senders came lately" in admin.get("/facilities").text
    page = admin.get(PATH).text
    assert titles(page) == ["Lost", "CT_NEW"]  # the one seen last first
    lost = row_of(page, "Lost")
    assert "192.0.2.77" in lost
    assert "rejected WRONG is not our AE title: this server is NOCTIS." in lost
    assert "Set the called AE title at the sender to NOCTIS." in lost
    assert "It asked for WRONG ." in lost
    assert "3 associations , 2 rejected" in lost
    assert 'href="/transfers?ae=LOST&amp;time=30d"' in page
    assert "doesn&#39;t know the AE title CT_NEW" in row_of(page, "CT_NEW")


@pytest.mark.usefixtures("database_url")
def test_what_came_and_what_was_sent_is_one_row(admin: FlaskClient, site_database: Database) -> None:
    send(site_database, "CT_NEW", at=ago(days=40))
    create_sender(site_database, "ct_new", first_seen_at=ago(days=2), last_seen_at=ago(minutes=1))
    page = admin.get(PATH).text
    assert titles(page) == ["ct_new"]
    first = f"{ago(days=40):%Y-%m-%d}"
    assert f'since <time datetime="{first}' in page
    assert "192.0.2.77" in page  # the recorder saw it, Orthanc saw 192.0.2.7
    assert "192.0.2.7<" not in page
    assert "1 study" in row_of(page, "ct_new")
    assert "1 unknown sender came" in admin.get("/facilities").text


@pytest.mark.usefixtures("database_url")
def test_whoever_tries_all_the_time_costs_no_more(admin: FlaskClient, site_database: Database) -> None:
    create_sender(site_database, "EAGER")
    create_sender(site_database, "ONCE")
    many = [
        association_values(calling_ae_title="EAGER", **WRONG_CALLED | {"started_at": ago(minutes=number)})
        for number in range(1100)
    ]
    insert_many(site_database, Association, many)
    page = admin.get(PATH).text
    assert "1000+ associations , 1000+ rejected" in row_of(page, "EAGER")
    assert "none" in row_of(page, "ONCE")


def test_the_list_is_bounded_and_says_so(admin: FlaskClient, site_database: Database) -> None:
    counts = []
    for more in (3, 198):
        for number in range(more):
            create_sender(site_database, f"S{more}_{number}", last_seen_at=ago(minutes=number + 1))
        with counted_queries(site_database) as statements:
            page = admin.get(PATH).text
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert len(titles(page)) == 200
    assert "The 200 seen last are shown." in page


@pytest.mark.usefixtures("database_url")
def test_we_ourselves_and_who_has_nothing_here_any_more_are_no_unknown_senders(
    admin: FlaskClient, site_database: Database
) -> None:
    for title in ("noctis", PROBE_AE_TITLE, "GONE", "STAYS"):
        send(site_database, title)
    create_sender(site_database, "NOCTIS")
    gone = send(site_database, "GONE")
    with site_database.write() as session:
        of_gone = select(StudySender.study_id).where(StudySender.ae_title_key == "GONE")
        session.execute(update(Study).where(Study.id.in_(of_gone)).values(deleted_at=datetime.now(UTC)))
        session.execute(update(StudySender).where(StudySender.study_id == gone).values(ae_title="STAYS"))
        session.execute(update(StudySender).where(StudySender.study_id == gone).values(ae_title_key="STAYS"))
    assert "1 unknown sender came" in admin.get("/facilities").text
    page = admin.get(PATH).text
    assert titles(page) == ["STAYS"]
    assert "1 study" in row_of(page, "STAYS")


def test_who_tried_long_ago_is_listed_but_no_longer_announced(
    admin: FlaskClient, site_database: Database
) -> None:
    create_sender(site_database, "FORMER", first_seen_at=ago(days=60), last_seen_at=ago(days=50))
    assert "unknown sender came" not in admin.get("/facilities").text
    assert titles(admin.get(PATH).text) == ["FORMER"]


def test_a_sender_that_can_not_be_adopted_says_why(admin: FlaskClient, site_database: Database) -> None:
    send(site_database, "BAD\\TITLE")
    data = {"ae_title": "BAD\\TITLE", "name": "North"}
    answer = admin.post(PATH, data=data)
    assert answer.status_code == 400
    assert "no backslash" in answer.text
    assert 'value="North"' in answer.text


# Blocked


@pytest.mark.usefixtures("database_url")
def test_a_sender_is_blocked_and_unblocked(admin: FlaskClient, site_database: Database) -> None:
    send(site_database, "Nosy")
    create_sender(site_database, "Nosy")
    page = admin.post(f"{PATH}/block", data={"ae_title": "Nosy"}, follow_redirects=True).text
    assert "Nosy is blocked." in page
    with site_database.read() as session:
        blocked = session.scalars(select(BlockedSender)).one()
        username = session.scalars(select(User.username).where(User.id == blocked.user_id)).one()
    assert (blocked.ae_title_key, blocked.ae_title) == ("NOSY", "Nosy")
    assert "Nobody unknown came" in page
    assert titles(page) == ["Nosy"]
    assert f"by {username}" in row_of(page, "Nosy")
    assert "unknown sender came" not in admin.get("/facilities").text

    with site_database.write() as session:  # as the bridge does when it comes again
        door = TURNED_AWAY | {"door_reason": DoorReason.BLOCKED}
        session.execute(update(Sender).values(**door, last_seen_at=ago(seconds=5)))
    create_association(site_database, calling_ae_title="NOSY", **door)
    assert "1 association , 1 rejected" in row_of(admin.get(PATH).text, "Nosy")

    page = admin.post(f"{PATH}/unblock", data={"ae_title": "Nosy"}, follow_redirects=True).text
    assert "Nosy is no longer blocked." in page
    assert "An administrator has blocked Nosy." in row_of(page, "Nosy")
    with site_database.read() as session:
        assert session.scalars(select(BlockedSender)).all() == []


@pytest.mark.parametrize(
    ("ae_title", "words"),
    [
        ("ct_east", "ct_east is an AE title of East (E1): retire that node instead"),
        ("CT_OLD", "CT_OLD was an AE title of East (E1) and is retired"),
        ("noctis", "noctis is our own AE title"),
        (PROBE_AE_TITLE, "is our own AE title"),
        (" ", "There is nothing to block"),
        ("A\\B", "There is nothing to block"),
        ("A\x00B", "There is nothing to block"),
        ("A" * 17, "There is nothing to block"),
    ],
)
def test_what_is_known_or_can_not_come_is_not_blocked(
    admin: FlaskClient, site_database: Database, ae_title: str, words: str
) -> None:
    facility = create_facility(site_database, "East")
    with site_database.write() as session:
        session.merge(facility).code = "E1"
    create_application_entity(site_database, facility.id, ae_title="CT_EAST")
    create_application_entity(site_database, facility.id, ae_title="CT_OLD", retired_at=ago(days=1))
    answer = admin.post(f"{PATH}/block", data={"ae_title": ae_title})
    assert answer.status_code == 400
    assert words in answer.text
    assert admin.post(f"{PATH}/unblock", data={"ae_title": ae_title}).status_code == 303
    with site_database.read() as session:
        assert session.scalars(select(BlockedSender)).all() == []


def test_only_administrators_block(sign_in: SignIn) -> None:
    for role in set(Role) - {Role.ADMINISTRATOR}:
        for path in ("block", "unblock"):
            assert sign_in(role).post(f"{PATH}/{path}", data={"ae_title": "X"}).status_code == 403


# What the page says of itself


def page_with(tmp_path: Path, **values: str) -> str:
    settings = make_settings(tmp_path, **values)
    upgrade(settings.sqlalchemy_url, settings.sqlalchemy_url)
    app = create_app(settings)
    client = signed_in(app, create_member(services_of(app).database, Role.ADMINISTRATOR))
    page = client.get(PATH).text
    services_of(app).close()
    return page


def test_that_strangers_are_rejected_is_explained(admin: FlaskClient) -> None:
    page = admin.get(PATH).text
    assert "AE titles that no facility has are rejected" in page
    assert "nothing of it reached this server" in page
    assert "NOCTIS_RECORDER" not in page


def test_that_anybody_may_send_is_explained(tmp_path: Path) -> None:
    page = page_with(tmp_path, unknown_senders="open")
    assert "Anybody may send" in page
    assert "are rejected" not in page


def test_that_the_rejected_can_not_be_known_without_a_recorder_is_explained(tmp_path: Path) -> None:
    page = page_with(tmp_path, recorder="off")
    assert "Who was rejected can't be known without the recorder" in page
    assert "Every AE title that sent a study belongs to a facility" in page


@pytest.mark.parametrize("text", [*HOSTILE, "\x1b[2J", "\u202e\u200b"])
def test_ae_titles_from_the_wire_stay_texts(admin: FlaskClient, site_database: Database, text: str) -> None:
    create_sender(site_database, text, called_ae_title=text, remote_ip=text)
    send(site_database, f"U{text}")
    page = admin.get(PATH).text
    assert len(titles(page)) == 2
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    shown = re.sub(r'value="[^"]*"', "", page)  # as it is, for forms
    assert not set("\u202e\u200b\x1b") & set(shown)
