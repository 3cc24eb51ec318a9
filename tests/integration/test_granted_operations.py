"""What a registered node may do of query and retrieve: nothing until granted, then all of it, really."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import CTImageStorage
from sqlalchemy import update

from bridge.feed import load_feed
from bridge.registrations import Registrar
from bridge.scu import store
from database.models import ApplicationEntity
from database.session import Database
from emulator.studies import make_study
from tests.factories import create_facility
from tests.orthanc_process import AE_TITLE, OrthancProcess
from webapp import registry

STRICT = {"DicomAlwaysAllowEcho": False, "DicomAlwaysAllowStore": False}


@pytest.fixture
def orthanc() -> Iterator[OrthancProcess]:
    with OrthancProcess(overrides=STRICT) as process:
        yield process


@pytest.fixture
def workstation(database: Database) -> ApplicationEntity:
    """A node as an administrator adds it: AE title and port are generated."""
    facility = create_facility(database, "St. Anna")
    fields = registry.EntityFields(host="127.0.0.1")
    return registry.add_entity(database, facility.id, fields, AE_TITLE)


@pytest.fixture
def received(workstation: ApplicationEntity) -> Iterator[list[str]]:
    """SOP Instance UIDs that arrive at a real SCP on the workstation's generated port."""
    uids: list[str] = []

    def keep(event: evt.Event) -> int:
        uids.append(str(event.request.AffectedSOPInstanceUID))
        return 0x0000

    ae = AE(workstation.ae_title)
    ae.add_supported_context(CTImageStorage)
    address = ("127.0.0.1", workstation.port)
    server = ae.start_server(address, block=False, evt_handlers=[(evt.EVT_C_STORE, keep)])
    assert server is not None
    yield uids
    server.shutdown()


def _register(database: Database, orthanc: OrthancProcess) -> None:
    client = orthanc.client()
    Registrar(database, client, "a key of the tests").step(load_feed(database).id)
    client.close()


def _grant(database: Database, entity: ApplicationEntity) -> None:
    with database.write() as session:
        session.execute(
            update(ApplicationEntity)
            .where(ApplicationEntity.id == entity.id)
            .values(may_find=True, may_move=True, revision=ApplicationEntity.revision + 1)
        )


def _query(program: str, orthanc: OrthancProcess, ae_title: str, *options: str) -> int:
    """DCMTK's exit code: 0 when the operation was done."""
    command = [program, "--aetitle", ae_title, "--call", AE_TITLE, "--study", *options]
    done = subprocess.run(
        [*command, "127.0.0.1", str(orthanc.dicom_port)], capture_output=True, timeout=60, check=False
    )
    return done.returncode


def _find(orthanc: OrthancProcess, ae_title: str, folder: Path) -> bool:
    folder.mkdir(exist_ok=True)
    keys = ("--key", "QueryRetrieveLevel=STUDY", "--key", "StudyInstanceUID")
    _query("findscu", orthanc, ae_title, "--extract", "--output-directory", str(folder), *keys)
    return any(folder.iterdir())


def _uids(datasets: list[Dataset]) -> set[str]:
    return {str(dataset.SOPInstanceUID) for dataset in datasets}


@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
def test_a_node_queries_and_gets_studies_sent_once_that_is_granted(
    orthanc: OrthancProcess,
    database: Database,
    workstation: ApplicationEntity,
    received: list[str],
    tmp_path: Path,
) -> None:
    _register(database, orthanc)
    study = make_study(instance_count=3)
    sent = store(study, "127.0.0.1", orthanc.dicom_port, workstation.ae_title, AE_TITLE)
    assert set(sent) == {0}
    assert not _find(orthanc, workstation.ae_title, tmp_path / "before")
    _grant(database, workstation)
    _register(database, orthanc)
    assert _find(orthanc, workstation.ae_title, tmp_path / "after")
    keys = ("--key", "QueryRetrieveLevel=STUDY", "--key", f"StudyInstanceUID={study[0].StudyInstanceUID}")
    moved = _query("movescu", orthanc, workstation.ae_title, "--move", workstation.ae_title, *keys)
    assert moved == 0
    assert set(received) == _uids(study)
