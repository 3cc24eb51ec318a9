"""The window in which a picture opens."""

from array import array
from typing import Any

import pytest

from webapp.windowing import Frame, Pixels, Window, pixels_of

IMAGE: dict[str, Any] = {"Rows": "4", "Columns": "4", "PhotometricInterpretation": "MONOCHROME2"}
CT_RESCALE = {"RescaleSlope": "1", "RescaleIntercept": "-1024"}


def parse(**attributes: Any) -> Pixels:
    pixels = pixels_of(IMAGE | attributes)
    assert pixels is not None
    return pixels


def only_frame(**attributes: Any) -> Frame:
    (frame,) = parse(**attributes).frames
    return frame


def group(window: Window | None = None, rescale: tuple[float, float] | None = None) -> dict[str, Any]:
    """An item of a functional groups sequence, in Orthanc's spelling."""
    item: dict[str, Any] = {}
    if window:
        item["FrameVOILUTSequence"] = [{"WindowCenter": str(window[0]), "WindowWidth": str(window[1])}]
    if rescale:
        values = {"RescaleSlope": str(rescale[0]), "RescaleIntercept": str(rescale[1])}
        item["PixelValueTransformationSequence"] = [values]
    return item


def portable_map(values: list[int], typecode: str = "H") -> bytes:
    big_endian = array(typecode, values)
    big_endian.byteswap()
    header = b"P7\nWIDTH 4\nHEIGHT 4\nDEPTH 1\nMAXVAL 65535\nTUPLTYPE GRAYSCALE\nENDHDR\n"
    return header + big_endian.tobytes()


def test_an_object_without_rows_has_no_pixels() -> None:
    assert pixels_of({"SOPClassUID": "1.2.3"}) is None


@pytest.mark.parametrize(
    ("attributes", "window"),
    [
        ({"WindowCenter": "40", "WindowWidth": "400"}, (40, 400)),
        ({"WindowCenter": "40\\-600", "WindowWidth": "400\\1500"}, (40, 400)),
        ({"WindowCenter": "0.2", "WindowWidth": "0.4"}, (0.2, 0.4)),
        ({"WindowCenter": "nonsense", "WindowWidth": "400"}, None),
        ({"WindowCenter": "40", "WindowWidth": "0"}, None),
        ({"WindowCenter": "inf", "WindowWidth": "nan", "BitsStored": "1e9"}, None),
    ],
)
def test_the_files_own_window_is_its_first(attributes: dict[str, str], window: Window | None) -> None:
    assert only_frame(**attributes).window == window


@pytest.mark.parametrize(
    ("attributes", "window"),
    [
        ({"BitsStored": "8"}, (127.5, 255)),
        ({"BitsStored": "8", "PixelRepresentation": "1"}, (-0.5, 255)),
        ({"BitsStored": "8", "RescaleSlope": "2", "RescaleIntercept": "-100"}, (155, 510)),
        ({"BitsStored": "12"}, None),
    ],
)
def test_eight_bits_without_a_window_open_over_their_range(
    attributes: dict[str, str], window: Window | None
) -> None:
    pixels = parse(**attributes)
    assert pixels.range_of_screens(pixels.frames[0]) == window


@pytest.mark.parametrize(
    ("attributes", "values", "typecode", "window"),
    [
        ({}, [*range(101)], "H", (50, 100)),
        ({"RescaleSlope": "2", "RescaleIntercept": "-1024"}, [100, 300], "H", (-624, 400)),
        ({"PixelRepresentation": "1"}, [-1000, 1000], "h", (0, 2000)),
        ({"PixelRepresentation": "1", "PixelPaddingValue": "-2000"}, [-2000, 0, 500], "h", (250, 500)),
        ({}, [*range(1000), 65535], "H", (500, 990)),
        ({}, [7, 7, 7], "H", (7, 1)),
        ({"PixelPaddingValue": "7"}, [7, 7, 7], "H", None),
    ],
)
def test_more_bits_without_a_window_open_over_nearly_all_values(
    attributes: dict[str, str], values: list[int], typecode: str, window: Window | None
) -> None:
    pixels = parse(BitsStored="16", **attributes)
    assert pixels.window_over_values(pixels.frames[0], portable_map(values, typecode)) == window


def test_what_is_no_map_of_16_bits_has_no_window() -> None:
    pixels = parse(BitsStored="16")
    assert pixels.window_over_values(pixels.frames[0], b"an error page") is None


def test_each_frame_has_its_own_groups_and_shared_ones_fill_gaps() -> None:
    pixels = parse(
        NumberOfFrames="3",
        SharedFunctionalGroupsSequence=[group(window=(50, 350))],
        PerFrameFunctionalGroupsSequence=[
            group((40, 400), (2, -1000)),
            group(rescale=(1, -500)),
        ],
    )
    assert pixels.frames == (
        Frame((40, 400), 2, -1000, has_rescale=True, is_rescale_hidden=False),
        Frame((50, 350), 1, -500, has_rescale=True, is_rescale_hidden=False),
        Frame((50, 350), 1, 0, has_rescale=False, is_rescale_hidden=False),
    )


def test_a_shared_rescale_is_undone_for_the_renderer_that_does_not_see_it() -> None:
    frame = only_frame(SharedFunctionalGroupsSequence=[group((40, 400), (2, -1000))])
    assert frame.is_rescale_hidden
    assert frame.for_renderer((40, 400)) == (520, 200)
    assert frame.narrowest == 2


@pytest.mark.parametrize(
    ("attributes", "has_presets"),
    [
        ({"Modality": "CT", **CT_RESCALE}, True),
        ({"Modality": "CT", "RescaleSlope": "1", "RescaleIntercept": "0"}, True),
        ({"Modality": "CT", "SharedFunctionalGroupsSequence": [group(rescale=(1, -1024))]}, True),
        ({"Modality": "PT", **CT_RESCALE}, False),
        ({"Modality": "CT"}, False),
        ({"Modality": "CT", **CT_RESCALE, "PhotometricInterpretation": "RGB"}, False),
    ],
)
def test_ct_presets_need_a_ct_and_its_rescale(attributes: dict[str, Any], has_presets: bool) -> None:
    assert parse(**attributes).has_ct_presets == has_presets
