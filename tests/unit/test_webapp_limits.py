"""Places at Orthanc and pauses after wrong passwords."""

import pytest

from bridge.errors import OrthancUnavailable
from launch import gunicorn_settings
from webapp.limits import OrthancGate, SignInPauses
from webapp.services import ORTHANC_PLACES


def test_without_a_free_place_one_is_told_at_once() -> None:
    gate = OrthancGate(1)
    with gate.enter(), pytest.raises(OrthancUnavailable, match="too many"), gate.enter():
        pass
    with gate.enter():
        pass


def fail_after(gate: OrthancGate, now: list[float]) -> None:
    with gate.enter():
        now[0] += 10
        raise OrthancUnavailable("silent")


def test_after_a_time_out_nobody_waits_again_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, now = OrthancGate(2), [100.0]
    monkeypatch.setattr("webapp.limits.time.monotonic", lambda: now[0])
    with pytest.raises(OrthancUnavailable, match="silent"):
        fail_after(gate, now)
    with pytest.raises(OrthancUnavailable, match="a moment ago"), gate.enter():
        pass
    now[0] += 6
    with gate.enter():
        pass


def test_a_refused_connection_closes_nothing() -> None:
    gate = OrthancGate(1)
    with pytest.raises(OrthancUnavailable), gate.enter():
        raise OrthancUnavailable("refused")
    with gate.enter():
        pass


def test_most_threads_never_wait_for_orthanc() -> None:
    assert gunicorn_settings.threads >= ORTHANC_PLACES * 3


def test_pauses_grow_and_end_and_concern_one_address(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses, now = SignInPauses(), [100.0]
    monkeypatch.setattr("webapp.limits.time.monotonic", lambda: now[0])
    for _ in range(4):
        pauses.note_wrong("jo", "192.0.2.1")
    assert pauses.seconds_left("jo", "192.0.2.1") == 0
    pauses.note_wrong("jo", "192.0.2.1")
    first = pauses.seconds_left("jo", "192.0.2.1")
    assert first > 0
    pauses.note_wrong("jo", "192.0.2.1")
    assert pauses.seconds_left("jo", "192.0.2.1") > first
    assert pauses.seconds_left("jo", "192.0.2.2") == 0
    now[0] += 3600
    assert pauses.seconds_left("jo", "192.0.2.1") == 0
    pauses.note_wrong("jo", "192.0.2.1")
    assert pauses.seconds_left("jo", "192.0.2.1") == 0
