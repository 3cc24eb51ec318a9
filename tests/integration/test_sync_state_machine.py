"""Store, add, delete, rewind, crash, drain and sweep in any order: the database stays true to Orthanc.

Against the fake, whose contract suite holds it to the real one, in many orders and on both databases; and
against a real Orthanc, whose storage is really put back to an earlier state, in a few.
"""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bridge.loop import Worker
from bridge.orthanc_client import OrthancClient
from database.session import Database
from emulator.studies import make_study, part10_bytes
from tests.bridges import assert_counts_hold, held_by_database, held_by_orthanc
from tests.fake_archive import FakeArchive
from tests.fake_orthanc import FakeOrthanc
from tests.orthanc_process import OrthancProcess


class Site(Protocol):
    """An Orthanc that can be put back to an earlier state."""

    def client(self) -> OrthancClient: ...
    def snapshot(self) -> Any: ...
    def restore(self, snapshot: Any) -> None: ...


class FakeSite:
    def __init__(self, fake: FakeOrthanc, archive: FakeArchive) -> None:
        self._fake = fake
        self._archive = archive

    def client(self) -> OrthancClient:
        return self._fake.client()

    def snapshot(self) -> object:
        return self._archive.snapshot()

    def restore(self, snapshot: object) -> None:
        self._archive.restore(snapshot)


class RealSite:
    """Snapshots are copies of the storage folder, taken and put back while Orthanc is down."""

    def __init__(self, orthanc: OrthancProcess, folder: Path) -> None:
        self._orthanc = orthanc
        self._folder = folder
        self._count = 0

    def client(self) -> OrthancClient:
        return self._orthanc.client()

    def snapshot(self) -> Path:
        self._count += 1
        copy = self._folder / f"snapshot-{self._count}"
        self._orthanc.stop()
        shutil.copytree(self._orthanc.storage, copy)
        self._orthanc.start()
        return copy

    def restore(self, snapshot: Path) -> None:
        self._orthanc.stop()
        shutil.rmtree(self._orthanc.storage)
        shutil.copytree(snapshot, self._orthanc.storage)
        self._orthanc.start()


class SyncMachine(RuleBasedStateMachine):
    """One archive and one bridge after another on it. Subclasses set ``site`` and ``database``."""

    site: Site
    database: Database

    @initialize()
    def begin(self) -> None:
        self.client = self.site.client()
        for orthanc_id in self.client.study_ids():
            self.client.delete_study(orthanc_id)
        self.snapshot: Any = None
        self.is_drained = self.is_swept = False
        self.worker = self._make_worker()

    def _make_worker(self) -> Worker:
        worker = Worker(self.database, self.client, timedelta(hours=1))
        assert worker.lead()
        return worker

    @rule(number=st.integers(1, 4), series=st.integers(1, 2), instances=st.integers(1, 3))
    def store(self, number: int, series: int, instances: int) -> None:
        """Stores a study, or adds to it what it doesn't have yet."""
        for dataset in make_study(
            seed=number, series_count=series, instance_count=instances, pixel_byte_count=64
        ):
            self.client.upload(part10_bytes(dataset))
        self.is_drained = self.is_swept = False

    @rule(data=st.data())
    def delete_a_study(self, data: st.DataObject) -> None:
        ids = sorted(self.client.study_ids())
        if ids:
            self.client.delete_study(data.draw(st.sampled_from(ids)))
        self.is_swept = False

    @rule(data=st.data())
    def delete_an_instance(self, data: st.DataObject) -> None:
        ids = sorted(held_by_orthanc(self.client)["instances"])
        if ids:
            self.client.delete_instance(data.draw(st.sampled_from(ids)))
        self.is_swept = False

    @precondition(lambda self: self.snapshot is None)
    @rule()
    def take_a_snapshot(self) -> None:
        self.snapshot = self.site.snapshot()

    @precondition(lambda self: self.snapshot is not None)
    @rule()
    def rewind(self) -> None:
        self.site.restore(self.snapshot)
        self.is_drained = self.is_swept = False

    @rule()
    def crash(self) -> None:
        """The bridge is gone in the middle of its work: what it had read is lost, what it committed stays."""
        self.worker.tick()
        self.worker.close()
        self.worker = self._make_worker()

    @rule()
    def drain(self) -> None:
        self.worker.drain()
        self.is_drained = True

    @rule()
    def sweep(self) -> None:
        self.worker.sweep()
        self.is_drained = self.is_swept = True

    @invariant()
    def after_a_drain_nothing_that_orthanc_holds_is_missing(self) -> None:
        if not self.is_drained:
            return
        there, here = held_by_orthanc(self.client), held_by_database(self.database)
        for level, ids in there.items():
            assert ids <= here[level]
        assert_counts_hold(self.database)

    @invariant()
    def after_a_sweep_the_sets_are_equal(self) -> None:
        if self.is_swept:
            assert held_by_orthanc(self.client) == held_by_database(self.database)

    def teardown(self) -> None:
        if hasattr(self, "worker"):
            self.worker.close()
            self.client.close()


def _machine(site: Site, database: Database) -> type[SyncMachine]:
    return type("Machine", (SyncMachine,), {"site": site, "database": database})


_HEALTH = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def test_the_database_stays_true_to_a_fake_orthanc(database: Database) -> None:
    archive = FakeArchive()
    with FakeOrthanc(archive) as fake:
        run_state_machine_as_test(
            _machine(FakeSite(fake, archive), database),
            settings=settings(
                max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=_HEALTH
            ),
        )


@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
def test_the_database_stays_true_to_a_real_orthanc(
    database: Database, orthanc: OrthancProcess, tmp_path: Path
) -> None:
    run_state_machine_as_test(
        _machine(RealSite(orthanc, tmp_path), database),
        settings=settings(
            max_examples=6, stateful_step_count=15, deadline=None, suppress_health_check=_HEALTH
        ),
    )
