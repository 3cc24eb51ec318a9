"""Whether all reports are as they were written: ``flask --app webapp verify``. Queries only.

The chains show what was changed, removed or put between; a report's own row must follow from its chain;
an archived document must have its hash.
"""

from collections.abc import Iterator

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from database.models import Purpose, Report, ReportDocument, ReportRevision, ReportState
from webapp.reports import documents, reading


def find_problems(session: Session) -> list[str]:
    """In words; empty when nothing is wrong."""
    return [*reading.find_breaks(session), *_false_rows(session), *documents.damages(session)]


def count_all(session: Session) -> tuple[int, int, int]:
    """Reports, revisions, archived documents."""
    reports, revisions, archived = (
        session.scalar(select(func.count()).select_from(table)) or 0
        for table in (Report, ReportRevision, ReportDocument)
    )
    return reports, revisions, archived


def _false_rows(session: Session) -> Iterator[str]:
    """A report's row says which text is valid, and no trigger protects it: it moves with each revision."""
    for report in session.scalars(select(Report).order_by(Report.id)).all():
        newest = session.get(ReportRevision, (report.id, report.revision))
        if newest is None:
            continue  # find_breaks has said so
        if (report.state, report.version) != (newest.state, newest.version):
            said = f"{report.state}, version {report.version}"
            yield f"report {report.id}: its row says {said}; its newest revision says something else"
        if report.final_revision != _final_revision(session, report):
            yield f"report {report.id}: its row calls another revision the valid one"
        session.expunge(newest)


def _final_revision(session: Session, report: Report) -> int | None:
    """The newest that is validly signed and no addendum."""
    signed = session.scalars(
        select(ReportRevision)
        .where(ReportRevision.report_id == report.id, ReportRevision.state == ReportState.FINAL)
        .where(ReportRevision.purpose != Purpose.ADDENDUM)
        .order_by(ReportRevision.number.desc())
    )
    return next((one.number for one in signed if one.snapshot.get("is_valid")), None)
