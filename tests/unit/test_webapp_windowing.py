"""The window in which a picture opens."""

from typing import Any

import pytest

from webapp.windowing import default_window, windowing

GREY: dict[str, Any] = {"PhotometricInterpretation": "MONOCHROME2"}


@pytest.mark.parametrize(
    ("tags", "window"),
    [
        ({"WindowCenter": "40", "WindowWidth": "400"}, (40, 400)),
        ({"WindowCenter": "40\\-600", "WindowWidth": "400\\1500"}, (40, 400)),
        ({"WindowCenter": "0.2", "WindowWidth": "0.4"}, (0.2, 0.4)),
        ({"BitsStored": "12", "PixelRepresentation": "0"}, (2047.5, 4095)),
        ({"BitsStored": "12", "PixelRepresentation": "1"}, (-0.5, 4095)),
        ({"BitsStored": "12", "RescaleSlope": "2", "RescaleIntercept": "-1024"}, (3071, 8190)),
        ({"SmallestImagePixelValue": "10", "LargestImagePixelValue": "110"}, (60, 100)),
        ({"WindowCenter": "nonsense", "WindowWidth": "400"}, (127.5, 255)),
        ({"WindowCenter": "40", "WindowWidth": "0"}, (127.5, 255)),
        ({"WindowCenter": "inf", "WindowWidth": "nan", "BitsStored": "1e9"}, (2147483647.5, 4294967295)),
    ],
)
def test_the_files_own_window_or_its_whole_range(tags: dict[str, Any], window: tuple[float, float]) -> None:
    assert default_window(GREY | tags) == window


def test_colour_has_no_window() -> None:
    assert (
        default_window({"PhotometricInterpretation": "RGB", "WindowCenter": "1", "WindowWidth": "2"}) is None
    )


def test_functional_groups_open_in_stored_values_and_offer_nothing_false() -> None:
    shared = {"PixelValueTransformationSequence": [{"RescaleSlope": "2", "RescaleIntercept": "-1000"}]}
    frame = {"FrameVOILUTSequence": [{"WindowCenter": "40", "WindowWidth": "400"}]}
    how = windowing(
        GREY
        | {"Modality": "CT", "SharedFunctionalGroupsSequence": [shared]}
        | {"PerFrameFunctionalGroupsSequence": [frame]}
    )
    assert how.window == (520.0, 200.0)
    assert (how.is_explicit, how.is_adjustable, how.has_ct_presets) == (True, False, False)


def test_ct_presets_need_a_ct_and_its_rescale() -> None:
    rescale = {"RescaleSlope": "1", "RescaleIntercept": "-1024"}
    assert windowing(GREY | rescale | {"Modality": "CT"}).has_ct_presets
    assert not windowing(GREY | rescale | {"Modality": "PT"}).has_ct_presets
    assert not windowing(GREY | {"Modality": "CT"}).has_ct_presets


def test_a_window_that_the_file_lacks_is_sent() -> None:
    assert windowing(GREY | {"BitsStored": "16"}).is_explicit
    assert not windowing(GREY | {"WindowCenter": "40", "WindowWidth": "400"}).is_explicit
