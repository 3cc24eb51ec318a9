"""Saving a report by JSON or by a form: one reading of both, and what is answered when it can't be kept.

A form's page shows again what was typed. It has no heart to beat, so that its lock ends with its answer.
"""

from flask import Response, flash, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from database.models import Purpose, ReportRevision
from webapp.reports import locks, writing
from webapp.reports.answers import (
    REFUSALS,
    Refusal,
    json_answer,
    refusal,
    revision_as_json,
    status_of_refusal,
)
from webapp.reports.locks import LockedError
from webapp.reports.requests import writer_of_request
from webapp.reports.showing import FIELD_NAMES, Typed, show_report
from webapp.reports.signing import show_confirmation
from webapp.reports.texts import BadFieldError, Save, read_form, read_json
from webapp.reports.writing import ConflictError, text_of
from webapp.security import wants_page
from webapp.services import current_database
from webapp.sessions import current_user
from webapp.visibility import get_visible_study


def save(study_id: int) -> AnyResponse:
    """``?then=`` says what to do with what was saved: ``release`` it, ``sign`` it, or ``leave`` the page.

    ``?take-over=yes`` takes the lock from whoever holds it.
    """
    with current_database().read() as session:
        get_visible_study(session, current_user(), study_id)
    if request.is_json:
        return _save_json(study_id)
    try:
        change = read_form(_read_once(request.form))
        saved = _save(study_id, change)
        return _go_on(study_id, change, saved)
    except REFUSALS as error:
        return _refuse_form(study_id, error)


def _save_json(study_id: int) -> AnyResponse:
    try:
        change = read_json(request.get_data())
        saved = _save(study_id, change)
    except REFUSALS as error:
        return refusal(error)
    if request.args.get("then") == "leave":
        locks.release(current_database(), study_id, change.token)
    return json_answer(revision_as_json(saved))


def _save(study_id: int, change: Save) -> ReportRevision | None:
    writer = writer_of_request(change.token)
    if request.args.get("take-over") == "yes":
        locks.take_over(current_database(), study_id, writer.user, writer.token, writer.remote_ip)
    return writing.save(current_database(), study_id, writer, change)


def _go_on(study_id: int, change: Save, saved: ReportRevision | None) -> AnyResponse:
    """The text is saved; what can't be done with it is said on its page."""
    then = request.args.get("then", "")
    try:
        if then == "release":
            number = 0 if saved is None else saved.number
            writing.release(current_database(), study_id, writer_of_request(change.token), number)
        if then == "sign":
            return show_confirmation(study_id, change.token)
    except REFUSALS as error:
        flash(str(error), "error")
        return redirect(url_for("reports.show", study_id=study_id), 303)
    finally:
        locks.release(current_database(), study_id, change.token)
    if not wants_page():
        return json_answer(revision_as_json(saved))
    flash("Released as preliminary." if then == "release" else "Saved." if saved else "There is no text yet.")
    wanted = None if change.purpose is Purpose.REPORT else change.purpose
    return redirect(url_for("reports.show", study_id=study_id, write=wanted), 303)


def _refuse_form(study_id: int, error: Refusal) -> AnyResponse:
    if not wants_page():
        return refusal(error)
    if isinstance(error, ConflictError):
        return _show_conflict(study_id, error)
    based_on = request.form.get("based_on", "")
    typed = Typed(
        {name: request.form[name] for name in FIELD_NAMES if name in request.form},
        request.form.get("token", "")[:100],
        int(based_on) if based_on.isascii() and based_on.isdigit() and len(based_on) < 16 else 0,
        str(error),
        error.field if isinstance(error, BadFieldError) else "",
        is_locked=isinstance(error, LockedError),
    )
    return show_report(study_id, status_of_refusal(error), typed, _purpose_sent())


def _show_conflict(study_id: int, error: ConflictError) -> AnyResponse:
    """Both texts of each section that differs; what is saved from there is based on the newest."""
    newest = text_of(error.newest).as_dict()
    mine = {name: _as_kept(request.form[name]) for name in newest if name in request.form}
    with current_database().read() as session:
        study = get_visible_study(session, current_user(), study_id)
    page = render_template(
        "reports/conflict.html",
        study=study,
        newest=error.newest,
        mine=mine,
        differing=[name for name in mine if mine[name] != newest[name]],
        field_names=FIELD_NAMES,
        purpose=_purpose_sent(),
        token=request.form.get("token", ""),
    )
    return Response(page, 409)


def _as_kept(text: str) -> str:
    return text.replace("\r\n", "\n")


def _purpose_sent() -> Purpose:
    sent = request.form.get("purpose", "")
    return Purpose(sent) if sent in set(Purpose) else Purpose.REPORT


def _read_once(form: MultiDict[str, str]) -> dict[str, str]:
    """Raises BadFieldError: of two values one would be lost."""
    for name, values in form.lists():
        if len(values) > 1:
            raise BadFieldError(name[:100], "Was sent more than once.")
    return form.to_dict()
