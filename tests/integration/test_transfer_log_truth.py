"""The transfer log against what clients saw, one to one, whatever is killed meanwhile."""

import random
import signal
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from database.models import Association, Operation
from database.session import Database
from database.transfer_terms import AssociationOutcome, Direction, StatusClass
from emulator.studies import part10_bytes
from tests import transfer_clients as clients
from tests.bridges import run_bridge, start_bridge
from tests.orthanc_process import OrthancProcess, free_port
from tests.recorders import RecorderProcess, environment_behind
from tests.transfer_clients import Client, Seen

_WORKERS = 16
_ROUNDS = 20
_RANDOM = random.Random(20261125)  # noqa: S311 - the same dice each time
Log = dict[str, list[Seen]]


@pytest.fixture
def recorder(orthanc: OrthancProcess) -> Iterator[RecorderProcess]:
    with RecorderProcess(orthanc.dicom_port) as process:
        yield process


@pytest.fixture
def environment(recorder: RecorderProcess, orthanc: OrthancProcess, database_url: str) -> dict[str, str]:
    return environment_behind(recorder, orthanc, database_url)


def test_what_clients_saw_and_what_is_logged_are_one_to_one(
    recorder: RecorderProcess,
    orthanc: OrthancProcess,
    environment: dict[str, str],
    database: Database,
    tmp_path: Path,
) -> None:
    with _killed_again_and_again(environment), clients.storage_node("READER") as port:
        seen = _everything_at_once(recorder, orthanc, tmp_path, port)
        orthanc.stop()
        seen |= _while_orthanc_is_down(recorder, tmp_path)
    orthanc.start()
    _read_all(environment)
    assert sum(map(len, seen.values())) > _WORKERS * _ROUNDS
    _assert_one_to_one(_logged(database), seen)


def test_a_load_without_bridge_and_database_is_read_afterwards(
    recorder: RecorderProcess,
    orthanc: OrthancProcess,
    environment: dict[str, str],
    database: Database,
    tmp_path: Path,
) -> None:
    with clients.storage_node("READER") as port:
        seen = _everything_at_once(recorder, orthanc, tmp_path, port, rounds=4)
    _read_all(environment)
    _assert_one_to_one(_logged(database), seen)


def test_stores_that_were_acknowledged_are_recorded_whenever_the_recorder_is_killed(
    recorder: RecorderProcess, environment: dict[str, str], database: Database, tmp_path: Path
) -> None:
    acknowledged: set[str] = set()
    is_over = threading.Event()

    def send(number: int) -> None:
        while not is_over.is_set():
            files = [clients.write_file(tmp_path) for _ in range(10)]
            acknowledged.update(clients.stored_by_dcmtk(f"SENDER{number}", recorder.port, files))

    with ThreadPoolExecutor(3) as pool:
        work = [pool.submit(send, number) for number in range(3)]
        for _ in range(8):
            is_over.wait(_RANDOM.uniform(0.3, 1.2))
            recorder.kill()
            recorder.start()
        is_over.set()
        for one in work:
            one.result()
    recorder.kill()
    recorder.start()  # whatever was left open is known to be
    _read_all(environment)
    with database.read() as session:
        recorded = set(
            session.scalars(
                select(Operation.sop_instance_uid).where(Operation.status_class == StatusClass.SUCCESS)
            )
        )
        states = set(session.scalars(select(Operation.status_class)))
        outcomes = set(session.scalars(select(Association.outcome)))
    assert len(acknowledged) > 50
    assert acknowledged - recorded == set()
    assert StatusClass.OPEN not in states
    assert AssociationOutcome.OPEN not in outcomes
    assert AssociationOutcome.INTERRUPTED in outcomes


def test_what_dcmtk_received_is_what_the_log_says(
    environment: dict[str, str], database: Database, tmp_path: Path, orthanc: OrthancProcess
) -> None:
    """DCMTK on both ends: what its server printed of each C-STORE is in the log, word for word."""
    files = [clients.write_file(tmp_path) for _ in range(5)]
    with _storescp(tmp_path) as (port, printed), RecorderProcess(port) as recorder:
        clients.dcmtk("storescu", *files, called="ANY")("DCMTK_SCU", recorder.port)
        _read_all(environment_behind(recorder, orthanc, environment["NOCTIS_DATABASE_URL"]))
        said = printed.read_text()
    with database.read() as session:
        association = session.scalars(select(Association)).one()
        operations = session.scalars(select(Operation).order_by(Operation.number)).all()
    assert f"Their Implementation Version Name: {association.implementation_version_name}" in said
    assert f"Their Implementation Class UID:    {association.implementation_class_uid}" in said
    assert f"Calling Application Name:    {association.calling_ae_title}" in said
    assert f"Called Application Name:     {association.called_ae_title}" in said
    assert len(operations) == len(files)
    for operation in operations:
        assert f"Affected SOP Instance UID     : {operation.sop_instance_uid}" in said
        assert f"Message ID                    : {operation.message_id}" in said
        assert operation.status == 0
    assert {one.sop_instance_uid for one in operations} == {path.stem for path in files}


