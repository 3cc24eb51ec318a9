"""Pictures and documents out of a real Orthanc."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import EnhancedCTImageStorage, generate_uid
from sqlalchemy import func, select

from database.migrate import upgrade
from database.models import Instance
from database.session import Database
from emulator.documents import encapsulated_pdf, private_object
from emulator.studies import make_study, part10_bytes
from launch.orthanc import installed_plugins
from tests.factories import SeriesPlan, create_member, create_study
from tests.orthanc_process import OrthancProcess
from tests.webapp.conftest import make_settings, services_of, signed_in
from webapp import create_app

FRAMES = 5


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, dict[str, str]]]:
    """A webapp on an Orthanc that holds one study; the instances' addresses by what they are."""
    with OrthancProcess(overrides={"Plugins": installed_plugins()}) as orthanc:
        app = _webapp(tmp_path_factory.mktemp("archive"), orthanc)
        addresses = _fill(services_of(app).database, orthanc, _objects())
        yield app, addresses
        services_of(app).close()


def _webapp(folder: Path, orthanc: OrthancProcess) -> Flask:
    settings = make_settings(folder, orthanc_http_port=orthanc.http_port, orthanc_password=orthanc.password)
    upgrade(settings.sqlalchemy_url, settings.sqlalchemy_url)
    return create_app(settings)


def _objects() -> dict[str, Dataset]:
    hounsfield = {"RescaleSlope": "2", "RescaleIntercept": "-1000"}
    soft_tissue, bone = (40, 400), (450, 1800)
    return {
        "ct": make_study(modality="CT", instance_count=1)[0],
        "rle": make_study(modality="MR", instance_count=1, transfer_syntax_uid="1.2.840.10008.1.2.5")[0],
        "cine": make_study(modality="US", instance_count=1, frame_count=FRAMES)[0],
        "pdf": _in_a_study(encapsulated_pdf(generate_uid(), ["Referral"])),
        "private": _in_a_study(private_object(generate_uid())),
        "windowless": _ramp(),
        "negative": _ramp(PhotometricInterpretation="MONOCHROME1"),
        "narrow": _ramp(RescaleSlope="0.001", RescaleIntercept="0", WindowCenter="1", WindowWidth="0.5"),
        "soft tissue": _ramp(WindowCenter=soft_tissue[0], WindowWidth=soft_tissue[1], **hounsfield),
        "bone": _ramp(WindowCenter=bone[0], WindowWidth=bone[1], **hounsfield),
        "all per frame": _enhanced(_group(), [_group(soft_tissue, hounsfield), _group(bone, hounsfield)]),
        "shared rescale": _enhanced(_group(None, hounsfield), [_group(soft_tissue), _group(bone)]),
        "shared window": _enhanced(_group(soft_tissue), [_group(None, hounsfield)] * 2),
        "all shared": _enhanced(_group(soft_tissue, hounsfield), [_group(), _group()]),
        "jpeg 2000": _bundled("examples_jpeg2k.dcm"),
        "grey jpeg 2000": _bundled("MR_small_jp2klossless.dcm"),
        "jpeg-ls": _bundled("MR_small_jpeg_ls_lossless.dcm"),
        "dose": _bundled("rtdose.dcm"),
    }


def _fill(database: Database, orthanc: OrthancProcess, objects: dict[str, Dataset]) -> dict[str, str]:
    """A study with a series for each object; their addresses."""
    client = orthanc.client()
    plans = [
        SeriesPlan(
            str(dataset.get("Modality", "OT")),
            1,
            dataset.SOPClassUID,
            int(dataset.get("NumberOfFrames", 1)),
            instance={
                "orthanc_id": client.upload(part10_bytes(dataset)),
                "transfer_syntax_uid": dataset.file_meta.TransferSyntaxUID,
            },
        )
        for dataset in objects.values()
    ]
    client.close()
    study = create_study(database, series=plans)
    with database.read() as session:
        first = session.scalars(select(Instance.id).order_by(Instance.id.desc()).limit(len(plans))).all()[-1]
    return {name: f"/studies/{study.id}/instances/{number}" for number, name in enumerate(objects, first)}


def _ramp(**attributes: Any) -> Dataset:
    """A CT of 64 x 64 stored values 0 to 4095 in 16 bits, without a window."""
    dataset = make_study(modality="CT", instance_count=1, seed=generate_uid())[0]
    for keyword in ("WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept"):
        if keyword in dataset:
            del dataset[keyword]
    dataset.Rows = dataset.Columns = 64
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 0
    dataset.PixelData = np.arange(4096, dtype="<u2").tobytes()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def _enhanced(shared: Dataset, frames: list[Dataset]) -> Dataset:
    """The ramp as frames of one object."""
    dataset = _ramp()
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    dataset.NumberOfFrames = len(frames)
    dataset.PixelData *= len(frames)
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = frames
    return dataset


