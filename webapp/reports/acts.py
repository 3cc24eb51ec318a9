"""What is done with a report's text: released, signed, discarded, retracted. For radiologists, by forms.

The pages' scripts send the same forms and ask for JSON.
"""

from collections.abc import Callable

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from database.models import ReportRevision, Role
from webapp.reports import locks, writing
from webapp.reports.answers import REFUSALS, Refusal, json_answer, refusal, revision_as_json
from webapp.reports.requests import revision_of_request, token_of_request, writer_of_request
from webapp.reports.showing import new_token
from webapp.reports.signing import PasswordError, require_own_password, show_confirmation
from webapp.reports.states import NotAllowedError
from webapp.reports.writing import Writer
from webapp.security import require_role, wants_page
from webapp.services import current_database
from webapp.sessions import current_user
from webapp.visibility import get_visible_study

blueprint = Blueprint("report_acts", __name__, url_prefix="/studies/<id:study_id>/report")


@blueprint.get("/sign")
@require_role(Role.RADIOLOGIST)
def confirm(study_id: int) -> AnyResponse:
    return _confirm(study_id, new_token())


@blueprint.post("/sign")
@require_role(Role.RADIOLOGIST)
def sign(study_id: int) -> AnyResponse:
    """Nothing is signed without the signer's own password."""
    try:
        return _act(study_id, lambda writer, based_on: _sign(study_id, writer, based_on))
    except PasswordError as error:
        if not wants_page():
            return json_answer({"kind": "field", "field": "password", "message": str(error)}, error.status)
        return _confirm(study_id, token_of_request(), error.status, str(error), _reason())


@blueprint.post("/release")
@require_role(Role.RADIOLOGIST)
def release(study_id: int) -> AnyResponse:
    def work(writer: Writer, based_on: int) -> tuple[ReportRevision, str]:
        return writing.release(current_database(), study_id, writer, based_on), "Released as preliminary."

    return _act(study_id, work)


@blueprint.post("/discard")
@require_role(Role.RADIOLOGIST)
def discard(study_id: int) -> AnyResponse:
    def work(writer: Writer, based_on: int) -> tuple[ReportRevision, str]:
        gone = writing.discard(current_database(), study_id, writer, based_on)
        return gone, "Discarded. The history keeps what was saved."

    return _act(study_id, work)


@blueprint.post("/retract")
@require_role(Role.RADIOLOGIST)
def retract(study_id: int) -> AnyResponse:
    def work(writer: Writer, based_on: int) -> tuple[ReportRevision, str]:
        return writing.retract(current_database(), study_id, writer, based_on, _reason()), "Retracted."

    return _act(study_id, work)


def _sign(study_id: int, writer: Writer, based_on: int) -> tuple[ReportRevision, str]:
    """Raises PasswordError."""
    require_own_password(request.form.get("password", ""))
    signed = writing.sign(current_database(), study_id, writer, based_on, _reason())
    is_valid = bool(signed.snapshot.get("is_valid"))
    return signed, "Signed: it is final." if is_valid else "Signed. It waits for the second signature."


def _act(study_id: int, work: Callable[[Writer, int], tuple[ReportRevision, str]]) -> AnyResponse:
    """The page's lock ends with it: nothing is being written any more."""
    with current_database().read() as session:
        get_visible_study(session, current_user(), study_id)
    try:
        writer = writer_of_request(token_of_request())
        revision, words = work(writer, revision_of_request())
    except REFUSALS as error:
        return _refuse(study_id, error)
    locks.release(current_database(), study_id, writer.token)
    flash(words)
    address = url_for("reports.show", study_id=study_id)
    if not wants_page():
        return json_answer(revision_as_json(revision) | {"location": address})
    return redirect(address, 303)


def _confirm(
    study_id: int, token: str, status: int = 200, problem: str = "", reason: str = ""
) -> AnyResponse:
    try:
        return show_confirmation(study_id, token, status, problem, reason)
    except NotAllowedError as error:
        return _refuse(study_id, error)


def _refuse(study_id: int, error: Refusal) -> AnyResponse:
    if not wants_page():
        return refusal(error)
    flash(str(error), "error")
    return redirect(url_for("reports.show", study_id=study_id), 303)


def _reason() -> str:
    return request.form.get("reason", "").replace("\r\n", "\n").replace("\0", "")
