"""Reports on the worklist page: tabs, filters, saved views, and the news that open pages get."""

import re
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from database.models import Facility, Priority, ReportLock, Role, SavedFilter, Study, User
from database.session import Database
from tests.factories import create_facility, create_study
from tests.webapp.conftest import SignIn, csrf_token, signed_in
from tests.webapp.test_worklist import counted_queries, news_address
from tests.written_reports import Pen, flag, receive_more
from webapp.reports import locks

SECRET = "A secret draft."


@pytest.fixture
def pen(site_database: Database) -> Pen:
    return Pen.of_somebody(site_database)


@pytest.fixture
def client(app: Flask, pen: Pen) -> FlaskClient:
    """The pen's own."""
    return signed_in(app, pen.user)


def counts(page: str) -> dict[str, str]:
    return dict(re.findall(r'data-count="([^"]+)">([^<]+)<', page))


def shown(client: FlaskClient, query: str) -> list[int]:
    page = client.get(f"/worklist?{query}").text
    return [int(one) for one in re.findall(r'data-study="([0-9]+)"', page)]


def fresh_row(answer: TestResponse, study: Study) -> str:
    """As the news bring it; empty when they don't."""
    return next((row["html"] for row in answer.get_json()["rows"] if row["id"] == study.id), "")


def test_tabs_count_what_they_lead_to(client: FlaskClient, site_database: Database, pen: Pen) -> None:
    studies = [create_study(site_database, modalities="MR" if at else "CT") for at in range(6)]
    pen.draft(studies[0])
    pen.draft(studies[1])
    pen.release(studies[2])
    pen.finalize(studies[3])
    page = client.get("/worklist").text
    wanted = {"All": "6", "Unread": "2", "Drafts": "2", "Preliminary": "1", "Final today": "1"}
    assert counts(page) == wanted
    addresses = re.findall(r'href="([^"]+)" (?:aria-current="page")?>(?:All|Unread|Drafts|Prel|Final)', page)
    lengths = [len(shown(client, unescape(one).partition("?")[2])) for one in addresses]
    assert lengths == [int(number) for number in wanted.values()]
    assert counts(client.get(f"/worklist?author={pen.user.username}&status=unread").text)["Drafts"] == "2"


def test_a_row_tells_what_becomes_of_its_study(
    client: FlaskClient, site_database: Database, pen: Pen
) -> None:
    colleague = Pen.of_somebody(site_database)
    with site_database.write() as session:
        session.get_one(User, colleague.user.id).full_name = "Dr. <Anna>"
    study = create_study(site_database, requested_priority="stat")
    pen.finalize(study)
    pen.add(study)
    receive_more(site_database, study)
    colleague.open(study)
    page = client.get("/worklist").text
    for text in ("STAT", "Final +1", "1 addendum", "Dr. &lt;Anna&gt; is writing now", "As the study asks"):
        assert text in page, text
    assert "Images came after the last signature" in page
    assert "data-printable" in page
    assert "data-since" not in page


def test_a_waiting_study_has_a_running_clock(client: FlaskClient, site_database: Database) -> None:
    create_study(site_database)
    page = client.get("/worklist").text
    assert 'class="turnaround is-late"' in page
    assert 'data-limit="86400"' in page
    assert "data-printable" not in page


def test_nothing_of_a_draft_leaks_to_those_who_may_not_read_it(
    sign_in: SignIn, site_database: Database, pen: Pen
) -> None:
    facility = create_facility(site_database, "East")
    study = create_study(site_database, facilities=(facility.id,))
    pen.draft(study)
    pen.open(study)
    flag(site_database, study, assignee=pen.user)
    for role in set(Role) - {Role.RADIOLOGIST}:
        reader = sign_in(role, (facility.id,))
        texts = [reader.get(path).text for path in ("/worklist", f"/studies/{study.id}")]
        texts.append(reader.get(news_address(reader, "/worklist")).text)
        for text in texts:
            assert SECRET not in text
            assert (pen.user.username in text) == (role != Role.FACILITY_STAFF)
        assert ">Draft<" in texts[0]


def test_facility_staff_cannot_ask_who_works_on_what(
    sign_in: SignIn, site_database: Database, pen: Pen
) -> None:
    facility = create_facility(site_database, "East")
    study = create_study(site_database, facilities=(facility.id,))
    pen.draft(study)
    staff = sign_in(Role.FACILITY_STAFF, (facility.id,))
    for query in (f"author={pen.user.username}", "author=nobody", "assigned=mine", "assigned=nobody"):
        assert shown(staff, query) == [study.id]


