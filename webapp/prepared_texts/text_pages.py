"""Standard texts, edited by radiologists and seen by administrators: the list, a new one, one of them."""

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from sqlalchemy import func, select
from werkzeug.wrappers import Response as AnyResponse

from database.models import ReportTemplate, Role, StandardText, User
from webapp.facility_forms import Form, of_row
from webapp.prepared_texts import changes
from webapp.prepared_texts.fields import StandardTextFields
from webapp.prepared_texts.template_pages import READERS, Answer, form_help, may_edit
from webapp.registry.fields import RegistryError, StaleError
from webapp.security import require_role
from webapp.services import current_database
from webapp.sessions import current_user

blueprint = Blueprint("standard_texts", __name__, url_prefix="/templates/texts")


@blueprint.get("")
@require_role(*READERS)
def show_all() -> str:
    with current_database().read() as session:
        rows = session.execute(
            select(StandardText, User.username)
            .join(User, User.id == StandardText.updated_by_id)
            .order_by(StandardText.alias)
        ).all()
        template_count = session.scalar(
            select(func.count()).select_from(ReportTemplate).where(ReportTemplate.retired_at.is_(None))
        )
    return render_template(
        "prepared_texts/texts.html", rows=rows, template_count=template_count, may_edit=may_edit()
    )


@blueprint.get("/new")
@require_role(Role.RADIOLOGIST)
def new() -> str:
    return _page(Form())


@blueprint.post("/new")
@require_role(Role.RADIOLOGIST)
def add() -> Answer:
    form = Form.sent()
    try:
        row = changes.add_standard_text(current_database(), _fields(form), current_user().id)
    except RegistryError as error:
        form.refuse(error)
        return _page(form), 400
    flash(f".{row.alias} is saved.")
    return redirect(url_for("standard_texts.show_all"), 303)


@blueprint.get("/<id:text_id>")
@require_role(*READERS)
def show(text_id: int) -> str:
    row = _get(text_id)
    return _page(_form_of(row), row)


@blueprint.post("/<id:text_id>")
@require_role(Role.RADIOLOGIST)
def change(text_id: int) -> Answer:
    row, form = _get(text_id), Form.sent()
    try:
        revision = form.number("revision")
        changed = changes.change_standard_text(
            current_database(), text_id, _fields(form), current_user().id, revision=revision
        )
    except StaleError as error:
        row = _get(text_id)
        form.confront(_form_of(row), error)
        return _page(form, row), 409
    except RegistryError as error:
        form.refuse(error)
        return _page(form, row), 400
    flash(f".{changed.alias} is saved.")
    return redirect(url_for("standard_texts.show_all"), 303)


@blueprint.post("/<id:text_id>/delete")
@require_role(Role.RADIOLOGIST)
def delete(text_id: int) -> AnyResponse:
    row = _get(text_id)
    try:
        changes.delete_standard_text(current_database(), text_id, revision=Form.sent().number("revision"))
        flash(f".{row.alias} is deleted.")
    except StaleError:
        flash(f"Somebody changed .{row.alias} meanwhile: look at it again before you delete it.", "error")
        return redirect(url_for("standard_texts.show", text_id=text_id), 303)
    except RegistryError as error:
        flash(str(error), "error")
    return redirect(url_for("standard_texts.show_all"), 303)


def _page(form: Form, row: StandardText | None = None) -> str:
    return render_template(
        "prepared_texts/text.html", form=form, row=row, may_change=may_edit(), **form_help()
    )


def _form_of(row: StandardText) -> Form:
    return of_row(row, ("alias", "text", "modality", "body_part", "revision"))


def _fields(form: Form) -> StandardTextFields:
    return StandardTextFields(
        form.text("alias"), form.text("text"), form.text("modality"), form.text("body_part")
    )


def _get(text_id: int) -> StandardText:
    """Ends the request with 404 when there is none."""
    with current_database().read() as session:
        row = session.get(StandardText, text_id)
    if row is None:
        abort(404)
    return row
