"""AE titles: proposed from any name, always valid and unique; given ones are taken as they are, if valid."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings import PROBE_AE_TITLE
from webapp.registry import RegistryError
from webapp.registry.ae_titles import check, key_of, propose

VALID = re.compile(r"[A-Z][A-Z0-9_]{0,15}")
SURROGATES_TOO = st.text(st.characters(codec=None))


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("Hospital 1", "HOSPITAL1"),
        ("Clinic 02", "CLINIC02"),
        ("Zürich", "ZURICH"),
        ("Kantonsspital Zürich", "KANTONSSPITAL"),
        ("St. Mary's", "ST_MARYS"),
        ("Große Straße", "GROSSE_STRASSE"),
        ("Ørsted Ærø", "ORSTED_AERO"),
        ("Łódź", "LODZ"),
        ("Москва", "MOSKVA"),
        ("Αθήνα", "ATHINA"),
        ("北京", "BEIJING"),
        ("🏥", "HOSPITAL"),
        ("Radiology Center North", "RADIOLOGY_CENTER"),
        ("Klinik Hirslanden Zürich", "KLINIK_HIRSLANDE"),
        ("Universitätsspital 1", "UNIVERSITATSSPI1"),
        ("Medical Imaging Group 12", "MEDICAL_IMAGIN12"),
        ("24", "FACILITY24"),
        ("24 7 Radiology", "FACILITY24_7"),
        ("", "FACILITY1"),
        ("— … —", "FACILITY1"),
        ("\ud800", "FACILITY1"),
    ],
)
def test_a_title_reminds_of_its_name(name: str, title: str) -> None:
    assert propose(name, set()) == title


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("Hospital", "HOSPITAL3"),
        ("Hospital 1", "HOSPITAL1_2"),
        ("Radiology Center", "RADIOLOGY_CENTE2"),
        ("—", "FACILITY2"),
    ],
)
def test_a_taken_title_gets_a_number(name: str, title: str) -> None:
    taken = {"HOSPITAL", "HOSPITAL1", "HOSPITAL2", "RADIOLOGY_CENTER", "FACILITY1"}

    assert propose(name, taken) == title


@pytest.mark.parametrize("name", ["ANY-SCP", "Storescu", "Orthanc", "pynetdicom", "DCMTK", "Unknown", "PACS"])
def test_names_of_tools_are_never_proposed(name: str) -> None:
    assert propose(name, set()) == f"{re.sub('[^A-Z]', '_', name.upper())}1"


def test_our_own_checks_keep_their_title() -> None:
    assert propose(PROBE_AE_TITLE, set()) == "NOCTIS_PROBE1"


@given(SURROGATES_TOO)
def test_any_text_gives_a_valid_title(name: str) -> None:
    assert VALID.fullmatch(propose(name, set()))


@given(st.lists(SURROGATES_TOO | st.sampled_from(["Hospital", "Hospital 1", "Clinic 02", "—"]), max_size=30))
def test_titles_of_any_names_are_valid_and_unique(names: list[str]) -> None:
    taken: set[str] = set()
    for name in names:
        title = propose(name, taken)
        assert VALID.fullmatch(title)
        assert key_of(title) not in taken
        taken.add(key_of(title))


@given(st.text("ABC019 _-", max_size=40))
def test_a_thousandth_namesake_still_fits(name: str) -> None:
    taken = {propose(name, set())}
    for _ in range(30):
        taken.add(propose(name, taken))

    assert len(taken) == 31
    assert all(VALID.fullmatch(title) for title in taken)


@pytest.mark.parametrize("title", ["CT1", "ct 1/east", "A" * 16, "=CT.1", "ANY-SCP", "'X'"])
def test_odd_titles_of_existing_scanners_are_taken_as_they_are(title: str) -> None:
    assert check(title) == title


def test_blanks_around_a_title_mean_nothing() -> None:
    assert check(" CT 1\t") == "CT 1"


@pytest.mark.parametrize(
    ("title", "reason"),
    [
        ("", "1 to 16 characters"),
        ("   ", "1 to 16 characters"),
        ("A" * 17, "this one has 17"),
        ("CT\\1", "backslash"),
        ("ZÜRICH", "ASCII"),
        ("CT\x001", "printable"),
        ("CT\n1", "printable"),
    ],
)
def test_what_dicom_forbids_is_refused_with_the_reason(title: str, reason: str) -> None:
    with pytest.raises(RegistryError, match=reason) as caught:
        check(title)

    assert caught.value.field == "ae_title"


@given(SURROGATES_TOO)
def test_what_is_accepted_is_a_valid_ae(text: str) -> None:
    try:
        title = check(text)
    except RegistryError:
        return
    assert re.fullmatch(r"[\x21-\x5b\x5d-\x7e]([\x20-\x5b\x5d-\x7e]{0,14}[\x21-\x5b\x5d-\x7e])?", title)
