"""What may be entered about a facility, a node or a peer, and what is said when it can't be used."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.registry import FacilityFields, PeerFields, RegistryError
from webapp.registry.fields import check_facility, check_peer, check_port, check_text


def test_what_is_entered_is_tidied() -> None:
    fields = FacilityFields("  Klinik \t Süd ", " sued-1 ", "Street 1\r\nTown ", "", " a@b.example ")

    assert check_facility(fields) == FacilityFields(
        "Klinik Süd", "SUED-1", "Street 1\nTown", "UTC", "a@b.example"
    )


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        (FacilityFields(" "), "name", "enter a name"),
        (FacilityFields("\u200b"), "name", "enter a name"),
        (FacilityFields("x" * 101), "name", "at most 100"),
        (FacilityFields("a\x00b"), "name", "control character"),
        (FacilityFields("a\ud800b"), "name", "control character"),
        (FacilityFields("A", code="A B"), "code", "letters A-Z, digits and hyphens"),
        (FacilityFields("A", code="-A"), "code", "begins and ends"),
        (FacilityFields("A", code="A" * 17), "code", "1 to 16"),
        (FacilityFields("A", time_zone="Europe/Nowhere"), "time_zone", "Europe/Zurich"),
        (FacilityFields("A", time_zone="../etc/passwd"), "time_zone", "Europe/Zurich"),
        (FacilityFields("A", address="x" * 2001), "address", "at most 2000"),
        (FacilityFields("A", contact="\x1b[2J"), "contact", "control character"),
        (FacilityFields("A", paper="A3"), "paper", "A4 or Letter"),
        (FacilityFields("A", silent_hours=0), "silent_hours", "whole hours"),
        (FacilityFields("A", silent_hours=10**6), "silent_hours", "whole hours"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(fields: FacilityFields, field: str, reason: str) -> None:
    with pytest.raises(RegistryError, match=reason) as caught:
        check_facility(fields)

    assert caught.value.field == field


@pytest.mark.parametrize("port", [0, -1, 65535, 10**20])
def test_ports_that_orthanc_refuses_are_refused_here(port: int) -> None:
    with pytest.raises(RegistryError, match="from 1 to 65534"):
        check_port(port)


@pytest.mark.parametrize("url", ["https://orthanc.example.org:8042/", "http://[::1]:8042/orthanc"])
def test_peers_have_a_web_address(url: str) -> None:
    assert check_peer(PeerFields("East", f" {url} ")).url == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("orthanc.example.org:8042", "such as https"),
        ("ftp://orthanc.example.org", "such as https"),
        ("https://", "such as https"),
        ("https://host:99999/", "such as https"),
        ("https://[::1/", "such as https"),
        ("https://a b/", "such as https"),
        ("https://me:secret@host/", "fields of their own"),
        ("https://host/?a=1", "before any"),
    ],
)
def test_other_addresses_of_peers_are_refused(url: str, reason: str) -> None:
    with pytest.raises(RegistryError, match=reason) as caught:
        check_peer(PeerFields("East", url))

    assert "secret" not in str(caught.value)


@given(st.text(st.characters(codec=None)))
def test_tidying_a_text_twice_changes_nothing(text: str) -> None:
    try:
        once = check_text(text, "address")
    except RegistryError:
        return
    assert check_text(once, "address") == once
