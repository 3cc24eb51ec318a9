"""Templates and standard texts: edited by radiologists, filled from the study that is reported."""

import re
from datetime import date
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from database.models import ReportTemplate, Role, StandardText
from database.session import Database
from tests.factories import SeriesPlan, create_facility, create_member, create_study
from tests.webapp.conftest import SignIn, signed_in
from tests.webapp.test_worklist import HOSTILE
from webapp.prepared_texts import changes
from webapp.prepared_texts.fields import StandardTextFields, TemplateFields


@pytest.fixture
def app(app: Flask) -> Flask:
    app.config["WTF_CSRF_ENABLED"] = False
    return app


@pytest.fixture
def reader(sign_in: SignIn) -> FlaskClient:
    return sign_in()


def _templates(database: Database) -> list[ReportTemplate]:
    with database.read() as session:
        return list(session.scalars(select(ReportTemplate).order_by(ReportTemplate.id)))


def _texts(database: Database) -> list[StandardText]:
    with database.read() as session:
        return list(session.scalars(select(StandardText).order_by(StandardText.id)))


def _add_template(database: Database, name: str, modality: str = "", body_part: str = "") -> ReportTemplate:
    fields = TemplateFields(name, {"findings": "{patient_age}."}, modality, body_part)
    return changes.add_template(database, fields, create_member(database).id)


def _add_text(
    database: Database, alias: str, text: str, modality: str = "", body_part: str = ""
) -> StandardText:
    fields = StandardTextFields(alias, text, modality, body_part)
    return changes.add_standard_text(database, fields, create_member(database).id)


# Templates


@pytest.mark.usefixtures("database_url")
def test_a_radiologist_writes_a_template(reader: FlaskClient, site_database: Database) -> None:
    assert "No templates yet" in reader.get("/templates").text
    sent = {
        "name": " CT  chest ",
        "modality": "ct",
        "body_part": "Chest",
        "technique": "CT of the {body_part}.\r\nNo contrast.",
        "findings": "",
    }
    assert reader.post("/templates/new", data=sent).status_code == 303
    found = _templates(site_database)[0]
    assert (found.name, found.modality, found.body_part, found.revision) == ("CT chest", "CT", "Chest", 1)
    assert found.technique == "CT of the {body_part}.\nNo contrast."
    page = reader.get("/templates").text
    assert "CT chest" in page
    assert "Technique</td>" in page


@pytest.mark.usefixtures("database_url")
def test_a_template_is_changed_retired_and_restored(reader: FlaskClient, site_database: Database) -> None:
    template = _add_template(site_database, "CT chest", "CT")
    address = f"/templates/{template.id}"
    page = reader.get(address).text
    assert "{patient_age}." in page
    changed = {"name": "CT thorax", "findings": "No nodule.", "revision": "1"}
    assert reader.post(address, data=changed).status_code == 303
    assert reader.post(f"{address}/active", data={"active": "no"}).status_code == 303
    found = _templates(site_database)[0]
    assert (found.name, found.modality, found.findings, found.revision) == ("CT thorax", "", "No nodule.", 3)
    assert found.retired_at is not None
    assert f'href="{address}"' not in reader.get("/templates").text
    assert f'href="{address}"' in reader.get("/templates?show=retired").text
    refused = reader.post(address, data=changed | {"revision": "3"})
    assert (refused.status_code, "restore it first" in refused.text) == (400, True)
    assert reader.post(f"{address}/active", data={"active": "yes"}).status_code == 303
    assert _templates(site_database)[0].retired_at is None


