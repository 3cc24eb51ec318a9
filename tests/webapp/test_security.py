"""What holds for every route: default-deny, CSRF, headers, roles."""

import logging
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from database.migrate import upgrade
from database.models import Role
from database.session import Database
from tests.factories import create_application_entity, create_facility, create_study
from tests.webapp.conftest import SignIn, csrf_token, make_settings
from webapp import create_app
from webapp.security import PUBLIC_ENDPOINTS

VALUES = {
    "study_id": 1,
    "series_id": 1,
    "instance_id": 1,
    "frame": 0,
    "user_id": 1,
    "facility_id": 1,
    "entity_id": 1,
    "peer_id": 1,
    "foreign_id": 1,
    "other_id": 1,
    "number": 1,
    "template_id": 1,
    "text_id": 1,
    "key": "1764000000000000-1-1",
    "filename": "noctis.css",
}
ADMINISTRATORS_FEATURES = {
    "users",
    "facilities",
    "application_entities",
    "peers",
    "unknown_senders",
    "facility_exchange",
    "study_links",
}
EVERYBODYS = {"users.password", "users.password_submit"}


def addresses(app: Flask) -> list[tuple[Rule, str, str]]:
    """Every route, with an address that leads to it and each of its methods."""
    with app.test_request_context():
        adapter = app.url_map.bind("localhost")
        return [
            (rule, adapter.build(rule.endpoint, {name: VALUES[name] for name in rule.arguments}), method)
            for rule in app.url_map.iter_rules()
            for method in sorted(rule.methods or ())
        ]


def test_every_route_needs_a_sign_in_unless_listed(app: Flask, site_database: Database) -> None:
    create_study(site_database)
    app.config["WTF_CSRF_ENABLED"] = False  # a missing token would hide a missing sign-in
    closed = [row for row in addresses(app) if row[0].endpoint not in PUBLIC_ENDPOINTS]
    assert len(closed) > 20
    for rule, address, method in closed:
        answer = app.test_client().open(address, method=method)
        assert answer.status_code in {303, 401}, (rule.endpoint, method)
        assert answer.status_code == 401 or answer.location.startswith("/sign-in"), rule.endpoint
        assert "Doe" not in answer.text


def test_the_list_of_public_routes_holds_nothing_else(app: Flask) -> None:
    assert {rule.endpoint for rule in app.url_map.iter_rules()} >= PUBLIC_ENDPOINTS
    expected = {"static", "health.livez", "sessions.sign_in", "sessions.sign_in_submit"}
    assert expected == PUBLIC_ENDPOINTS


def test_every_change_needs_a_csrf_token(app: Flask, sign_in: SignIn) -> None:
    changes = [row for row in addresses(app) if row[2] in {"POST", "PUT", "PATCH", "DELETE"}]
    assert changes
    for rule, address, method in changes:
        answer = sign_in(Role.ADMINISTRATOR).open(address, method=method)
        assert answer.status_code == 400, rule.endpoint
        assert "This form has expired" in answer.text


def test_administrators_pages_ask_for_the_role(app: Flask, sign_in: SignIn) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    for rule, address, method in addresses(app):
        feature = rule.endpoint.partition(".")[0]
        if feature not in ADMINISTRATORS_FEATURES or rule.endpoint in EVERYBODYS or method == "OPTIONS":
            continue
        for role in set(Role) - {Role.ADMINISTRATOR}:
            assert sign_in(role).open(address, method=method).status_code == 403, (rule.endpoint, role)


def test_every_answer_has_the_security_headers(app: Flask, sign_in: SignIn, site_database: Database) -> None:
    create_study(site_database)
    client = sign_in(Role.ADMINISTRATOR)
    for rule, address, method in addresses(app):
        with client.open(address, method=method) as answer:
            headers = answer.headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy, rule.endpoint
        assert "frame-ancestors 'none'" in policy, rule.endpoint
        assert "unsafe" not in policy, rule.endpoint
        assert headers["X-Content-Type-Options"] == "nosniff", rule.endpoint
        assert headers["Referrer-Policy"] == "same-origin", rule.endpoint
        if rule.endpoint != "static":
            assert headers["Cache-Control"] == "no-store", rule.endpoint


