"""The heart of an open report page: taking the lock, beating, taking over, leaving. For its script."""

from collections.abc import Callable

from flask import Blueprint, request
from werkzeug.wrappers import Response as AnyResponse

from database.models import Role
from webapp.reports import locks
from webapp.reports.answers import json_answer, refusal
from webapp.reports.locks import LockedError
from webapp.reports.requests import token_of_request
from webapp.reports.texts import BadFieldError
from webapp.security import require_role
from webapp.services import current_database
from webapp.sessions import current_user
from webapp.visibility import get_visible_study

blueprint = Blueprint("report_locks", __name__, url_prefix="/studies/<id:study_id>/report/lock")


@blueprint.post("")
@require_role(Role.RADIOLOGIST)
def beat(study_id: int) -> AnyResponse:
    """423 when somebody else holds it, and says who since when."""
    return _hold(study_id, lambda token: locks.beat(current_database(), study_id, current_user(), token))


@blueprint.post("/take-over")
@require_role(Role.RADIOLOGIST)
def take_over(study_id: int) -> AnyResponse:
    address = request.remote_addr or ""
    return _hold(
        study_id,
        lambda token: locks.take_over(current_database(), study_id, current_user(), token, address),
    )


@blueprint.post("/release")
@require_role(Role.RADIOLOGIST)
def release(study_id: int) -> AnyResponse:
    return _hold(study_id, lambda token: locks.release(current_database(), study_id, token))


def _hold(study_id: int, work: Callable[[str], None]) -> AnyResponse:
    with current_database().read() as session:
        get_visible_study(session, current_user(), study_id)
    try:
        token = token_of_request()
        if not token:
            raise BadFieldError("token", "Must be the token of the open page.")
        work(token)
    except (BadFieldError, LockedError) as error:
        return refusal(error)
    return json_answer({"beat_seconds": locks.BEAT_SECONDS})
