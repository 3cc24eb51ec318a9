"""Who is turned away at the door: by administrators' decisions, by malformed AE titles, by limits."""

import json
import resource
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.recorder.door import DOOR_FILE, Door, codes_of
from database.transfer_terms import DoorReason

_CALLED = b"NOCTIS          "
_IP = "192.0.2.7"


def policy(**changed: Any) -> dict[str, Any]:
    return {"version": 1, "blocked": ["EVIL"], "hosts": {"CT1": ["192.0.2.0/24"]}} | changed


def decide(folder: Path, content: Any) -> None:
    """As the bridge does: another file takes the place."""
    temporary = folder / "door.new"
    temporary.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    temporary.replace(folder / DOOR_FILE)


def field(title: str | bytes) -> bytes:
    """An AE title as it is sent."""
    raw = title.encode() if isinstance(title, str) else title
    return raw.ljust(16, b"\0" if raw.endswith(b"\0") else b" ")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    decide(tmp_path, policy())
    return tmp_path


@pytest.fixture
def door(folder: Path) -> Door:
    return Door(folder, 10, 10)


def judge(door: Door, title: str | bytes, ip: str = _IP) -> DoorReason | None:
    return door.judge(field(title), _CALLED, ip)


# What administrators decided


def test_without_a_file_orthanc_decides(tmp_path: Path) -> None:
    door = Door(tmp_path, 10, 10)

    assert judge(door, "EVIL") is None
    assert judge(door, "CT1", "203.0.113.9") is None


@pytest.mark.parametrize("title", ["EVIL", "evil", " EVIL", b"EVIL\0\0\0\0", b"EVIL  \0\0"])
def test_who_is_blocked_is_turned_away_however_it_is_spelled(door: Door, title: str | bytes) -> None:
    assert judge(door, title) is DoorReason.BLOCKED


def test_who_is_retired_is_turned_away_as_such(door: Door, folder: Path) -> None:
    decide(folder, policy(retired=["OLD_CT"]))
    door.look_at_policy()

    assert judge(door, "old_ct") is DoorReason.RETIRED
    assert judge(door, "EVIL") is DoorReason.BLOCKED


@pytest.mark.parametrize("title", ["EVI", "EVILS", "GOOD", "E VIL"])
def test_nobody_else_is(door: Door, title: str) -> None:
    assert judge(door, title) is None


@pytest.mark.parametrize(
    ("networks", "ip", "is_allowed"),
    [
        (["192.0.2.7/32"], "192.0.2.7", True),
        (["192.0.2.7"], "192.0.2.7", True),
        (["192.0.2.8/32"], "192.0.2.7", False),
        (["192.0.2.0/24", "198.51.100.0/24"], "198.51.100.200", True),
        (["192.0.2.0/24", "198.51.100.0/24"], "203.0.113.1", False),
        (["2001:db8::/32"], "2001:db8::7", True),
        (["2001:db8::/32"], "2001:db9::7", False),
        (["2001:db8::/32"], "192.0.2.7", False),
        (["192.0.2.0/24", "2001:db8::/32"], "2001:db8::7", True),
        (["0.0.0.0/0"], "192.0.2.7", True),
        (["0.0.0.0/0"], "2001:db8::7", False),
        ([], "192.0.2.7", False),
    ],
)
def test_whose_hosts_are_checked_comes_from_there(
    door: Door, folder: Path, networks: list[str], ip: str, is_allowed: bool
) -> None:
    decide(folder, policy(hosts={"CT1": networks}))
    door.look_at_policy()

    wanted = None if is_allowed else DoorReason.HOST_NOT_ALLOWED
    assert judge(door, "CT1", ip) is wanted
    assert judge(door, "ct1", ip) is wanted
    assert judge(door, "CT2", ip) is None


def test_a_new_decision_counts_from_the_next_look(door: Door, folder: Path) -> None:
    decide(folder, policy(blocked=["CT1"]))
    assert judge(door, "CT1") is None
    door.look_at_policy()
    assert judge(door, "CT1") is DoorReason.BLOCKED
    assert judge(door, "EVIL") is None


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut off"),
        pytest.param(b"[" * 100_000, id="nested without end"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"null", id="nothing"),
        pytest.param(b"\xff\xfe\x00", id="no JSON"),
        pytest.param({}, id="without a version"),
        pytest.param(policy(version=2), id="another version"),
        pytest.param({"version": 1, "blocked": []}, id="without hosts"),
        pytest.param({"version": 1, "hosts": {}}, id="without blocked senders"),
        pytest.param(policy(hosts=[]), id="hosts in a list"),
        pytest.param(policy(hosts={"CT1": ["192.0.2.7/24"]}), id="no network"),
        pytest.param(policy(hosts={"CT1": ["ct1.example"]}), id="a name"),
        pytest.param(policy(hosts={"CT1": None}), id="no networks"),
        pytest.param(policy(blocked=None), id="nobody blocked"),
        pytest.param(policy(blocked=[["EVIL"]]), id="blocked in a list"),
    ],
)
def test_a_broken_file_changes_nothing_and_says_so(
    door: Door, folder: Path, content: Any, caplog: pytest.LogCaptureFixture
) -> None:
    decide(folder, content)
    for _ in range(3):
        door.look_at_policy()

    assert judge(door, "EVIL") is DoorReason.BLOCKED
    assert judge(door, "CT1", "203.0.113.9") is DoorReason.HOST_NOT_ALLOWED
    assert len(caplog.records) == 1

    decide(folder, policy(blocked=[]))
    door.look_at_policy()
    assert judge(door, "EVIL") is None


