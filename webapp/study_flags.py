"""What people say about a study's place in the worklist: how soon it is to be read, and by whom.

Whoever assigns a study says to whom it was assigned when they looked: two who take it at once don't both
believe that they have it.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from flask import Blueprint, abort, flash, jsonify, redirect, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from database.models import Priority, Role, Study, StudyFlag, User
from webapp.registry.decisions import decide
from webapp.security import require_role, wants_page
from webapp.services import current_database, current_services
from webapp.sessions import current_user
from webapp.visibility import get_visible_study
from webapp.worklist import rendered_row
from webapp.worklist_rows import load_rows

ASSIGNERS = (Role.RADIOLOGIST,)
PRIORITISERS = (Role.RADIOLOGIST, Role.TECHNOLOGIST, Role.ADMINISTRATOR)
_ME, _NOBODY, _AS_REQUESTED = "me", "nobody", "as-requested"

blueprint = Blueprint("study_flags", __name__, url_prefix="/studies/<id:study_id>")


class TakenError(Exception):
    """It is assigned otherwise than the asking page shows; the text says how."""


@blueprint.post("/assignment")
@require_role(*ASSIGNERS)
def assign(study_id: int) -> AnyResponse:
    """``assignee`` is ``me`` or ``nobody``; ``seen`` whose number the page shows, empty for nobody's."""
    wanted, seen = request.form.get("assignee", ""), request.form.get("seen", "")
    if wanted not in {_ME, _NOBODY} or not (seen == "" or (seen.isascii() and seen.isdecimal())):
        abort(400)
    user_id = current_user().id if wanted == _ME else None

    def change(session: Session, flag: StudyFlag) -> None:
        if str(flag.assignee_id or "") != seen and flag.assignee_id != user_id:
            raise TakenError(_assigned_meanwhile(session, flag))
        flag.assignee_id = user_id

    return _answer(study_id, change)


@blueprint.post("/priority")
@require_role(*PRIORITISERS)
def prioritise(study_id: int) -> AnyResponse:
    """``priority`` is a priority's name, or ``as-requested`` for what the study itself asks for."""
    wanted = request.form.get("priority", "")
    if wanted != _AS_REQUESTED and wanted not in set(Priority):
        abort(400)

    def change(_session: Session, flag: StudyFlag) -> None:
        flag.priority = None if wanted == _AS_REQUESTED else Priority(wanted)

    return _answer(study_id, change)


def _assigned_meanwhile(session: Session, flag: StudyFlag) -> str:
    if flag.assignee_id is None:
        return "Meanwhile it isn't assigned to anybody any more."
    user = session.get_one(User, flag.assignee_id)
    return f"Meanwhile it is assigned to {user.full_name or user.username}."


def _answer(study_id: int, change: Callable[[Session, StudyFlag], None]) -> AnyResponse:
    """A script gets the row as it is now, a form leads back to the study."""
    refusal = ""
    try:
        decide(current_database(), lambda session: _change(session, study_id, change))
    except TakenError as error:
        refusal = str(error)
    if not wants_page():
        return _row(study_id, refusal)
    if refusal:
        flash(refusal, "error")
    return redirect(url_for("studies.show", study_id=study_id), 303)


def _change(session: Session, study_id: int, change: Callable[[Session, StudyFlag], None]) -> None:
    get_visible_study(session, current_user(), study_id)
    flag = session.get(StudyFlag, study_id, with_for_update=True)
    if flag is None:
        flag = StudyFlag(study_id=study_id)
    before = (flag.assignee_id, flag.priority)
    change(session, flag)
    if (flag.assignee_id, flag.priority) != before:
        flag.updated_at = datetime.now(UTC)
        session.add(flag)


def _row(study_id: int, refusal: str) -> AnyResponse:
    with current_database().read() as session:
        study: Study = get_visible_study(session, current_user(), study_id)
        [row] = load_rows(session, current_user(), [study], current_services().settings.stable_seconds)
    response = jsonify(message=refusal, row=rendered_row(row))
    response.status_code = 409 if refusal else 200
    return response
