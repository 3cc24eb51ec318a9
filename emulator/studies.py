"""Synthetic studies: complete, valid data sets of one study with the knobs that tests and benchmarks turn.

UIDs follow from the seed alone: the same call makes the same objects again.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from typing import Any, Final

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import PYDICOM_ROOT_UID, UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, generate_uid

from emulator.modalities import MODALITIES, Modality, Pixels

CHARACTER_SET: Final = "ISO_IR 192"


@dataclass(frozen=True, kw_only=True)
class StudyPlan:
    """What ``make_study`` makes. Every field has a default that gives a small valid study."""

    modality: str = "CT"
    """CT, MR, CR or US."""
    seed: int | str = 0
    uid_prefix: str = PYDICOM_ROOT_UID
    series_count: int = 1
    instance_count: int = 2
    """Instances in each series."""
    frame_count: int = 1
    """Frames in each instance; more than one only for US."""
    rows: int = 32
    columns: int = 32
    pixel_byte_count: int | None = None
    """About so many bytes of plain filler for pixel data instead of a drawn picture: quick to make."""
    patient_name: str = "Phantom^Test"
    patient_id: str = "PHANTOM"
    character_set: str | list[str] = CHARACTER_SET
    transfer_syntax_uid: str = ExplicitVRLittleEndian
    """An uncompressed one, or RLE Lossless."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """More attributes of every instance by keyword: ``{"StudyDate": "20260115"}``; None removes one."""

    def uid(self, *names: object) -> UID:
        entropy = [str(name) for name in (self.seed, self.modality, *names)]
        return generate_uid(prefix=self.uid_prefix, entropy_srcs=entropy)

    @cached_property
    def shape(self) -> tuple[int, int]:
        if self.pixel_byte_count is None:
            return self.rows, self.columns
        pixel_count = self.pixel_byte_count // MODALITIES[self.modality].bytes_per_pixel
        columns = max(2, int(pixel_count**0.5) & ~1)
        return max(1, pixel_count // columns), columns


def make_study(plan: StudyPlan | None = None, **knobs: Any) -> list[Dataset]:
    """The study's data sets, series after series, ready for ``scu.store``.

    ``make_study(modality="CT", series_count=2, patient_name="Müller^Jörg", seed=7)``: the knobs are
    the fields of ``StudyPlan``.
    """
    plan = plan or StudyPlan(**knobs)
    return [dataset for number in range(1, plan.series_count + 1) for dataset in _make_series(plan, number)]


def part10_bytes(dataset: Dataset) -> bytes:
    """The data set as a DICOM file, as Orthanc's ``POST /instances`` takes it."""
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _make_series(plan: StudyPlan, number: int) -> list[Dataset]:
    modality = MODALITIES[plan.modality]
    common = _common_attributes(plan, modality, number)
    filler = None if plan.pixel_byte_count is None else modality.filler(plan.shape)
    return [
        _make_instance(plan, modality, common, filler, (number, index))
        for index in range(plan.instance_count)
    ]


def _make_instance(
    plan: StudyPlan, modality: Modality, common: Dataset, filler: Pixels | None, place: tuple[int, int]
) -> Dataset:
    series_number, index = place
    # a shallow copy of each element: a test may change one instance without changing its sisters
    dataset = Dataset({tag: copy.copy(element) for tag, element in common.items()})
    position = (index + 0.5) / plan.instance_count
    if filler is None:
        random = np.random.default_rng([series_number, index])
        pixels = modality.draw(plan.shape, position, plan.frame_count, random)
    else:
        pixels = filler
    _set_all(dataset, modality.instance_attributes(plan.shape, index, plan.instance_count, plan.frame_count))
    dataset.SOPInstanceUID = plan.uid("instance", series_number, index)
    dataset.InstanceNumber = index + 1
    _set_all(dataset, plan.attributes)
    _set_pixels(dataset, pixels, UID(plan.transfer_syntax_uid))
    return dataset


def _common_attributes(plan: StudyPlan, modality: Modality, series_number: int) -> Dataset:
    dataset = Dataset()
    dataset.SpecificCharacterSet = plan.character_set
    dataset.PatientName = plan.patient_name
    dataset.PatientID = plan.patient_id
    dataset.PatientBirthDate = "19700101"
    dataset.PatientSex = "O"
    dataset.StudyInstanceUID = plan.uid("study")
    dataset.StudyID = "1"
    dataset.StudyDate = "20260115"
    dataset.StudyTime = "101500"
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.Modality = plan.modality
    dataset.Manufacturer = "Noctis emulator"
    dataset.SeriesInstanceUID = plan.uid("series", series_number)
    dataset.SeriesNumber = series_number
    dataset.SOPClassUID = modality.sop_class(plan.frame_count)
    if modality.has_position:
        dataset.FrameOfReferenceUID = plan.uid("frame of reference")
    _set_all(dataset, modality.attributes)
    return dataset


def _set_all(dataset: Dataset, attributes: Mapping[str, Any]) -> None:
    for keyword, value in attributes.items():
        if value is None:
            dataset.pop(keyword, None)
        else:
            setattr(dataset, keyword, value)


def _set_pixels(dataset: Dataset, pixels: Pixels, transfer_syntax_uid: UID) -> None:
    if transfer_syntax_uid == ExplicitVRBigEndian:
        pixels = pixels.astype(pixels.dtype.newbyteorder(">"))
    raw = pixels.tobytes()
    # as OW, big endian would swap neighbouring bytes
    dataset.add_new("PixelData", "OB" if pixels.itemsize == 1 else "OW", raw + b"\0" * (len(raw) % 2))
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = (
        ExplicitVRLittleEndian if transfer_syntax_uid.is_encapsulated else transfer_syntax_uid
    )
    if transfer_syntax_uid.is_encapsulated:
        dataset.compress(transfer_syntax_uid, generate_instance_uid=False)
