"""Spools as a recorder writes them, and logs that read them, in this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.recorder.records import Record
from bridge.recorder.spool import Spool
from bridge.transfers.collector import Collector
from bridge.transfers.transfer_log import TransferLog
from database.session import Database
from settings import Settings
from tests.fake_orthanc import FakeOrthanc

MINUTE = 60_000_000
"""In microseconds, as records tell the time."""


@contextmanager
def spool_in(data_dir: Path) -> Iterator[Spool]:
    spool = Spool(data_dir / "spool")
    spool.announce()
    yield spool
    spool.close()


@contextmanager
def reading(database: Database, data_dir: Path, collector: Collector | None = None) -> Iterator[TransferLog]:
    """A log that reads the data folder's spool; its Orthanc knows of nothing."""
    with FakeOrthanc() as fake:
        client = fake.client()
        log = TransferLog(database, client, Settings(data_dir=data_dir), collector)
        yield log
        log.close()
        client.close()


def association(number: int, started_at: int, **more: object) -> Record:
    return {
        "record": "association",
        "number": number,
        "started_at": started_at,
        "calling_ae_title": "CT1",
        "called_ae_title": "NOCTIS",
        "remote_ip": "192.0.2.1",
        "remote_port": 40000,
        **more,
    }


def store(number: int, of: int, started_at: int, **more: object) -> Record:
    """A C-STORE of the association ``of``, which began at ``started_at``, too."""
    return {
        "record": "operation",
        "number": number,
        "started_at": started_at + number,
        "association_started_at": started_at,
        "association_number": of,
        "kind": "c-store",
        "message_id": number,
        "remote_ae_title": "CT1",
        "remote_ip": "192.0.2.1",
        "request_byte_count": 1000,
        "sop_instance_uid": f"1.2.3.{number}",
        **more,
    }


def ended(record: Record, **more: object) -> Record:
    """The same, ten milliseconds later, with what is known then; by default all went well."""
    is_operation = record["record"] == "operation"
    how = (
        {"status": 0, "status_class": "success"}
        if is_operation
        else {"outcome": "released", "ended_by": "remote"}
    )
    return record | {"ended_at": record["started_at"] + 10_000} | how | more
