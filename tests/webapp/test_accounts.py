"""Users and their passwords, on both databases."""

import pytest
from argon2 import PasswordHasher
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import select

from database.models import Role, User
from database.session import Database
from tests.factories import create_member
from tests.webapp.conftest import SignIn, csrf_token, signed_in
from webapp import accounts
from webapp.accounts import AccountError, authenticate, create_first_administrator, create_user


def test_the_first_administrator_is_made_once(database: Database) -> None:
    assert create_first_administrator(database, "Admin", "x")
    assert not create_first_administrator(database, "admin", "another")
    assert not create_first_administrator(database, "boss", "another")
    user = authenticate(database, "ADMIN", "x")
    assert user is not None
    assert user.role == Role.ADMINISTRATOR


def test_a_user_name_exists_once_whatever_its_capitals(database: Database) -> None:
    create_user(database, "jo", "long enough", Role.READ_ONLY)
    with pytest.raises(AccountError, match="already"):
        create_user(database, " JO ", "long enough", Role.READ_ONLY)


@pytest.mark.parametrize("username", ["", " ", "a b", "x" * 65, "a\nb", "a\0b"])
def test_a_user_name_that_cannot_be_typed_is_refused(database: Database, username: str) -> None:
    with pytest.raises(AccountError, match="user name"):
        create_user(database, username, "long enough", Role.READ_ONLY)


@pytest.mark.parametrize("password", ["", "short", "x" * 1001])
def test_a_password_must_have_a_sensible_length(database: Database, password: str) -> None:
    with pytest.raises(AccountError, match="characters"):
        create_user(database, "jo", password, Role.READ_ONLY)


def test_an_unknown_user_costs_the_same_work(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    verified = []
    verify = PasswordHasher.verify

    def counted(hasher: PasswordHasher, password_hash: str, password: str) -> bool:
        verified.append(password_hash.split("$")[3])
        return bool(verify(hasher, password_hash, password))

    create_user(database, "jo", "long enough", Role.READ_ONLY)
    monkeypatch.setattr(PasswordHasher, "verify", counted)
    assert authenticate(database, "jo", "wrong") is None
    assert authenticate(database, "nobody", "wrong") is None
    assert len(verified) == 2
    assert verified[0] == verified[1]


def test_a_hash_of_weaker_parameters_is_renewed_at_sign_in(database: Database) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("long enough")
    user = create_user(database, "jo", "long enough", Role.READ_ONLY)
    with database.write() as session:
        session.get_one(User, user.id).password_hash = weak
    assert authenticate(database, "jo", "long enough") is not None
    with database.read() as session:
        renewed = session.get_one(User, user.id).password_hash
    assert renewed.startswith("$argon2id$")
    assert renewed != weak
    assert not accounts._hasher.check_needs_rehash(renewed)


def test_the_command_line_creates_users(app: Flask, site_database: Database) -> None:
    arguments = [
        "create-user",
        "Jo",
        "--role",
        "radiologist",
        "--full-name",
        "Dr. Jo Weber",
        "--password-stdin",
    ]
    run = app.test_cli_runner().invoke(args=arguments, input="long enough\n")
    assert (run.exit_code, run.output) == (0, "Created jo (radiologist).\n")
    again = app.test_cli_runner().invoke(args=arguments, input="long enough\n")
    assert again.exit_code == 1
    assert "already is a user jo" in again.output
    assert isinstance(app.test_cli_runner(), CliRunner)
    user = authenticate(site_database, "jo", "long enough")
    assert user is not None
    assert user.full_name == "Dr. Jo Weber"


def test_the_command_line_sets_a_forgotten_password(app: Flask, site_database: Database) -> None:
    create_user(site_database, "jo", "long enough", Role.READ_ONLY)
    runner = app.test_cli_runner()
    run = runner.invoke(args=["set-password", "Jo", "--password-stdin"], input="another long one\n")
    assert (run.exit_code, run.output) == (0, "jo has a new password.\n")
    assert authenticate(site_database, "jo", "long enough") is None
    assert authenticate(site_database, "jo", "another long one") is not None
    unknown = runner.invoke(args=["set-password", "nobody", "--password-stdin"], input="another long one\n")
    assert (unknown.exit_code, "no user nobody" in unknown.output) == (1, True)


def test_administrators_create_and_deactivate_users(site_database: Database, sign_in: SignIn) -> None:
    client = sign_in(Role.ADMINISTRATOR)
    token = csrf_token(client, "/users")
    data = {"csrf_token": token, "username": "new", "role": "read-only", "password": "long enough"}
    assert "Created new." in client.post("/users", data=data, follow_redirects=True).text
    assert "already is a user new" in client.post("/users", data=data, follow_redirects=True).text
    assert client.post("/users", data={**data, "role": "king"}).status_code == 400
    with site_database.read() as session:
        user = session.scalars(select(User).where(User.username == "new")).one()
    off = client.post(
        f"/users/{user.id}/active", data={"csrf_token": token, "active": "no"}, follow_redirects=True
    )
    assert "new may no longer sign in" in off.text
    assert authenticate(site_database, "new", "long enough") is None
    client.post(f"/users/{user.id}/active", data={"csrf_token": token, "active": "yes"})
    assert authenticate(site_database, "new", "long enough") is not None
    assert client.post("/users/999/active", data={"csrf_token": token}).status_code == 404


def _name_of(database: Database, username: str) -> str:
    with database.read() as session:
        return session.scalars(select(User.full_name).where(User.username == username)).one()


def test_administrators_name_users(site_database: Database, sign_in: SignIn) -> None:
    client = sign_in(Role.ADMINISTRATOR)
    token = csrf_token(client, "/users")
    data = {"csrf_token": token, "username": "jo", "role": "radiologist", "password": "long enough"}
    client.post("/users", data={**data, "full_name": " Dr.  Jo Weber "})
    assert _name_of(site_database, "jo") == "Dr. Jo Weber"
    with site_database.read() as session:
        user_id = session.scalars(select(User.id).where(User.username == "jo")).one()
    named = {"csrf_token": token, "full_name": "د. جو"}
    assert (
        "jo signs as د. جو." in client.post(f"/users/{user_id}/name", data=named, follow_redirects=True).text
    )
    assert _name_of(site_database, "jo") == "د. جو"
    too_long = {"csrf_token": token, "full_name": "x" * 101}
    refused = client.post(f"/users/{user_id}/name", data=too_long, follow_redirects=True).text
    assert "at most 100 characters" in refused
    assert client.post("/users/999/name", data=named).status_code == 404
    assert sign_in(Role.RADIOLOGIST).post(f"/users/{user_id}/name", data=named).status_code == 400


def test_nobody_chooses_the_name_under_their_own_reports(app: Flask, site_database: Database) -> None:
    user = create_member(site_database, Role.RADIOLOGIST)
    client = signed_in(app, user)
    data = {"csrf_token": csrf_token(client, "/password"), "full_name": "Dr. Somebody Else"}
    assert client.post(f"/users/{user.id}/name", data=data).status_code == 403
    assert _name_of(site_database, user.username) == ""


def test_administrators_cannot_lock_themselves_out(site_database: Database, sign_in: SignIn) -> None:
    client = sign_in(Role.ADMINISTRATOR)
    with site_database.read() as session:
        own = session.scalars(select(User.id)).one()
    answer = client.post(
        f"/users/{own}/active", data={"csrf_token": csrf_token(client, "/users")}, follow_redirects=True
    )
    assert "deactivate your own account" in answer.text