PATHS = ["/worklist", "/studies/1", "/studies/1/report", "/users", "/password", "/sign-in", "/nowhere"]
FACILITY_PATHS = [
    "/facilities",
    "/facilities/new",
    "/facilities/1",
    "/facilities/1/edit",
    "/facilities/1/application-entities/1/edit",
    "/facilities/1/application-entities/1/connection-sheet",
    "/facilities/1/peers/new",
    "/facilities/unknown-senders",
    "/facilities/import",
]
TRANSFER_PATHS = [
    "/transfers",
    "/transfers?view=operations",
    "/transfers/figures",
]


@pytest.mark.parametrize("path", [*PATHS, *FACILITY_PATHS, *TRANSFER_PATHS])
def test_pages_hold_no_inline_script_or_style(
    app: Flask, sign_in: SignIn, site_database: Database, path: str
) -> None:
    create_study(site_database)
    create_application_entity(site_database, create_facility(site_database, "East").id)
    client = app.test_client() if path == "/sign-in" else sign_in(Role.ADMINISTRATOR)
    page = client.get(path).text.lower()
    assert "<style" not in page
    assert " style=" not in page
    assert "javascript:" not in page
    assert all(not script or script.startswith("src=") or "src=" in script for script in scripts_of(page))
    assert " onerror=" not in page
    assert " onclick=" not in page


def scripts_of(page: str) -> list[str]:
    return [part.split(">", 1)[0].strip() for part in page.split("<script")[1:]]


def test_https_alone_brings_secure_cookies_and_hsts(tmp_path: Path) -> None:
    for behind_https in (False, True):
        settings = make_settings(tmp_path, behind_https=behind_https)
        upgrade(settings.sqlalchemy_url, settings.sqlalchemy_url)
        answer = create_app(settings).test_client().get("/sign-in")
        cookie = answer.headers["Set-Cookie"]
        assert ("Secure" in cookie) == behind_https
        assert ("Strict-Transport-Security" in answer.headers) == behind_https
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie


def test_that_the_process_lives_is_told_without_a_sign_in(anonymous: FlaskClient) -> None:
    answer = anonymous.get("/livez")
    assert (answer.status_code, answer.json) == (200, {"application": "noctis", "status": "alive"})


def test_scripts_get_401_and_people_the_sign_in_page(anonymous: FlaskClient) -> None:
    script = anonymous.get("/worklist/news", headers={"Accept": "application/json"})
    assert (script.status_code, script.is_json) == (401, True)
    person = anonymous.get("/worklist?q=doe", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (person.status_code, person.location) == (303, "/sign-in?next=/worklist?q%3Ddoe")


def test_a_broken_view_says_sorry_and_logs_no_patient(
    app: Flask, sign_in: SignIn, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> str:
        raise ValueError("Doe^Jane is no number")

    app.add_url_rule("/broken", "broken", broken)
    with caplog.at_level(logging.DEBUG):
        answer = sign_in().get("/broken")
    assert answer.status_code == 500
    assert "Something went wrong here" in answer.text
    assert "ValueError" in caplog.text
    assert "Doe" not in caplog.text + answer.text


def test_a_failing_database_is_told_in_words_and_no_parameters_are_logged(
    app: Flask, sign_in: SignIn, site_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    client = sign_in()
    with site_database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE study_word RENAME TO gone")
    with caplog.at_level(logging.DEBUG):
        answer = client.get("/worklist?q=geheimrat")
    assert answer.status_code == 503
    assert "The reporting database does not answer" in answer.text
    assert "geheimrat" not in caplog.text
    assert app.extensions["noctis"]


def test_a_form_token_of_another_session_is_refused(app: Flask, sign_in: SignIn) -> None:
    token = csrf_token(sign_in(), "/password")
    assert sign_in().post("/sign-out", data={"csrf_token": token}).status_code == 400
    assert app.config["WTF_CSRF_TIME_LIMIT"] is None
