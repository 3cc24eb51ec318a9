"""DICOM values as people read them."""

from datetime import UTC, date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from database.models import Study
from webapp import presentation
from webapp.sop_classes import Kind, kind, sop_class_name


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada, Tarou · 山田 太郎 · やまだ たろう"),
        ("Hong^Gildong=洪^吉洞=홍^길동", "Hong, Gildong · 洪 吉洞 · 홍 길동"),
        ("Müller^Jürgen^^Dr.", "Müller, Dr. Jürgen"),
        ("Adams^John Robert Quincy^^Rev.^B.A. M.Div.", "Adams, Rev. John Robert Quincy, B.A. M.Div."),
        ("=山田^太郎", "山田 太郎"),
        ("Doe", "Doe"),
        ("Doe^", "Doe"),
        ("^Jane", "Jane"),
        ("^^^^", ""),
        ("", ""),
        ("  Doe  ^  Jane  Ann ", "Doe, Jane Ann"),
        ("a^b^c^d^e^f^g", "a, d b c, e, f, g"),
        ("a=b=c=d", "a · b · c"),
        ("\u202eeoD^enaJ", "eoD, enaJ"),
    ],
)
def test_a_person_name_shows_all_its_component_groups(value: str, shown: str) -> None:
    assert presentation.person_name(value) == shown


@given(st.text(max_size=80))
def test_no_person_name_is_too_strange_to_show(value: str) -> None:
    shown = presentation.person_name(value)
    assert "^" not in shown
    assert "\u202e" not in shown


@pytest.mark.parametrize(
    ("birth", "study", "shown"),
    [
        (date(1970, 5, 17), date(2026, 5, 16), "55 y"),
        (date(1970, 5, 17), date(2026, 5, 17), "56 y"),
        (date(2024, 2, 29), date(2026, 2, 28), "23 m"),
        (date(2024, 2, 28), date(2026, 2, 28), "2 y"),
        (date(2026, 1, 1), date(2026, 3, 31), "12 w"),
        (date(2026, 1, 1), date(2026, 4, 1), "3 m"),
        (date(2026, 3, 1), date(2026, 3, 28), "27 d"),
        (date(2026, 3, 1), date(2026, 3, 29), "4 w"),
        (date(2026, 3, 1), date(2026, 3, 1), "0 d"),
        (date(2026, 3, 2), date(2026, 3, 1), ""),
        (date(1800, 1, 1), date(2026, 3, 1), ""),
    ],
)
def test_the_age_is_that_at_the_time_of_the_study(birth: date, study: date, shown: str) -> None:
    assert presentation.age(Study(patient_birth_date=birth, study_date=study, patient_age="099Y")) == shown


@pytest.mark.parametrize(
    ("sent", "shown"),
    [("045Y", "45 y"), ("006M", "6 m"), ("002W", "2 w"), ("003D", "3 d"), ("", ""), ("old", ""), ("٣Y", "")],
)
def test_without_a_birth_date_the_age_is_as_sent(sent: str, shown: str) -> None:
    assert presentation.age(Study(patient_birth_date=None, study_date=None, patient_age=sent)) == shown


def test_without_a_study_date_the_age_is_that_at_reception() -> None:
    received_at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    study = Study(patient_birth_date=date(1970, 1, 1), study_date=None, received_at=received_at)
    assert presentation.age(study) == "56 y"


def test_times_are_shown_without_seconds() -> None:
    assert presentation.clock(time(9, 5, 59, 999999)) == "09:05"
    assert presentation.clock(None) == ""


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (524_288, "524 kB"),
        (999_950, "1.0 MB"),
        (4_800_000_000, "4.8 GB"),
    ],
)
def test_sizes_have_two_or_three_digits(size: int, shown: str) -> None:
    assert presentation.file_size(size) == shown


def test_counts_stop_at_a_thousand() -> None:
    assert [str(presentation.Count(number)) for number in (0, 999, 1000)] == ["0", "999", "999+"]


@pytest.mark.parametrize(
    ("uid", "expected", "name"),
    [
        ("1.2.840.10008.5.1.4.1.1.2", Kind.PICTURE, "CT Image"),
        ("1.2.840.10008.5.1.4.1.1.1.1", Kind.PICTURE, "Digital X-Ray Image"),
        ("1.2.840.10008.5.1.4.1.1.481.2", Kind.PICTURE, "RT Dose"),
        ("1.2.840.10008.5.1.4.1.1.104.1", Kind.PDF, "Encapsulated PDF"),
        ("1.2.840.10008.5.1.4.1.1.88.11", Kind.REPORT, "Basic Text SR"),
        ("1.2.840.10008.5.1.4.1.1.88.59", Kind.REPORT, "Key Object Selection Document"),
        ("1.2.840.10008.5.1.4.1.1.11.1", Kind.OTHER, "Grayscale Softcopy Presentation State"),
        ("1.2.3.4.5", Kind.UNKNOWN, "Private SOP class 1.2.3.4.5"),
        ("", Kind.UNKNOWN, "Object of unknown SOP class"),
        ("no uid", Kind.UNKNOWN, "Private SOP class no uid"),
    ],
)
def test_an_object_says_what_it_is(uid: str, expected: Kind, name: str) -> None:
    assert (kind(uid), sop_class_name(uid)) == (expected, name)
