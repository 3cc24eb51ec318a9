"""Hosts as people give them: where a node listens, and from where it may associate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.registry import RegistryError
from webapp.registry.hosts import check_allowed_hosts, check_host


@pytest.mark.parametrize(
    ("given_host", "host"),
    [
        ("", ""),
        (" ct1.example.org ", "ct1.example.org"),
        ("ct_1", "ct_1"),
        ("192.0.2.10", "192.0.2.10"),
        ("2001:DB8::1", "2001:db8::1"),
        ("[::1]", "::1"),
    ],
)
def test_hosts_are_names_or_addresses(given_host: str, host: str) -> None:
    assert check_host(given_host) == host


@pytest.mark.parametrize(
    "host",
    [
        "ct 1",
        "192.0.2.300",
        "192.0.2",
        "ct1:104",
        "http://ct1",
        "-ct1",
        "ct..1",
        "klinik-süd.ch",
        "a" * 254,
        "::1%\x00",
    ],
)
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(RegistryError) as caught:
        check_host(host)

    assert caught.value.field == "host"


@given(st.text(st.characters(codec=None)) | st.from_regex(r"[0-9a-f:.]{0,9}%?.{0,3}", fullmatch=True))
def test_an_accepted_host_is_plain_and_stays_the_same(text: str) -> None:
    try:
        host = check_host(text)
    except RegistryError:
        return
    assert host.isascii()
    assert not any(character.isspace() or not character.isprintable() for character in host)
    assert check_host(host) == host


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("", ""),
        (" ,\n; ", ""),
        ("192.0.2.10", "192.0.2.10"),
        (
            " 192.0.2.10,ct1.Example.org\n2001:DB8::/32;192.0.2.10 ",
            "192.0.2.10 ct1.example.org 2001:db8::/32",
        ),
        ("192.0.2.0/255.255.255.0", "192.0.2.0/24"),
        ("192.0.2.10/32", "192.0.2.10/32"),
        ("[2001:db8::0001]", "2001:db8::1"),
        ("::ffff:192.0.2.10", "192.0.2.10"),
        ("CT_1", "ct_1"),
    ],
)
def test_allowed_hosts_are_tidied_and_stand_there_once(typed: str, stored: str) -> None:
    assert check_allowed_hosts(typed) == stored


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("ct1.example.org 192.0.2.300", r"^192\.0\.2\.300 is no IPv4 address"),
        ("192.0.2", "is no IPv4 address"),
        ("104", "is no IPv4 address"),
        ("192.0.2.0/33", "is no network"),
        ("192.0.2.0/", "is no network"),
        ("ct1.example.org/24", "is no network"),
        ("192.0.2.10/24", r"write 192\.0\.2\.0/24 for the whole network, or 192\.0\.2\.10 for this"),
        ("2001:db8::1/32", "write 2001:db8::/32 for the whole network"),
        ("ct1:104", "without a port"),
        ("klinik-süd.ch", "is none of an address"),
        ("*.example.org", "is none of an address"),
        ("fe80::1%eth0", "is none of an address"),
        ("fe80::%x/64", "is no network"),
        ("a" * 254, "a… is none of"),
        (" ".join(f"10.0.{number}.1" for number in range(250)), "Give networks instead"),
    ],
)
def test_what_can_not_be_allowed_is_named(typed: str, reason: str) -> None:
    with pytest.raises(RegistryError, match=reason) as caught:
        check_allowed_hosts(typed)

    assert caught.value.field == "allowed_hosts"


@given(
    st.text(st.characters(codec=None))
    | st.lists(st.ip_addresses().map(str) | st.from_regex(r"[0-9a-f:.]{0,9}/?%?.{0,3}", fullmatch=True)).map(
        " ".join
    )
)
def test_accepted_hosts_are_plain_and_stay_the_same(text: str) -> None:
    try:
        allowed = check_allowed_hosts(text)
    except RegistryError:
        return
    assert allowed.isascii()
    assert allowed.split(" ") == allowed.split() or not allowed
    assert check_allowed_hosts(allowed) == allowed
