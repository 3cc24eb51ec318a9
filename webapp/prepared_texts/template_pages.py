"""Templates, edited by radiologists and seen by administrators: the list, a new one, one of them."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import func, select
from werkzeug.wrappers import Response as AnyResponse

from database.models import ReportTemplate, Role, StandardText, User
from database.words import words_of
from webapp.facility_forms import Form, of_row
from webapp.prepared_texts import changes
from webapp.prepared_texts.fields import TemplateFields
from webapp.prepared_texts.placeholders import PLACEHOLDERS
from webapp.registry.fields import RegistryError, StaleError
from webapp.reports.texts import SECTION_NAMES, SECTIONS
from webapp.security import require_role
from webapp.services import current_database
from webapp.sessions import current_user

READERS = (Role.RADIOLOGIST, Role.ADMINISTRATOR)
MODALITIES = ("CR", "CT", "DX", "MG", "MR", "NM", "PT", "RF", "US", "XA")
# What Body Part Examined (0018,0015) usually says, of PS3.16 annex L
BODY_PARTS = (
    "ABDOMEN", "ABDOMENPELVIS", "ANKLE", "BRAIN", "BREAST", "CHEST", "CHESTABDPELVIS", "CSPINE", "ELBOW",
    "FOOT", "HAND", "HEAD", "HEART", "HIP", "KNEE", "LSPINE", "NECK", "PELVIS", "SHOULDER", "SKULL", "TSPINE",
    "WRIST",
)  # fmt: skip
_FIELDS = ("name", "modality", "body_part", *SECTIONS)

Answer = str | tuple[str, int] | AnyResponse

blueprint = Blueprint("report_templates", __name__, url_prefix="/templates")


@blueprint.get("")
@require_role(*READERS)
def show_all() -> str:
    is_retired, text = request.args.get("show") == "retired", request.args.get("q", "").strip()[:100]
    with current_database().read() as session:
        rows = session.execute(
            select(ReportTemplate, User.username)
            .join(User, User.id == ReportTemplate.updated_by_id)
            .order_by(func.lower(ReportTemplate.name), ReportTemplate.id)
        ).all()
        text_count = session.scalar(select(func.count()).select_from(StandardText))
    in_view = [row for row in rows if (row.ReportTemplate.retired_at is not None) == is_retired]
    return render_template(
        "prepared_texts/templates.html",
        rows=[row for row in in_view if _has_words(row.ReportTemplate, text)],
        has_any=bool(rows),
        active_count=sum(row.ReportTemplate.retired_at is None for row in rows),
        retired_count=sum(row.ReportTemplate.retired_at is not None for row in rows),
        text_count=text_count,
        is_retired=is_retired,
        text=text,
        section_names=SECTION_NAMES,
        may_edit=may_edit(),
    )


def _has_words(template: ReportTemplate, text: str) -> bool:
    """Each word begins one of its name's, modality's or body part's."""
    words = words_of(template.name, template.modality, template.body_part)
    return all(any(word.startswith(asked) for word in words) for asked in words_of(text))


def may_edit() -> bool:
    return current_user().role == Role.RADIOLOGIST


@blueprint.get("/new")
@require_role(Role.RADIOLOGIST)
def new() -> str:
    """Empty, or as ``?from=`` another one is."""
    origin = request.args.get("from", 0, int)
    return _page(_form_of(_get(origin)) if 0 < origin < 2**63 else Form())


@blueprint.post("/new")
@require_role(Role.RADIOLOGIST)
def add() -> Answer:
    form = Form.sent()
    try:
        template = changes.add_template(current_database(), _fields(form), current_user().id)
    except RegistryError as error:
        form.refuse(error)
        return _page(form), 400
    flash(f"{template.name} is saved.")
    return redirect(url_for("report_templates.show_all"), 303)


@blueprint.get("/<id:template_id>")
@require_role(*READERS)
def show(template_id: int) -> str:
    template = _get(template_id)
    return _page(_form_of(template), template)


@blueprint.post("/<id:template_id>")
@require_role(Role.RADIOLOGIST)
def change(template_id: int) -> Answer:
    template, form = _get(template_id), Form.sent()
    try:
        changed = changes.change_template(
            current_database(),
            template_id,
            _fields(form),
            current_user().id,
            revision=form.number("revision"),
        )
    except StaleError as error:
        template = _get(template_id)
        form.confront(_form_of(template), error)
        return _page(form, template), 409
    except RegistryError as error:
        form.refuse(error)
        return _page(form, template), 400
    flash(f"{changed.name} is saved.")
    return redirect(url_for("report_templates.show_all"), 303)


@blueprint.post("/<id:template_id>/active")
@require_role(Role.RADIOLOGIST)
def set_active(template_id: int) -> AnyResponse:
    template, user_id = _get(template_id), current_user().id
    try:
        if request.form.get("active") == "yes":
            changes.restore_template(current_database(), template_id, user_id)
            flash(f"{template.name} is offered again.")
        else:
            changes.retire_template(current_database(), template_id, user_id)
            flash(f"{template.name} is retired: it isn't offered any more.")
    except RegistryError as error:
        flash(str(error), "error")
        return redirect(url_for("report_templates.show", template_id=template_id), 303)
    return redirect(url_for("report_templates.show_all"), 303)


def _page(form: Form, template: ReportTemplate | None = None) -> str:
    return render_template(
        "prepared_texts/template.html",
        form=form,
        template=template,
        section_names=SECTION_NAMES,
        may_change=may_edit() and (template is None or template.retired_at is None),
        **form_help(),
    )


def form_help() -> dict[str, Any]:
    """What both kinds of forms offer beside their fields."""
    return {
        "placeholders": PLACEHOLDERS,
        "modalities": MODALITIES,
        "body_parts": BODY_PARTS,
        "may_edit": may_edit(),
    }


def _form_of(template: ReportTemplate) -> Form:
    return of_row(template, (*_FIELDS, "revision"))


def _fields(form: Form) -> TemplateFields:
    return TemplateFields(
        name=form.text("name"),
        modality=form.text("modality"),
        body_part=form.text("body_part"),
        sections={name: form.text(name) for name in SECTIONS},
    )


def _get(template_id: int) -> ReportTemplate:
    """Ends the request with 404 when there is none."""
    with current_database().read() as session:
        template = session.get(ReportTemplate, template_id)
    if template is None:
        abort(404)
    return template
