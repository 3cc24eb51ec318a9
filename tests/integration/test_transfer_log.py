"""The transfer log beside a real Orthanc: what brought which study, what came unrecorded, who may come in."""

import resource
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from bridge import scu
from bridge.loop import Worker
from bridge.orthanc_client import OrthancClient
from bridge.transfers import accounting
from bridge.transfers.transfer_log import TransferLog
from database.models import (
    ApplicationEntity,
    Association,
    BlockedSender,
    ConnectionTest,
    Instance,
    Operation,
    SpoolGap,
    StudySender,
)
from database.session import Database
from database.transfer_terms import (
    AssociationOutcome,
    Direction,
    DoorReason,
    OperationKind,
    Source,
    StatusClass,
    Storage,
)
from settings import Settings
from tests import transfer_clients as clients
from tests.bridges import working
from tests.factories import create_application_entity, create_facility, create_member
from tests.orthanc_process import AE_TITLE, OrthancProcess
from tests.recorders import RecorderProcess
from tests.waiting import wait_until

_SENDER_IP = "127.0.0.9"


@pytest.fixture
def recorder(orthanc: OrthancProcess) -> Iterator[RecorderProcess]:
    with RecorderProcess(orthanc.dicom_port) as process:
        yield process


@pytest.fixture
def client(orthanc: OrthancProcess) -> Iterator[OrthancClient]:
    client = orthanc.client()
    yield client
    client.close()


@pytest.fixture
def worker(database: Database, orthanc: OrthancProcess) -> Iterator[Worker]:
    with working(database, orthanc.client()) as worker:
        yield worker


@pytest.fixture
def log(database: Database, client: OrthancClient, recorder: RecorderProcess) -> Iterator[TransferLog]:
    log = TransferLog(database, client, Settings(data_dir=recorder.data_dir))
    yield log
    log.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is waited for a minute or more in life."""
    for name in ("_BYPASSED_AFTER", "_DUPLICATE_AFTER", "_NOT_HELD_AFTER"):
        monkeypatch.setattr(accounting, name, timedelta(0))


def _store(datasets: list[Dataset], port: int) -> list[int]:
    """By C-STORE from another address than Orthanc's neighbours."""
    ae = AE("CT1")
    ae.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
    association = ae.associate("127.0.0.1", port, ae_title=AE_TITLE, bind_address=(_SENDER_IP, 0))
    assert association.is_established
    statuses = [association.send_c_store(dataset).Status for dataset in datasets]
    association.release()
    return statuses


def _operations(database: Database) -> list[Operation]:
    with database.read() as session:
        return list(session.scalars(select(Operation).order_by(Operation.started_at, Operation.number)))


def test_a_transfer_is_linked_to_its_study_and_the_study_to_its_real_sender(
    recorder: RecorderProcess, worker: Worker, log: TransferLog, database: Database
) -> None:
    assert _store(clients.new_study(instance_count=3), recorder.port) == [0, 0, 0]
    log.drain()
    worker.drain()
    log.drain()
    operations = _operations(database)
    with database.read() as session:
        instances = session.scalars(select(Instance)).all()
        sender = session.scalars(select(StudySender)).one()
    assert [one.storage for one in operations] == [Storage.STORED] * 3
    assert {one.study_id for one in operations} == {sender.study_id}
    addresses = {one.remote_ip for one in operations} | {one.remote_ip for one in instances}
    assert addresses | {sender.remote_ip} == {_SENDER_IP}
    assert all(one.accounted_at == one.received_at for one in instances)
    worker.sweep()  # reads everything again
    with database.read() as session:
        assert set(session.scalars(select(Instance.remote_ip))) == {_SENDER_IP}


@pytest.mark.usefixtures("impatient")
def test_an_instance_that_was_there_before_is_a_duplicate(
    recorder: RecorderProcess, worker: Worker, log: TransferLog, database: Database, client: OrthancClient
) -> None:
    study = clients.new_study(instance_count=1)
    for _ in range(2):
        assert _store(study, recorder.port) == [0]
        worker.drain()
        log.drain()
    assert [one.storage for one in _operations(database)] == [Storage.STORED, Storage.DUPLICATE]
    client.delete_study(client.study_ids()[0])
    deleted_at = client.now()
    wait_until(lambda: client.now() > deleted_at, "Orthanc's clock, which has seconds only, goes on")
    assert _store(study, recorder.port) == [0]
    worker.drain()
    log.drain()
    assert _operations(database)[-1].storage == Storage.STORED


@pytest.mark.usefixtures("impatient")
def test_what_came_past_the_recorder_is_said_to_be_unrecorded(
    recorder: RecorderProcess, worker: Worker, log: TransferLog, database: Database, orthanc: OrthancProcess
) -> None:
    _store(clients.new_study(instance_count=1), recorder.port)
    _store(clients.new_study(instance_count=2), orthanc.dicom_port)
    log.drain()
    worker.drain()
    log.drain()
    log.drain()
    by_source = [(one.source, one.storage) for one in _operations(database)]
    assert sorted(by_source) == [(Source.ORTHANC, Storage.STORED)] * 2 + [(Source.RECORDER, Storage.STORED)]
    unrecorded = next(one for one in _operations(database) if one.source is Source.ORTHANC)
    assert unrecorded.association_number is None
    assert unrecorded.remote_ae_title == "CT1"
    assert unrecorded.study_id is not None


