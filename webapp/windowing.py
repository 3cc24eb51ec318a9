"""The window (center, width) in which a picture opens, and how it is said to Orthanc's renderer.

Measured on Orthanc 1.10: a window applies after the rescale at the top of the file, else after the one in the
frame's own functional groups (PS3.3 C.7.6.16); shared groups are not read. A width below 1 is taken as 1.
"""

import math
from array import array
from dataclasses import dataclass
from typing import Any

Window = tuple[float, float]
"""Center and width, in units after the rescale (Hounsfield units in CT)."""

_GREY = {"MONOCHROME1", "MONOCHROME2"}
_COLOURS_OF_JPEG_2000 = {"YBR_RCT", "YBR_ICT"}
_MOST_FRAMES = 100_000
_MOST_SAMPLES = 65_536
_LARGEST_RANGE_OF_SCREENS = 8  # bits: such pictures are made for a screen and use its range
_OUTLIERS = 0.005  # on each side: markers, hot pixels


@dataclass(frozen=True)
class Frame:
    """How one frame's values are meant."""

    window: Window | None
    """The file's own."""
    slope: float
    intercept: float
    has_rescale: bool
    is_rescale_hidden: bool
    """The renderer doesn't find the rescale, and windows stored values."""

    @property
    def narrowest(self) -> float:
        """The least width that the renderer can do."""
        return abs(self.slope) if self.is_rescale_hidden else 1.0

    def for_renderer(self, window: Window) -> Window:
        if not self.is_rescale_hidden:
            return window
        center, width = window
        return (center - self.intercept) / self.slope, width / abs(self.slope)


@dataclass(frozen=True)
class Pixels:
    """What an instance's attributes say about its pixels."""

    rows: int
    columns: int
    photometric_interpretation: str
    bits_stored: int
    is_signed: bool
    padding: float | None
    """The stored value of what isn't image."""
    is_ct: bool
    frames: tuple[Frame, ...]

    @property
    def is_grey(self) -> bool:
        return self.photometric_interpretation in _GREY

    @property
    def is_beyond_renderer(self) -> bool:
        """Measured: Orthanc 1.10 with its GDCM plugin refuses these colours, 1.12.7 crashes at them.

        Transcoding is no way round: the plugin crashes Orthanc in about one of ten cases.
        """
        return self.photometric_interpretation in _COLOURS_OF_JPEG_2000

    @property
    def middle(self) -> int:
        """The frame that stands for all."""
        return len(self.frames) // 2

    @property
    def has_ct_presets(self) -> bool:
        """Windows in Hounsfield units make sense."""
        return self.is_grey and self.is_ct and self.frames[self.middle].has_rescale

    def range_of_screens(self, frame: Frame) -> Window | None:
        """The whole range of 8 bits or less; that of 16 would show most pictures almost black."""
        if self.bits_stored > _LARGEST_RANGE_OF_SCREENS:
            return None
        lowest = -(2 ** (self.bits_stored - 1)) if self.is_signed else 0
        return _window_over(frame, lowest, lowest + 2**self.bits_stored - 1)

    def window_over_values(self, frame: Frame, portable_map: bytes) -> Window | None:
        """Over nearly all values of a portable arbitrary map of 16 bits; None when there are none."""
        header, _, content = portable_map.partition(b"ENDHDR\n")
        if b"MAXVAL 65535\n" not in header:
            return None
        values = array("h" if self.is_signed else "H", content[: len(content) // 2 * 2])
        values = values[:: max(1, len(values) // _MOST_SAMPLES)]
        values.byteswap()
        sample = sorted(value for value in values if value != self.padding)
        if not sample:
            return None
        outliers = int(len(sample) * _OUTLIERS)
        low, high = sample[outliers], sample[-1 - outliers]
        return _window_over(frame, low, high) if low < high else _window_over(frame, sample[0], sample[-1])


def pixels_of(tags: dict[str, Any]) -> Pixels | None:
    """From attributes as Orthanc spells them; None for an object without an image."""
    rows, columns = _number(tags.get("Rows")), _number(tags.get("Columns"))
    if not rows or not columns:
        return None
    return Pixels(
        rows=int(rows),
        columns=int(columns),
        photometric_interpretation=_text(tags, "PhotometricInterpretation"),
        bits_stored=int(min(max(_number(tags.get("BitsStored")) or 8, 1), 32)),
        is_signed=_number(tags.get("PixelRepresentation")) == 1,
        padding=_number(tags.get("PixelPaddingValue")),
        is_ct=_text(tags, "Modality") == "CT",
        frames=_frames(tags),
    )


def _frames(tags: dict[str, Any]) -> tuple[Frame, ...]:
    """Equal ones are one object: an enhanced CT has thousands."""
    count = int(min(max(_number(tags.get("NumberOfFrames")) or 1, 1), _MOST_FRAMES))
    shared = _item(tags.get("SharedFunctionalGroupsSequence"))
    groups = tags.get("PerFrameFunctionalGroupsSequence")
    known: dict[Frame, Frame] = {}
    frames = (_frame(tags, _item(groups, number), shared) for number in range(count))
    return tuple(known.setdefault(frame, frame) for frame in frames)


def _frame(tags: dict[str, Any], own: dict[str, Any], shared: dict[str, Any]) -> Frame:
    window = (
        _window(tags)
        or _window(_item(own.get("FrameVOILUTSequence")))
        or _window(_item(shared.get("FrameVOILUTSequence")))
    )
    seen = _rescale(tags) or _rescale(_item(own.get("PixelValueTransformationSequence")))
    hidden = _rescale(_item(shared.get("PixelValueTransformationSequence")))
    found = seen or hidden
    slope, intercept = found or (1.0, 0.0)
    return Frame(window, slope, intercept, found is not None, is_rescale_hidden=found is not seen)


def _window(item: dict[str, Any]) -> Window | None:
    """PS3.3 C.11.2: several windows are views to choose from, the first one first."""
    center, width = _number(item.get("WindowCenter")), _number(item.get("WindowWidth"))
    return (center, width) if center is not None and width is not None and width > 0 else None


def _rescale(item: dict[str, Any]) -> tuple[float, float] | None:
    slope, intercept = _number(item.get("RescaleSlope")), _number(item.get("RescaleIntercept"))
    return (slope, intercept) if slope and intercept is not None else None


def _window_over(frame: Frame, low: int, high: int) -> Window:
    """From one stored value to another; the narrowest possible where they are the same."""
    width = abs(frame.slope) * (high - low)
    return frame.intercept + frame.slope * (low + high) / 2, width or frame.narrowest


def _item(sequence: Any, number: int = 0) -> dict[str, Any]:
    """Empty where there is none."""
    items = sequence if isinstance(sequence, list) else []
    return items[number] if number < len(items) and isinstance(items[number], dict) else {}


def _text(tags: dict[str, Any], name: str) -> str:
    return str(tags.get(name, "")).strip().upper()


def _number(value: Any) -> float | None:
    """VR DS, IS or US, possibly several: ``40\\400`` → 40."""
    try:
        number = float(str(value).split("\\")[0])
    except ValueError:
        return None
    return number if math.isfinite(number) else None
