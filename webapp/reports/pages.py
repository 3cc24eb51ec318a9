"""The report page of a study: its editor for radiologists, the valid report for all who may see the study."""

import hashlib
from typing import Any

from flask import Blueprint, Response, abort, jsonify, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from database.models import ReportRevision, Role
from webapp.reports import saving
from webapp.reports.answers import holder_as_json, json_answer, revision_as_json
from webapp.reports.desk import is_public, load_desk, readable_history
from webapp.reports.reading import may_read_unsigned, read_report
from webapp.reports.showing import FIELD_NAMES, show_report
from webapp.reports.writing import report_of, text_of
from webapp.security import require_role, wants_page
from webapp.services import current_database
from webapp.sessions import current_user
from webapp.visibility import get_visible_study

blueprint = Blueprint("reports", __name__, url_prefix="/studies/<id:study_id>/report")


@blueprint.get("")
def show(study_id: int) -> Response:
    """``?write=`` begins an addendum, an amendment, or a new report after a retraction."""
    return show_report(study_id)


@blueprint.post("")
@require_role(Role.RADIOLOGIST)
def save(study_id: int) -> AnyResponse:
    """JSON or form data, with the same fields (``webapp.reports.texts``)."""
    return saving.save(study_id)


@blueprint.get("/news")
def news(study_id: int) -> Response:
    """What of an open report page may have changed; 304 while nothing has. Asked every few seconds."""
    user = current_user()
    with current_database().read() as session:
        get_visible_study(session, user, study_id)
        desk = load_desk(session, user, study_id)
    newest = None if desk.reading is None else desk.reading.newest
    values: dict[str, Any] = {"status": desk.status.text}
    if may_read_unsigned(user):
        values |= revision_as_json(newest)
        values |= {
            "writing": desk.standing.writing,
            "holder": holder_as_json(desk.holder),
            "texts": text_of(newest).as_dict(),
        }
    else:
        final = desk.reading.final if desk.reading is not None else None
        values["revision"] = 0 if final is None else final.number
    tag = hashlib.sha256(repr((study_id, user.id, values)).encode()).hexdigest()[:32]
    response = Response(status=304) if tag in request.if_none_match else jsonify(values)
    response.set_etag(tag)
    return response


@blueprint.get("/history")
def history(study_id: int) -> str:
    with current_database().read() as session:
        study = get_visible_study(session, current_user(), study_id)
        report = report_of(session, study_id)
        revisions = [] if report is None else readable_history(session, current_user(), report)
    return render_template("reports/history.html", study=study, revisions=revisions)


@blueprint.get("/history/<id:number>")
def revision(study_id: int, number: int) -> AnyResponse | str:
    """One revision as it was, for people or as JSON; 404 for what this user may not read."""
    user = current_user()
    with current_database().read() as session:
        study = get_visible_study(session, user, study_id)
        reading = read_report(session, study_id)
        if reading is None:
            abort(404)
        found = session.get(ReportRevision, (reading.report.id, number))
    if found is None or not (may_read_unsigned(user) or is_public(found)):
        abort(404)
    if not wants_page():
        return json_answer(revision_as_json(found) | {"texts": text_of(found).as_dict()})
    return render_template(
        "reports/revision.html",
        study=study,
        revision=found,
        text=text_of(found).as_dict(),
        is_valid=reading.final is not None and reading.final.number == found.number,
        field_names=FIELD_NAMES,
    )