def _group(window: tuple[int, int] | None = None, rescale: dict[str, str] | None = None) -> Dataset:
    group = Dataset()
    if window:
        item = Dataset()
        item.WindowCenter, item.WindowWidth = window
        group.FrameVOILUTSequence = [item]
    if rescale:
        item = Dataset()
        item.RescaleType = "HU"
        for keyword, value in rescale.items():
            setattr(item, keyword, value)
        group.PixelValueTransformationSequence = [item]
    return group


def _bundled(name: str) -> Dataset:
    """One of pydicom's examples, with UIDs of its own: several share theirs."""
    dataset = dcmread(str(get_testdata_file(name, download=False)))
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    return dataset


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


@pytest.mark.parametrize("name", ["all per frame", "shared rescale", "shared window", "all shared"])
def test_an_enhanced_object_opens_as_a_classic_one_does(
    client: FlaskClient, addresses: dict[str, str], name: str
) -> None:
    classic, enhanced = (client.get(f"{addresses[one]}/frames/0") for one in ("soft tissue", name))
    assert enhanced.headers["Noctis-Window"] == classic.headers["Noctis-Window"] == "40 400"
    assert enhanced.data == classic.data


@pytest.mark.parametrize("name", ["all per frame", "shared rescale"])
def test_each_frame_of_an_enhanced_object_opens_in_its_own_window(
    client: FlaskClient, addresses: dict[str, str], name: str
) -> None:
    classic, enhanced = client.get(f"{addresses['bone']}/frames/0"), client.get(f"{addresses[name]}/frames/1")
    assert enhanced.headers["Noctis-Window"] == "450 1800"
    assert enhanced.data == classic.data


@pytest.mark.parametrize("name", ["all per frame", "shared rescale", "shared window", "all shared"])
def test_a_window_means_the_same_in_classic_and_enhanced_objects(
    client: FlaskClient, addresses: dict[str, str], name: str
) -> None:
    query = "center=-600&width=1500"
    classic, enhanced = (
        client.get(f"{addresses[one]}/frames/0?{query}").data for one in ("soft tissue", name)
    )
    assert enhanced == classic


def test_sixteen_bits_without_a_window_open_over_their_values(
    client: FlaskClient, addresses: dict[str, str]
) -> None:
    answer = client.get(f"{addresses['windowless']}/frames/0")
    center, width = map(float, answer.headers["Noctis-Window"].split())
    assert 0 <= center - width / 2 < 100
    assert 4000 < center + width / 2 <= 4095
    facts = client.get(f"{addresses['windowless']}/facts").get_json()
    assert facts["window"] == {"center": center, "width": width}
    asked = client.get(f"{addresses['windowless']}/frames/0?center={center}&width={width}")
    assert asked.data == answer.data


def test_a_negative_is_measured_as_it_is_stored(client: FlaskClient, addresses: dict[str, str]) -> None:
    pictures = [client.get(f"{addresses[name]}/frames/0") for name in ("windowless", "negative")]
    assert pictures[0].headers["Noctis-Window"] == pictures[1].headers["Noctis-Window"]
    assert pictures[0].data != pictures[1].data


def test_a_window_too_narrow_for_the_renderer_is_not_pretended(
    client: FlaskClient, addresses: dict[str, str]
) -> None:
    narrow = client.get(f"{addresses['narrow']}/frames/0")
    assert narrow.mimetype == "image/jpeg"
    assert "Noctis-Window" not in narrow.headers
    flat = client.get(f"{addresses['narrow']}/frames/0?center=1&width=0.5")
    assert flat.headers["Noctis-Window"] == "1 1"


def test_the_viewer_learns_what_kind_of_picture_it_is(client: FlaskClient, addresses: dict[str, str]) -> None:
    facts = {
        name: client.get(f"{addresses[name]}/facts").get_json() for name in ("ct", "rle", "jpeg 2000", "pdf")
    }
    assert [name for name, fact in facts.items() if fact["ct_presets"]] == ["ct"]
    assert [name for name, fact in facts.items() if fact["is_colour"]] == ["jpeg 2000"]
    assert [fact["window"] for fact in facts.values()] == [None] * 4


@pytest.mark.parametrize("name", ["grey jpeg 2000", "jpeg-ls"])
def test_compressed_pictures_are_shown(client: FlaskClient, addresses: dict[str, str], name: str) -> None:
    answer = client.get(f"{addresses[name]}/frames/0")
    assert (answer.status_code, answer.mimetype) == (200, "image/jpeg")
    assert answer.data.startswith(b"\xff\xd8")


