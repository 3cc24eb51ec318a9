"""The webapp as its tests meet it: the real application on real databases, asked through Flask's client."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from database.migrate import upgrade
from database.models import Role, User
from database.session import Database
from settings import Settings
from tests.factories import create_member
from tests.orthanc_process import free_port
from webapp import create_app
from webapp.services import Services
from webapp.sessions import stamp

SignIn = Callable[..., FlaskClient]


def make_settings(tmp_path: Path, database_url: str = "", **values: object) -> Settings:
    """Settings that need no launcher; Orthanc isn't there unless ``values`` say where."""
    defaults: dict[str, object] = {
        "data_dir": tmp_path,
        "database_url": database_url,
        "orthanc_http_port": free_port(),
        "orthanc_password": "nobody's",
        "secret_key": "a key of the tests",
        "encryption_key": "a key of the tests",
    }
    return Settings.model_validate({**defaults, **values})


@pytest.fixture
def app(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Flask]:
    """The webapp on SQLite, without an Orthanc; on both databases for tests that ask for ``database_url``."""
    if "database_url" in request.fixturenames:
        settings = make_settings(tmp_path, request.getfixturevalue("database_url"))
    else:
        settings = make_settings(tmp_path)
        upgrade(settings.sqlalchemy_url, settings.sqlalchemy_url)
    app = create_app(settings)
    yield app
    services_of(app).close()


def services_of(app: Flask) -> Services:
    services: Services = app.extensions["noctis"]
    return services


@pytest.fixture
def site_database(app: Flask) -> Database:
    """The webapp's own."""
    return services_of(app).database


@pytest.fixture
def anonymous(app: Flask) -> FlaskClient:
    return app.test_client()


def signed_in(app: Flask, user: User) -> FlaskClient:
    """A client with this user's session, without the work of a password."""
    client = app.test_client()
    with app.app_context(), client.session_transaction() as session:
        session.update(user_id=user.id, stamp=stamp(user), signed_in_at=int(time.time()))
    return client


@pytest.fixture
def sign_in(app: Flask, site_database: Database) -> SignIn:
    """``sign_in(role, facilities)``: a client of a new user."""

    def sign_in_member(role: Role = Role.RADIOLOGIST, facilities: tuple[int, ...] = ()) -> FlaskClient:
        return signed_in(app, create_member(site_database, role, facilities))

    return sign_in_member


def csrf_token(client: FlaskClient, path: str) -> str:
    """The token of the first form on a page."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(path).text)
    assert found, f"no form on {path}"
    return found[1]
