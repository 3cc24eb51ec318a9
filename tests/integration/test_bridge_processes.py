"""The real ``python -m bridge`` in processes of its own: killed, doubled, cut off from what it needs."""

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from bridge.feed import load_feed
from database.migrate import upgrade
from database.models import Facility, Report, Study
from database.session import Database, make_engine
from emulator.studies import make_study, part10_bytes
from tests.bridges import (
    assert_counts_hold,
    environment_for,
    held_by_database,
    held_by_orthanc,
    run_bridge,
    start_bridge,
)
from tests.factories import create_member, create_study
from tests.orthanc_process import OrthancProcess
from tests.postgres_process import PostgresProcess
from tests.waiting import wait_until
from webapp.reports import reading, writing
from webapp.reports.chain import breaks
from webapp.reports.texts import Save
from webapp.reports.writing import Writer


@pytest.fixture
def environment(orthanc: OrthancProcess, database_url: str, tmp_path: Path) -> dict[str, str]:
    return environment_for(orthanc, database_url, tmp_path)


@pytest.fixture
def bridges() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def _started(stack: ExitStack, environment: dict[str, str]) -> subprocess.Popen[str]:
    process = start_bridge(environment)
    stack.callback(_end, process)
    return process


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    if process.stderr is not None and not process.stderr.closed:
        sys.stderr.write(process.communicate()[1])  # shown when the test fails


def _upload(orthanc: OrthancProcess, seed: int, series_count: int = 1, instance_count: int = 2) -> None:
    client = orthanc.client()
    for dataset in make_study(
        seed=seed, pixel_byte_count=64, series_count=series_count, instance_count=instance_count
    ):
        client.upload(part10_bytes(dataset))
    client.close()


@contextmanager
def _senders(
    orthanc: OrthancProcess, study_count: int, series_count: int, instance_count: int
) -> Iterator[None]:
    """Two clients that store studies while the block runs; it ends when they are done."""
    with ThreadPoolExecutor(2) as pool:
        futures = [
            pool.submit(_upload, orthanc, seed, series_count, instance_count) for seed in range(study_count)
        ]
        yield
        for future in futures:
            future.result()


def _is_true_to(orthanc: OrthancProcess, database: Database) -> bool:
    client = orthanc.client()
    try:
        return held_by_orthanc(client) == held_by_database(database)
    finally:
        client.close()


def test_bridges_killed_at_random_moments_lose_and_invent_nothing(
    orthanc: OrthancProcess, database: Database, environment: dict[str, str]
) -> None:
    moments = random.Random(20261123)  # noqa: S311
    with _senders(orthanc, 40, series_count=2, instance_count=4):
        for _ in range(12):
            process = start_bridge(environment)
            time.sleep(moments.uniform(0.4, 1.6))  # the moment is the test, not a wait
            _end(process)
    done = run_bridge(environment, "once")
    assert done.returncode == 0, done.stderr
    assert _is_true_to(orthanc, database)
    assert_counts_hold(database)


def test_a_second_bridge_stands_by_and_takes_over_from_a_killed_one(
    orthanc: OrthancProcess, database: Database, environment: dict[str, str], bridges: ExitStack
) -> None:
    first = _started(bridges, environment)
    wait_until(lambda: load_feed(database).swept_at, "the first bridge works")
    _started(bridges, environment)
    _upload(orthanc, 1)
    wait_until(lambda: _is_true_to(orthanc, database), "the first bridge brings the study")
    first.kill()
    _upload(orthanc, 2)
    wait_until(lambda: _is_true_to(orthanc, database), "the second bridge brings the next")


def test_an_orthanc_that_is_killed_and_comes_back_costs_nothing(
    orthanc: OrthancProcess, database: Database, environment: dict[str, str], bridges: ExitStack
) -> None:
    bridge = _started(bridges, environment)
    _upload(orthanc, 1)
    wait_until(lambda: _is_true_to(orthanc, database), "the first study")
    orthanc.kill()
    failed = run_bridge(environment, "status", "--json")
    assert failed.returncode == 3
    assert json.loads(failed.stdout)["lag_changes"] is None
    orthanc.start()
    _upload(orthanc, 2)
    wait_until(lambda: _is_true_to(orthanc, database), "the second study")
    bridge.send_signal(signal.SIGTERM)
    _, log = bridge.communicate()
    assert bridge.returncode == 0
    assert log.count("the change feed waits: no answer from Orthanc") == 1
    assert log.count("the change feed goes on") == 1


def test_a_postgresql_that_restarts_costs_nothing(
    orthanc: OrthancProcess, tmp_path: Path, bridges: ExitStack
) -> None:
    with PostgresProcess(durable=True) as postgres:
        urls = postgres.database()
        upgrade(*urls)
        database = Database(make_engine(urls[1]))
        _started(bridges, environment_for(orthanc, urls[1], tmp_path))
        _upload(orthanc, 1)
        wait_until(lambda: _is_true_to(orthanc, database), "the first study")
        postgres.stop()
        _upload(orthanc, 2)
        postgres.start()
        wait_until(lambda: _is_true_to(orthanc, database), "the second study")
        bridges.close()
        database.engine.dispose()


