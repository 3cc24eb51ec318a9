"""What Orthanc did as a client: from its list of jobs, and from administrators' connection tests.

Neither passes the recorder. A job is one row, however many instances it sent: Orthanc tells no more.
"""

import hashlib
import logging
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bridge.errors import OrthancRefused, OrthancUnavailable
from bridge.orthanc_client import OrthancClient
from bridge.transfers.rows import OPERATION, Row
from bridge.transfers.tables import write_operations
from database.models import ConnectionTest, Instance, Operation, Series, Study
from database.session import Database
from database.transfer_terms import Direction, OperationKind, Source, StatusClass

logger = logging.getLogger(__name__)

JOB_BOOT, TEST_BOOT = 1, 2
"""In place of a recorder's boot, beside ``accounting.UNRECORDED_BOOT``."""
_KINDS = {
    "DicomModalityStore": OperationKind.C_STORE,
    "DicomMoveScu": OperationKind.C_MOVE,
    "DicomGetScu": OperationKind.C_GET,
}
_ENDED = {"Success": StatusClass.SUCCESS, "Failure": StatusClass.FAILURE}
_TESTS_A_STEP = 200
_LOOK_SECONDS = 2.0


class Jobs:
    """Orthanc's jobs that ended, each once."""

    def __init__(self, database: Database, client: OrthancClient) -> None:
        self._database = database
        self._client = client
        self._seen: set[str] = set()

    def run(self, stop: threading.Event) -> None:
        """Until ``stop``, in a thread of its own: an Orthanc that hangs mustn't hold up the spool."""
        while not stop.wait(_LOOK_SECONDS):
            try:
                self.step()
            except (OrthancUnavailable, OrthancRefused, DBAPIError) as error:
                logger.debug("Orthanc's jobs are looked at later (%s)", type(error).__name__)

    def step(self) -> None:
        """Raises OrthancUnavailable, OrthancRefused and SQLAlchemy's errors."""
        ids = set(self._client.job_ids())
        self._seen &= ids
        for job_id in sorted(ids - self._seen):
            try:
                job = self._client.job(job_id)
            except OrthancRefused:
                continue  # its history is full: it was forgotten meanwhile
            if job["Type"] in _KINDS and job["State"] in _ENDED:
                with self._database.write() as session:
                    study_id = _study_of(session, job["Content"].get("ParentResources") or [])
                    write_operations(session, [_job_row(job, study_id)])
            if job["Type"] not in _KINDS or job["State"] in _ENDED:
                self._seen.add(job_id)


def _job_row(job: Mapping[str, Any], study_id: int | None) -> Row:
    content = job["Content"]
    remote = str(content.get("RemoteAet") or content.get("TargetAet") or "")
    has_succeeded = job["State"] == "Success"
    total, failed = content.get("InstancesCount"), content.get("FailedInstancesCount")
    return OPERATION | {
        "started_at": _moment(job["CreationTime"]),
        "boot": JOB_BOOT,
        "number": int.from_bytes(hashlib.sha256(job["ID"].encode()).digest()[:7]),
        "source": Source.JOB,
        "direction": Direction.OUT,
        "kind": _KINDS[job["Type"]],
        "remote_ae_title": remote,
        "remote_ae_title_key": remote.upper(),
        "ended_at": _moment(job.get("CompletionTime") or job["CreationTime"]),
        "status_class": _class_of(job, failed),
        "reason": "" if has_succeeded else f"{job['ErrorDescription']}: {job.get('ErrorDetails', '')}"[:500],
        "move_destination": str(content.get("TargetAet") or ""),
        "completed_count": total - (failed or 0) if has_succeeded and total is not None else None,
        "failed_count": failed,
        "study_id": study_id,
    }


def _class_of(job: Mapping[str, Any], failed: int | None) -> StatusClass:
    found = _ENDED[job["State"]]
    return StatusClass.WARNING if found is StatusClass.SUCCESS and failed else found


def _moment(text: str) -> datetime:
    """Orthanc's clock, UTC: ``20261125T145452.270711``."""
    return datetime.strptime(text, "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)


def _study_of(session: Session, orthanc_ids: list[str]) -> int | None:
    """The one study that these resources belong to; None when it is unknown or there are several."""
    found: set[int] = set()
    for query in (
        select(Study.id).where(Study.orthanc_id.in_(orthanc_ids)),
        select(Series.study_id).where(Series.orthanc_id.in_(orthanc_ids)),
        select(Series.study_id)
        .join(Instance, Instance.series_id == Series.id)
        .where(Instance.orthanc_id.in_(orthanc_ids)),
    ):
        found |= set(session.scalars(query.distinct().limit(2)))
    return found.pop() if len(found) == 1 else None


def enter_connection_tests(database: Database) -> None:
    """Those that aren't in the log yet."""
    with database.read() as session:
        last = session.scalar(select(func.max(Operation.number)).where(Operation.boot == TEST_BOOT)) or 0
        query = select(ConnectionTest).where(ConnectionTest.id > last).order_by(ConnectionTest.id)
        tests = session.scalars(query.limit(_TESTS_A_STEP)).all()
    if tests:
        with database.write() as session:
            write_operations(session, [_test_row(test) for test in tests])


def _test_row(test: ConnectionTest) -> Row:
    return OPERATION | {
        "started_at": test.started_at,
        "boot": TEST_BOOT,
        "number": test.id,
        "source": Source.TEST,
        "direction": Direction.OUT,
        "kind": OperationKind.C_ECHO,
        "remote_ae_title": test.ae_title,
        "remote_ae_title_key": test.ae_title.upper(),
        "remote_ip": test.host,
        "ended_at": test.ended_at,
        "status": 0 if test.is_ok else None,
        "status_class": StatusClass.SUCCESS if test.is_ok else StatusClass.FAILURE,
        "reason": "" if test.is_ok else test.finding,
    }