@pytest.mark.usefixtures("database_url")
@pytest.mark.parametrize("query", ["", "?sort=priority&status=unread&assigned=nobody&priority=stat"])
def test_the_number_of_queries_is_the_same_for_any_reports(
    client: FlaskClient, site_database: Database, pen: Pen, query: str
) -> None:
    numbers = []
    for more in (1, 12):
        for _ in range(more):
            study = create_study(site_database, requested_priority="stat")
            pen.finalize(study)
            pen.add(study)
            pen.amend(study)
            flag(site_database, study, assignee=pen.user)
        with counted_queries(site_database) as statements:
            assert client.get(f"/worklist{query}").status_code == 200
        numbers.append(len([one for one in statements if one.startswith(("SELECT", "WITH"))]))
    assert numbers[0] == numbers[1] <= 13


@pytest.mark.usefixtures("database_url")
@pytest.mark.parametrize("query", ["", "?status=draft&priority=stat&assigned=mine"])
def test_news_cost_one_query_while_nobody_does_anything(
    client: FlaskClient, site_database: Database, pen: Pen, query: str
) -> None:
    study = create_study(site_database)
    pen.draft(study)
    pen.open(study)
    flag(site_database, study, priority=Priority.STAT)
    address = news_address(client, f"/worklist{query}")
    etag = client.get(address).headers["ETag"]
    with counted_queries(site_database) as statements:
        answer = client.get(address, headers={"If-None-Match": etag})
    assert answer.status_code == 304
    assert len([one for one in statements if one.startswith("SELECT")]) == 1


@pytest.mark.usefixtures("database_url")
def test_rows_follow_reports_and_flags(client: FlaskClient, site_database: Database, pen: Pen) -> None:
    study = create_study(site_database)
    create_study(site_database)
    address = news_address(client, "/worklist")
    assert fresh_row(client.get(address), study) == ""
    pen.draft(study)
    assert ">Draft<" in fresh_row(client.get(address), study)
    flag(site_database, study, priority=Priority.STAT)
    answer = client.get(address)
    assert "priority-stat" in fresh_row(answer, study)
    assert answer.get_json()["counts"]["Drafts"] == "1"


@pytest.mark.usefixtures("database_url")
def test_rows_follow_locks_that_come_and_end(client: FlaskClient, site_database: Database, pen: Pen) -> None:
    study = create_study(site_database)
    create_study(site_database)
    address = news_address(client, "/worklist")
    first = client.get(address)
    token = pen.open(study)
    opened = client.get(address, headers={"If-None-Match": first.headers["ETag"]})
    assert "data-locked" in fresh_row(opened, study)
    with site_database.write() as session:
        session.execute(update(ReportLock).values(beats_until=datetime.now(UTC)))
    late = client.get(f"{address}&locked={study.id}", headers={"If-None-Match": opened.headers["ETag"]})
    assert '<td role="cell" class="c-person"></td>' in fresh_row(late, study)
    locks.release(site_database, study.id, token)
    assert fresh_row(client.get(address), study) == ""


@pytest.mark.usefixtures("database_url")
@pytest.mark.parametrize(
    ("query", "acts", "announced"),
    [
        ("status=preliminary", ["release"], 1),
        ("status=draft", ["draft"], 1),
        ("status=unread", ["draft", "discard"], 0),
        ("status=final-today", ["finalize"], 1),
        ("status=final", ["finalize", "add"], 1),
        ("status=retracted", ["finalize", "retract"], 1),
        ("status=preliminary", ["finalize"], 0),
    ],
)
def test_a_report_that_becomes_what_is_asked_for_is_news(
    client: FlaskClient, site_database: Database, pen: Pen, query: str, acts: list[str], announced: int
) -> None:
    study = create_study(site_database)
    address = news_address(client, f"/worklist?{query}").split("&shown=")[0]
    for act in acts:
        getattr(pen, act)(study)
    assert client.get(address).get_json()["total"] == announced


@pytest.mark.usefixtures("database_url")
def test_a_report_of_the_next_page_that_stays_as_asked_for_is_no_news(
    client: FlaskClient, site_database: Database, pen: Pen
) -> None:
    study = create_study(site_database)
    pen.finalize(study)
    address = news_address(client, "/worklist?status=final").split("&shown=")[0]
    pen.add(study)
    assert client.get(address).get_json()["total"] == 0


