"""Bridges for tests: in this process, or as the real command in one of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from bridge.loop import Worker
from bridge.orthanc_client import OrthancClient
from database.models import Instance, Series, Study
from database.session import Database
from tests.orthanc_process import OrthancProcess, free_port

ROOT = Path(__file__).parent.parent
Contents = dict[str, set[str]]


@contextmanager
def working(database: Database, client: OrthancClient) -> Iterator[Worker]:
    """A bridge that leads, in this process; it closes its client."""
    worker = Worker(database, client, timedelta(hours=1))
    assert worker.lead()
    try:
        yield worker
    finally:
        worker.close()
        client.close()


def held_by_orthanc(client: OrthancClient) -> Contents:
    """The ids of all studies, series and instances, by level."""
    studies = client.study_ids()
    series = client.series_of_studies(studies)
    return {
        "studies": set(studies),
        "series": {one.orthanc_id for one in series},
        "instances": {id_ for one in series for id_ in one.children},
    }


def held_by_database(database: Database) -> Contents:
    """The ids of everything that the database shows as present, by level."""
    with database.read() as session:
        return {
            name: set(session.scalars(select(model.orthanc_id).where(model.deleted_at.is_(None))))
            for name, model in (("studies", Study), ("series", Series), ("instances", Instance))
        }


def assert_counts_hold(database: Database) -> None:
    """Every live study's and series' stored counts are those of its live rows."""
    with database.read() as session:
        for study in session.scalars(select(Study).where(Study.deleted_at.is_(None))):
            series = session.scalars(
                select(Series).where(Series.study_id == study.id, Series.deleted_at.is_(None))
            ).all()
            assert study.series_count == len(series)
            assert study.instance_count == sum(one.instance_count for one in series)
            for one in series:
                live = select(Instance.id).where(Instance.series_id == one.id, Instance.deleted_at.is_(None))
                assert one.instance_count == len(session.scalars(live).all())


def environment_for(orthanc: OrthancProcess, database_url: str, data_dir: Path) -> dict[str, str]:
    """Where no recorder stands before the Orthanc (tests.recorders.environment_behind has one)."""
    return {
        **os.environ,
        "NOCTIS_DATA_DIR": str(data_dir),
        "NOCTIS_RECORDER": "off",
        "NOCTIS_DATABASE_URL": database_url,
        "NOCTIS_HTTP_PORT": str(free_port()),
        "NOCTIS_ORTHANC_HTTP_PORT": str(orthanc.http_port),
        "NOCTIS_DICOM_PORT": str(orthanc.dicom_port),
        "NOCTIS_ORTHANC_USERNAME": orthanc.username,
        "NOCTIS_ORTHANC_PASSWORD": orthanc.password,
        "NOCTIS_ENCRYPTION_KEY": "a key of the tests",
    }


def start_bridge(environment: Mapping[str, str], command: str = "run") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bridge", command],
        cwd=ROOT,
        env=dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_bridge(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """``python -m bridge …`` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "bridge", *arguments],
        cwd=ROOT,
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