@pytest.mark.usefixtures("database_url")
def test_who_comes_second_sees_what_the_first_saved(reader: FlaskClient, site_database: Database) -> None:
    template = _add_template(site_database, "CT chest")
    address, mine = f"/templates/{template.id}", {"name": "CT chest", "revision": "1"}
    assert reader.post(address, data=mine | {"findings": "Theirs."}).status_code == 303
    page = reader.post(address, data=mine | {"findings": "Mine."})
    assert page.status_code == 409
    assert "Somebody changed this meanwhile" in page.text
    assert "Now there: <bdi>Theirs.</bdi>" in page.text
    assert "Mine.</textarea>" in page.text
    assert _templates(site_database)[0].findings == "Theirs."
    assert 'name="revision" value="2"' in page.text
    assert reader.post(address, data=mine | {"findings": "Mine.", "revision": "2"}).status_code == 303
    assert _templates(site_database)[0].findings == "Mine."


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"name": ""}, "Please enter a name."),
        ({"findings": ""}, "Please write at least one section."),
        ({"modality": "CT, MR"}, "Give one modality by its DICOM code"),
        ({"findings": "{patient_weight} kg"}, "{patient_weight} can&#39;t be filled in."),
        ({"technique": "{}"}, "{} can&#39;t be filled in."),
        ({"findings": "x" * 20_001}, "This is too long: at most 20000 characters."),
        ({"findings": "a\x00b"}, "This contains a control character"),
        ({"name": "CT head"}, "There is a template of this name"),
    ],
)
def test_what_cannot_be_a_template_is_refused_with_words(
    reader: FlaskClient, site_database: Database, sent: dict[str, str], words: str
) -> None:
    _add_template(site_database, "CT head")
    page = reader.post("/templates/new", data={"name": "CT chest", "findings": "No nodule."} | sent)
    assert page.status_code == 400
    assert words in page.text
    assert len(_templates(site_database)) == 1


def test_an_unknown_placeholder_is_answered_with_the_known_ones(reader: FlaskClient) -> None:
    page = reader.post("/templates/new", data={"name": "CT", "findings": "{age}"}).text
    error = page.split('id="findings-error">')[1].split("</p>")[0]
    assert "{patient_age}" in error
    assert "{prior_date}" in error


def test_a_name_may_come_again_for_another_modality_and_after_retirement(
    reader: FlaskClient, site_database: Database
) -> None:
    first = _add_template(site_database, "Chest", "CT")
    _add_template(site_database, "Chest", "MR")
    address = f"/templates/{first.id}/active"
    reader.post(address, data={"active": "no"})
    _add_template(site_database, "Chest", "CT")
    reader.post(address, data={"active": "yes"})
    assert "There is a template of this name" in reader.get("/templates").text
    assert _templates(site_database)[0].retired_at is not None


def test_a_copy_begins_with_the_same_text(reader: FlaskClient, site_database: Database) -> None:
    template = _add_template(site_database, "CT chest", "CT", "CHEST")
    page = reader.get(f"/templates/new?from={template.id}").text
    assert 'value="CT chest"' in page
    assert "{patient_age}.</textarea>" in page
    assert 'name="revision"' not in page
    assert reader.get("/templates/new?from=99").status_code == 404


def test_templates_are_found_by_words(reader: FlaskClient, site_database: Database) -> None:
    _add_template(site_database, "Follow-up", "CT", "CHEST")
    _add_template(site_database, "Follow-up", "MR", "BRAIN")
    assert reader.get("/templates?q=ct+fol").text.count("/templates/") == reader.get(
        "/templates?q=mr+bra"
    ).text.count("/templates/")
    page = reader.get("/templates?q=ct+fol").text
    assert ("CHEST" in page, "BRAIN" in page) == (True, False)
    assert "None of these templates" in reader.get("/templates?q=knee").text


@pytest.mark.parametrize("hostile", HOSTILE)
def test_templates_and_texts_are_text_on_the_pages(
    reader: FlaskClient, site_database: Database, hostile: str
) -> None:
    sent = {"name": hostile, "body_part": hostile[:64], "findings": hostile, "text": hostile, "alias": "x"}
    reader.post("/templates/new", data=sent)
    reader.post("/templates/texts/new", data=sent)
    for path in ("/templates", "/templates/new", "/templates/texts", "/templates/texts/new"):
        assert hostile not in reader.get(path).text
    for address in [f"/templates/{one.id}" for one in _templates(site_database)]:
        assert hostile not in re.sub(r"(?s)<textarea.*?</textarea>", "", reader.get(address).text)


# Standard texts