def test_priorities_and_assignments_that_are_asked_for_are_news(
    client: FlaskClient, site_database: Database, pen: Pen
) -> None:
    study = create_study(site_database)
    stat, mine = (
        news_address(client, f"/worklist?{query}").split("&shown=")[0]
        for query in ("priority=stat", "assigned=mine")
    )
    assert [client.get(one).get_json()["total"] for one in (stat, mine)] == [0, 0]
    flag(site_database, study, priority=Priority.STAT, assignee=pen.user)
    assert [client.get(one).get_json()["total"] for one in (stat, mine)] == [1, 1]


@pytest.mark.parametrize(
    "query",
    [
        *("status=%00", "status=final&author=%00", "author=%ff", "priority=x", "assigned=everybody"),
        *("sort=priority&page=AAAA", "locked=x.99999999999999999999", "reported=x&flagged=0001-01-01"),
    ],
)
def test_nothing_in_the_address_breaks_the_page(client: FlaskClient, query: str) -> None:
    for path in ("/worklist", "/worklist/news"):
        assert client.get(f"{path}?{query}").status_code == 200


def save_view(client: FlaskClient, name: str, query: str) -> Any:
    data = {"csrf_token": csrf_token(client, "/worklist"), "name": name, "query": query}
    return client.post("/worklist/views", data=data)


@pytest.mark.usefixtures("database_url")
def test_a_view_is_kept_under_its_name_and_replaced_and_removed(
    client: FlaskClient, site_database: Database
) -> None:
    answer = save_view(client, " My <STAT>\0 list ", "status=unread&nonsense=1&priority=stat&sort=priority")
    assert answer.status_code == 303
    assert answer.location == "/worklist?status=unread&priority=stat&sort=priority"
    page = client.get("/worklist").text
    assert "My &lt;STAT&gt; list" in page
    assert "/worklist?status=unread&amp;priority=stat&amp;sort=priority" in page
    save_view(client, "My <STAT> list", "modality=CT&modality=MR")
    with site_database.read() as session:
        assert session.scalars(select(SavedFilter.query)).all() == ["modality=CT&modality=MR"]
    data = {"csrf_token": csrf_token(client, "/worklist"), "name": "My <STAT> list"}
    assert client.post("/worklist/views/remove", data=data).status_code == 303
    assert "My &lt;STAT&gt;" not in client.get("/worklist").text


def test_views_are_their_users_own(client: FlaskClient, sign_in: SignIn, site_database: Database) -> None:
    save_view(client, "My own", "status=draft")
    other = sign_in()
    assert ">My own<" not in other.get("/worklist").text
    data = {"csrf_token": csrf_token(other, "/worklist"), "name": "My own"}
    other.post("/worklist/views/remove", data=data)
    assert ">My own<" in client.get("/worklist").text
    with site_database.read() as session:
        assert session.scalar(select(func.count()).select_from(SavedFilter)) == 1


def test_a_view_needs_a_name_and_there_is_an_end_to_them(
    client: FlaskClient, site_database: Database, pen: Pen
) -> None:
    save_view(client, "  ", "status=draft")
    assert "A view needs a name" in client.get("/worklist").text
    with site_database.write() as session:
        session.add_all(
            SavedFilter(user_id=pen.user.id, name=f"View {at}", query="status=draft") for at in range(30)
        )
    save_view(client, "One more", "")
    assert "delete one first" in client.get("/worklist").text
    save_view(client, "View 7", "")
    assert "This view is kept as View 7" in client.get("/worklist").text


def test_the_study_page_says_that_images_came_late(
    client: FlaskClient, site_database: Database, pen: Pen
) -> None:
    study = create_study(site_database)
    pen.finalize(study)
    assert 'id="late-images"' not in client.get(f"/studies/{study.id}").text
    receive_more(site_database, study)
    assert 'id="late-images"' in client.get(f"/studies/{study.id}").text


def test_studies_of_other_facilities_stay_hidden_in_every_tab(
    sign_in: SignIn, site_database: Database, pen: Pen
) -> None:
    east = create_facility(site_database, "East")
    for act in (pen.draft, pen.release, pen.finalize):
        act(create_study(site_database))
    create_study(site_database)
    staff = sign_in(Role.FACILITY_STAFF, (east.id,))
    assert set(counts(staff.get("/worklist").text).values()) == {"0"}
    assert isinstance(east, Facility)