def test_a_persons_save_during_a_catch_up_never_meets_a_locked_database(
    orthanc: OrthancProcess, database: Database, environment: dict[str, str]
) -> None:
    with _senders(orthanc, 12, series_count=4, instance_count=50):
        pass
    done = threading.Event()
    saves: list[int] = []

    def save() -> None:
        while not done.is_set():
            with database.write() as session:
                session.execute(
                    insert(Facility).values(name="saved", code=f"F{len(saves)}", created_at=datetime.now(UTC))
                )
            saves.append(1)

    with ThreadPoolExecutor(1) as pool:
        saving = pool.submit(save)
        try:
            caught_up = run_bridge(environment, "once")
        finally:
            done.set()
        saving.result()
    assert caught_up.returncode == 0, caught_up.stderr
    assert saves
    assert _is_true_to(orthanc, database)
    with database.read() as session:
        assert len(session.scalars(select(Facility)).all()) == len(saves)


def test_a_report_that_is_written_during_a_catch_up_keeps_every_save(
    orthanc: OrthancProcess, database: Database, environment: dict[str, str]
) -> None:
    study, writer = create_study(database), Writer(create_member(database), "page")
    with _senders(orthanc, 12, series_count=4, instance_count=50):
        pass
    done = threading.Event()
    texts: list[str] = []

    def write() -> None:
        while not done.is_set():
            text = f"Sentence {len(texts)}."
            writing.save(database, study.id, writer, Save({"findings": text}, len(texts)))
            texts.append(text)

    with ThreadPoolExecutor(1) as pool:
        writing_on = pool.submit(write)
        try:
            caught_up = run_bridge(environment, "once")
        finally:
            done.set()
        writing_on.result()
    assert caught_up.returncode == 0, caught_up.stderr
    assert texts
    assert_counts_hold(database)
    with database.read() as session:
        report = session.scalars(select(Report)).one()
        revisions = reading.history_of(session, report)
        assert [revision.findings for revision in revisions] == texts
        assert breaks(revisions) == []


def test_commands_leave_the_work_to_a_running_bridge_and_wait_for_it(
    orthanc: OrthancProcess, database: Database, environment: dict[str, str], bridges: ExitStack
) -> None:
    _started(bridges, environment)
    wait_until(lambda: load_feed(database).swept_at, "the bridge works")
    _upload(orthanc, 1)
    once = run_bridge(environment, "once")
    assert (once.returncode, _is_true_to(orthanc, database)) == (0, True)
    client = orthanc.client()
    client.delete_study(client.study_ids()[0])
    client.close()
    swept = run_bridge(environment, "sweep")
    assert (swept.returncode, _is_true_to(orthanc, database)) == (0, True)
    with database.read() as session:
        assert session.scalars(select(Study.deleted_at)).one() is not None


def test_status_tells_machines_what_is_there_and_what_waits(database_url: str, tmp_path: Path) -> None:
    # Stable… changes come on their own, seconds later: here the feed shall end with what was stored.
    with OrthancProcess(overrides={"StableAge": 600}) as orthanc:
        environment = environment_for(orthanc, database_url, tmp_path)
        _upload(orthanc, 1, series_count=2, instance_count=3)
        before = json.loads(run_bridge(environment, "status", "--json").stdout)
        assert before["studies"] == 0
        assert before["lag_changes"] == 10  # 6 instances, 2 series, the study and the patient
        assert before["lag_seconds"] >= 0
        run_bridge(environment, "once")
        after = json.loads(run_bridge(environment, "status", "--json").stdout)
    assert (after["studies"], after["series"], after["instances"]) == (1, 2, 6)
    assert (after["problems"], after["lag_changes"], after["lag_seconds"]) == (0, 0, 0.0)


def test_an_empty_database_is_named_with_the_command_that_helps(
    orthanc: OrthancProcess, tmp_path: Path
) -> None:
    environment = environment_for(orthanc, f"sqlite:///{tmp_path / 'new.sqlite'}", tmp_path)
    refused = run_bridge(environment, "once")
    assert refused.returncode == 1
    assert "python -m launch migrate" in refused.stderr


def test_the_doctor_finds_nothing_wrong_where_nothing_is(
    orthanc: OrthancProcess, environment: dict[str, str], bridges: ExitStack, database: Database
) -> None:
    _started(bridges, environment)
    wait_until(lambda: load_feed(database).polled_at, "the bridge works")
    found = run_bridge(environment, "doctor", "--store", "--json")
    report = json.loads(found.stdout)
    assert [check for check in report["checks"] if not check["ok"]] == []
    assert (found.returncode, report["ok"]) == (0, True)
    client = orthanc.client()
    assert client.study_ids() == []  # the test object is removed again
    client.close()


def test_the_doctor_names_what_is_wrong_and_what_to_do(
    orthanc: OrthancProcess, environment: dict[str, str]
) -> None:
    orthanc.kill()
    found = run_bridge(environment, "doctor", "--json")
    wrong = {check["name"]: check for check in json.loads(found.stdout)["checks"] if not check["ok"]}
    assert found.returncode == 1
    assert set(wrong) == {"Orthanc", "C-ECHO", "change feed"}
    assert all(check["advice"] for check in wrong.values())