def test_what_may_still_be_recorded_is_not_yet_called_unrecorded(
    recorder: RecorderProcess, worker: Worker, log: TransferLog, database: Database, orthanc: OrthancProcess
) -> None:
    _store(clients.new_study(instance_count=1), orthanc.dicom_port)
    worker.drain()
    log.drain()
    assert recorder.is_running
    assert _operations(database) == []


@pytest.mark.usefixtures("impatient")
def test_a_success_that_orthanc_does_not_hold_is_said_to_leave_nothing(
    recorder: RecorderProcess, worker: Worker, log: TransferLog, database: Database, client: OrthancClient
) -> None:
    _store(clients.new_study(instance_count=1), recorder.port)
    client.delete_study(client.study_ids()[0])  # before the feed was read: it tells of nothing
    worker.drain()
    log.drain()
    wait_until(lambda: _has_polled_later(worker, log, database), "the feed was read since")
    assert [one.storage for one in _operations(database)] == [Storage.NOT_HELD]


def _has_polled_later(worker: Worker, log: TransferLog, database: Database) -> bool:
    worker.tick()
    log.tick()
    return _operations(database)[0].storage is not Storage.AWAITED


def test_without_a_recorder_the_log_holds_what_orthanc_knows(
    worker: Worker, database: Database, orthanc: OrthancProcess, client: OrthancClient, tmp_path: Path
) -> None:
    log = TransferLog(database, client, Settings(data_dir=tmp_path, recorder="off"))
    _store(clients.new_study(instance_count=2), orthanc.dicom_port)
    client.upload(clients.write_file(tmp_path).read_bytes())  # no transfer by DICOM
    worker.drain()
    log.drain()
    log.drain()
    log.close()
    operations = _operations(database)
    assert [(one.source, one.kind) for one in operations] == [(Source.ORTHANC, OperationKind.C_STORE)] * 2
    assert {one.remote_ip for one in operations} == {_SENDER_IP}
    assert all(one.study_id and one.request_byte_count for one in operations)


def test_what_orthanc_sent_is_logged_once_from_its_jobs(
    worker: Worker, log: TransferLog, database: Database, orthanc: OrthancProcess, client: OrthancClient
) -> None:
    (dataset,) = clients.new_study(instance_count=1)
    _store([dataset], orthanc.dicom_port)
    worker.drain()
    with clients.storage_node("READER") as port:
        client.put_modality("reader", {"AET": "READER", "Host": "127.0.0.1", "Port": port})
        client.put_modality("dead", {"AET": "DEAD", "Host": "127.0.0.1", "Port": 9})
        study_id = client.study_ids()[0]
        for name, status in (("reader", 200), ("dead", 500)):
            answer = client._api.post(f"{orthanc.url}/modalities/{name}/store", json=study_id)
            assert answer.status_code == status
    for _ in range(2):
        log.drain()
    sent, failed = (one for one in _operations(database) if one.source is Source.JOB)
    assert (sent.remote_ae_title, sent.status_class, sent.completed_count) == (
        "READER",
        StatusClass.SUCCESS,
        1,
    )
    assert (failed.remote_ae_title, failed.status_class) == ("DEAD", StatusClass.FAILURE)
    assert "Connection refused" in failed.reason
    assert {sent.direction, failed.direction} == {Direction.OUT}
    assert sent.study_id == failed.study_id is not None


def test_connection_tests_are_logged_once(log: TransferLog, database: Database) -> None:
    now = datetime.now(UTC)
    user = create_member(database)
    values = {
        "started_at": now,
        "ended_at": now + timedelta(seconds=1),
        "host": "192.0.2.1",
        "user_id": user.id,
    }
    with database.write() as session:
        session.execute(
            insert(ConnectionTest),
            [
                values | {"ae_title": "CT1", "is_ok": True, "finding": "answered"},
                values | {"ae_title": "CT2", "is_ok": False, "finding": "nobody answers"},
            ],
        )
    for _ in range(2):
        log.drain()
    good, bad = _operations(database)
    assert (good.kind, good.direction, good.status_class) == (
        OperationKind.C_ECHO,
        Direction.OUT,
        StatusClass.SUCCESS,
    )
    assert (bad.status_class, bad.reason, bad.source) == (StatusClass.FAILURE, "nobody answers", Source.TEST)


# The door


def _may_echo(recorder: RecorderProcess, ae_title: str) -> bool:
    try:
        return scu.echo("127.0.0.1", recorder.port, ae_title, AE_TITLE) == 0
    except scu.AssociationError:
        return False


