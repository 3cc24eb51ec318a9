"""The demo's studies as a whole, and what the command line refuses."""

from collections import Counter
from datetime import date
from itertools import pairwise

import pytest
from click.testing import CliRunner
from pydicom import Dataset

from bridge.scu import NO_RESPONSE, NOT_NEGOTIATED, is_stored
from emulator.__main__ import cli
from emulator.catalogue import STUDIES
from emulator.demo import DemoStudy
from emulator.documents import make_pdf
from emulator.sending import describe
from emulator.studies import part10_bytes

_TODAY = date(2026, 3, 1)


@pytest.fixture(scope="module")
def demo() -> list[tuple[DemoStudy, list[Dataset]]]:
    return [(study, study.datasets(_TODAY)) for study in STUDIES]


def test_three_modalities_send_twelve_to_twenty_studies() -> None:
    assert 12 <= len(STUDIES) <= 20
    assert {study.calling_ae_title for study in STUDIES} == {"DEMO_CT", "DEMO_MR", "DEMO_XRAY"}


def test_every_object_can_be_written_and_counts(demo: list[tuple[DemoStudy, list[Dataset]]]) -> None:
    for study, datasets in demo:
        assert len(datasets) == study.instance_count
        assert all(len(part10_bytes(dataset)) > 300 for dataset in datasets)


def test_identifiers_neither_collide_nor_diverge(demo: list[tuple[DemoStudy, list[Dataset]]]) -> None:
    everything = [dataset for _, datasets in demo for dataset in datasets]

    assert max(Counter(dataset.SOPInstanceUID for dataset in everything).values()) == 1
    assert len({dataset.StudyInstanceUID for dataset in everything}) == len(STUDIES)
    assert len({dataset.AccessionNumber for dataset in everything}) == len(STUDIES)
    for study, datasets in demo:
        assert len({(d.StudyInstanceUID, d.PatientID, str(d.PatientName)) for d in datasets}) == 1
        assert len({d.SeriesInstanceUID for d in datasets}) == len(study.series)


def test_a_patient_id_belongs_to_one_name() -> None:
    patients = {study.patient.patient_id: study.patient for study in STUDIES}

    assert all(study.patient == patients[study.patient.patient_id] for study in STUDIES)


def test_a_second_run_on_another_day_makes_the_same_objects(
    demo: list[tuple[DemoStudy, list[Dataset]]],
) -> None:
    small = [(study, datasets) for study, datasets in demo if len(datasets) < 4]

    for study, datasets in small:
        again = study.datasets(date(2026, 3, 2))

        assert [d.SOPInstanceUID for d in again] == [d.SOPInstanceUID for d in datasets]
        assert [d.get("PixelData") for d in again] == [d.get("PixelData") for d in datasets]


def test_dates_are_relative_to_today(demo: list[tuple[DemoStudy, list[Dataset]]]) -> None:
    dates = {datasets[0].StudyDate for _, datasets in demo}

    assert {"20260301", "20260228", "20260222"} <= dates
    assert any(text.startswith("2025") for text in dates)


def test_the_demo_has_what_real_archives_have(demo: list[tuple[DemoStudy, list[Dataset]]]) -> None:
    everything = [dataset for _, datasets in demo for dataset in datasets]

    assert {d.Modality for d in everything} >= {"CT", "MR", "CR", "US", "SR", "DOC", "ECG"}
    assert {d.file_meta.TransferSyntaxUID.name.split(" (")[0] for d in everything} >= {
        "RLE Lossless",
        "JPEG-LS Lossless Image Compression",
        "JPEG 2000 Image Compression",
        "JPEG Baseline",
    }
    assert any(d.SOPClassUID.is_private for d in everything)
    assert any(d.get("NumberOfFrames", 1) > 1 for d in everything)
    assert any(not d.PatientBirthDate and d.PatientAge == "045Y" for d in everything)
    assert {len(d.StudyTime) for d in everything} >= {2, 4, 6}


def test_the_pdf_has_a_true_table_of_its_objects() -> None:
    pdf = make_pdf(["A (synthetic) title", "line"])
    table = int(pdf.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    offsets = [int(line[:10]) for line in pdf[table:].splitlines() if line.endswith(b" n ")]

    assert pdf[table:].startswith(b"xref\n")
    assert all(pdf[offset:].startswith(b"%d 0 obj" % number) for number, offset in enumerate(offsets, 1))
    assert all(first < second for first, second in pairwise(offsets))


@pytest.mark.parametrize("host", ["10.0.0.1", "128.0.0.1", "0.0.0.0", "::1", "example.org", ""])  # noqa: S104
def test_demo_data_goes_to_no_other_machine(host: str) -> None:
    answer = CliRunner().invoke(cli, ["send", "--host", host])

    assert answer.exit_code == 2
    assert "never leaves this machine" in answer.output


@pytest.mark.parametrize("status", [0x0000, 0x0107, 0x0116, 0xB000, 0xB006, 0xBFFF])
def test_success_and_warnings_mean_stored(status: int) -> None:
    assert is_stored(status)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0xA700, "out of resources"),
        (0xA9FF, "match its SOP class"),
        (0xC123, "can't understand"),
        (0x0110, "failed while processing"),
        (0x0124, "not authorised"),
        (0x9999, "refused (status 0x9999)"),
        (NOT_NEGOTIATED, "no objects of this kind"),
        (NO_RESPONSE, "no answer came"),
    ],
)
def test_failures_are_named_in_words(status: int, words: str) -> None:
    assert words in describe(status)
    assert not is_stored(status)
