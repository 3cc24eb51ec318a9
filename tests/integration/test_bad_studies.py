"""One bad study goes to the table of problems, with its reason; every other study proceeds."""

from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from bridge.status import read_status
from database.models import Study, SyncProblem
from database.session import Database
from settings import Settings
from tests.bridges import held_by_database, working
from tests.fake_archive import FakeArchive
from tests.fake_orthanc import FakeOrthanc

_LONG = "X" * 65_000


@pytest.fixture
def fake() -> Iterator[FakeOrthanc]:
    with FakeOrthanc() as server:
        yield server


def _archive(fake: FakeOrthanc) -> FakeArchive:
    assert isinstance(fake.archive, FakeArchive)
    return fake.archive


def _store(
    archive: FakeArchive, number: int, *, calling_ae_title: str = "CT1", instance_count: int = 1
) -> str:
    """A study of one series; answers the study's id."""
    for instance_number in range(1, instance_count + 1):
        instance = archive.store(
            {
                "PatientID": f"P{number}",
                "PatientName": f"Good^Study{number}",
                "PatientBirthDate": "19700101",
                "StudyInstanceUID": f"1.2.{number}",
                "SeriesInstanceUID": f"1.2.{number}.1",
                "SOPInstanceUID": f"1.2.{number}.1.{instance_number}",
                "StudyDate": "20261101",
                "Modality": "CT",
            },
            {"RemoteAET": calling_ae_title},
        )
    return archive.related([instance], "Study")[0]


def _reasons(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(SyncProblem.reason)))


def _live_studies(database: Database) -> int:
    with database.read() as session:
        query = select(func.count()).select_from(Study).where(Study.deleted_at.is_(None))
        return session.scalar(query) or 0


@pytest.mark.parametrize(
    ("tags", "reason", "is_shown"),
    [
        ({"StudyInstanceUID": None}, "StudyInstanceUID is missing", False),
        ({"StudyInstanceUID": ""}, "StudyInstanceUID is missing", False),
        ({"StudyDate": "20261399"}, "StudyDate is no date", True),
        ({"StudyDate": "00000000"}, "StudyDate is no date", True),
        ({"StudyTime": "99:99"}, "StudyTime is no time", True),
        ({"StudyDescription": _LONG}, "StudyDescription is longer", True),
        ({"StudyDescription": "a\x00b"}, "StudyDescription holds bytes that are no text", True),
        ({"StudyDescription": "a\ud800b"}, "StudyDescription holds bytes that are no text", True),
    ],
)
def test_a_bad_study_is_a_problem_and_the_others_proceed(
    fake: FakeOrthanc, database: Database, tags: dict[str, str | None], reason: str, *, is_shown: bool
) -> None:
    archive = _archive(fake)
    _store(archive, 1)
    bad = _store(archive, 2)
    archive.spoil(bad, **tags)
    _store(archive, 3)
    with working(database, fake.client()) as worker:
        worker.drain()
    assert len(_reasons(database)) == 1
    assert reason in _reasons(database)[0]
    assert _live_studies(database) == (3 if is_shown else 2)
    assert (bad in held_by_database(database)["studies"]) == is_shown


def test_no_reason_quotes_the_value(fake: FakeOrthanc, database: Database) -> None:
    archive = _archive(fake)
    archive.spoil(_store(archive, 1), StudyDate="secret", StudyDescription=_LONG)
    with working(database, fake.client()) as worker:
        worker.drain()
    assert all("secret" not in reason and "XXX" not in reason for reason in _reasons(database))


def test_a_sweep_retries_and_forgets_what_is_mended(fake: FakeOrthanc, database: Database) -> None:
    archive = _archive(fake)
    bad = _store(archive, 1)
    archive.spoil(bad, StudyInstanceUID=None)
    with working(database, fake.client()) as worker:
        worker.drain()
        assert _live_studies(database) == 0
        archive.spoil(bad, StudyInstanceUID="1.2.1")
        worker.sweep()
    assert _reasons(database) == []
    assert _live_studies(database) == 1
    assert len(held_by_database(database)["instances"]) == 1


