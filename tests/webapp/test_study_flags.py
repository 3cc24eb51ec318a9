"""How soon a study is to be read, and by whom: who may say so, and what happens when two do."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from database.models import Priority, Role, Study, StudyFlag, User
from database.session import Database
from tests.factories import create_facility, create_member, create_study
from tests.webapp.conftest import SignIn, csrf_token, signed_in

JSON = {"Accept": "application/json"}
PRIORITISERS = {Role.RADIOLOGIST, Role.TECHNOLOGIST, Role.ADMINISTRATOR}


@pytest.fixture
def study(site_database: Database) -> Study:
    return create_study(site_database)


@pytest.fixture
def reader(site_database: Database) -> User:
    return create_member(site_database)


@pytest.fixture
def client(app: Flask, reader: User) -> FlaskClient:
    return signed_in(app, reader)


def post(client: FlaskClient, study: Study, what: str, **values: object) -> Any:
    """As the worklist's script does."""
    data = {"csrf_token": csrf_token(client, "/worklist"), **values}
    return client.post(f"/studies/{study.id}/{what}", data=data, headers=JSON)


def flag_of(database: Database, study: Study) -> StudyFlag | None:
    with database.read() as session:
        return session.scalar(select(StudyFlag).where(StudyFlag.study_id == study.id))


@pytest.mark.usefixtures("database_url")
def test_a_radiologist_takes_a_study_and_gives_it_back(
    client: FlaskClient, site_database: Database, study: Study, reader: User
) -> None:
    answer = post(client, study, "assignment", assignee="me", seen="")
    assert answer.status_code == 200
    assert (answer.json["message"], answer.json["row"]["id"]) == ("", study.id)
    assert reader.username in answer.json["row"]["html"]
    flag = flag_of(site_database, study)
    assert flag is not None
    assert flag.assignee_id == reader.id
    post(client, study, "assignment", assignee="nobody", seen=reader.id)
    given_back = flag_of(site_database, study)
    assert given_back is not None
    assert (given_back.assignee_id, given_back.updated_at > flag.updated_at) == (None, True)


@pytest.mark.usefixtures("database_url")
def test_two_who_take_it_at_once_do_not_both_believe_that_they_have_it(
    client: FlaskClient, sign_in: SignIn, site_database: Database, study: Study, reader: User
) -> None:
    other = sign_in()
    assert post(client, study, "assignment", assignee="me", seen="").status_code == 200
    refused = post(other, study, "assignment", assignee="me", seen="")
    assert refused.status_code == 409
    assert refused.json["message"] == f"Meanwhile it is assigned to {reader.username}."
    assert reader.username in refused.json["row"]["html"]
    assert post(other, study, "assignment", assignee="me", seen=reader.id).status_code == 200
    gone = post(client, study, "assignment", assignee="nobody", seen=reader.id)
    assert gone.status_code == 409
    flag = flag_of(site_database, study)
    assert flag is not None
    assert flag.assignee_id not in {None, reader.id}


def test_taking_it_twice_changes_nothing(client: FlaskClient, site_database: Database, study: Study) -> None:
    post(client, study, "assignment", assignee="me", seen="")
    before = flag_of(site_database, study)
    assert post(client, study, "assignment", assignee="me", seen="").status_code == 200
    after = flag_of(site_database, study)
    assert before is not None
    assert after is not None
    assert after.updated_at == before.updated_at


@pytest.mark.usefixtures("database_url")
def test_priorities_are_set_and_taken_back(
    client: FlaskClient, site_database: Database, study: Study
) -> None:
    answer = post(client, study, "priority", priority="stat")
    assert "priority-stat" in answer.json["row"]["html"]
    flag = flag_of(site_database, study)
    assert flag is not None
    assert flag.priority is Priority.STAT
    post(client, study, "assignment", assignee="me", seen="")
    post(client, study, "priority", priority="as-requested")
    flag = flag_of(site_database, study)
    assert flag is not None
    assert (flag.priority, flag.assignee_id is None) == (None, False)


@pytest.mark.parametrize("role", Role)
def test_only_some_may(app: Flask, site_database: Database, role: Role) -> None:
    facility = create_facility(site_database, "East")
    study = create_study(site_database, facilities=(facility.id,))
    client = signed_in(app, create_member(site_database, role, (facility.id,)))
    assigned = post(client, study, "assignment", assignee="me", seen="").status_code
    assert assigned == (200 if role == Role.RADIOLOGIST else 403)
    prioritised = post(client, study, "priority", priority="urgent").status_code
    assert prioritised == (200 if role in PRIORITISERS else 403)
    page, menu = client.get(f"/studies/{study.id}").text, client.get("/worklist").text
    assert ("/assignment" in page) == ('data-assigns-to="me"' in menu) == (role == Role.RADIOLOGIST)
    assert ("/priority" in page) == ('data-prioritises="stat"' in menu) == (role in PRIORITISERS)


@pytest.mark.parametrize(
    ("what", "values"),
    [
        ("assignment", {}),
        ("assignment", {"assignee": "somebody", "seen": ""}),
        ("assignment", {"assignee": "me", "seen": "x"}),
        ("assignment", {"assignee": "me", "seen": "²"}),
        ("priority", {}),
        ("priority", {"priority": ""}),
        ("priority", {"priority": "STAT"}),
    ],
)
def test_nonsense_is_refused(
    client: FlaskClient, site_database: Database, study: Study, what: str, values: dict[str, str]
) -> None:
    assert post(client, study, what, **values).status_code == 400
    assert flag_of(site_database, study) is None


def test_a_study_that_is_not_there_has_no_flag(client: FlaskClient, study: Study) -> None:
    missing = Study(id=study.id + 1)
    assert post(client, missing, "assignment", assignee="me", seen="").status_code == 404
    assert post(client, missing, "priority", priority="stat").status_code == 404


def test_forms_lead_back_to_the_study(client: FlaskClient, sign_in: SignIn, study: Study) -> None:
    page = f"/studies/{study.id}"
    data = {"csrf_token": csrf_token(client, page), "assignee": "me", "seen": ""}
    answer = client.post(f"{page}/assignment", data=data)
    assert (answer.status_code, answer.location) == (303, page)
    assert "Unassign" in client.get(page).text
    other = sign_in()
    other.post(f"{page}/assignment", data={**data, "csrf_token": csrf_token(other, page)})
    assert "Meanwhile it is assigned to" in other.get(page).text
    assert "Take over" in other.get(page).text
