"""The bridge's transactions: short whatever there is to write, and whole whenever it is interrupted."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select, update

from bridge.changes import PAGE_LENGTH
from bridge.departures import ROWS_A_WRITE
from database.models import Instance, Study
from database.session import Database
from tests.bridges import held_by_database, working
from tests.fake_archive import FakeArchive
from tests.fake_orthanc import FakeOrthanc

_BESIDE = 50  # the few rows of studies, series, words and the feed that go with a set of instances


@pytest.fixture
def archive() -> FakeArchive:
    return FakeArchive()


@pytest.fixture
def fake(archive: FakeArchive) -> Iterator[FakeOrthanc]:
    with FakeOrthanc(archive) as server:
        yield server


def _store(archive: FakeArchive, study: int, instance_count: int, *, first: int = 0, series: int = 1) -> str:
    """Instances of one series; answers the study's id."""
    for number in range(first, first + instance_count):
        instance = archive.store(
            {
                "PatientID": f"P{study}",
                "PatientName": "Large^Study",
                "PatientBirthDate": "19700101",
                "StudyInstanceUID": f"1.2.{study}",
                "SeriesInstanceUID": f"1.2.{study}.{series}",
                "SOPInstanceUID": f"1.2.{study}.{series}.{number}",
            }
        )
    return archive.related([instance], "Study")[0]


class _Transactions:
    """How many rows each changed. ``fail_at``: which of those that mark what is gone fails to commit."""

    def __init__(self) -> None:
        self.rows: list[int] = [0]
        self.fail_at = 0
        self._marks = 0

    def execute(self, _c: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            self.rows[-1] += max(0, cursor.rowcount)
            self._marks += statement.startswith("UPDATE") and "deleted_at=" in statement

    def commit(self, _connection: Any) -> None:
        self.rows.append(0)
        if self.fail_at and self._marks == self.fail_at:
            raise InterruptedError


@contextmanager
def _watched(engine: Engine) -> Iterator[_Transactions]:
    seen = _Transactions()
    event.listen(engine, "after_cursor_execute", seen.execute)
    event.listen(engine, "commit", seen.commit)
    try:
        yield seen
    finally:
        event.remove(engine, "after_cursor_execute", seen.execute)
        event.remove(engine, "commit", seen.commit)


def test_no_transaction_grows_with_the_study_that_comes_or_goes(
    archive: FakeArchive, fake: FakeOrthanc, database: Database
) -> None:
    study = _store(archive, 1, 2 * ROWS_A_WRITE + 1)
    with working(database, fake.client()) as worker, _watched(database.engine) as came:
        worker.drain()
    archive.delete(study)
    with working(database, fake.client()) as worker, _watched(database.engine) as left:
        findings = worker.sweep()
    assert sum(came.rows) > 2 * ROWS_A_WRITE
    assert max(came.rows) <= PAGE_LENGTH + _BESIDE
    assert findings.deleted == 2 * ROWS_A_WRITE + 3
    assert max(left.rows) <= ROWS_A_WRITE + _BESIDE


def test_no_transaction_grows_with_the_series_that_goes(
    archive: FakeArchive, fake: FakeOrthanc, database: Database
) -> None:
    _store(archive, 1, 1)
    study = _store(archive, 1, ROWS_A_WRITE + 1, series=2)
    (series,) = (
        one for one in archive.related([study], "Series") if len(archive.related([one], "Instance")) > 1
    )
    with working(database, fake.client()) as worker:
        worker.drain()
        archive.delete(series)
        with _watched(database.engine) as left:
            worker.sweep()
    assert max(left.rows) <= ROWS_A_WRITE + _BESIDE
    with database.read() as session:
        assert session.execute(select(Study.series_count, Study.instance_count)).one() == (1, 1)
        live = select(func.count()).select_from(Instance).where(Instance.deleted_at.is_(None))
        assert session.scalar(live) == 1


@pytest.mark.parametrize("fail_at", [1, 2, 3, 4])
def test_a_sweep_that_dies_while_it_marks_is_made_good_by_the_next(
    archive: FakeArchive, fake: FakeOrthanc, database: Database, fail_at: int
) -> None:
    study = _store(archive, 1, ROWS_A_WRITE + 1)
    with working(database, fake.client()) as worker:
        worker.drain()
        archive.delete(study)
        with _watched(database.engine) as seen:
            seen.fail_at = fail_at
            with pytest.raises(InterruptedError):
                worker.sweep()
        with database.read() as session:  # the study itself is the first to leave
            assert (session.scalars(select(Study.deleted_at)).one() is None) == (fail_at == 1)
        worker.reset()
        worker.sweep()
    assert held_by_database(database) == {"studies": set(), "series": set(), "instances": set()}


def test_the_time_of_a_change_never_goes_back_though_the_clock_does(
    archive: FakeArchive, fake: FakeOrthanc, database: Database
) -> None:
    def newest() -> datetime:
        with database.read() as session:
            return session.scalars(select(func.max(Study.updated_at))).one()

    study = _store(archive, 1, 1)
    with working(database, fake.client()) as worker:
        worker.drain()
        with database.write() as session:  # as if the clock had been ahead until now
            session.execute(update(Study).values(updated_at=datetime.now(UTC) + timedelta(days=1)))
        times = [newest()]
        _store(archive, 1, 1, first=1)
        worker.drain()
        times.append(newest())
        _store(archive, 2, 1)
        worker.drain()
        times.append(newest())
        archive.delete(study)
        worker.sweep()
        times.append(newest())
    assert times == sorted(set(times))
