"""Synthetic studies: valid, repeatable, and with the knobs that they promise."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from emulator.studies import make_study, part10_bytes

_SYNTAXES = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
]


def test_the_same_seed_makes_the_same_objects() -> None:
    first = [part10_bytes(dataset) for dataset in make_study(seed=7, series_count=2)]

    assert [part10_bytes(dataset) for dataset in make_study(seed=7, series_count=2)] == first


@pytest.mark.parametrize("knobs", [{"seed": 8}, {"seed": 7, "uid_prefix": "1.2.3."}])
def test_another_seed_or_prefix_makes_another_study(knobs: dict[str, Any]) -> None:
    study, other = make_study(seed=7), make_study(**knobs)

    assert study[0].StudyInstanceUID != other[0].StudyInstanceUID
    assert not {d.SOPInstanceUID for d in study} & {d.SOPInstanceUID for d in other}


def test_a_study_has_the_wanted_series_and_instances() -> None:
    study = make_study(series_count=3, instance_count=4)

    assert len({dataset.SOPInstanceUID for dataset in study}) == 12
    assert len({dataset.StudyInstanceUID for dataset in study}) == 1
    assert [len([d for d in study if d.SeriesNumber == number]) for number in (1, 2, 3)] == [4, 4, 4]
    assert len({dataset.SeriesInstanceUID for dataset in study}) == 3


@pytest.mark.parametrize("modality", ["CT", "MR", "CR", "US"])
@pytest.mark.parametrize("transfer_syntax_uid", _SYNTAXES)
def test_every_transfer_syntax_holds_the_same_picture(modality: str, transfer_syntax_uid: str) -> None:
    plain = make_study(modality=modality, rows=40, columns=30)[0]
    coded = make_study(modality=modality, rows=40, columns=30, transfer_syntax_uid=transfer_syntax_uid)[0]

    read = dcmread(BytesIO(part10_bytes(coded)))

    assert read.file_meta.TransferSyntaxUID == transfer_syntax_uid
    assert read.pixel_array.shape == (40, 30)
    assert np.array_equal(read.pixel_array, plain.pixel_array)


@pytest.mark.parametrize("modality", ["CT", "US"])
@pytest.mark.parametrize("size", [200, 3_000, 512_000])
def test_filler_has_about_the_wanted_size(modality: str, size: int) -> None:
    dataset = make_study(modality=modality, pixel_byte_count=size)[0]

    assert len(dataset.PixelData) == pytest.approx(size, rel=0.06)
    assert dataset.pixel_array.shape == (dataset.Rows, dataset.Columns)


def test_attributes_are_added_replaced_and_removed() -> None:
    attributes = {"PatientAge": "045Y", "StudyDate": "20200229", "PatientBirthDate": None}

    for dataset in make_study(attributes=attributes):
        assert (dataset.PatientAge, dataset.StudyDate) == ("045Y", "20200229")
        assert "PatientBirthDate" not in dataset


def test_changing_one_instance_leaves_its_sisters_alone() -> None:
    changed, sister = make_study(patient_name="One^Name")

    changed.PatientName = "Other^Name"

    assert sister.PatientName == "One^Name"


def test_slices_follow_each_other_at_equal_distance() -> None:
    stack = make_study(modality="CT", instance_count=5)

    heights = [dataset.ImagePositionPatient[2] for dataset in stack]

    assert np.allclose(np.diff(heights), stack[0].SliceThickness)
    assert len({dataset.FrameOfReferenceUID for dataset in stack}) == 1
    assert not np.array_equal(stack[0].pixel_array, stack[4].pixel_array)


def test_a_ct_is_air_outside_and_tissue_inside() -> None:
    dataset = make_study(modality="CT", instance_count=1, rows=128, columns=128)[0]
    hounsfield = dataset.pixel_array * dataset.RescaleSlope + dataset.RescaleIntercept

    assert hounsfield[:8, :8].mean() == pytest.approx(-1000, abs=20)
    assert hounsfield.max() > 300


def test_an_ultrasound_clip_moves() -> None:
    dataset = make_study(modality="US", instance_count=1, frame_count=6, rows=60, columns=80)[0]

    frames = dataset.pixel_array.astype(float)

    assert frames.shape == (6, 60, 80)
    assert np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2)).min() > 1


def test_only_ultrasound_has_several_frames() -> None:
    with pytest.raises(ValueError, match="only US"):
        make_study(modality="CT", frame_count=2)
