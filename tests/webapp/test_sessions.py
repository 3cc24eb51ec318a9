"""Signing in and out."""

import time

import pytest
from flask import Flask
from flask.testing import FlaskClient

from database.models import Role, User
from database.session import Database
from tests.webapp.conftest import SignIn, csrf_token, signed_in
from webapp.accounts import VERIFYING, create_user, set_active, set_password
from webapp.sessions import safe_next

PASSWORD = "correct horse battery"


@pytest.fixture
def user(site_database: Database) -> User:
    return create_user(site_database, "Jo.Doe", PASSWORD, Role.RADIOLOGIST)


def submit(client: FlaskClient, username: str, password: str, target: str = "") -> tuple[int, str | None]:
    data = {"csrf_token": csrf_token(client, "/sign-in"), "username": username, "password": password}
    answer = client.post("/sign-in", data={**data, "next": target})
    return answer.status_code, answer.location


@pytest.mark.usefixtures("user")
def test_the_right_password_leads_to_the_worklist(anonymous: FlaskClient) -> None:
    assert submit(anonymous, " jo.doe ", PASSWORD) == (303, "/worklist")
    assert anonymous.get("/worklist").status_code == 200


@pytest.mark.usefixtures("user")
def test_it_leads_to_where_one_was_going(anonymous: FlaskClient) -> None:
    assert submit(anonymous, "jo.doe", PASSWORD, "/studies/7?series=2") == (303, "/studies/7?series=2")


@pytest.mark.usefixtures("user")
def test_a_wrong_password_and_an_unknown_user_look_the_same(anonymous: FlaskClient) -> None:
    assert submit(anonymous, "jo.doe", "wrong") == (401, None)
    assert submit(anonymous, "nobody", PASSWORD) == (401, None)
    assert submit(anonymous, "jo.doe", "") == (401, None)
    assert anonymous.get("/worklist").status_code == 303


@pytest.mark.parametrize(
    "target",
    [
        *("https://evil.example/", "//evil.example/", "///evil.example", "/\\evil.example", "\\\\evil"),
        *("javascript:alert(1)", "worklist", "/\t/evil.example", "/\n/evil.example", "", None),
    ],
)
def test_next_never_leads_elsewhere(app: Flask, target: str | None) -> None:
    with app.test_request_context():
        assert safe_next(target) == "/worklist"


def test_a_deactivated_users_session_is_void_at_once(app: Flask, site_database: Database, user: User) -> None:
    client = signed_in(app, user)
    assert client.get("/worklist").status_code == 200
    set_active(site_database, user.id, is_active=False)
    assert client.get("/worklist").status_code == 303
    assert submit(app.test_client(), "jo.doe", PASSWORD) == (401, None)


def test_a_new_password_ends_every_other_session(app: Flask, site_database: Database, user: User) -> None:
    client = signed_in(app, user)
    set_password(site_database, user.id, "another password")
    assert client.get("/worklist").status_code == 303


def test_a_session_ends_after_a_long_shift(app: Flask, user: User) -> None:
    client = signed_in(app, user)
    with client.session_transaction() as session:
        session["signed_in_at"] = int(time.time()) - 15 * 3600
    assert client.get("/worklist").status_code == 303


def test_a_forged_cookie_is_no_session(app: Flask, anonymous: FlaskClient, user: User) -> None:
    name = app.config["SESSION_COOKIE_NAME"]
    anonymous.set_cookie(name, f"eyJ1c2VyX2lkIjo{user.id}fQ.aaaa.bbbb")
    assert anonymous.get("/worklist").status_code == 303


def test_signing_out_ends_the_session(sign_in: SignIn) -> None:
    client = sign_in()
    client.post("/sign-out", data={"csrf_token": csrf_token(client, "/password")})
    assert client.get("/worklist").status_code == 303


def test_changing_the_password_keeps_this_session(app: Flask, anonymous: FlaskClient, user: User) -> None:
    elsewhere = signed_in(app, user)
    submit(anonymous, "jo.doe", PASSWORD)
    data = {"current": PASSWORD, "new": "a brand new one", "repeated": "a brand new one"}
    data["csrf_token"] = csrf_token(anonymous, "/password")
    assert anonymous.post("/password", data=data).location == "/worklist"
    assert anonymous.get("/worklist").status_code == 200
    assert elsewhere.get("/worklist").status_code == 303


@pytest.mark.parametrize(
    ("current", "new", "repeated", "said"),
    [
        ("wrong", "a brand new one", "a brand new one", "current password is not right"),
        (PASSWORD, "short", "short", "at least 10 characters"),
        (PASSWORD, "a brand new one", "another one", "differ"),
    ],
)
def test_a_password_that_cannot_be_changed_says_why(
    app: Flask, user: User, current: str, new: str, repeated: str, said: str
) -> None:
    client = signed_in(app, user)
    data = {
        "csrf_token": csrf_token(client, "/password"),
        "current": current,
        "new": new,
        "repeated": repeated,
    }
    assert said in client.post("/password", data=data, follow_redirects=True).text


def test_a_copied_cookie_is_void_after_signing_out(app: Flask, user: User) -> None:
    client, copy = signed_in(app, user), signed_in(app, user)
    assert copy.get("/worklist").status_code == 200
    client.post("/sign-out", data={"csrf_token": csrf_token(client, "/password")})
    assert copy.get("/worklist").status_code == 303


@pytest.mark.usefixtures("user")
def test_guessing_is_paused_for_that_name_and_address_and_written_down(
    app: Flask, anonymous: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        assert submit(anonymous, "jo.doe", "wrong") == (401, None)
    assert submit(anonymous, "JO.DOE", PASSWORD) == (429, None)
    elsewhere = app.test_client()
    elsewhere.environ_base["REMOTE_ADDR"] = "192.0.2.9"
    assert submit(elsewhere, "jo.doe", PASSWORD) == (303, "/worklist")
    assert caplog.text.count("a sign-in from 127.0.0.1 was refused") == 6
    assert "jo.doe" not in caplog.text.lower()


@pytest.mark.usefixtures("user")
def test_many_sign_ins_at_once_starve_nobody(anonymous: FlaskClient) -> None:
    with VERIFYING, VERIFYING:
        assert submit(anonymous, "jo.doe", PASSWORD) == (503, None)
    assert submit(anonymous, "jo.doe", PASSWORD) == (303, "/worklist")
