"""The window (center, width) in which a picture opens, from its attributes as Orthanc spells them."""

import math
from dataclasses import dataclass
from typing import Any

_GREY = {"MONOCHROME1", "MONOCHROME2"}


_FUNCTIONAL_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")


@dataclass(frozen=True)
class Windowing:
    """How a picture opens, and what the reader may change."""

    window: tuple[float, float] | None
    is_explicit: bool
    """The renderer doesn't find this window in the file by itself: the viewer sends it."""
    is_adjustable: bool
    """Centers and widths of the renderer are in the file's own units."""
    has_ct_presets: bool


def windowing(tags: dict[str, Any]) -> Windowing:
    """Orthanc 1.10's renderer ignores functional groups (PS3.3 C.7.6.16): it windows their stored values.

    For such objects the frame's own window is converted to stored values, and nothing else is offered.
    """
    if any(tags.get(name) for name in _FUNCTIONAL_GROUPS):
        return Windowing(_stored_window(tags), is_explicit=True, is_adjustable=False, has_ct_presets=False)
    window = default_window(tags)
    has_rescale = None not in (_first(tags.get("RescaleSlope")), _first(tags.get("RescaleIntercept")))
    is_ct = str(tags.get("Modality", "")).strip().upper() == "CT"
    return Windowing(
        window,
        is_explicit=window is not None and _own_window(tags) is None,
        is_adjustable=window is not None,
        has_ct_presets=window is not None and is_ct and has_rescale,
    )


def _stored_window(tags: dict[str, Any]) -> tuple[float, float] | None:
    groups: dict[str, Any] = {}
    for name in _FUNCTIONAL_GROUPS:
        groups |= _item(tags, name)
    pixels = {name: value for name, value in tags.items() if not name.startswith("Rescale")}
    window = _own_window(_item(groups, "FrameVOILUTSequence"))
    if window is None:
        return default_window(pixels)
    transformation = _item(groups, "PixelValueTransformationSequence")
    slope = _first(transformation.get("RescaleSlope")) or 1
    intercept = _or(_first(transformation.get("RescaleIntercept")), 0)
    return (window[0] - intercept) / slope, window[1] / abs(slope)


def _item(tags: dict[str, Any], name: str) -> dict[str, Any]:
    """A sequence's first item."""
    items = tags.get(name)
    return items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else {}


def default_window(tags: dict[str, Any]) -> tuple[float, float] | None:
    """The file's first window, else one over its whole range; None for colour, which has no window.

    PS3.3 C.11.2: several windows are views to choose from, the first one first. Units are those after the
    rescale (Hounsfield units in CT).
    """
    if str(tags.get("PhotometricInterpretation", "")).strip().upper() not in _GREY:
        return None
    return _own_window(tags) or _whole_range(tags)


def _own_window(tags: dict[str, Any]) -> tuple[float, float] | None:
    """Widths below 1 are usual where values are small: SUV, ADC maps."""
    center, width = _first(tags.get("WindowCenter")), _first(tags.get("WindowWidth"))
    return (center, width) if center is not None and width is not None and width > 0 else None


def _whole_range(tags: dict[str, Any]) -> tuple[float, float]:
    bits = min(max(_first(tags.get("BitsStored")) or 8, 1), 32)
    is_signed = _first(tags.get("PixelRepresentation")) == 1
    lowest = -(2 ** (bits - 1)) if is_signed else 0
    smallest = _or(_first(tags.get("SmallestImagePixelValue")), lowest)
    largest = _or(_first(tags.get("LargestImagePixelValue")), lowest + 2**bits - 1)
    slope, intercept = _or(_first(tags.get("RescaleSlope")), 1), _or(_first(tags.get("RescaleIntercept")), 0)
    width = abs(slope) * (largest - smallest)
    if width <= 0:
        width = 1.0
    return intercept + slope * (smallest + largest) / 2, width


def _first(value: Any) -> float | None:
    """VR DS or US, possibly several: ``40\\400`` → 40."""
    try:
        number = float(str(value).split("\\")[0])
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _or(value: float | None, default: float) -> float:
    return default if value is None else value
