"""How soon a study wants to be read: from the files' own words, by way of a real Orthanc."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydicom import Dataset
from sqlalchemy import select, update

from bridge.loop import Worker
from bridge.orthanc_client import OrthancClient
from bridge.priorities import Priorities, requested_priority
from database.models import Priority, Study
from database.session import Database
from emulator.studies import make_study, part10_bytes
from tests.fake_archive import FakeArchive
from tests.fake_orthanc import FakeOrthanc
from tests.orthanc_process import OrthancProcess
from tests.waiting import wait_until


@pytest.fixture
def client(orthanc: OrthancProcess) -> Iterator[OrthancClient]:
    client = orthanc.client()
    yield client
    client.close()


@pytest.fixture
def worker(database: Database, client: OrthancClient) -> Iterator[Worker]:
    """A bridge that reads priorities, at work."""
    worker = Worker(database, client, timedelta(hours=1), priorities=Priorities(database, client))
    assert worker.lead()
    yield worker
    worker.close()


class _Counted(OrthancClient):
    """Counts how often an instance is read."""

    read_count = 0

    def instance_tags(self, orthanc_id: str) -> dict[str, Any]:
        self.read_count += 1
        return super().instance_tags(orthanc_id)


def _store(client: OrthancClient, name: str, **attributes: Any) -> None:
    for dataset in make_study(modality="CT", instance_count=2, seed=name, patient_id=name):
        for keyword, value in attributes.items():
            setattr(dataset, keyword, value)
        client.upload(part10_bytes(dataset))


def _item(**attributes: str) -> list[Dataset]:
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return [item]


def _priorities(database: Database) -> dict[str, str | None]:
    with database.read() as session:
        rows = session.execute(select(Study.patient_id, Study.requested_priority))
        return {row.patient_id: row.requested_priority for row in rows}


def _idle(worker: Worker) -> None:
    """Until there is nothing to follow, and once more."""
    wait_until(lambda: worker.tick() > 0, "a feed that is drained")
    worker.tick()


def test_the_bridge_reads_what_files_say(worker: Worker, client: OrthancClient, database: Database) -> None:
    _store(client, "order", RequestedProcedurePriority="STAT")
    _store(client, "old", StudyPriorityID="HIGH")
    _store(client, "item", RequestAttributesSequence=_item(RequestedProcedurePriority="MEDIUM"))
    _store(client, "silent")
    _store(client, "odd", RequestedProcedurePriority="PRONTO")
    wait_until(lambda: worker.tick() > 0 and None not in _priorities(database).values(), "all priorities")
    assert _priorities(database) == {
        "order": "stat",
        "old": "urgent",
        "item": "routine",
        "silent": "",
        "odd": "",
    }


def test_worklists_are_told_of_what_is_urgent_alone(
    worker: Worker, client: OrthancClient, database: Database
) -> None:
    def updated_at() -> datetime:
        with database.read() as session:
            return session.scalars(select(Study.updated_at)).one()

    _store(client, "silent")
    wait_until(lambda: worker.tick() > 0 and _priorities(database) == {"silent": ""}, "its priority")
    before = updated_at()
    with database.write() as session:
        session.execute(update(Study).values(requested_priority=None))
    _idle(worker)
    assert updated_at() == before

    _store(client, "silent", RequestedProcedurePriority="STAT")  # Orthanc keeps the file that it has
    _store(client, "loud", RequestedProcedurePriority="STAT")
    wait_until(lambda: worker.tick() > 0 and _priorities(database).get("loud") == "stat", "its priority")
    with database.read() as session:
        loud = session.scalars(select(Study).where(Study.patient_id == "loud")).one()
    assert loud.updated_at > loud.created_at


def test_each_study_is_read_once(orthanc: OrthancProcess, database: Database) -> None:
    counted = _Counted(orthanc.url, orthanc.username, orthanc.password)
    for number in range(7):
        _store(counted, f"P{number}")
    worker = Worker(database, counted, timedelta(hours=1), priorities=Priorities(database, counted))
    try:
        assert worker.lead()
        wait_until(
            lambda: worker.tick() > 0 and set(_priorities(database).values()) == {""}, "all priorities"
        )
        _idle(worker)
        _idle(worker)
        assert counted.read_count == 7
    finally:
        worker.close()
        counted.close()


def test_nothing_is_read_while_the_feed_has_more(database: Database, orthanc: OrthancProcess) -> None:
    counted = _Counted(orthanc.url, orthanc.username, orthanc.password)
    worker = Worker(database, counted, timedelta(hours=1), priorities=Priorities(database, counted))
    try:
        assert worker.lead()
        _store(counted, "first")
        while worker.tick() == 0:
            assert counted.read_count == 0
        assert counted.read_count <= 1
    finally:
        worker.close()
        counted.close()


def test_what_came_long_ago_is_left_unread(worker: Worker, client: OrthancClient, database: Database) -> None:
    _store(client, "old")
    worker.drain()
    with database.write() as session:
        session.execute(update(Study).values(received_at=datetime.now(UTC) - timedelta(days=31)))
    _idle(worker)
    assert _priorities(database) == {"old": None}


def test_a_file_that_cannot_be_read_holds_up_neither_the_others_nor_the_feed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.priorities._POSTPONED_SECONDS", 0.0)
    archive = FakeArchive()
    with FakeOrthanc(archive) as fake, closing(fake.client()) as client:
        whole, broken = (
            archive.store(
                {
                    "PatientID": name,
                    "PatientBirthDate": "19700101",
                    "StudyInstanceUID": f"1.2.{number}",
                    "SeriesInstanceUID": f"1.2.{number}.1",
                    "SOPInstanceUID": f"1.2.{number}.1.1",
                }
            )
            for number, name in enumerate(("whole", "broken"))
        )
        fake.poisoned_files.add(broken)
        worker = Worker(database, client, timedelta(hours=1), priorities=Priorities(database, client))
        with closing(worker):
            assert worker.lead()
            worker.drain()
            with database.write() as session:
                session.execute(update(Study).values(received_at=datetime.now(UTC)))
            wait_until(lambda: worker.tick() > 0 and _priorities(database)["whole"] == "", "the other one")
    assert _priorities(database)["broken"] is None
    assert whole != broken


def test_an_orthanc_that_is_away_is_waited_for(
    client: OrthancClient, database: Database, orthanc: OrthancProcess
) -> None:
    _store(client, "waiting", RequestedProcedurePriority="STAT")
    worker = Worker(database, client, timedelta(hours=1))
    assert worker.lead()
    worker.drain()
    worker.close()
    orthanc.stop()
    Priorities(database, client).step()
    assert _priorities(database) == {"waiting": None}
    orthanc.start()
    Priorities(database, client).step()
    assert _priorities(database) == {"waiting": "stat"}


@pytest.mark.parametrize(
    ("tags", "priority"),
    [
        ({}, None),
        ({"RequestedProcedurePriority": " stat "}, Priority.STAT),
        ({"RequestedProcedurePriority": "LOW", "StudyPriorityID": "HIGH"}, Priority.URGENT),
        ({"RequestedProcedurePriority": None}, None),
        ({"RequestAttributesSequence": ""}, None),
        ({"RequestAttributesSequence": [{"RequestedProcedurePriority": "ROUTINE"}]}, Priority.ROUTINE),
        (
            {
                "RequestAttributesSequence": [
                    {},
                    {"RequestedProcedurePriority": "URGENT"},
                    {"StudyPriorityID": "LOW"},
                ]
            },
            Priority.URGENT,
        ),
    ],
)
def test_the_most_urgent_word_counts(tags: dict[str, Any], priority: Priority | None) -> None:
    assert requested_priority(tags) is priority
