"""What sets the modalities apart: SOP class, picture, meaning of pixel values, geometry, acquisition."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    CTImageStorage,
    MRImageStorage,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from emulator import phantoms

Pixels = NDArray[Any]
Shape = tuple[int, int]
_BEATS_PER_CLIP = 2


@dataclass(frozen=True, kw_only=True)
class Modality:
    single_frame: UID
    multi_frame: UID | None = None
    paint: Callable[[Shape, float, np.random.Generator], Pixels]
    bits_stored: int
    field_of_view: float
    """Millimetres from the left to the right edge."""
    slice_distance: float | None = None
    """Millimetres between slices of a stack; None for what has no position in the body."""
    attributes: Mapping[str, Any]

    @property
    def bytes_per_pixel(self) -> int:
        return 1 if self.bits_stored <= 8 else 2

    @property
    def has_position(self) -> bool:
        return self.slice_distance is not None

    def sop_class(self, frame_count: int) -> UID:
        if frame_count == 1:
            return self.single_frame
        if self.multi_frame is None:
            raise ValueError("only US has instances of several frames")
        return self.multi_frame

    def draw(self, shape: Shape, position: float, frame_count: int, random: np.random.Generator) -> Pixels:
        if frame_count == 1:
            return self.paint(shape, position, random)
        beats = np.linspace(0, _BEATS_PER_CLIP, frame_count, endpoint=False)
        return np.stack([self.paint(shape, beat, random) for beat in beats])

    def filler(self, shape: Shape) -> Pixels:
        count = shape[0] * shape[1]
        ramp = np.arange(count) * (2**self.bits_stored - 1) // max(count - 1, 1)
        return np.asarray(ramp, np.uint8 if self.bytes_per_pixel == 1 else np.uint16)

    def instance_attributes(
        self, shape: Shape, index: int, instance_count: int, frame_count: int
    ) -> dict[str, Any]:
        rows, columns = shape
        spacing = round(self.field_of_view / columns, 6)
        attributes: dict[str, Any] = {
            "SamplesPerPixel": 1,
            "PhotometricInterpretation": "MONOCHROME2",
            "Rows": rows,
            "Columns": columns,
            "BitsAllocated": self.bytes_per_pixel * 8,
            "BitsStored": self.bits_stored,
            "HighBit": self.bits_stored - 1,
            "PixelRepresentation": 0,
        }
        if self.slice_distance is not None:
            z = round((index - (instance_count - 1) / 2) * self.slice_distance, 3)
            corner = [-spacing * (columns - 1) / 2, -spacing * (rows - 1) / 2, z]
            attributes |= {
                "PixelSpacing": [spacing, spacing],
                "SliceThickness": self.slice_distance,
                "SliceLocation": z,
                "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
                "ImagePositionPatient": [round(value, 3) for value in corner],
            }
        if frame_count > 1:
            frame_time = round(850 * _BEATS_PER_CLIP / frame_count, 3)
            attributes |= {
                "NumberOfFrames": frame_count,
                "FrameTime": frame_time,
                "FrameIncrementPointer": 0x00181063,
                "CineRate": round(1000 / frame_time),
            }
        return attributes


MODALITIES: Final[Mapping[str, Modality]] = {
    "CT": Modality(
        single_frame=CTImageStorage,
        paint=phantoms.chest_ct,
        bits_stored=12,
        field_of_view=380,
        slice_distance=5,
        attributes={
            "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
            "BodyPartExamined": "CHEST",
            "PatientPosition": "HFS",
            "PositionReferenceIndicator": "",
            "RescaleIntercept": -1024,
            "RescaleSlope": 1,
            "RescaleType": "HU",
            "WindowCenter": [40, -600],
            "WindowWidth": [400, 1500],
            "WindowCenterWidthExplanation": ["SOFT TISSUE", "LUNG"],
            "KVP": 120,
        },
    ),
    "MR": Modality(
        single_frame=MRImageStorage,
        paint=phantoms.head_mr,
        bits_stored=12,
        field_of_view=230,
        slice_distance=6,
        attributes={
            "ImageType": ["ORIGINAL", "PRIMARY", "M", "NONE"],
            "BodyPartExamined": "HEAD",
            "PatientPosition": "HFS",
            "PositionReferenceIndicator": "",
            "ScanningSequence": "SE",
            "SequenceVariant": "SK",
            "ScanOptions": "",
            "MRAcquisitionType": "2D",
            "MagneticFieldStrength": 1.5,
            "RepetitionTime": 4200,
            "EchoTime": 98,
            "EchoTrainLength": 15,
            "WindowCenter": 480,
            "WindowWidth": 960,
        },
    ),
    "CR": Modality(
        single_frame=ComputedRadiographyImageStorage,
        paint=phantoms.chest_radiograph,
        bits_stored=12,
        field_of_view=350,
        attributes={
            "ImageType": ["ORIGINAL", "PRIMARY"],
            "BodyPartExamined": "CHEST",
            "ViewPosition": "PA",
            "PatientOrientation": ["L", "F"],
            "ImagerPixelSpacing": [0.2, 0.2],
            "WindowCenter": 1700,
            "WindowWidth": 3200,
        },
    ),
    "US": Modality(
        single_frame=UltrasoundImageStorage,
        multi_frame=UltrasoundMultiFrameImageStorage,
        paint=phantoms.heart_ultrasound,
        bits_stored=8,
        field_of_view=160,
        attributes={
            "ImageType": ["ORIGINAL", "PRIMARY"],
            "BodyPartExamined": "HEART",
            "PatientOrientation": "",
            "WindowCenter": 128,
            "WindowWidth": 256,
        },
    ),
}
