"""DICOM's texts as values, and what becomes of texts that aren't what their VR says."""

from datetime import UTC, date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.dicom_values import (
    Attributes,
    parse_date,
    parse_integer,
    parse_orthanc_date,
    parse_time,
    undo_latin1,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [("20261123", date(2026, 11, 23)), ("2026.11.23", date(2026, 11, 23)), ("", None), ("  ", None)],
)
def test_dates(text: str, value: date | None) -> None:
    assert parse_date(text) == value


@pytest.mark.parametrize("text", ["20261399", "00000000", "today", "2026", "20260115-20260116"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whichever of Python's own words
        parse_date(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("070809", time(7, 8, 9)),
        ("0708", time(7, 8)),
        ("07", time(7)),
        ("070809.5", time(7, 8, 9, 500_000)),
        ("07:08:09", time(7, 8, 9)),
        ("235960", time(23, 59, 59)),
        ("", None),
    ],
)
def test_times_may_stop_early(text: str, value: time | None) -> None:
    assert parse_time(text) == value


@pytest.mark.parametrize(("text", "value"), [("7", 7), (" -3 ", -3), ("+12", 12), ("", None)])
def test_integers(text: str, value: int | None) -> None:
    assert parse_integer(text) == value


@pytest.mark.parametrize("text", ["1_000", "1.5", "99999999999", "x"])
def test_what_is_no_integer_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whichever of Python's own words
        parse_integer(text)


def test_orthancs_own_dates_are_utc() -> None:
    assert parse_orthanc_date("20261123T160748") == datetime(2026, 11, 23, 16, 7, 48, tzinfo=UTC)


def test_utf8_taken_for_latin1_is_undone_and_real_latin1_is_kept() -> None:
    assert undo_latin1("MÃ¼ller") == "Müller"
    assert undo_latin1("Müller") == "Müller"
    assert undo_latin1("山田") == "山田"


@given(st.dictionaries(st.just("PatientName"), st.text()))
def test_no_text_breaks_the_reading(tags: dict[str, str]) -> None:
    value = Attributes(tags).text("PatientName")
    value.encode()
    assert "\x00" not in value
    assert len(value) <= 1025


@given(st.text())
def test_no_text_breaks_dates_times_integers_and_ages(text: str) -> None:
    attributes = Attributes({"A": text})
    attributes.date("A")
    attributes.time("A")
    attributes.integer("A")
    attributes.age("A")
    words = ("A is no ", "A holds bytes", "A is longer")
    assert all(blemish.startswith(words) for blemish in attributes.blemishes)


def test_a_blemish_names_the_attribute_and_not_the_value() -> None:
    attributes = Attributes({"StudyDate": "Doe^John"})
    assert attributes.date("StudyDate") is None
    assert attributes.blemishes == ["StudyDate is no date"]
