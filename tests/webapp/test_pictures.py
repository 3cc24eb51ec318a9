"""Pictures and documents out of a real Orthanc."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydicom import Dataset
from pydicom.uid import generate_uid
from sqlalchemy import func, select

from database.migrate import upgrade
from database.models import Instance
from database.session import Database
from emulator.documents import encapsulated_pdf, private_object
from emulator.studies import make_study, part10_bytes
from tests.factories import SeriesPlan, create_member, create_study
from tests.orthanc_process import OrthancProcess
from tests.webapp.conftest import make_settings, services_of, signed_in
from webapp import create_app

FRAMES = 5


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, dict[str, str]]]:
    """A webapp on an Orthanc that holds one study; the instances' addresses by what they are."""
    with OrthancProcess() as orthanc:
        folder: Path = tmp_path_factory.mktemp("archive")
        settings = make_settings(
            folder, orthanc_http_port=orthanc.http_port, orthanc_password=orthanc.password
        )
        upgrade(settings.sqlalchemy_url, settings.sqlalchemy_url)
        app = create_app(settings)
        addresses = _fill(services_of(app).database, orthanc)
        yield app, addresses
        services_of(app).close()


def _fill(database: Database, orthanc: OrthancProcess) -> dict[str, str]:
    objects: dict[str, tuple[Dataset, int]] = {
        "ct": (make_study(modality="CT", instance_count=1)[0], 1),
        "rle": (make_study(modality="MR", instance_count=1, transfer_syntax_uid="1.2.840.10008.1.2.5")[0], 1),
        "cine": (make_study(modality="US", instance_count=1, frame_count=FRAMES)[0], FRAMES),
        "pdf": (_in_a_study(encapsulated_pdf(generate_uid(), ["Referral"])), 1),
        "private": (_in_a_study(private_object(generate_uid())), 1),
    }
    client = orthanc.client()
    plans = [
        SeriesPlan(
            str(dataset.get("Modality", "OT")),
            1,
            dataset.SOPClassUID,
            frames,
            instance={"orthanc_id": client.upload(part10_bytes(dataset))},
        )
        for dataset, frames in objects.values()
    ]
    client.close()
    study = create_study(database, series=plans)
    return {name: f"/studies/{study.id}/instances/{number}" for number, name in enumerate(objects, 1)}


def _in_a_study(dataset: Dataset) -> Dataset:
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID"):
        setattr(dataset, keyword, generate_uid())
    dataset.PatientID = "P"
    return dataset


@pytest.fixture
def client(archive: tuple[Flask, dict[str, str]]) -> FlaskClient:
    app, _ = archive
    return signed_in(app, create_member(services_of(app).database))


@pytest.fixture
def addresses(archive: tuple[Flask, dict[str, str]]) -> dict[str, str]:
    return archive[1]


@pytest.mark.parametrize("name", ["ct", "rle"])
def test_a_picture_is_a_jpeg_for_this_browser_alone(
    client: FlaskClient, addresses: dict[str, str], name: str
) -> None:
    answer = client.get(f"{addresses[name]}/frames/0")
    assert (answer.status_code, answer.mimetype) == (200, "image/jpeg")
    assert answer.data.startswith(b"\xff\xd8")
    assert "private" in answer.headers["Cache-Control"]


def test_the_window_changes_the_picture(client: FlaskClient, addresses: dict[str, str]) -> None:
    path = f"{addresses['ct']}/frames/0"
    own, lung, bone = (
        client.get(path + query).data for query in ("", "?center=-600&width=1500", "?center=450&width=1800")
    )
    assert len({own, lung, bone}) == 3


@pytest.mark.parametrize(
    "query",
    [
        "center=1",
        "center=nan&width=inf",
        "center=1e300&width=-5",
        "center=40&width=0",
        "center=x&width=y",
        "quality=1",
    ],
)
def test_no_window_is_too_absurd(client: FlaskClient, addresses: dict[str, str], query: str) -> None:
    assert client.get(f"{addresses['ct']}/frames/0?{query}").status_code == 200


def test_every_frame_has_its_picture(client: FlaskClient, addresses: dict[str, str]) -> None:
    pictures = {client.get(f"{addresses['cine']}/frames/{frame}").data for frame in range(FRAMES)}
    assert len(pictures) == FRAMES
    assert client.get(f"{addresses['cine']}/frames/{FRAMES}").status_code == 404
    assert client.get(f"{addresses['ct']}/frames/1").status_code == 404


def test_a_thumbnail_is_small(client: FlaskClient) -> None:
    answer = client.get("/studies/1/series/1/thumbnail")
    assert answer.mimetype == "image/jpeg"
    assert len(answer.data) < 20_000


def test_the_viewer_learns_the_files_window(client: FlaskClient, addresses: dict[str, str]) -> None:
    facts = client.get(f"{addresses['ct']}/facts").get_json()
    assert facts["window"]["width"] >= 1
    assert int(facts["rows"]) > 0


def test_what_is_no_picture_says_what_it_is(client: FlaskClient, addresses: dict[str, str]) -> None:
    answer = client.get(
        f"{addresses['private']}/frames/0", headers={"Accept": "image/jpeg, application/json"}
    )
    assert answer.status_code == 415
    assert answer.get_json()["title"] == "This object can't be shown as a picture"
    assert "Private SOP class" in answer.get_json()["message"]


def test_a_file_that_the_archive_lost_is_no_foreign_object(
    archive: tuple[Flask, dict[str, str]], client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    database = services_of(archive[0]).database
    study = create_study(database, series=[SeriesPlan("CT", 1)])  # Orthanc never had it
    with database.read() as session:
        instance = session.scalar(select(func.max(Instance.id)))
    answer = client.get(
        f"/studies/{study.id}/instances/{instance}/frames/0",
        headers={"Accept": "image/jpeg, application/json"},
    )
    assert answer.status_code == 404
    assert answer.get_json()["title"] == "The archive could not read this image"
    assert f"answered 404 for the picture of instance {instance}" in caplog.text


def test_a_pdf_opens(client: FlaskClient, addresses: dict[str, str]) -> None:
    answer = client.get(f"{addresses['pdf']}/pdf")
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert answer.data.startswith(b"%PDF-")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"].startswith("inline")
    assert "script-src" not in answer.headers["Content-Security-Policy"]


def test_what_is_no_pdf_says_so(client: FlaskClient, addresses: dict[str, str]) -> None:
    answer = client.get(f"{addresses['ct']}/pdf")
    assert answer.status_code == 415
    assert "There is no PDF in this object" in answer.text