@pytest.mark.parametrize("level", ["Study", "Series"])
def test_what_belongs_to_a_bad_study_or_series_is_counted_and_comes_when_it_is_mended(
    fake: FakeOrthanc, database: Database, level: str
) -> None:
    archive = _archive(fake)
    _store(archive, 1)
    (bad,) = archive.related([_store(archive, 2, instance_count=3)], level)
    archive.spoil(bad, **{f"{level}InstanceUID": None})
    client = fake.client()
    with working(database, client) as worker:
        worker.drain()
        _store(archive, 2, instance_count=4)  # one more for a parent that isn't kept
        worker.drain()
        before = read_status(database, client, Settings())
        archive.spoil(bad, **{f"{level}InstanceUID": "1.2.2"})
        worker.sweep()
        after = read_status(database, client, Settings())
    assert (before.instances, before.problems, before.missing_instances) == (1, 1, 4)
    assert (after.instances, after.problems, after.missing_instances) == (5, 0, 0)


def test_a_bad_study_that_is_mended_by_a_change_gets_what_was_left_out_from_a_sweep(
    fake: FakeOrthanc, database: Database
) -> None:
    archive = _archive(fake)
    bad = _store(archive, 1, instance_count=3)
    archive.spoil(bad, StudyInstanceUID=None)
    with working(database, fake.client()) as worker:
        worker.drain()
        archive.spoil(bad, StudyInstanceUID="1.2.1")
        archive.stabilise(bad)
        worker.drain()
        assert (_live_studies(database), _reasons(database)) == (1, [])
        worker.sweep()
    assert len(held_by_database(database)["instances"]) == 3


def test_a_sweep_forgets_the_problems_of_what_is_gone(fake: FakeOrthanc, database: Database) -> None:
    archive = _archive(fake)
    bad = _store(archive, 1)
    archive.spoil(bad, StudyInstanceUID=None)
    with working(database, fake.client()) as worker:
        worker.drain()
        archive.delete(bad)
        worker.sweep()
    assert _reasons(database) == []


def test_a_resource_that_orthanc_cannot_describe_is_found_among_a_thousand(
    fake: FakeOrthanc, database: Database
) -> None:
    archive = _archive(fake)
    studies = [_store(archive, number) for number in range(250)]
    fake.poison.add(studies[77])
    with working(database, fake.client()) as worker:
        worker.drain()
    assert _live_studies(database) == 249
    assert "HTTP 500" in _reasons(database)[0]


@pytest.mark.parametrize("level", ["Instance", "Series", "Study"])
def test_a_resource_that_orthanc_never_describes_is_found_and_the_feed_goes_on(
    fake: FakeOrthanc, database: Database, level: str
) -> None:
    archive = _archive(fake)
    studies = [_store(archive, number) for number in range(4)]
    fake.silent.update(archive.related(studies[2:3], level))
    with working(database, fake.client(seconds=2)) as worker:
        worker.drain()
        assert len(held_by_database(database)["instances"]) == 3
        assert _reasons(database) == ["Orthanc can't describe it (no answer in time)"]
        fake.silent.clear()
        worker.sweep()
    assert _reasons(database) == []
    assert len(held_by_database(database)["instances"]) == 4


def test_a_value_that_the_database_refuses_costs_only_its_own_instance(
    fake: FakeOrthanc, database: Database
) -> None:
    archive = _archive(fake)
    _store(archive, 1)
    _store(archive, 2, calling_ae_title="\ud800")
    _store(archive, 3)
    with working(database, fake.client()) as worker:
        worker.drain()
    assert "the database refuses it" in _reasons(database)[0]
    assert len(held_by_database(database)["instances"]) == 2