def test_colours_in_jpeg_2000_are_told_in_words_and_never_reach_the_renderer(
    client: FlaskClient, addresses: dict[str, str]
) -> None:
    """Orthanc 1.12.7 with its GDCM plugin crashes when it renders them."""
    answer = client.get(f"{addresses['jpeg 2000']}/frames/0", headers={"Accept": "application/json"})
    assert answer.status_code == 415
    assert answer.get_json()["title"] == "The archive can't render colours in JPEG 2000"
    assert "need not be damaged" in answer.get_json()["message"]


def test_pixels_that_the_archive_cannot_decode_are_named(
    client: FlaskClient, addresses: dict[str, str]
) -> None:
    answer = client.get(f"{addresses['dose']}/frames/0", headers={"Accept": "application/json"})
    assert answer.status_code == 415
    assert answer.get_json()["title"] == "The archive can't decode the pixels of this image"
    assert "RT Dose (Implicit VR Little Endian)" in answer.get_json()["message"]


def _storage_file(orthanc: OrthancProcess, dataset: Dataset) -> Path:
    uid = str(dataset.SOPInstanceUID).encode()
    (found,) = [
        path
        for path in orthanc.storage.glob("*/*/*")
        if path.read_bytes()[128:132] == b"DICM" and uid in path.read_bytes()[:2000]
    ]
    return found


def test_a_damaged_file_is_told_in_words_and_never_reaches_the_renderer(tmp_path: Path) -> None:
    """Orthanc 1.10 with its GDCM plugin crashes when it renders a file that ends within its header."""
    damages: dict[str, Callable[[Path], object]] = {
        "deleted": Path.unlink,
        "empty": lambda path: path.write_bytes(b""),
        "cut in the file meta": lambda path: path.write_bytes(path.read_bytes()[:200]),
        "cut in the header": lambda path: path.write_bytes(path.read_bytes()[:600]),
        "no DICOM": lambda path: path.write_bytes(b"Z" * 9000),
    }
    objects = {name: _ramp(WindowCenter="40", WindowWidth="400") for name in [*damages, "whole"]}
    with OrthancProcess(tmp_path / "orthanc", {"Plugins": installed_plugins()}) as orthanc:
        app = _webapp(tmp_path, orthanc)
        addresses = _fill(services_of(app).database, orthanc, objects)
        for name, damage in damages.items():
            damage(_storage_file(orthanc, objects[name]))
        orthanc.restart()  # it remembers recent files
        client = signed_in(app, create_member(services_of(app).database))
        accept = {"Accept": "image/jpeg, application/json"}
        answers = {name: client.get(f"{addresses[name]}/frames/0", headers=accept) for name in objects}
        services_of(app).close()
        assert orthanc.is_running
    assert answers.pop("whole").status_code == 200
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(damages, 502)
    assert {answer.get_json()["title"] for answer in answers.values()} == {
        "The archive could not read this image"
    }


def test_the_thumbnail_shows_the_middle_picture_of_the_page(
    archive: tuple[Flask, dict[str, str]], client: FlaskClient
) -> None:
    """Without instance numbers by UID, numerically: 1.2.9 comes before 1.2.10."""
    services = services_of(archive[0])
    study = create_study(services.database, series=[SeriesPlan("CT", 3)])
    with services.database.write() as session:
        instances = session.scalars(select(Instance).order_by(Instance.id.desc()).limit(3)).all()
        for center, (instance, uid) in enumerate(zip(instances, ["1.2.9", "1.2.10", "1.2.100"], strict=True)):
            instance.instance_number, instance.sop_instance_uid = None, uid
            dataset = _ramp(WindowCenter=str(1000 * center), WindowWidth="2000")
            instance.orthanc_id = services.orthanc.upload(part10_bytes(dataset))
    page = client.get(f"/studies/{study.id}/series/{instances[0].series_id}/instances").get_json()
    assert [row[0] for row in page["rows"]] == [instance.id for instance in instances]
    thumbnail = client.get(f"/studies/{study.id}/series/{instances[0].series_id}/thumbnail")
    assert thumbnail.headers["Noctis-Window"] == "1000 2000"


def test_a_thumbnail_opens_as_its_picture_does(client: FlaskClient, addresses: dict[str, str]) -> None:
    for name in ("windowless", "all shared"):
        number = int(addresses[name].rsplit("/", 1)[1])  # each object is the only one of its series
        thumbnail = client.get(f"/studies/1/series/{number}/thumbnail")
        picture = client.get(f"{addresses[name]}/frames/0")
        assert thumbnail.headers["Noctis-Window"] == picture.headers["Noctis-Window"]


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
