"""Who comes to a recorder process, and who is turned away: silent, slow, too many, malformed, unwanted."""

import json
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from bridge.recorder.door import DOOR_FILE
from bridge.recorder.records import Record
from tests import conversations as say
from tests import messages
from tests.certificates import make_certificate
from tests.orthanc_process import free_port
from tests.overhearing import assert_whole
from tests.recorders import RecorderProcess
from tests.sinks import SECONDS, accepted, connected, read_all, read_exactly
from tests.sites import Site, site, site_without_orthanc
from tests.waiting import wait_until

_MEGABYTE = 2**20
_ABORT = bytes([7, 0, 0, 0, 0, 4, 0, 0, 2, 0])


def answer_to(port: int, said: bytes, *, source: str = "127.0.0.1") -> bytes:
    with connected(port, source=source) as client:
        client.sendall(said)
        return read_all(client)


def ended_in(recorder: RecorderProcess) -> list[Record]:
    return [one for one in recorder.records() if "outcome" in one]


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose administrators have decided something."""
    folder = tmp_path_factory.mktemp("decided")
    hosts = {"ELSEWHERE": ["192.0.2.0/24"], "HERE": ["192.0.2.0/24", "127.0.0.1/32"]}
    (folder / "spool").mkdir()
    (folder / "spool" / DOOR_FILE).write_text(json.dumps({"version": 1, "blocked": ["EVIL"], "hosts": hosts}))
    with site(folder) as one:
        yield one


def test_hundreds_of_silent_and_slow_callers_keep_nobody_out_and_are_sent_away(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    tls: dict[str, object] = {
        "dicom_tls_port": (tls_port := free_port()),
        "dicom_tls_certificate": certificate.certificate,
        "dicom_tls_key": certificate.key,
    }
    with site(max_associations=120, max_associations_per_address=110, **tls) as one, ExitStack() as ends:
        before = psutil.Process(one.recorder.pid).memory_info().rss
        silent = _said_by(ends, one.recorder.port, 270, b"") + _said_by(ends, tls_port, 10, b"")
        halves = _said_by(ends, one.recorder.port, 20, say.request()[:100])
        half_handshakes = _said_by(ends, tls_port, 10, b"\x16\x03\x01")
        slow = ends.enter_context(one.connected())
        for byte in say.request():
            slow.sendall(bytes([byte]))
        orthanc = ends.enter_context(accepted(one.server))
        assert read_exactly(orthanc, len(say.request())) == say.request()
        orthanc.sendall(say.acceptance())
        assert read_exactly(slow, len(say.acceptance())) == say.acceptance()
        assert psutil.Process(one.recorder.pid).memory_info().rss - before < 10 * _MEGABYTE

        assert [read_all(half) for half in halves] == [_ABORT] * 20
        assert [read_all(peer) for peer in silent + half_handshakes] == [b""] * 290
        slow.sendall(messages.echo())
        assert read_exactly(orthanc, len(messages.echo())) == messages.echo()
        ends.close()
        associations = one.ended_associations(31)

    whole = len(say.request()) + len(messages.echo())
    assert sorted(_end_of(records) for records in associations) == [
        ("connection-lost", "", whole),
        *[("not-dicom", "not-an-association-request", 0)] * 10,
        *[("not-dicom", "request-timeout", 100)] * 20,
    ]


def _said_by(ends: ExitStack, port: int, count: int, said: bytes) -> list[socket.socket]:
    """So many clients who say this, and nothing more."""
    clients = [ends.enter_context(connected(port)) for _ in range(count)]
    for client in clients:
        client.sendall(said)
    return clients


def _end_of(records: list[Record]) -> tuple[str, str, int]:
    last = records[-1]
    return last["outcome"], last.get("door_reason", ""), last["received_byte_count"]


@pytest.mark.parametrize(
    ("said", "answer", "outcome", "door_reason"),
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", _ABORT, "not-dicom", "not-an-association-request", id="HTTP"),
        pytest.param(b"\x16\x03\x01\x02\x00", _ABORT, "not-dicom", "not-an-association-request", id="TLS"),
        pytest.param(messages.echo(), _ABORT, "not-dicom", "not-an-association-request", id="no request"),
        pytest.param(
            b"\x01\0\0\0\0\x04abcd", _ABORT, "not-dicom", "not-an-association-request", id="no fields"
        ),
        pytest.param(
            say.request().replace(b"MODALITY  ", b"MODA\\LITY "),
            say.rejection(1, 1, 3),
            "rejected",
            "malformed-ae-title",
            id="a malformed calling AE title",
        ),
        pytest.param(
            say.request().replace(b"NOCTIS  ", b"\n       "),
            say.rejection(1, 1, 7),
            "rejected",
            "malformed-ae-title",
            id="a malformed called AE title",
        ),
        pytest.param(
            say.request(calling="EVIL"), say.rejection(1, 1, 3), "rejected", "blocked", id="blocked"
        ),
        pytest.param(
            say.request(calling="elsewhere"),
            say.rejection(1, 1, 3),
            "rejected",
            "host-not-allowed",
            id="another host",
        ),
    ],
)
def test_who_is_not_let_in_hears_why_and_orthanc_hears_nothing(
    decided: Site, said: bytes, answer: bytes, outcome: str, door_reason: str
) -> None:
    count = len(ended_in(decided.recorder))

    assert answer_to(decided.recorder.port, said) == answer

    ended = ended_in(decided.recorder)
    assert len(ended) == count + 1
    assert (ended[-1]["outcome"], ended[-1]["door_reason"]) == (outcome, door_reason)
    assert ended[-1]["ended_by"] == "recorder"
    assert_whole(ended[-1:])
    decided.server.setblocking(False)
    with pytest.raises(BlockingIOError):
        decided.server.accept()
    decided.server.settimeout(SECONDS)


def test_who_is_checked_and_comes_from_the_right_host_is_let_in(decided: Site) -> None:
    remote, orthanc = decided.associated(say.request(calling="HERE"))
    remote.close()
    orthanc.close()


def test_a_decision_counts_for_the_next_caller_and_not_for_who_is_inside() -> None:
    with site() as one:
        remote, orthanc = one.associated(say.request(calling="CT1"))
        path = one.recorder.spool_dir / DOOR_FILE
        path.with_suffix(".new").write_text(json.dumps({"version": 1, "blocked": ["CT1"], "hosts": {}}))
        path.with_suffix(".new").replace(path)

        def is_blocked() -> bool:
            with one.connected() as client:
                client.sendall(say.request(calling="CT1"))
                client.settimeout(0.5)
                try:
                    return client.recv(100) == say.rejection(1, 1, 3)
                except TimeoutError:
                    return False

        with remote, orthanc:
            wait_until(is_blocked, "the new decision counts")
            remote.sendall(messages.echo())
            assert read_exactly(orthanc, len(messages.echo())) == messages.echo()


def test_one_address_may_not_take_every_place_and_all_together_not_more_than_there_are() -> None:
    with site(max_associations=4, max_associations_per_address=3) as one, ExitStack() as inside:
        for source in ["127.0.0.1"] * 3 + ["127.0.0.2"]:
            for end in one.associated(source=source):
                inside.enter_context(end)
        full = say.rejection(2, 3, 2)
        assert answer_to(one.recorder.port, say.request(), source="127.0.0.3") == full
        reasons = [record["door_reason"] for record in ended_in(one.recorder)]
        assert reasons == ["too-many-associations"]
        inside.close()
        wait_until(lambda: len(ended_in(one.recorder)) == 5, "all have left")

        for _ in range(3):
            for end in one.associated():
                inside.enter_context(end)
        assert answer_to(one.recorder.port, say.request()) == full
        assert ended_in(one.recorder)[-1]["door_reason"] == "too-many-from-address"
        for end in one.associated(source="127.0.0.2"):
            inside.enter_context(end)


def test_one_address_may_not_take_every_place_at_the_door_either() -> None:
    with site(max_associations=10, max_associations_per_address=2) as one, ExitStack() as waiting:
        silent = [waiting.enter_context(one.connected()) for _ in range(10)]
        assert [read_all(peer) for peer in silent[6:]] == [b""] * 4

        for end in one.associated(source="127.0.0.2"):
            waiting.enter_context(end)
        assert "one from 127.0.0.1 is closed" in one.recorder.log()


def test_while_orthanc_is_away_senders_are_told_to_try_again() -> None:
    with site_without_orthanc() as (recorder, start):
        for _ in range(3):
            assert answer_to(recorder.port, say.request()) == say.rejection(2, 3, 1)
        assert [(one["outcome"], one["door_reason"]) for one in ended_in(recorder)] == [
            ("orthanc-unavailable", "orthanc-unreachable")
        ] * 3
        server = start()
        with connected(recorder.port) as client:
            client.sendall(say.request())
            with accepted(server) as orthanc:
                assert read_exactly(orthanc, len(say.request())) == say.request()


def test_a_recorder_that_is_stopped_waits_for_who_ends_soon_and_says_of_the_others_that_it_ended() -> None:
    with site() as one, ExitStack() as ends:
        soon, orthanc_of_soon = one.associated()
        never, orthanc_of_never = map(ends.enter_context, one.associated())
        at_the_door = ends.enter_context(one.connected())
        at_the_door.sendall(say.request()[:50])
        never.sendall(messages.store())
        assert read_exactly(orthanc_of_never, len(messages.store())) == messages.store()
        process = psutil.Process(one.recorder.pid)
        process.terminate()
        wait_until(lambda: not _listens(process), "nobody more is let in")

        at_the_door.sendall(say.request()[50:])
        assert read_all(at_the_door) == say.rejection(2, 3, 1)
        soon.sendall(say.release_request())
        assert read_exactly(orthanc_of_soon, 10) == say.release_request()
        orthanc_of_soon.sendall(say.release_response())
        assert read_exactly(soon, 10) == say.release_response()
        soon.close()
        orthanc_of_soon.close()

        assert read_all(never) == b""
        assert read_all(orthanc_of_never) == b""
        wait_until(lambda: not one.recorder.is_running, "it has ended by itself")
        assert one.recorder.terminate() == 0
        associations = one.ended_associations(3)

    ended = [
        (records[-1]["outcome"], records[-1]["ended_by"], records[-1].get("door_reason"))
        for records in associations
    ]
    assert ended == [
        ("released", "remote", None),
        ("connection-lost", "recorder", "ending"),
        ("rejected", "recorder", "ending"),
    ]
    operation = associations[1][-2]
    assert operation["reason"] == "the recorder closed the connection before the response"


def _listens(process: psutil.Process) -> bool:
    return psutil.CONN_LISTEN in {one.status for one in process.net_connections()}


# When the system gives no more


def test_without_descriptors_it_waits_quietly_and_goes_on_when_there_are_some() -> None:
    with site() as one:
        remote, orthanc = one.associated()
        process = psutil.Process(one.recorder.pid)
        limits = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (process.num_fds() + 3, limits[1]))
        with ExitStack() as waiting:
            for _ in range(20):
                waiting.enter_context(one.connected()).sendall(say.request())
            remote.sendall(messages.echo())
            assert read_exactly(orthanc, len(messages.echo())) == messages.echo()
            wait_until(lambda: one.recorder.log().count("can't be accepted") >= 3, "it says so, patiently")
            remote.sendall(messages.store(2))
            assert read_exactly(orthanc, len(messages.store(2))) == messages.store(2)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, limits)
        remote.close()
        orthanc.close()
        assert one.recorder.log().count("can't be accepted") < 20
        assert "Traceback" not in one.recorder.log()

        with one.connected() as client:
            client.sendall(say.request())
            heard = b""
            while heard != say.request():
                with accepted(one.server) as orthanc:
                    heard = orthanc.recv(10_000)


def test_on_a_full_disk_it_forwards_and_the_gap_is_recorded() -> None:
    with site() as one:
        pid = one.recorder.pid
        remote, orthanc = one.associated()
        size = sum(path.stat().st_size for path in one.recorder.spool_dir.glob("*.jsonl"))
        limits = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size + 700, limits[1]))
        with remote, orthanc:
            for message_id in range(1, 30):
                remote.sendall(messages.store(message_id))
                assert read_exactly(orthanc, len(messages.store(message_id))) == messages.store(message_id)
                response = messages.store_response(message_id)
                orthanc.sendall(response)
                assert read_exactly(remote, len(response)) == response
            wait_until(lambda: "can't be written" in one.recorder.log(), "the log says so")
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)
            wait_until(lambda: "is written again" in one.recorder.log(), "the log says that, too")
            records = one.recorder.records()
            remote.sendall(messages.echo(30))
            assert read_exactly(orthanc, len(messages.echo(30))) == messages.echo(30)
        ended = one.last_ended()

    gaps = [record for record in records if record["record"] == "gap"]
    written = [record for record in records if record["record"] == "operation"]
    assert sum(gap["record_count"] for gap in gaps) == 2 * 29 - len(written)
    assert gaps[-1]["open_numbers"] == [1]
    assert ended["operation_count"] == 30
