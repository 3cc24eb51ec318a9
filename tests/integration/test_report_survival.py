"""A report stays with its study, whatever a real Orthanc does with that."""

from sqlalchemy import select

from database.models import ReportState, Study
from database.session import Database
from emulator.studies import part10_bytes
from tests.bridges import working
from tests.factories import create_member
from tests.orthanc_process import OrthancProcess
from tests.transfer_clients import new_study
from webapp.reports import reading, writing
from webapp.reports.texts import Save
from webapp.reports.writing import Writer


def test_a_report_survives_deletion_and_the_study_that_comes_again(
    database: Database, orthanc: OrthancProcess
) -> None:
    (dataset,) = new_study(instance_count=1)
    client = orthanc.client()
    client.upload(part10_bytes(dataset))
    with working(database, orthanc.client()) as worker:
        worker.drain()
        study = _study(database)
        writer = Writer(create_member(database), "page")
        saved = writing.save(database, study.id, writer, Save({"findings": "No nodule."}, 0))
        assert saved is not None
        writing.sign(database, study.id, writer, saved.number)

        client.delete_study(client.study_ids()[0])
        worker.sweep()
        assert _study(database).deleted_at is not None
        assert _final_findings(database, study.id) == "No nodule."

        client.upload(part10_bytes(dataset))
        worker.drain()
        again = _study(database)
        assert (again.id, again.deleted_at) == (study.id, None)
        assert _final_findings(database, study.id) == "No nodule."
    client.close()


def _study(database: Database) -> Study:
    with database.read() as session:
        return session.scalars(select(Study)).one()


def _final_findings(database: Database, study_id: int) -> str:
    with database.read() as session:
        found = reading.read_report(session, study_id)
        assert found is not None
        assert found.final is not None
        assert found.report.state is ReportState.FINAL
        assert reading.find_breaks(session) == []
    return found.final.findings
