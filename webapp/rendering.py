"""One frame as a picture: which of Orthanc's ways to make one, and in which window."""

from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from bridge.errors import OrthancRefused
from bridge.orthanc_client import OrthancClient, Picture
from database.models import Instance
from webapp.windowing import Pixels, Window, pixels_of

# 32 MB of stored values are read to find a window.
_MOST_MEASURED_PIXELS = 16_000_000


class Shown(NamedTuple):
    picture: Picture
    window: Window | None
    """In which it was rendered; None for colour, and where the renderer can't do it."""


def read_pixels(orthanc: OrthancClient, instance: Instance) -> Pixels | None:
    """None for an object without an image. Raises OrthancRefused for a file that Orthanc can't read."""
    return _read_pixels(orthanc, instance.orthanc_id, instance.received_at)


@lru_cache(maxsize=256)
def _read_pixels(orthanc: OrthancClient, orthanc_id: str, _received_at: datetime) -> Pixels | None:
    """Remembered, as the attributes of thousands of frames take long to read; until it is received again."""
    return pixels_of(orthanc.instance_tags(orthanc_id))


def render(
    orthanc: OrthancClient,
    instance: Instance,
    pixels: Pixels,
    number: int,
    asked: Window | None,
    options: dict[str, str],
) -> Shown:
    """Frame ``number`` in the window asked for, else the file's own, else one over its values.

    ``options`` are the renderer's. Raises OrthancRefused for pixels that Orthanc can't decode.
    """
    if not pixels.is_grey:
        return Shown(orthanc.rendered(instance.orthanc_id, number, options), None)
    frame = pixels.frames[min(number, len(pixels.frames) - 1)]
    if asked:
        window: Window | None = (asked[0], max(asked[1], frame.narrowest))
    else:
        window = frame.window or _found_window(orthanc, instance, pixels, number)
    if window is None or window[1] < frame.narrowest:
        return Shown(orthanc.preview(instance.orthanc_id, number), None)
    center, width = frame.for_renderer(window)
    windowed = {**options, "window-center": f"{center:.6f}", "window-width": f"{width:.6f}"}
    return Shown(orthanc.rendered(instance.orthanc_id, number, windowed), window)


def missing_window(orthanc: OrthancClient, instance: Instance, pixels: Pixels) -> Window | None:
    """None when the file has its own, or can't have one."""
    if not pixels.is_grey or pixels.frames[pixels.middle].window:
        return None
    try:
        return _found_window(orthanc, instance, pixels, pixels.middle)
    except OrthancRefused:
        return None


def _found_window(orthanc: OrthancClient, instance: Instance, pixels: Pixels, number: int) -> Window | None:
    frame = pixels.frames[min(number, len(pixels.frames) - 1)]
    window = pixels.range_of_screens(frame)
    if window or pixels.rows * pixels.columns > _MOST_MEASURED_PIXELS:
        return window
    values = orthanc.stored_values(instance.orthanc_id, number, is_signed=pixels.is_signed)
    return pixels.window_over_values(frame, values)