@pytest.mark.usefixtures("database_url")
def test_a_standard_text_is_written_changed_and_deleted(reader: FlaskClient, site_database: Database) -> None:
    assert "No standard texts yet" in reader.get("/templates/texts").text
    sent = {"alias": ".Chest-Normal", "text": "No nodule."}
    assert reader.post("/templates/texts/new", data=sent).status_code == 303
    found = _texts(site_database)[0]
    assert (found.alias, found.text, found.revision) == ("chest-normal", "No nodule.", 1)
    assert ".chest-normal" in reader.get("/templates/texts").text
    address = f"/templates/texts/{found.id}"
    assert "No nodule." in reader.get(address).text
    changed = sent | {"text": "No nodule in {body_part}.", "revision": "1"}
    assert reader.post(address, data=changed).status_code == 303
    refused = reader.post(address, data=changed | {"text": "Mine."})
    assert (refused.status_code, "Now there: <bdi>No nodule in {body_part}.</bdi>" in refused.text) == (
        409,
        True,
    )
    reader.post(f"{address}/delete", data={"revision": "1"})
    assert _texts(site_database)[0].text == "No nodule in {body_part}."
    assert "look at it again" in reader.get(address).text
    reader.post(f"{address}/delete", data={"revision": "2"})
    assert _texts(site_database) == []
    assert reader.get(address).status_code == 404


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"alias": ""}, "An alias has 1 to 32 letters"),
        ({"alias": "two words"}, "An alias has 1 to 32 letters"),
        ({"alias": "a.b"}, "An alias has 1 to 32 letters"),
        ({"alias": "x" * 33}, "An alias has 1 to 32 letters"),
        ({"alias": "NORMAL"}, ".normal is there already"),
        ({"text": " "}, "Please write the text."),
        ({"text": "{sex}"}, "{sex} can&#39;t be filled in."),
    ],
)
def test_what_cannot_be_a_standard_text_is_refused_with_words(
    reader: FlaskClient, site_database: Database, sent: dict[str, str], words: str
) -> None:
    _add_text(site_database, "normal", "Normal.")
    page = reader.post("/templates/texts/new", data={"alias": "chest", "text": "No nodule."} | sent)
    assert page.status_code == 400
    assert words in page.text
    assert len(_texts(site_database)) == 1


# Who may


def test_administrators_see_and_do_not_edit(sign_in: SignIn, site_database: Database) -> None:
    template = _add_template(site_database, "CT chest")
    text = _add_text(site_database, "normal", "Normal.")
    admin = sign_in(Role.ADMINISTRATOR)
    for path in (
        "/templates",
        f"/templates/{template.id}",
        "/templates/texts",
        f"/templates/texts/{text.id}",
    ):
        page = admin.get(path)
        assert page.status_code == 200
        assert "/new" not in page.text
        assert "Save" not in page.text
    for path in ("/templates/new", "/templates/texts/new"):
        assert admin.get(path).status_code == 403
        assert admin.post(path, data={"name": "x"}).status_code == 403
    for path in (
        f"/templates/{template.id}",
        f"/templates/{template.id}/active",
        f"/templates/texts/{text.id}",
        f"/templates/texts/{text.id}/delete",
    ):
        assert admin.post(path, data={"revision": "1"}).status_code == 403


@pytest.mark.parametrize("role", [Role.TECHNOLOGIST, Role.FACILITY_STAFF, Role.READ_ONLY])
def test_others_have_no_templates(sign_in: SignIn, site_database: Database, role: Role) -> None:
    study = create_study(site_database)
    client = sign_in(role)
    assert "/templates" not in client.get("/worklist").text
    for path in ("/templates", "/templates/texts"):
        assert client.get(path).status_code == 403
    for name in ("templates", "standard-texts"):
        assert client.get(f"/studies/{study.id}/report/{name}").status_code == 403


# For an open report


def _chest(database: Database, **values: Any) -> int:
    facility = create_facility(database, "East {patient_id}")
    common: dict[str, Any] = {"patient_id": "123", "facilities": (facility.id,)}
    create_study(database, **common, study_date=date(2025, 4, 1))
    plans = [
        SeriesPlan(series={"body_part_examined": "CHEST"}),
        SeriesPlan("SR", series={"body_part_examined": ""}),
    ]
    return create_study(database, series=plans, **(common | values)).id