def test_a_file_that_is_gone_changes_nothing(door: Door, folder: Path) -> None:
    (folder / DOOR_FILE).unlink()
    door.look_at_policy()

    assert judge(door, "EVIL") is DoorReason.BLOCKED


def test_what_cannot_be_read_for_want_of_a_descriptor_is_read_at_the_next_look(
    door: Door, folder: Path
) -> None:
    decide(folder, policy(blocked=["CT1"]))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        door.look_at_policy()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert judge(door, "CT1") is None
    door.look_at_policy()
    assert judge(door, "CT1") is DoorReason.BLOCKED


# AE titles


@pytest.mark.parametrize(
    "title",
    [
        pytest.param(b"A", id="one letter"),
        pytest.param(b"SIXTEEN_LETTERS_", id="sixteen"),
        pytest.param(b"  CT 1  ", id="blanks"),
        pytest.param(b"CT1\0", id="padded with NUL"),
        pytest.param(b"CT1 \0", id="padded with both"),
        pytest.param(b"M\xc3\xbcller", id="UTF-8"),
        pytest.param(b"M\xfcller", id="Latin-1"),
        pytest.param(b"!\"#$%&'()*+,-./:", id="any printable"),
    ],
)
def test_what_orthanc_can_read_is_orthancs_to_judge(door: Door, title: bytes) -> None:
    assert door.judge(field(title), _CALLED, _IP) is None
    assert door.judge(_CALLED, field(title), _IP) is None


MALFORMED = [
    pytest.param(b"                ", id="blanks"),
    pytest.param(b"\0" * 16, id="NULs"),
    pytest.param(b"   \0\0\0", id="blanks and NULs"),
    pytest.param(b"", id="nothing"),
    pytest.param(b"CT\x001            ", id="a NUL inside"),
    pytest.param(b"CT\n1            ", id="a line feed"),
    pytest.param(b"CT\x1b1           ", id="an escape"),
    pytest.param(b"CT\x7f1           ", id="a delete"),
    pytest.param(b"CT\\1            ", id="a backslash"),
]


@pytest.mark.parametrize("title", MALFORMED)
def test_what_orthanc_cannot_survive_is_turned_away(door: Door, title: bytes) -> None:
    assert door.judge(title, _CALLED, _IP) is DoorReason.MALFORMED_AE_TITLE
    assert door.judge(_CALLED, title, _IP) is DoorReason.MALFORMED_AE_TITLE


@pytest.mark.parametrize("title", MALFORMED)
def test_the_rejection_says_whose_title_is_malformed(title: bytes) -> None:
    assert codes_of(DoorReason.MALFORMED_AE_TITLE, title) == (1, 1, 3)
    assert codes_of(DoorReason.MALFORMED_AE_TITLE, field("CT1")) == (1, 1, 7)


@given(st.binary(max_size=16), st.binary(max_size=16), st.ip_addresses())
def test_no_bytes_make_a_judgement_fail(calling: bytes, called: bytes, ip: object) -> None:
    door = Door(Path("/nowhere"), 10, 10)

    assert door.judge(calling, called, str(ip)) in {None, DoorReason.MALFORMED_AE_TITLE}


# Limits


def test_no_more_come_in_than_there_is_room_for(folder: Path) -> None:
    door = Door(folder, 3, 2)
    for ip in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
        assert judge(door, "CT2", ip) is None
        door.enter(ip)

    assert judge(door, "CT2", "192.0.2.3") is DoorReason.TOO_MANY_ASSOCIATIONS
    door.leave("192.0.2.2")
    assert judge(door, "CT2", "192.0.2.1") is DoorReason.TOO_MANY_FROM_ADDRESS
    assert judge(door, "CT2", "192.0.2.3") is None
    door.leave("192.0.2.1")
    assert judge(door, "CT2", "192.0.2.1") is None


def test_who_is_not_wanted_hears_that_first(folder: Path) -> None:
    door = Door(folder, 1, 1)
    door.enter(_IP)

    assert judge(door, "EVIL") is DoorReason.BLOCKED
    assert judge(door, b"\\") is DoorReason.MALFORMED_AE_TITLE
    assert judge(door, "CT2") is DoorReason.TOO_MANY_ASSOCIATIONS


def test_addresses_of_the_past_are_forgotten(door: Door) -> None:
    for number in range(1000):
        door.enter(f"192.0.2.{number}")
        door.leave(f"192.0.2.{number}")

    assert len(door._inside) == 0


@pytest.mark.parametrize(
    ("reason", "codes"),
    [
        (DoorReason.BLOCKED, (1, 1, 3)),
        (DoorReason.RETIRED, (1, 1, 3)),
        (DoorReason.HOST_NOT_ALLOWED, (1, 1, 3)),
        (DoorReason.TOO_MANY_ASSOCIATIONS, (2, 3, 2)),
        (DoorReason.TOO_MANY_FROM_ADDRESS, (2, 3, 2)),
        (DoorReason.ORTHANC_UNREACHABLE, (2, 3, 1)),
        (DoorReason.ENDING, (2, 3, 1)),
    ],
)
def test_what_passes_is_a_transient_rejection_and_what_was_decided_a_permanent_one(
    reason: DoorReason, codes: tuple[int, int, int]
) -> None:
    assert codes_of(reason, field("CT1")) == codes
