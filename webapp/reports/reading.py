"""A report as its readers get it: the valid text with its addenda, what is being written, and its history.

Queries only. Who may see what of it: the valid part everyone who may see the study, the rest radiologists.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from database.models import Purpose, Report, ReportAction, ReportRevision, Role, User
from webapp.reports import chain
from webapp.reports.writing import newest_of, report_of

_SIGNATURES = (ReportAction.SIGN, ReportAction.COSIGN)


@dataclass(frozen=True, slots=True)
class Reading:
    """``final`` and ``addenda`` are the newest version's; empty before the first signature."""

    report: Report
    newest: ReportRevision
    final: ReportRevision | None
    addenda: Sequence[ReportRevision]


def read_report(session: Session, study_id: int) -> Reading | None:
    report = report_of(session, study_id)
    newest = newest_of(session, report)
    if report is None or newest is None:
        return None
    final = None
    addenda: list[ReportRevision] = []
    if report.final_revision is not None:
        final = session.get_one(ReportRevision, (report.id, report.final_revision))
        addenda = _addenda(session, report)
    return Reading(report, newest, final, addenda)


def _addenda(session: Session, report: Report) -> list[ReportRevision]:
    """Of this version, signed as often as the facility wanted."""
    signed = session.scalars(
        select(ReportRevision)
        .where(ReportRevision.report_id == report.id, ReportRevision.purpose == Purpose.ADDENDUM)
        .where(ReportRevision.number > report.final_revision, ReportRevision.action.in_(_SIGNATURES))
        .order_by(ReportRevision.number)
    )
    return [revision for revision in signed if revision.snapshot.get("is_valid")]


def history_of(session: Session, report: Report) -> Sequence[ReportRevision]:
    """All revisions, oldest first."""
    return session.scalars(
        select(ReportRevision).where(ReportRevision.report_id == report.id).order_by(ReportRevision.number)
    ).all()


def may_read_unsigned(user: User) -> bool:
    """Drafts and preliminary texts are their author's and the radiologists'."""
    return user.role == Role.RADIOLOGIST


def find_breaks(session: Session) -> list[str]:
    """What is wrong with any report's chain, in words; reads all revisions, report by report."""
    found = []
    for report in session.scalars(select(Report).order_by(Report.id)).all():
        revisions = history_of(session, report)
        found += [f"report {report.id}: {text}" for text in chain.breaks(revisions)]
        if not revisions or revisions[-1].number != report.revision:
            found.append(f"report {report.id}: its newest revision is missing")
        session.expunge_all()
    return found
