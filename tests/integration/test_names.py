"""Real names come out right: through a real Orthanc and the bridge, from the bytes that modalities send."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from database.models import Study
from database.session import Database
from emulator.studies import make_study, part10_bytes
from tests.bridges import working
from tests.dicom import CHARACTER_SETS, spoken_instance, with_raw_values
from tests.orthanc_process import OrthancProcess

# Declared so wrongly that Orthanc drops letters without a trace: only reading every file would show it.
_UNDETECTABLE = {"192, but Latin-1", "misspelt"}


@pytest.fixture(scope="module")
def speaking_orthanc() -> Iterator[OrthancProcess]:
    with OrthancProcess() as orthanc:
        yield orthanc


@pytest.mark.parametrize("has_birth_date", [True, False])
def test_names_in_all_character_sets_come_out_right(
    speaking_orthanc: OrthancProcess, database: Database, *, has_birth_date: bool
) -> None:
    attributes = {"PatientBirthDate": "19700101" if has_birth_date else ""}
    expected = {}
    client = speaking_orthanc.client()
    for study_id in client.study_ids():
        client.delete_study(study_id)
    for spoken in CHARACTER_SETS:
        client.upload(spoken_instance(spoken, attributes=attributes))
        if not has_birth_date or spoken.title not in _UNDETECTABLE:
            expected[spoken.title] = (spoken.patient_name, spoken.description, spoken.description)
    with working(database, client) as worker:
        worker.drain()
    with database.read() as session:
        columns = select(
            Study.patient_id, Study.patient_name, Study.study_description, Study.institution_name
        )
        found = {patient_id: (*texts,) for patient_id, *texts in session.execute(columns)}
    assert {title: found[title] for title in expected} == expected


@pytest.mark.filterwarnings("ignore:The PN component length")
def test_a_name_longer_than_orthancs_index_keeps_is_whole(
    speaking_orthanc: OrthancProcess, database: Database
) -> None:
    client = speaking_orthanc.client()
    name = "^".join(["é" * 64] * 3)
    dataset = make_study(seed="long", instance_count=1, attributes={"PatientBirthDate": "19700101"})[0]
    client.upload(with_raw_values(dataset, {"PatientName": name.encode("latin-1")}, ("ISO_IR 100",)))
    with working(database, client) as worker:
        worker.drain()
    with database.read() as session:
        assert name in session.scalars(select(Study.patient_name)).all()


def test_the_age_is_read_where_the_birth_date_is_missing(
    speaking_orthanc: OrthancProcess, database: Database
) -> None:
    client = speaking_orthanc.client()
    for dataset_bytes in _studies_named("Age^Only", PatientBirthDate="", PatientAge="045Y"):
        client.upload(dataset_bytes)
    with working(database, client) as worker:
        worker.drain()
    with database.read() as session:
        query = select(Study.patient_age).where(Study.patient_name == "Age^Only")
        assert session.scalars(query).all() == ["045Y"]


def _studies_named(name: str, **attributes: str) -> list[bytes]:
    study = make_study(seed=name, patient_id=name[:10], patient_name=name, attributes=attributes)
    return [part10_bytes(dataset) for dataset in study]
