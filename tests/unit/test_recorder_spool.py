"""The spool: whole lines in order, whatever is full, killed, started twice or set back."""

import fcntl
import json
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.recorder.records import Record
from bridge.recorder.spool import Spool, SpoolInUse

ROOT = Path(__file__).parents[2]
_RANDOM = random.Random(20261125)  # noqa: S311 - the same dice each time


@contextmanager
def spool_in(folder: Path) -> Iterator[Spool]:
    spool = Spool(folder)
    try:
        spool.announce()
        yield spool
    finally:
        spool.close()


@contextmanager
def full_disk(at: int) -> Iterator[None]:
    """No file of this process may grow beyond ``at`` bytes: writes come to their end in mid-line."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (at, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


def lines_of(path: Path) -> list[bytes]:
    """All of them are whole."""
    content = path.read_bytes()
    assert content.endswith(b"\n")
    return content.splitlines()


def records_in(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in segments(folder) for line in lines_of(path)]


def record(number: int, length: int = 0) -> Record:
    return {"record": "operation", "number": number, "filling": "x" * length}


def numbers(records: list[dict[str, Any]]) -> list[int]:
    return [one["number"] for one in records if one["record"] == "operation"]


def test_each_record_is_a_line_below_its_segments_heading(tmp_path: Path) -> None:
    with spool_in(tmp_path / "spool") as spool:
        spool.write(record(1))
        spool.write({"record": "association", "number": 2, "calling_ae_title": "Müller\n"})
        found = records_in(tmp_path / "spool")

    heading, first, second = found
    assert heading.keys() == {"record", "boot", "spool", "host", "written_at"}
    assert (heading["record"], heading["boot"]) == ("boot", spool.boot)
    assert first == record(1)
    assert second["calling_ae_title"] == "Müller\n"


def test_a_record_is_with_the_kernel_when_it_is_written(tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool:
        for number in range(20):
            spool.write(record(number))
            assert numbers(records_in(tmp_path)) == list(range(number + 1))


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    with spool_in(tmp_path / "spool") as spool:
        spool.write(record(1))
        modes = {path.stat().st_mode & 0o077 for path in [tmp_path / "spool", *segments(tmp_path / "spool")]}

    assert modes == {0}


def test_the_name_stays_and_the_boot_ascends(tmp_path: Path) -> None:
    for _ in range(5):
        with spool_in(tmp_path) as spool:
            spool.write(record(1))

    headings = [one for one in records_in(tmp_path) if one["record"] == "boot"]
    boots = [one["boot"] for one in headings]
    assert boots == sorted(set(boots))
    assert len(boots) == 5
    assert len({one["spool"] for one in headings}) == 1


def test_two_spools_have_two_names(tmp_path: Path) -> None:
    with spool_in(tmp_path / "one"), spool_in(tmp_path / "two"):
        found = records_in(tmp_path / "one") + records_in(tmp_path / "two")

    assert len({one["spool"] for one in found}) == 2


def test_the_boot_ascends_although_the_clock_was_set_back(tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool:
        later = spool.boot + 2**50  # decades ahead
    segments(tmp_path)[0].rename(tmp_path / f"{later:019d}-000007.jsonl")

    boots = []
    for _ in range(3):
        with spool_in(tmp_path) as spool:
            boots.append(spool.boot)

    assert boots == [later + 1, later + 2, later + 3]
    assert [path.name[:19] for path in segments(tmp_path)] == [f"{boot:019d}" for boot in (later, *boots)]


def test_a_machine_whose_clock_stands_in_1970_has_boots_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 5_000_000_000)
    boots = []
    for _ in range(3):
        with spool_in(tmp_path) as spool:
            boots.append(spool.boot)

    assert boots == sorted(set(boots))
    assert boots[0] >= 0
    assert len(segments(tmp_path)) == 3


def test_a_foreign_file_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.jsonl").write_text("{}\n")
    with spool_in(tmp_path) as spool:
        spool.write(record(1))

    assert (tmp_path / "notes.jsonl").read_text() == "{}\n"


def test_a_second_recorder_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool:
        with pytest.raises(SpoolInUse):
            Spool(tmp_path)
        spool.write(record(1))
    with spool_in(tmp_path) as spool:
        spool.write(record(2))

    assert numbers(records_in(tmp_path)) == [1, 2]


def test_a_long_segment_is_followed_by_another(tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool:
        for number in range(300):
            spool.write(record(number, 60_000))

    assert numbers(records_in(tmp_path)) == list(range(300))
    found = segments(tmp_path)
    assert [path.name[20:26] for path in found] == ["000001", "000002", "000003"]
    assert {path.name[:19] for path in found} == {f"{spool.boot:019d}"}
    for path in found:
        assert json.loads(lines_of(path)[0])["record"] == "boot"
        assert path.stat().st_size < 9 * 2**20


def test_an_old_segment_is_followed_by_another(tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool:
        spool.write(record(1))
        spool._opened_at -= 3601
        spool.write(record(2))

    assert [len(lines_of(path)) for path in segments(tmp_path)] == [2, 2]


def test_a_disk_that_does_not_keep_what_it_took_is_told_of_until_it_does(tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool:
        file = os.dup(spool._file)
        reader, writer = os.pipe()  # can be written, and never synchronised
        os.dup2(writer, spool._file)
        spool.write(record(1))
        spool.sync()
        assert spool.failure == "the spool can't be written (Invalid argument); forwarding goes on"
        os.dup2(file, spool._file)
        spool.write(record(2))
        spool.sync()
        assert spool.failure == ""
        for descriptor in (file, reader, writer):
            os.close(descriptor)

    assert numbers(records_in(tmp_path)) == [2]


# A full disk


def test_what_does_not_fit_leaves_no_half_line_and_the_gap_is_recorded(tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool:
        spool.open_numbers = lambda: [7, 8]
        spool.write(record(1))
        with full_disk(at=600):
            for number in range(2, 9):
                spool.write(record(number, 200))
                records_in(tmp_path)
            assert "File too large" in spool.failure or "No space" in spool.failure
            written = numbers(records_in(tmp_path))
        spool.write(record(9))
        assert spool.failure == ""
        spool.write(record(10))

    found = records_in(tmp_path)
    assert written in ([1, 2], [1])
    assert numbers(found) == [*written, 9, 10]
    gap = next(one for one in found if one["record"] == "gap")
    assert found[len(written) + 1] == gap
    assert gap["record_count"] == 8 - len(written)
    assert gap["open_numbers"] == [7, 8]
    assert gap["began_at"] <= gap["ended_at"]
    assert gap["reason"].startswith("the spool can't be written")


def test_a_gap_ends_although_nothing_more_is_written(tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool:
        with full_disk(at=1):
            spool.write(record(1))
            spool.try_again()
            assert spool.failure
        spool.try_again()
        spool.try_again()

    assert [one["record"] for one in records_in(tmp_path)] == ["boot", "gap"]


def test_a_recorder_that_starts_on_a_full_disk_records_when_it_can(tmp_path: Path) -> None:
    with full_disk(at=40), spool_in(tmp_path) as spool:
        assert segments(tmp_path) == []
        spool.write(record(1))
        spool.write(record(2))
        assert segments(tmp_path) == []
        with full_disk(at=10_000):
            spool.write(record(3))
        found = records_in(tmp_path)

    assert [one["record"] for one in found] == ["boot", "gap", "operation"]
    assert found[1]["record_count"] == 2
    assert found[2] == record(3)


def test_on_a_full_disk_an_old_segment_is_kept_until_another_can_begin(tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool:
        spool.write(record(1))
        spool._opened_at -= 3601
        with full_disk(at=40):
            spool.write(record(2))
            assert len(segments(tmp_path)) == 1
        spool.write(record(3))

    first, second = ([json.loads(line)["record"] for line in lines_of(path)] for path in segments(tmp_path))
    assert first == ["boot", "operation"]
    assert second == ["boot", "gap", "operation"]


def test_every_limit_leaves_whole_lines(tmp_path: Path) -> None:
    for limit in range(1, 500, 7):
        folder = tmp_path / str(limit)
        Spool(folder).close()  # its name needs room, once
        with full_disk(at=limit), spool_in(folder) as spool:
            for number in range(5):
                spool.write(record(number))
            with full_disk(at=5000):
                spool.try_again()
            written = numbers(records_in(folder))
            gaps = [one["record_count"] for one in records_in(folder) if one["record"] == "gap"]
            assert written == list(range(len(written)))
            assert len(written) + sum(gaps) == 5


@contextmanager
def unshrinkable(spool: Spool, segment: Path) -> Iterator[int]:
    """The segment becomes a file from which nothing can be taken away, as on an append-only file system."""
    file = os.memfd_create("segment", os.MFD_ALLOW_SEALING)
    os.write(file, segment.read_bytes())
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    os.dup2(file, spool._file)
    yield file
    os.close(file)


def test_a_half_line_that_cannot_be_taken_away_is_ended(tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool, unshrinkable(spool, segments(tmp_path)[0]) as file:
        spool.write(record(1))
        with full_disk(at=os.fstat(file).st_size + 20):
            spool.write(record(2))
        with full_disk(at=os.fstat(file).st_size + 20):
            spool.write(record(3))
        spool.write(record(4))
        lines = os.pread(file, 10_000, 0).splitlines()

    heading, first, half, other_half, gap, last = lines
    assert json.loads(first) == record(1)
    assert half == json.dumps(record(2), separators=(",", ":")).encode()[:20]
    assert other_half.startswith(b'{"record":"gap"')
    assert json.loads(gap)["record_count"] == 2
    assert json.loads(last) == record(4)
    assert json.loads(heading)["record"] == "boot"


def test_what_is_written_after_a_half_line_is_never_cut_back(tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool, unshrinkable(spool, segments(tmp_path)[0]) as file:
        with full_disk(at=os.fstat(file).st_size + 20):
            spool.write(record(1))
        spool.write(record(2))
        content = os.pread(file, 10_000, 0)
        (tmp_path / "shrinkable").write_bytes(content)
        with (tmp_path / "shrinkable").open("ab") as shrinkable:
            os.dup2(shrinkable.fileno(), spool._file)
        with full_disk(at=len(content) + 20):
            spool.write(record(3))

    assert json.loads(content.splitlines()[-1]) == record(2)
    assert (tmp_path / "shrinkable").read_bytes() == content


# Kill -9


def test_whatever_was_written_when_it_is_killed_is_there_whole(tmp_path: Path) -> None:
    promised = {boot: number for _ in range(5) for boot, number in _killed_writer(tmp_path)}

    assert len(promised) == 5
    assert sum(promised.values()) > 100
    for boot, last in promised.items():
        found: list[int] = []
        for path in tmp_path.glob(f"{boot:019d}-*.jsonl"):
            content = path.read_bytes()
            whole = [json.loads(line) for line in content[: content.rfind(b"\n") + 1].splitlines()]
            assert whole[0]["record"] == "boot"
            found += numbers(whole)
        assert found[:last] == list(range(1, last + 1))
        assert len(found) <= last + 1


def _killed_writer(folder: Path) -> list[tuple[int, int]]:
    """``(boot, number)`` of all that a process said it had written before it was killed, at some moment."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.spool_writer", str(folder)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    said = [process.stdout.readline()]
    time.sleep(_RANDOM.uniform(0, 0.3))
    process.kill()
    said += process.stdout.read().splitlines(keepends=True)
    process.stdout.close()
    process.wait()
    return [
        (int(boot), int(number)) for boot, number in (line.split() for line in said if line.endswith(b"\n"))
    ]