# Clients


def _everything_at_once(
    recorder: RecorderProcess, orthanc: OrthancProcess, folder: Path, reader_port: int, rounds: int = _ROUNDS
) -> Log:
    """Many clients, each with AE titles of its own: its associations are known by their order."""
    study = clients.new_study(instance_count=3)
    client = orthanc.client()
    for dataset in study:
        client.upload(part10_bytes(dataset))
    for name, port in (("READER", reader_port), ("DEAD", 9)):
        client.put_modality(name, {"AET": name, "Host": "127.0.0.1", "Port": port})
    for number in range(_WORKERS):
        client.put_modality(f"w{number}", {"AET": f"KNOWN{number}", "Host": "127.0.0.1", "Port": 104})
    client.close()

    def work(number: int) -> Log:
        seen: Log = defaultdict(list)
        dice = random.Random(number)  # noqa: S311 - the same each time
        for _ in range(rounds):
            title, run = _any_client(dice, number, folder, study[0].StudyInstanceUID)
            seen[title].append(run(title, recorder.port))
        return seen

    with ThreadPoolExecutor(_WORKERS) as pool:
        found = list(pool.map(work, range(_WORKERS)))
    return {title: outcomes for one in found for title, outcomes in one.items()}


def _any_client(dice: random.Random, number: int, folder: Path, study: str) -> tuple[str, Client]:
    stranger: list[Client] = [
        clients.dcmtk("echoscu"),
        clients.dcmtk("echoscu", called="WRONG"),
        clients.dcmtk("storescu", clients.write_file(folder), clients.write_file(folder)),
        clients.dcmtk_find(),
        clients.pynetdicom_echo,
        clients.pynetdicom_store(3),
        clients.store_twice,
        clients.store_without_study,
        clients.store_under_another_uid,
        clients.store_half,
        clients.abort_after_echo,
    ]
    known: list[Client] = [
        clients.dcmtk_find(),
        clients.pynetdicom_find,
        clients.dcmtk_move("NOBODY", study),
        clients.dcmtk_move("READER", study),
        clients.pynetdicom_move("DEAD", study),
        clients.pynetdicom_move("READER", study),
    ]
    at = dice.randrange(len(stranger) + len(known))
    if at < len(stranger):
        return f"STRANGER{number}", stranger[at]
    return f"KNOWN{number}", known[at - len(stranger)]


def _while_orthanc_is_down(recorder: RecorderProcess, folder: Path) -> Log:
    return {
        f"LATE{number}": [client(f"LATE{number}", recorder.port)]
        for number, client in enumerate(
            [clients.dcmtk("echoscu"), clients.dcmtk("storescu", clients.write_file(folder))]
        )
    }


@contextmanager
def _killed_again_and_again(environment: dict[str, str]) -> Iterator[None]:
    """A bridge that reads the spool and dies at random moments."""
    is_over = threading.Event()

    def work() -> None:
        while not is_over.is_set():
            process = start_bridge(environment)
            is_over.wait(_RANDOM.uniform(0.8, 3.0))
            process.send_signal(signal.SIGKILL)
            process.communicate()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        try:
            yield
        finally:
            is_over.set()
            done.result()


@contextmanager
def _storescp(folder: Path) -> Iterator[tuple[int, Path]]:
    """DCMTK's own server; its port, and where it says what it receives."""
    port, printed = free_port(), folder / "storescp.log"
    with printed.open("wb") as log, ExitStack() as stack:
        process = stack.enter_context(
            subprocess.Popen(["storescp", "-d", "-od", str(folder), str(port)], stdout=log, stderr=log)
        )
        stack.callback(process.kill)
        yield port, printed


def _read_all(environment: dict[str, str]) -> None:
    done = run_bridge(environment, "once")
    assert done.returncode == 0, done.stderr


def _assert_one_to_one(logged: Log, seen: Log) -> None:
    assert logged.keys() == seen.keys()
    for title, outcomes in seen.items():
        assert logged[title] == outcomes, title


def _logged(database: Database) -> Log:
    """The log of what came in, in the clients' words."""
    with database.read() as session:
        associations = session.scalars(select(Association).order_by(Association.started_at)).all()
        operations = session.scalars(
            select(Operation).where(Operation.direction == Direction.IN).order_by(Operation.number)
        ).all()
    by_association: dict[tuple[int, int | None], list[Operation]] = defaultdict(list)
    for operation in operations:
        by_association[operation.boot, operation.association_number].append(operation)
    found: Log = defaultdict(list)
    for one in associations:
        codes = (one.end_result, one.end_source, one.end_reason) if one.end_result else None
        done = by_association[one.boot, one.number]
        found[one.calling_ae_title].append(
            Seen(one.outcome.value, codes, tuple((each.kind.value, each.status) for each in done))  # type: ignore[arg-type]
        )
    return dict(found)