def test_a_blocked_sender_is_turned_away_until_it_is_unblocked(
    recorder: RecorderProcess, log: TransferLog, database: Database
) -> None:
    user = create_member(database)
    log.tick()
    assert _may_echo(recorder, "NOISY")
    with database.write() as session:
        session.add(
            BlockedSender(
                ae_title_key="NOISY", ae_title="Noisy", blocked_at=datetime.now(UTC), user_id=user.id
            )
        )
    wait_until(lambda: not _may_echo(recorder, "noisy"), "it is turned away")
    with database.write() as session:
        session.execute(delete(BlockedSender))
    wait_until(lambda: _may_echo(recorder, "NOISY"), "it is let in again")
    log.drain()
    with database.read() as session:
        reasons = set(session.scalars(select(Association.door_reason)))
    assert reasons == {None, DoorReason.BLOCKED}


def test_a_node_may_come_only_from_its_hosts(
    recorder: RecorderProcess, log: TransferLog, database: Database
) -> None:
    facility = create_facility(database, "St. Anna")
    entity = create_application_entity(database, facility.id, ae_title="CT1", allowed_hosts="192.0.2.0/24")
    log.tick()
    wait_until(lambda: not _may_echo(recorder, "CT1"), "the wrong host is turned away")
    assert _may_echo(recorder, "CT2")
    for words in ("192.0.2.7 127.0.0.0/8", "localhost"):
        with database.write() as session:
            _allow(session, entity.id, words)
        wait_until(lambda: _may_echo(recorder, "CT1"), f"it may come from {words}")
        with database.write() as session:
            _allow(session, entity.id, "nobody.invalid")
        wait_until(lambda: not _may_echo(recorder, "CT1"), "a name that leads nowhere lets nobody in")
    log.drain()
    with database.read() as session:
        rejected = session.scalars(
            select(Association).where(Association.outcome == AssociationOutcome.REJECTED)
        ).all()
    assert {one.door_reason for one in rejected} == {DoorReason.HOST_NOT_ALLOWED}


def test_a_retired_node_is_turned_away_though_orthanc_is_open(
    recorder: RecorderProcess, log: TransferLog, database: Database
) -> None:
    facility = create_facility(database, "St. Anna")
    entity = create_application_entity(database, facility.id, ae_title="CT1")
    log.tick()
    assert _may_echo(recorder, "CT1")
    for retired_at, is_let_in in ((datetime.now(UTC), False), (None, True)):
        with database.write() as session:
            session.execute(
                update(ApplicationEntity)
                .where(ApplicationEntity.id == entity.id)
                .values(retired_at=retired_at)
            )
        wait_until(lambda: _may_echo(recorder, "CT1") is is_let_in, "the decision is at the door")  # noqa: B023
    log.drain()
    with database.read() as session:
        assert set(session.scalars(select(Association.door_reason))) == {None, DoorReason.RETIRED}


def _allow(session: Session, entity_id: int, words: str) -> None:
    session.execute(
        update(ApplicationEntity).where(ApplicationEntity.id == entity_id).values(allowed_hosts=words)
    )


# When the disk is full


def test_a_full_disk_stops_no_image_and_leaves_a_gap_that_is_told(
    recorder: RecorderProcess, log: TransferLog, database: Database
) -> None:
    assert _store(clients.new_study(instance_count=1), recorder.port) == [0]
    limit = psutil.Process(recorder.pid)
    (segment,) = recorder.spool_dir.glob("*.jsonl")
    most = segment.stat().st_size + 200  # part of a line still fits
    limit.rlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
    assert _store(clients.new_study(instance_count=5), recorder.port) == [0] * 5
    wait_until(lambda: "forwarding goes on" in recorder.log(), "it says so")
    limit.rlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wait_until(lambda: any(one["record"] == "gap" for one in recorder.records()), "the gap is recorded")
    assert _store(clients.new_study(instance_count=1), recorder.port) == [0]
    log.drain()
    with database.read() as session:
        gaps = session.scalars(select(SpoolGap)).all()  # its own record may fit where others don't
        outcomes = list(session.scalars(select(Association.outcome)))
    assert sum(gap.record_count for gap in gaps) >= 10
    assert all("can't be written" in gap.reason for gap in gaps)
    assert len(_operations(database)) in {2, 3}  # of the five at most the first began to be recorded
    assert AssociationOutcome.OPEN not in outcomes


def test_while_orthanc_is_away_senders_are_asked_to_come_again(
    recorder: RecorderProcess, orthanc: OrthancProcess, log: TransferLog, database: Database
) -> None:
    orthanc.kill()
    seen = clients.dcmtk("echoscu")("CT1", recorder.port)
    assert seen.codes == (2, 3, 1)
    with socket.create_connection(("127.0.0.1", recorder.port)):
        pass  # who says nothing leaves no trace
    orthanc.start()
    assert _may_echo(recorder, "CT1")
    log.drain()
    with database.read() as session:
        rows = session.scalars(select(Association).order_by(Association.number)).all()
    assert [row.outcome for row in rows] == [
        AssociationOutcome.ORTHANC_UNAVAILABLE,
        AssociationOutcome.RELEASED,
    ]
