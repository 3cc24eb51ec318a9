"""Signing: the whole text is shown once more, and the signer's own password is asked for again."""

import math

from flask import Response, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from database.models import Purpose
from webapp.accounts import TooManySignInsError, authenticate
from webapp.reports.desk import load_desk
from webapp.reports.snapshots import facility_of
from webapp.reports.states import NotAllowedError
from webapp.reports.texts import SECTION_NAMES
from webapp.reports.writing import text_of
from webapp.services import current_database, current_services
from webapp.sessions import current_user
from webapp.visibility import get_visible_study


class PasswordError(Exception):
    """Nothing was signed; the text says why, ``status`` in HTTP's words."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def require_own_password(password: str) -> None:
    """With the same pauses after wrong ones as at the sign-in. Raises PasswordError."""
    user, address = current_user(), request.remote_addr or ""
    pauses = current_services().sign_in_pauses
    seconds = math.ceil(pauses.seconds_left(user.username, address))
    if seconds > 0:
        raise PasswordError(429, f"Too many wrong passwords. Please try again in {seconds} seconds.")
    try:
        found = authenticate(current_database(), user.username, password)
    except TooManySignInsError as error:
        raise PasswordError(503, str(error)) from error
    if found is None:
        pauses.note_wrong(user.username, address)
        raise PasswordError(403, "This is not your password: nothing was signed.")
    pauses.forget(user.username, address)


def show_confirmation(
    study_id: int, token: str, status: int = 200, problem: str = "", reason: str = ""
) -> AnyResponse:
    """What will be signed, word for word, by its revision. Raises NotAllowedError when there is nothing."""
    with current_database().read() as session:
        study = get_visible_study(session, current_user(), study_id)
        desk = load_desk(session, current_user(), study_id)
        facility = facility_of(session, study_id)
    if desk.reading is None or desk.standing.writing is None or desk.text.is_empty:
        raise NotAllowedError("There is nothing to sign: no text was written.")
    purpose = desk.standing.writing
    is_second = desk.standing.is_signed_once
    page = render_template(
        "reports/sign.html",
        study=study,
        desk=desk,
        text=text_of(desk.reading.newest).as_dict(),
        purpose=purpose,
        section_names=SECTION_NAMES,
        is_second=is_second,
        waits_for_second=facility is not None and facility.needs_second_signer,
        needs_reason=purpose is Purpose.AMENDMENT and not is_second,
        given_reason=desk.reading.newest.reason if is_second else "",
        token=token,
        problem=problem,
        reason=reason,
    )
    return Response(page, status)
