"""From where a node may associate, on the pages of its facility."""

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from database.migrate import upgrade
from database.models import ApplicationEntity, Role
from database.session import Database
from tests.factories import create_application_entity, create_facility, create_member
from tests.webapp.conftest import SignIn, make_settings, services_of, signed_in
from webapp import create_app

NODE = {"has_node": "yes", "may_echo": "yes", "may_store": "yes"}


@pytest.fixture
def app(app: Flask) -> Flask:
    app.config["WTF_CSRF_ENABLED"] = False
    return app


@pytest.fixture
def admin(sign_in: SignIn) -> FlaskClient:
    return sign_in(Role.ADMINISTRATOR)


def only_node(database: Database) -> ApplicationEntity:
    with database.read() as session:
        return session.scalars(select(ApplicationEntity)).one()


@pytest.mark.usefixtures("database_url")
def test_host_checks_are_entered_with_a_facility_and_changed_with_its_node(
    admin: FlaskClient, site_database: Database
) -> None:
    form = {"name": "East", "allowed_hosts": "192.0.2.9,\r\nCT.example.org", **NODE}
    page = admin.post("/facilities/new", data=form, follow_redirects=True).text
    node = only_node(site_database)
    assert node.allowed_hosts == "192.0.2.9 ct.example.org"
    assert '<dt>Comes from</dt><dd><span class="mono">192.0.2.9 ct.example.org</span></dd>' in page

    path = f"/facilities/{node.facility_id}/application-entities/{node.id}"
    edit = admin.get(f"{path}/edit").text
    assert "192.0.2.9 ct.example.org</textarea>" in edit
    assert "behind NAT that is the NAT&#39;s" in edit
    sheet = admin.get(f"{path}/connection-sheet").text
    assert "Only from 192.0.2.9, ct.example.org" in sheet

    changed = admin.post(f"{path}/edit", data={**NODE, "allowed_hosts": ""}, follow_redirects=True).text
    assert '<dt>Comes from</dt><dd><span class="dash">anywhere</span></dd>' in changed
    assert only_node(site_database).revision == node.revision + 1
    assert "Only from" not in admin.get(f"{path}/connection-sheet").text


@pytest.mark.parametrize("kind", ["facility", "added", "changed"])
def test_a_host_that_can_not_be_allowed_is_named_beside_its_field(
    admin: FlaskClient, site_database: Database, kind: str
) -> None:
    facility = create_facility(site_database, "East")
    node = create_application_entity(site_database, facility.id)
    base = f"/facilities/{facility.id}/application-entities"
    path = {"facility": "/facilities/new", "added": f"{base}/new", "changed": f"{base}/{node.id}/edit"}[kind]
    answer = admin.post(path, data={"name": "West", **NODE, "allowed_hosts": "10.0.0.1 <b>192.0.2.9/24"})
    assert answer.status_code == 400
    error = answer.text.split('id="allowed_hosts-error">')[1].split("</p>")[0]
    assert "&lt;b&gt;192.0.2.9/24 is no network" in error
    assert "10.0.0.1 &lt;b&gt;192.0.2.9/24</textarea>" in answer.text
    assert only_node(site_database).allowed_hosts == ""


def test_that_nobody_checks_hosts_without_a_recorder_is_said(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, recorder="off")
    upgrade(settings.sqlalchemy_url, settings.sqlalchemy_url)
    app = create_app(settings)
    database = services_of(app).database
    client = signed_in(app, create_member(database, Role.ADMINISTRATOR))
    facility = create_facility(database, "East")
    node = create_application_entity(database, facility.id, allowed_hosts="192.0.2.9")
    base = f"/facilities/{facility.id}"
    assert "not checked without the recorder" in client.get(base).text
    path = f"{base}/application-entities/{node.id}"
    assert "Not checked now" in client.get(f"{path}/edit").text
    assert "192.0.2.9" not in client.get(f"{path}/connection-sheet").text
    services_of(app).close()


def test_the_sheet_tells_the_port_for_tls(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, dicom_tls_port=2762, dicom_tls_client_ca="clinics.pem")
    upgrade(settings.sqlalchemy_url, settings.sqlalchemy_url)
    app = create_app(settings)
    database = services_of(app).database
    client = signed_in(app, create_member(database, Role.ADMINISTRATOR))
    facility = create_facility(database, "East")
    node = create_application_entity(database, facility.id)
    path = f"/facilities/{facility.id}/application-entities/{node.id}/connection-sheet"
    sheet = client.get(path).text
    assert '<span class="mono">2762</span> is the port for DICOM over TLS; your node must show' in sheet
    assert "no: DICOM is not encrypted" not in sheet
    services_of(app).close()