@pytest.mark.usefixtures("database_url")
def test_the_templates_that_fit_come_first_and_are_filled(
    reader: FlaskClient, site_database: Database
) -> None:
    study_id = _chest(site_database)
    for name, modality, body_part in (
        ("any", "", ""),
        ("brain", "CT", "BRAIN"),
        ("mr", "MR", "CHEST"),
        ("ct", "CT", ""),
        ("chest", "CT", "Chest"),
        ("part", "", "CHEST"),
    ):
        _add_template(site_database, name, modality, body_part)
    gone = _add_template(site_database, "gone", "CT")
    changes.retire_template(site_database, gone.id, gone.updated_by_id)
    found = reader.get(f"/studies/{study_id}/report/templates").get_json()["templates"]
    assert [(one["name"], one["fits"]) for one in found] == [
        ("chest", True),
        ("ct", True),
        ("part", True),
        ("any", True),
        ("brain", False),
        ("mr", False),
    ]
    assert found[0]["sections"]["findings"] == "55 y."
    assert found[0]["sections"]["impression"] == ""


@pytest.mark.usefixtures("database_url")
def test_every_placeholder_is_filled_from_the_study(reader: FlaskClient, site_database: Database) -> None:
    study_id = _chest(
        site_database,
        patient_name="Yamada^Tarou=山田^太郎",
        accession_number="A1",
        referring_physician_name="House^Gregory",
    )
    text = (
        "{patient_name}|{patient_id}|{patient_birth_date}|{patient_sex}|{patient_age}|{study_date}|{study_time}|"
        "{study_description}|{modality}|{body_part}|{accession_number}|{referring_physician}|{facility}|{prior_date}"
    )
    _add_text(site_database, "all", text)
    found = reader.get(f"/studies/{study_id}/report/standard-texts").get_json()
    assert found["all"] == (
        "Yamada, Tarou · 山田 太郎|123|1970-05-17|F|55 y|2026-03-01|11:30|"
        "CT chest|CT|chest|A1|House, Gregory|East {patient_id}|2025-04-01"
    )


def test_what_the_study_does_not_say_becomes_a_blank(reader: FlaskClient, site_database: Database) -> None:
    study = create_study(site_database, patient_birth_date=None, study_date=None, referring_physician_name="")
    _add_text(
        site_database, "all", "{patient_age} {study_date} {referring_physician} {facility} {prior_date}"
    )
    found = reader.get(f"/studies/{study.id}/report/standard-texts").get_json()
    assert found == {"all": "___ ___ ___ ___ ___"}


def test_a_body_part_fits_by_the_words_of_the_description(
    reader: FlaskClient, site_database: Database
) -> None:
    study = create_study(site_database, study_description="CT left upper leg")
    _add_template(site_database, "leg", "CT", "Upper leg")
    _add_template(site_database, "arm", "CT", "Upper arm")
    found = reader.get(f"/studies/{study.id}/report/templates").get_json()["templates"]
    assert [(one["name"], one["fits"]) for one in found] == [("leg", True), ("arm", False)]


def test_an_alias_is_left_out_for_other_modalities_only(reader: FlaskClient, site_database: Database) -> None:
    study_id = _chest(site_database)
    _add_text(site_database, "a", "Other part.", "CT", "KNEE")
    _add_text(site_database, "b", "Any.")
    _add_text(site_database, "c", "Here.", "CT", "CHEST")
    _add_text(site_database, "d", "Other modality.", "MR")
    answer = reader.get(f"/studies/{study_id}/report/standard-texts")
    assert list(answer.get_json()) == ["c", "b", "a"]
    assert answer.text.index('"c"') < answer.text.index('"b"') < answer.text.index('"a"')


def test_no_texts_for_studies_that_are_not_there(app: Flask, site_database: Database) -> None:
    client = signed_in(app, create_member(site_database))
    for name in ("templates", "standard-texts"):
        assert client.get(f"/studies/1/report/{name}").status_code == 404
