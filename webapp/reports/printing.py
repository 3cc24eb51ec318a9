"""Printing a report: the print view and the PDF, from one template. Printing never changes the report.

Who may see the study may print its valid report, again and again the same bytes. Before it is final it is for
its author and radiologists, marked, and nothing of it is archived. Who printed what stands in the audit.
"""

import base64
import logging
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from flask import Blueprint, Response, abort, current_app, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from database.models import AuditAction, AuditEvent, Facility
from webapp.errors import answer
from webapp.registry.fields import PAPERS
from webapp.reports import documents, typesetting
from webapp.reports.documents import hash_of
from webapp.reports.pdf import NoPdfError, make_pdf
from webapp.reports.printouts import DamagedError, Mark, Printout, load_printout, mark_of
from webapp.services import current_database
from webapp.sessions import current_user
from webapp.visibility import get_visible_study

_log = logging.getLogger(__name__)

blueprint = Blueprint("report_printing", __name__, url_prefix="/studies/<id:study_id>/report")
blueprint.add_app_template_filter(typesetting.paragraphs)
blueprint.add_app_template_filter(typesetting.direction)


@blueprint.get("/print")
def show(study_id: int) -> str:
    printout, logo = _load(study_id)
    paper = _paper(printout)
    _note(printout, f"page, {paper}")
    user = current_user()
    printed = typesetting.local_moment(datetime.now(UTC), printout.time_zone)
    return render_template(
        "reports/print.html",
        one=printout,
        paper=paper,
        papers=PAPERS,
        logo=logo,
        printed=f"{user.full_name or user.username}, {printed}",
    )


@blueprint.get("/print.pdf")
def pdf(study_id: int) -> Response:
    printout, logo = _load(study_id)
    paper = _paper(printout)

    def make() -> bytes:
        page = render_template("reports/print.html", one=printout, paper=paper, logo=logo, printed="")
        return make_pdf(page, _stylesheet())

    if printout.is_signed:
        key = (printout.report_id, printout.revision, paper)
        content = documents.fetch_or_archive(current_database(), key, make)
    else:
        content = make()
    _note(printout, f"PDF, {paper}, SHA-256 {hash_of(content)}")
    response = Response(content, mimetype="application/pdf")
    response.headers.set("Content-Disposition", "inline", filename=_file_name(printout))
    return response


@blueprint.errorhandler(DamagedError)
def damaged(error: DamagedError) -> Response:
    _log.error("%s: %s", request.path, error)
    words = f"{error} An administrator finds out more with “flask --app webapp verify”."
    return answer(500, "This report was tampered with or damaged", words)


@blueprint.errorhandler(NoPdfError)
def no_pdf(error: NoPdfError) -> Response:
    return answer(503, "No PDF at the moment", str(error))


@blueprint.app_template_global()
def print_mark(study_id: int) -> Mark | None:
    """For the Print button (templates/reports/print_buttons.html) of a study that this user may see."""
    with current_database().read() as session:
        return mark_of(session, study_id, current_user())


def _load(study_id: int) -> tuple[Printout, str]:
    """With the facility's logo. Ends the request with 404 when there is nothing that this user may print."""
    with current_database().read() as session:
        study = get_visible_study(session, current_user(), study_id)
        printout = load_printout(session, study, current_user())
        if printout is None:
            abort(404)
        return printout, _logo(session, printout)


def _logo(session: Session, printout: Printout) -> str:
    """As a ``data:`` URL: neither paper nor PDF can fetch anything."""
    facility = printout.facility
    if facility is None or facility["has_preprinted_paper"]:
        return ""
    content = session.scalar(select(Facility.logo).where(Facility.id == facility["id"]))
    if content is None:
        return ""
    kind = "png" if content.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _paper(printout: Printout) -> str:
    paper = request.args.get("paper", printout.paper)
    if paper not in PAPERS:
        abort(400)
    return paper


def _file_name(printout: Printout) -> str:
    """Without patient data: it stays in download folders and mails."""
    parts = [f"report-{printout.study_id}"]
    if printout.is_signed:
        parts.append(f"v{printout.version}")
    if printout.addenda:
        parts.append(f"addendum-{len(printout.addenda)}")
    if printout.mark is not Mark.FINAL:
        parts.append(printout.mark)
    return "-".join(parts) + ".pdf"


def _note(printout: Printout, how: str) -> None:
    """Before it is handed out: what can't be written down isn't printed."""
    event = AuditEvent(
        at=datetime.now(UTC),
        user_id=current_user().id,
        action=AuditAction.REPORT_PRINTED,
        study_id=printout.study_id,
        remote_ip=request.remote_addr or "",
        detail=f"{printout.mark}, version {printout.version}, revision {printout.revision}: {how}",
    )
    with current_database().write() as session:
        session.add(event)


@lru_cache(maxsize=1)
def _stylesheet() -> str:
    return (Path(str(current_app.static_folder)) / "report_print.css").read_text()
