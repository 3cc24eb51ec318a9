"""A prior study's report beside the open one: the valid text, and of the same patient alone."""

from typing import Any

import pytest
from flask import render_template_string
from flask.testing import FlaskClient

from database.models import Facility, Purpose, Role, Study
from database.session import Database
from tests.factories import create_facility, create_member, create_study
from tests.webapp.conftest import SignIn
from tests.webapp.test_worklist import HOSTILE
from webapp.reports import writing
from webapp.reports.priors import priors_of
from webapp.reports.texts import Save
from webapp.reports.writing import Writer

LIST = '{% from "reports/priors.html" import prior_list %}{{ prior_list(priors, study) }}'


@pytest.fixture
def facility(site_database: Database) -> Facility:
    return create_facility(site_database, "East")


@pytest.fixture
def reader(sign_in: SignIn) -> FlaskClient:
    return sign_in()


def _study(database: Database, facility: Facility, **values: Any) -> Study:
    defaults: dict[str, Any] = {"patient_id": "123"}
    return create_study(database, facilities=(facility.id,), **(defaults | values))


def _write(database: Database, study: Study, *, is_signed: bool = True, **texts: str) -> Writer:
    writer = Writer(create_member(database), "page")
    saved = writing.save(database, study.id, writer, Save(texts, 0))
    assert saved is not None
    if is_signed:
        writing.sign(database, study.id, writer, saved.number)
    return writer


def _address(study: Study, other: Study) -> str:
    return f"/studies/{study.id}/report/priors/{other.id}"


def test_a_priors_valid_report_is_read_with_its_addenda(
    reader: FlaskClient, site_database: Database, facility: Facility
) -> None:
    here, prior = _study(site_database, facility), _study(site_database, facility)
    writer = _write(site_database, prior, findings="A nodule of 5 mm.\nNothing else.", impression=HOSTILE[0])
    added = writing.save(
        site_database, prior.id, writer, Save({"addendum": "It was 4 mm."}, 2, Purpose.ADDENDUM)
    )
    assert added is not None
    writing.sign(site_database, prior.id, writer, added.number)
    page = reader.get(_address(here, prior)).text
    assert "A nodule of 5 mm.\nNothing else." in page
    assert "Addendum 1" in page
    assert "It was 4 mm." in page
    assert f"Signed by <bdi>{writer.name}</bdi>" in page
    assert "Recommendation" not in page
    assert "<script" not in page


def test_what_is_not_signed_is_not_read(
    reader: FlaskClient, site_database: Database, facility: Facility
) -> None:
    here, prior = _study(site_database, facility), _study(site_database, facility)
    _write(site_database, prior, is_signed=False, findings="A thought.")
    page = reader.get(_address(here, prior)).text
    assert "no signed report yet" in page
    assert "A thought." not in page


def test_what_was_retracted_is_not_read_even_when_it_is_written_anew(
    reader: FlaskClient, site_database: Database, facility: Facility
) -> None:
    here, prior = _study(site_database, facility), _study(site_database, facility)
    writer = _write(site_database, prior, findings="Of another patient.")
    gone = writing.retract(site_database, prior.id, writer, 2, "wrong patient")
    page = reader.get(_address(here, prior)).text
    assert "retracted" in page
    assert "Of another patient." not in page
    writing.save(site_database, prior.id, writer, Save({"findings": "A thought."}, gone.number))
    page = reader.get(_address(here, prior)).text
    assert "no signed report yet" in page
    assert "Of another patient." not in page


def test_no_report_of_possibly_another_patient_is_opened(
    reader: FlaskClient, site_database: Database, facility: Facility
) -> None:
    here = _study(site_database, facility)
    other = _study(site_database, create_facility(site_database, "West"))
    _write(site_database, other, findings="Of the other hospital's patient 123.")
    assert reader.get(_address(here, other)).status_code == 404
    assert reader.get(_address(here, here)).status_code == 404


def test_staff_open_priors_of_what_they_may_see(
    sign_in: SignIn, site_database: Database, facility: Facility
) -> None:
    west = create_facility(site_database, "West")
    both = create_study(site_database, facilities=(facility.id, west.id), patient_id="123")
    own, foreign = _study(site_database, facility), _study(site_database, west)
    staff = sign_in(Role.FACILITY_STAFF, (facility.id,))
    assert staff.get(_address(both, own)).status_code == 200
    assert staff.get(_address(both, foreign)).status_code == 404
    assert staff.get(_address(foreign, both)).status_code == 404


def test_the_list_labels_what_is_doubtful_and_loads_none_of_it(
    reader: FlaskClient, site_database: Database, facility: Facility
) -> None:
    here, prior = _study(site_database, facility), _study(site_database, facility)
    unread = _study(site_database, facility)
    other = _study(
        site_database,
        create_facility(site_database, "West"),
        patient_name=HOSTILE[0],
        study_description=HOSTILE[1],
    )
    for study in (prior, other):
        _write(site_database, study, findings="No nodule.")
    app = reader.application
    with app.test_request_context(), site_database.read() as session:
        priors = priors_of(session, create_member(site_database), here)
        page = render_template_string(LIST, priors=priors, study=here)
    assert f'data-report="{_address(here, prior)}"' in page
    assert _address(here, unread) not in page
    assert _address(here, other) not in page
    assert "Possibly another patient: 1" in page
    assert "Same patient ID, but without a common facility." in page
    assert "<script" not in page
