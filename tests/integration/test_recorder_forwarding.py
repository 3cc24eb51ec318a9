"""Through a real recorder process, plain sockets at both ends: every byte arrives, whatever it is."""

import random
import socket
from collections.abc import Iterator

import psutil
import pytest

from tests import conversations as say
from tests import messages
from tests.overhearing import assert_whole
from tests.sayings import ORTHANC, REMOTE, random_traffic
from tests.sinks import exchange, read_all, read_exactly, reset, send_until_it_blocks
from tests.sites import Site, site
from tests.waiting import wait_until

_MEGABYTE = 2**20
_ROUNDS = 200


@pytest.fixture(scope="module")
def shared() -> Iterator[Site]:
    """One for all tests here that leave it as it was."""
    with site() as one:
        yield one


def memory_of(one: Site) -> int:
    return int(psutil.Process(one.recorder.pid).memory_info().rss)


def noise(length: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(length)  # noqa: S311 - no secrets


def test_any_traffic_arrives_as_it_was_sent_and_leaves_whole_records() -> None:
    with site() as one:
        for seed in range(_ROUNDS):
            dice = random.Random(seed)  # noqa: S311 - no secrets
            by_remote = random_traffic(REMOTE, dice)
            by_orthanc = say.acceptance() + random_traffic(ORTHANC, dice)
            remote, orthanc = one.associated()
            with remote, orthanc:
                assert exchange(remote, orthanc, by_remote, by_orthanc, dice) == (by_remote, by_orthanc), seed
        associations = one.ended_associations(_ROUNDS)
        log = one.recorder.log()

    assert len(associations) == _ROUNDS
    for records in associations:
        assert_whole(records)
    assert messages.MARKER not in log
    assert "Traceback" not in log


def test_garbage_after_the_request_comes_through_and_is_recorded_as_opaque(shared: Site) -> None:
    count = len(shared.ended_associations(0))
    by_remote, by_orthanc = noise(100_000, 1), noise(200_000, 2)
    remote, orthanc = shared.associated()
    with remote, orthanc:
        remote.sendall(by_remote)
        assert read_exactly(orthanc, len(by_remote)) == by_remote
        orthanc.sendall(by_orthanc)
        assert read_exactly(remote, len(by_orthanc)) == by_orthanc

    ended = shared.last_ended(count + 1)
    assert ended["opaque_reason"]
    assert ended["outcome"] == "interrupted"
    assert ended["received_byte_count"] == len(say.request()) + len(by_remote)
    assert ended["sent_byte_count"] == len(by_orthanc)


def test_a_request_whose_items_are_broken_comes_through(shared: Site) -> None:
    broken = say.request()[:-20]
    broken = broken[:2] + (len(broken) - 6).to_bytes(4, "big") + broken[6:]

    remote, orthanc = shared.associated(broken)
    with remote, orthanc:
        said = say.acceptance() + noise(1000, 1), noise(1000, 2)
        assert exchange(remote, orthanc, *said, random.Random(3)) == said  # noqa: S311


def test_what_comes_with_the_request_in_one_piece_comes_through(shared: Site) -> None:
    said = say.request() + messages.store() * 20
    remote = shared.connected()
    remote.sendall(said)
    orthanc, _ = shared.server.accept()
    with remote, orthanc:
        assert read_exactly(orthanc, len(said)) == said


def test_whoever_ends_its_side_may_still_be_answered(shared: Site) -> None:
    answer = say.acceptance() + noise(5 * _MEGABYTE, 4)
    remote, orthanc = shared.associated()
    with remote, orthanc:
        remote.shutdown(socket.SHUT_WR)
        assert orthanc.recv(10) == b""
        orthanc.sendall(answer[:1000])
        assert read_exactly(remote, 1000) == answer[:1000]
        sent = send_until_it_blocks(orthanc, answer[1000:])
        assert read_exactly(remote, sent) == answer[1000 : 1000 + sent]
        orthanc.close()
        assert read_all(remote) == b""


def test_when_orthanc_ends_its_side_it_may_still_be_told_something(shared: Site) -> None:
    remote, orthanc = shared.associated()
    with remote, orthanc:
        orthanc.shutdown(socket.SHUT_WR)
        assert remote.recv(10) == b""
        remote.sendall(b"last words" * 1000)
        assert read_exactly(orthanc, 10_000) == b"last words" * 1000
        remote.close()
        assert read_all(orthanc) == b""


def test_an_orthanc_that_hangs_up_at_once_is_seen_and_recorded(shared: Site) -> None:
    count = len(shared.ended_associations(0))
    remote, orthanc = shared.associated()
    with remote:
        orthanc.close()
        assert read_all(remote) == b""

    ended = shared.last_ended(count + 1)
    assert (ended["outcome"], ended["ended_by"]) == ("connection-lost", "orthanc")


@pytest.mark.parametrize("end", [reset, socket.socket.close])
def test_a_client_that_vanishes_is_seen_and_recorded(shared: Site, end: object) -> None:
    count = len(shared.ended_associations(0))
    remote, orthanc = shared.associated()
    with orthanc:
        assert callable(end)
        end(remote)
        assert read_all(orthanc) == b""

    ended = shared.last_ended(count + 1)
    assert (ended["outcome"], ended["ended_by"]) == ("connection-lost", "remote")


def test_a_response_is_recorded_before_the_client_has_it(shared: Site) -> None:
    remote, orthanc = shared.associated()
    with remote, orthanc:
        orthanc.sendall(say.acceptance())
        assert read_exactly(remote, len(say.acceptance())) == say.acceptance()
        for message_id in range(1, 200):
            response = messages.store_response(message_id, 0xA700)
            remote.sendall(messages.store(message_id))
            assert read_exactly(orthanc, len(messages.store(message_id))) == messages.store(message_id)
            orthanc.sendall(response)
            assert read_exactly(remote, len(response)) == response
            newest = shared.recorder.records()[-1]
            assert (newest["message_id"], newest.get("status")) == (message_id, 0xA700)


def test_what_a_data_set_says_stands_in_no_log(shared: Site) -> None:
    query = say.encoded(say.identifier(SpecificCharacterSet="ISO_IR 192", PatientName="x"), say.EXPLICIT)
    find = say.message(
        "C_FIND_RQ",
        say.FIND,
        MessageID=1,
        Priority=2,
        AffectedSOPClassUID=say.CONTEXTS[say.FIND][0],
        Identifier=query.replace(b"ISO_IR 192", messages.MARKER.encode() + b" "),
    )
    remote, orthanc = shared.associated()
    with remote, orthanc:
        orthanc.sendall(say.acceptance())
        assert read_exactly(remote, len(say.acceptance())) == say.acceptance()
        remote.sendall(find)
        assert read_exactly(orthanc, len(find)) == find
        orthanc.sendall(messages.find_response(0))
        assert read_exactly(remote, len(messages.find_response(0))) == messages.find_response(0)
        assert shared.recorder.records()[-1]["query_keys"] == ["PatientName"]
    assert messages.MARKER not in shared.recorder.log()


# Back-pressure


def test_who_does_not_read_holds_up_only_its_own_association_and_takes_no_memory(shared: Site) -> None:
    said = noise(24 * _MEGABYTE, 5)
    remote, orthanc = shared.associated()
    with remote, orthanc:
        before = memory_of(shared)
        to_orthanc = send_until_it_blocks(remote, said)
        to_remote = send_until_it_blocks(orthanc, said)
        assert max(to_orthanc, to_remote) < len(said)
        assert memory_of(shared) - before < 4 * _MEGABYTE
        another, its_orthanc = shared.associated()
        another.close()
        its_orthanc.close()

        rest = said[to_orthanc:], said[to_remote:]
        heard = exchange(remote, orthanc, *rest, random.Random(6))  # noqa: S311 - no secrets

    assert heard == (said, said)


@pytest.mark.parametrize("who", [REMOTE, ORTHANC])
def test_of_two_that_do_not_read_one_vanishes_and_the_other_hears_nothing_out_of_order(
    shared: Site, who: str
) -> None:
    said = noise(24 * _MEGABYTE, 7)
    remote, orthanc = shared.associated()
    vanishing, staying = (remote, orthanc) if who == REMOTE else (orthanc, remote)
    with staying:
        send_until_it_blocks(vanishing, said)
        send_until_it_blocks(staying, said)
        reset(vanishing)
        heard = read_all(staying)

    assert len(heard) > _MEGABYTE
    assert heard == said[: len(heard)]


def test_last_words_reach_a_client_that_goes_on_talking(shared: Site) -> None:
    said = noise(24 * _MEGABYTE, 5)
    remote, orthanc = shared.associated()
    with remote:
        sent = send_until_it_blocks(remote, said)
        orthanc.sendall(say.abort())
        orthanc.close()
        remote.sendall(said[sent:])  # an RST would end this, and could cost a client what it hasn't read yet
        assert read_all(remote) == say.abort()


def test_memory_comes_back_when_associations_end(shared: Site) -> None:
    for _ in range(2):
        before = memory_of(shared)
        for seed in range(30):
            remote, orthanc = shared.associated()
            with remote, orthanc:
                exchange(remote, orthanc, noise(_MEGABYTE, seed), b"", random.Random(seed))  # noqa: S311
    assert memory_of(shared) - before < 2 * _MEGABYTE
    process = psutil.Process(shared.recorder.pid)
    wait_until(lambda: len(process.net_connections()) == 1, "only the listener is left")
