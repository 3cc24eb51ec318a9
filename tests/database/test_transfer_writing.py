"""From a spool to rows: nothing twice, nothing lost, nothing invented. On both databases."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from bridge.errors import CursorMoved
from bridge.recorder.records import now
from bridge.transfers import retention
from bridge.transfers.collector import StandardOutput
from bridge.transfers.reading import Position, unread
from database.models import Association, Operation, Sender, Spool, SpoolGap, TransferHour
from database.session import Database
from database.transfer_terms import AssociationOutcome, DoorReason, StatusClass, Storage
from settings import PROBE_AE_TITLE
from tests.spools import MINUTE, association, ended, reading, spool_in, store

START = now() - 5 * MINUTE


def _contents(database: Database) -> list[tuple[object, ...]]:
    """All rows that come from spools, whole."""
    with database.read() as session:
        return [
            tuple(row)
            for model in (Association, Operation, TransferHour, Sender, SpoolGap)
            for row in session.execute(select(*model.__table__.columns))
        ]


def _write_some(data_dir: Path) -> None:
    with spool_in(data_dir) as spool:
        for number in range(1, 100, 4):
            opened = association(number, START + number * 1000)
            spool.write(opened)
            for at in (1, 2):
                asked = store(number + at, number, START + number * 1000)
                spool.write(asked)
                spool.write(ended(asked, response_byte_count=100))
            spool.write(ended(opened, operation_count=2))


def test_reading_again_changes_nothing(database: Database, tmp_path: Path) -> None:
    _write_some(tmp_path)
    with reading(database, tmp_path) as log:
        log.drain()
    before = _contents(database)
    with database.write() as session:
        session.execute(update(Spool).values(segment="", byte_offset=0))
    with reading(database, tmp_path) as log:
        log.drain()
    assert len(before) > 75
    assert _contents(database) == before


def test_an_operation_in_flight_is_a_row_without_an_end(database: Database, tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool, reading(database, tmp_path) as log:
        spool.write(association(1, START))
        spool.write(store(2, 1, START))
        log.drain()
        with database.read() as session:
            operation = session.scalars(select(Operation)).one()
            assert (operation.status_class, operation.ended_at) == (StatusClass.OPEN, None)
        spool.write(ended(store(2, 1, START)))
        log.drain()
    with database.read() as session:
        operation = session.scalars(select(Operation)).one()
    assert (operation.status_class, operation.storage) == (StatusClass.SUCCESS, Storage.AWAITED)


def test_what_was_open_when_the_recorder_died_is_interrupted(database: Database, tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool:
        spool.write(association(1, START))
        spool.write(store(2, 1, START))
        spool.write(ended(store(5, 1, START), status=0xA700, status_class="failure"))
        spool.write(association(3, START))
        spool.write(ended(association(3, START)))
    with spool_in(tmp_path) as spool:
        spool.write(association(1, START + MINUTE))
    with reading(database, tmp_path) as log:
        log.drain()
    with database.read() as session:
        outcomes = session.scalars(select(Association.outcome).order_by(Association.boot, Association.number))
        operation = session.scalars(select(Operation).where(Operation.number == 2)).one()
        interrupted = session.scalars(select(Association).where(Association.number == 1)).first()
        assert interrupted is not None
        assert (interrupted.operation_count, interrupted.failure_count) == (2, 1)
        assert list(outcomes) == [
            AssociationOutcome.INTERRUPTED,
            AssociationOutcome.RELEASED,
            AssociationOutcome.OPEN,
        ]
    assert (operation.status_class, operation.ended_at) == (StatusClass.INTERRUPTED, None)
    assert operation.reason == "the recorder ended before the response"


def test_a_torn_last_line_waits_for_its_end(database: Database, tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool, reading(database, tmp_path) as log:
        spool.write(association(1, START))
        (segment,) = (tmp_path / "spool").glob("*.jsonl")
        line = json.dumps(association(2, START)).encode() + b"\n"
        with segment.open("ab") as file:
            file.write(line[:40])
            file.flush()
            log.drain()
            assert _numbers(database) == [1]
            file.write(line[40:])
        log.drain()
    assert _numbers(database) == [1, 2]


def test_a_line_that_nobody_will_end_counts_as_damaged(database: Database, tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool:
        spool.write(association(1, START))
    (segment,) = (tmp_path / "spool").glob("*.jsonl")
    with segment.open("ab") as file:
        file.write(b'not json\n{"record":"association","number":\n\n{"half')
    with spool_in(tmp_path) as spool, reading(database, tmp_path) as log:
        spool.write(association(2, START))
        log.drain()
    assert _numbers(database) == [1, 2]
    with database.read() as session:
        assert session.scalars(select(Spool.damaged_count)).one() == 3


def test_a_line_that_the_database_refuses_costs_no_other(database: Database, tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool, reading(database, tmp_path) as log:
        spool.write(association(1, START))
        spool.write(association(2, START, tls_subject=None))
        spool.write(association(3, START))
        log.drain()
        spool.write(association(4, START))
        log.drain()
    assert _numbers(database) == [1, 3, 4]
    with database.read() as session:
        assert session.scalars(select(Spool.damaged_count)).one() == 1


def test_a_record_that_no_recorder_writes_takes_nothing_with_it(database: Database, tmp_path: Path) -> None:
    """Not even what an earlier record said of the same operation."""
    with spool_in(tmp_path) as spool, reading(database, tmp_path) as log:
        spool.write(association(1, START))
        spool.write(store(2, 1, START))
        spool.write(ended(store(2, 1, START), association_started_at="yesterday"))
        spool.write(association(3, START))
        log.drain()
    assert _numbers(database) == [1, 3]
    with database.read() as session:
        assert session.scalars(select(Operation.status_class)).one() == StatusClass.OPEN
        assert session.scalars(select(Spool.damaged_count)).one() == 1


def test_two_readers_cant_both_move_on(database: Database, tmp_path: Path) -> None:
    _write_some(tmp_path)
    with reading(database, tmp_path) as log:
        log.drain()
        with database.write() as session:
            session.execute(update(Spool).values(byte_offset=Spool.byte_offset + 1))
        with spool_in(tmp_path) as spool:
            spool.write(association(1, START))
        with pytest.raises(CursorMoved):
            log.tick()
    with database.read() as session:
        assert session.scalar(select(func.max(Association.boot))) == session.scalar(
            select(func.min(Association.boot))
        )


def test_a_second_bridge_leaves_a_spool_to_the_first(database: Database, tmp_path: Path) -> None:
    with reading(database, tmp_path) as first, reading(database, tmp_path) as second:
        first.tick()
        _write_some(tmp_path)
        second.drain()
        assert _numbers(database) == []
        first.close()
        second.drain()
    assert len(_numbers(database)) == 25


def test_a_gap_is_kept_and_ends_what_ended_unrecorded(database: Database, tmp_path: Path) -> None:
    gap = {"record": "gap", "began_at": START, "ended_at": START + 1000, "record_count": 7, "reason": "full"}
    with spool_in(tmp_path) as spool, reading(database, tmp_path) as log:
        for number in (1, 2):
            spool.write(association(number, START))
        spool.write(gap | {"open_numbers": [2]})
        log.drain()
    with database.read() as session:
        found = session.scalars(select(SpoolGap)).one()
        rows = session.scalars(select(Association).order_by(Association.number)).all()
    assert (found.record_count, found.reason) == (7, "full")
    assert [row.outcome for row in rows] == [AssociationOutcome.INTERRUPTED, AssociationOutcome.OPEN]


def test_our_own_probes_leave_no_trace(database: Database, tmp_path: Path) -> None:
    probe = association(1, START, calling_ae_title=PROBE_AE_TITLE, is_probe=True)
    echo = store(2, 1, START, kind="c-echo", remote_ae_title=PROBE_AE_TITLE)
    with spool_in(tmp_path) as spool, reading(database, tmp_path) as log:
        for record in (probe, echo, ended(echo), ended(probe)):
            spool.write(record)
        log.drain()
    assert _contents(database) == []
    with database.read() as session:
        assert session.scalars(select(Spool.recorded_at)).one() is not None


def test_who_uses_the_probes_title_for_more_is_no_probe(database: Database, tmp_path: Path) -> None:
    opened = association(1, START, calling_ae_title=PROBE_AE_TITLE)
    asked = store(2, 1, START, remote_ae_title=PROBE_AE_TITLE)
    with spool_in(tmp_path) as spool, reading(database, tmp_path) as log:
        for record in (opened, asked, ended(asked), ended(opened)):
            spool.write(record)
        log.drain()
    with database.read() as session:
        assert len(session.scalars(select(Operation)).all()) == 1
        assert len(session.scalars(select(Association)).all()) == 1


def test_a_sender_is_its_last_association(database: Database, tmp_path: Path) -> None:
    rejected = {"outcome": "rejected", "ended_by": "recorder", "door_reason": "blocked", "end_result": 1}
    with spool_in(tmp_path) as spool, reading(database, tmp_path) as log:
        spool.write(ended(association(1, START)))
        again = association(2, START + MINUTE, calling_ae_title="ct1", remote_ip="192.0.2.9")
        spool.write(ended(again, **rejected))
        log.drain()
    with database.read() as session:
        sender = session.scalars(select(Sender)).one()
    assert (sender.ae_title_key, sender.ae_title, sender.remote_ip) == ("CT1", "ct1", "192.0.2.9")
    assert (sender.outcome, sender.door_reason) == (AssociationOutcome.REJECTED, DoorReason.BLOCKED)
    assert sender.last_seen_at - sender.first_seen_at == timedelta(minutes=1)


def test_hours_sum_what_ended_in_them(database: Database, tmp_path: Path) -> None:
    _write_some(tmp_path)
    with reading(database, tmp_path) as log:
        log.drain()
    with database.read() as session:
        rows = session.scalars(select(TransferHour)).all()
    assert sum(row.operation_count for row in rows) == 50
    assert sum(row.byte_count for row in rows) == 50 * 1100
    assert {row.duration_step for row in rows} == {13}  # 10 ms lie between 2^(13/4) and 2^(14/4)


def test_successes_go_after_their_time_and_failures_stay(database: Database, tmp_path: Path) -> None:
    long_ago = now() - 100 * 24 * 60 * MINUTE
    with spool_in(tmp_path) as spool, reading(database, tmp_path) as log:
        spool.write(ended(association(1, long_ago)))
        spool.write(ended(store(2, 1, long_ago)))
        spool.write(ended(store(3, 1, long_ago), status=0xA700, status_class="failure"))
        spool.write(ended(store(4, 1, START)))
        log.drain()
    retention.forget_successes(database, 90)
    with database.read() as session:
        assert list(session.scalars(select(Operation.number).order_by(Operation.number))) == [3, 4]
    assert _numbers(database) == [1]


def test_only_segments_that_were_read_and_are_old_go(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    old = (datetime.now(UTC) - timedelta(days=8)).timestamp()
    for name, written_at in (("1.jsonl", old), ("2.jsonl", None), ("3.jsonl", old), ("4.jsonl", old)):
        (folder / name).write_text("{}\n")
        if written_at:
            os.utime(folder / name, (written_at, written_at))
    retention.remove_segments(folder, Position("3.jsonl", 3), days=7)
    assert sorted(path.name for path in folder.iterdir()) == ["2.jsonl", "3.jsonl", "4.jsonl"]


def test_how_much_isnt_read_is_known(database: Database, tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool, reading(database, tmp_path) as log:
        log.drain()
        spool.write(association(1, START))
        with database.read() as session:
            row = session.scalars(select(Spool)).one()
        byte_count, since = unread(tmp_path / "spool", Position(row.segment, row.byte_offset))
    assert byte_count > 100
    assert since == pytest.approx(START / 1e6)


def test_a_collector_gets_each_end_as_a_line(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with reading(database, tmp_path, StandardOutput()) as log:
        with spool_in(tmp_path) as spool:
            for record in (association(1, START), store(2, 1, START), store(3, 1, START)):
                spool.write(record)
                log.drain()
            assert capsys.readouterr().out == ""
            spool.write(ended(store(2, 1, START)))
            log.drain()
        with spool_in(tmp_path):
            log.drain()
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["number"], one.get("outcome") or one["status_class"]) for one in told] == [
        (2, "success"),
        (1, "interrupted"),
        (3, "interrupted"),
    ]


def _numbers(database: Database) -> list[int]:
    with database.read() as session:
        return list(session.scalars(select(Association.number).order_by(Association.number)))
