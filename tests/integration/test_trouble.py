"""Orthanc slow, sick, corrected or trimmed behind our back: the feed goes on, and nothing stays wrong."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select, update

from bridge.errors import OrthancRefused, OrthancUnavailable
from bridge.orthanc_answers import Statistics
from database.models import Study, SyncProblem
from database.session import Database
from tests.bridges import held_by_database, held_by_orthanc, working
from tests.fake_archive import FakeArchive
from tests.fake_orthanc import FakeOrthanc


@pytest.fixture
def archive() -> FakeArchive:
    return FakeArchive()


@pytest.fixture
def fake(archive: FakeArchive) -> Iterator[FakeOrthanc]:
    with FakeOrthanc(archive) as server:
        yield server


def _store(archive: FakeArchive, number: int, *, birth_date: str = "19700101", instance: int = 1) -> str:
    """One instance of a study; answers its id."""
    return archive.store(
        {
            "PatientID": f"P{number}",
            "PatientName": f"Good^Study{number}",
            "PatientBirthDate": birth_date,
            "StudyInstanceUID": f"1.2.{number}",
            "SeriesInstanceUID": f"1.2.{number}.1",
            "SOPInstanceUID": f"1.2.{number}.1.{instance}",
        }
    )


def _is_true(fake: FakeOrthanc, database: Database) -> bool:
    client = fake.client()
    try:
        return held_by_orthanc(client) == held_by_database(database)
    finally:
        client.close()


def test_a_file_that_cannot_be_read_costs_its_age_and_nothing_else(
    archive: FakeArchive, fake: FakeOrthanc, database: Database
) -> None:
    fake.poisoned_files.add(_store(archive, 1, birth_date=""))
    _store(archive, 2)
    with working(database, fake.client()) as worker:
        worker.drain()
    assert _is_true(fake, database)
    with database.read() as session:
        problem = session.scalars(select(SyncProblem)).one()
    assert problem.is_kept
    assert "its file can't be read" in problem.reason


def test_a_sick_orthanc_is_waited_for_rather_than_blamed_on_its_studies(
    archive: FakeArchive, fake: FakeOrthanc, database: Database
) -> None:
    for number in range(20):
        _store(archive, number)
    with working(database, fake.client()) as worker:
        worker.tick()
        _store(archive, 99)
        fake.faults.status = 500
        with pytest.raises(OrthancRefused):
            worker.drain()
        fake.faults.status = 0
        worker.reset()
        worker.drain()
        assert _is_true(fake, database)
    with database.read() as session:
        assert session.scalars(select(SyncProblem)).all() == []


def test_a_bulk_request_that_fails_with_everything_else_moves_nothing(
    archive: FakeArchive, fake: FakeOrthanc, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = fake.client()
    bad = _store(archive, 1)
    fake.poison.add(bad)

    def sick() -> Statistics:
        fake.faults.status = 500
        try:
            return statistics()
        finally:
            fake.faults.status = 0

    statistics = client.statistics
    monkeypatch.setattr(client, "statistics", sick)
    with working(database, client) as worker, pytest.raises(OrthancUnavailable):
        worker.drain()
    assert held_by_database(database)["instances"] == set()


def test_a_sweep_brings_a_name_that_was_corrected_without_a_change(
    archive: FakeArchive, fake: FakeOrthanc, database: Database
) -> None:
    study = archive.related([_store(archive, 1)], "Study")[0]
    with working(database, fake.client()) as worker:
        worker.drain()
        archive.spoil(study, StudyDescription="corrected")
        worker.sweep()
    with database.read() as session:
        assert session.scalars(select(Study.study_description)).all() == ["corrected"]


@pytest.mark.parametrize(
    ("birth_date", "name"),
    [("", "Good^Study1"), ("19700101", "Doe^Jane=$B;3ED(B^$BB@O:(B"), ("", "Doe^Jane=$B;3ED(B^$BB@O:(B")],
)
def test_a_sweep_brings_what_was_corrected_in_a_study_whose_file_was_read(
    archive: FakeArchive, fake: FakeOrthanc, database: Database, birth_date: str, name: str
) -> None:
    study = archive.related([_store(archive, 1, birth_date=birth_date)], "Study")[0]
    archive.spoil(study, PatientName=name)
    with working(database, fake.client()) as worker:
        worker.drain()
        archive.correct(study, PatientName="Corrected^Name", StudyDescription="corrected")
        worker.sweep()
    with database.read() as session:
        found = session.execute(select(Study.patient_name, Study.study_description)).all()
    assert found == [("Corrected^Name", "corrected")]


@pytest.mark.parametrize("birth_date", ["19700101", ""])
def test_a_sweep_leaves_alone_what_is_right(
    archive: FakeArchive, fake: FakeOrthanc, database: Database, birth_date: str
) -> None:
    study = archive.related([_store(archive, 1, birth_date=birth_date)], "Study")[0]
    # its file says something else than Orthanc's index, as another of its instances may
    archive.spoil(study, ReferringPhysicianName="" if birth_date else "House^Gregory")
    with working(database, fake.client()) as worker:
        worker.drain()
        with database.read() as session:
            before = session.scalars(select(Study.updated_at)).all()
        findings = worker.sweep()
        with database.read() as session:
            assert session.scalars(select(Study.updated_at)).all() == before
    assert (findings.added, findings.deleted) == (0, 0)


def test_a_trimmed_feed_calls_for_a_sweep_also_when_new_rows_follow(
    archive: FakeArchive, fake: FakeOrthanc, database: Database
) -> None:
    _store(archive, 1)
    with working(database, fake.client()) as worker:
        worker.drain()
        _store(archive, 2)
        archive.delete_changes()
        _store(archive, 3)
        worker.drain()
        assert _is_true(fake, database)


@pytest.mark.parametrize("how", ["poison", "silent"])
def test_a_series_with_one_bad_instance_is_swept_on_a_newer_orthanc_too(
    archive: FakeArchive, database: Database, how: str
) -> None:
    with FakeOrthanc(archive, has_extended_find=True) as fake:
        bad = _store(archive, 1)
        for number in range(2, 60):
            _store(archive, number)
        archive.delete_changes()
        getattr(fake, how).add(bad)
        with working(database, fake.client(seconds=2)) as worker:
            worker.sweep()
        assert len(held_by_database(database)["instances"]) == 58


def test_a_limit_of_orthancs_on_what_it_finds_hides_nothing_from_a_sweep(
    archive: FakeArchive, database: Database
) -> None:
    with FakeOrthanc(archive, has_extended_find=True) as fake:
        for number in range(5):
            _store(archive, 1, instance=number)
        archive.delete_changes()
        fake.limit_find = 2
        with working(database, fake.client()) as worker:
            worker.sweep()
            assert _is_true(fake, database)


def test_live_rows_under_a_deleted_study_are_found_by_a_sweep(
    archive: FakeArchive, fake: FakeOrthanc, database: Database
) -> None:
    instance = _store(archive, 1)
    study = archive.related([instance], "Study")[0]
    with working(database, fake.client()) as worker:
        worker.drain()
        archive.delete(study)
        with database.write() as session:
            session.execute(update(Study).values(deleted_at=Study.created_at))
        worker.sweep()
        assert _is_true(fake, database)
