"""Facilities, for administrators: the list, a new one, its page, its facts."""

import hashlib
from enum import StrEnum
from functools import lru_cache
from zoneinfo import available_timezones

from flask import Blueprint, Response, abort, flash, jsonify, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from database.models import Facility, RegistrationKind, Role
from webapp import facility_forms, facility_overview, registry, sender_overview
from webapp.connections import Finding, try_node
from webapp.facility_forms import Form
from webapp.facility_traffic import load_traffic
from webapp.facility_views import FacilityView
from webapp.registry import RegistryError, StaleError
from webapp.security import require_role
from webapp.services import current_database, current_services

blueprint = Blueprint("facilities", __name__, url_prefix="/facilities")

Answer = str | tuple[str, int] | AnyResponse


class Shown(StrEnum):
    """Which facilities the list shows."""

    ACTIVE = "active"
    ATTENTION = "attention"
    RETIRED = "retired"


@blueprint.get("")
@require_role(Role.ADMINISTRATOR)
def show_all() -> str:
    asked = request.args.get("show", "")
    shown = Shown(asked) if asked in set(Shown) else Shown.ACTIVE
    text = request.args.get("q", "").strip()
    with current_database().read() as session:
        version = _version(session, None)
        silence = facility_overview.load_silence(session)
        views = facility_overview.list_facilities(session)
        foreign = sender_overview.list_foreign(session)
        unknown_count = sender_overview.count_unknown_senders(session, current_services().settings.ae_title)
    counts = {one: sum(_is_shown(view, one) for view in views) for one in Shown}
    chosen = [view for view in views if _is_shown(view, shown) and view.has_word(text)]
    return render_template(
        "facilities/facilities.html",
        version=version,
        silence=silence,
        has_any=bool(views),
        views=chosen,
        counts=counts,
        shown=shown,
        Shown=Shown,
        text=text,
        foreign=foreign,
        active=[view.facility for view in views if view.facility.retired_at is None],
        unknown_count=unknown_count,
        PEER=RegistrationKind.PEER,
    )


def _is_shown(view: FacilityView, shown: Shown) -> bool:
    is_retired = view.facility.retired_at is not None
    if shown is Shown.ATTENTION:
        return not is_retired and view.needs_attention
    return is_retired == (shown is Shown.RETIRED)


@blueprint.get("/news")
@require_role(Role.ADMINISTRATOR)
def all_news() -> Response:
    return news(None)


@blueprint.get("/<id:facility_id>/news")
@require_role(Role.ADMINISTRATOR)
def facility_news(facility_id: int) -> Response:
    return news(facility_id)


def news(facility_id: int | None) -> Response:
    """Whether anything changed that open pages follow; 304 while nothing has. The page has the words."""
    with current_database().read() as session:
        tag = _version(session, facility_id)
    response = Response(status=304) if tag in request.if_none_match else jsonify(version=tag)
    response.set_etag(tag)
    return response


def _version(session: Session, facility_id: int | None) -> str:
    """Older than the page that it is rendered into, never newer: at worst it is refreshed in vain."""
    states = facility_overview.list_states(session, facility_id)
    return hashlib.sha256(repr(states).encode()).hexdigest()[:32]


@blueprint.get("/new")
@require_role(Role.ADMINISTRATOR)
def new() -> str:
    return _new_page(facility_forms.new_facility())


@blueprint.post("/new")
@require_role(Role.ADMINISTRATOR)
def create() -> Answer:
    form = Form.sent(("has_node", *facility_forms.ENTITY_CHECKS, *facility_forms.FACILITY_CHECKS))
    if form.text("do") == "test":
        return _new_page(form, test_typed_node(form)), 200 if not form.errors else 400
    settings = current_services().settings
    try:
        logo = facility_forms.sent_logo()
        registry.check_logo(logo)
        fields = facility_forms.facility_fields(form)
        entity = facility_forms.entity_fields(form) if form.is_checked("has_node") else None
        facility = registry.create_facility(current_database(), fields, entity, settings.ae_title)
    except RegistryError as error:
        form.refuse(error)
        return _new_page(form), 400
    if logo is not None:
        registry.set_logo(current_database(), facility.id, logo)
    flash(f"{facility.name} is saved.")
    return redirect(url_for("facilities.show", facility_id=facility.id), 303)


def _new_page(form: Form, finding: Finding | None = None) -> str:
    return render_template("facilities/new.html", form=form, finding=finding, time_zones=_time_zones())


@lru_cache(maxsize=1)
def _time_zones() -> list[str]:
    return sorted(available_timezones() | {"UTC"})


@blueprint.get("/proposal")
@require_role(Role.ADMINISTRATOR)
def proposal() -> Response:
    """What would be generated for a name now."""
    own = current_services().settings.ae_title
    ae_title, port = registry.propose(current_database(), request.args.get("name", "")[:200], own)
    return jsonify(ae_title=ae_title, port=port)


@blueprint.post("/echo")
@require_role(Role.ADMINISTRATOR)
def echo() -> Response:
    """Test a node as it is typed, before it is saved."""
    form = Form.sent(facility_forms.ENTITY_CHECKS)
    finding = test_typed_node(form)
    if finding is None:
        return jsonify(outcome="failed", text=form.errors[form.first_error], field=form.first_error)
    return jsonify(outcome=finding.outcome, text=finding.text)


def test_typed_node(form: Form) -> Finding | None:
    """None when what is typed isn't enough; the form then says what is wrong."""
    try:
        node = facility_forms.node_to_try(form, current_services().settings.ae_title)
    except RegistryError as error:
        form.refuse(error)
        return None
    local = form.text("local_ae_title").strip()
    return try_node(node, local_ae_title=local, uses_tls=form.is_checked("uses_tls"))


@blueprint.get("/<id:facility_id>")
@require_role(Role.ADMINISTRATOR)
def show(facility_id: int) -> str:
    with current_database().read() as session:
        version = _version(session, facility_id)
        silence = facility_overview.load_silence(session)
        view = facility_overview.load_facility(session, facility_id)
        entities = view.entities if view else []
        traffic = load_traffic(session, facility_id, entities, current_services().settings.ae_title)
        has_logo = session.scalar(
            select(Facility.id).where(Facility.id == facility_id, Facility.logo.is_not(None))
        )
    if view is None:
        abort(404)
    return render_template(
        "facilities/facility.html",
        version=version,
        silence=silence,
        view=view,
        traffic=traffic,
        facility=view.facility,
        has_logo=has_logo,
    )


@blueprint.get("/<id:facility_id>/edit")
@require_role(Role.ADMINISTRATOR)
def edit(facility_id: int) -> str:
    facility = get_facility(facility_id)
    return _edit_page(facility, _form_of(facility))


def _form_of(facility: Facility) -> Form:
    names = (*facility_forms.FACILITY_TEXTS, *facility_forms.FACILITY_CHECKS)
    form = facility_forms.of_row(facility, names)
    form.values["revision"] = registry.revision_of(facility)
    return form


@blueprint.post("/<id:facility_id>/edit")
@require_role(Role.ADMINISTRATOR)
def change(facility_id: int) -> Answer:
    facility, form = get_facility(facility_id), Form.sent(("removes_logo", *facility_forms.FACILITY_CHECKS))
    try:
        logo = facility_forms.sent_logo()
        registry.check_logo(logo)
        fields = facility_forms.facility_fields(form)
        seen = form.text("revision") or None
        registry.change_facility(current_database(), facility_id, fields, revision=seen)
    except StaleError as error:
        form.confront(_form_of(get_facility(facility_id)), error)
        return _edit_page(facility, form), 409
    except RegistryError as error:
        form.refuse(error)
        return _edit_page(facility, form), 400
    if logo is not None or form.is_checked("removes_logo"):
        registry.set_logo(current_database(), facility_id, logo)
    flash(f"{form.text('name')} is saved.")
    return redirect(url_for("facilities.show", facility_id=facility_id), 303)


def _edit_page(facility: Facility, form: Form) -> str:
    return render_template(
        "facilities/edit.html",
        facility=facility,
        form=form,
        has_logo=_logo(facility.id) is not None,
        time_zones=_time_zones(),
    )


@blueprint.post("/<id:facility_id>/active")
@require_role(Role.ADMINISTRATOR)
def set_active(facility_id: int) -> AnyResponse:
    facility = get_facility(facility_id)
    if request.form.get("active") == "yes":
        registry.reactivate_facility(current_database(), facility_id)
        flash(f"{facility.name} is active again, with what retired together with it.")
    else:
        registry.retire_facility(current_database(), facility_id)
        flash(f"{facility.name} is retired. Its studies and reports stay.")
    return redirect(url_for("facilities.show", facility_id=facility_id), 303)


@blueprint.get("/<id:facility_id>/logo")
@require_role(Role.ADMINISTRATOR)
def logo(facility_id: int) -> Response:
    content = _logo(facility_id)
    if content is None:
        abort(404)
    return Response(content, mimetype="image/png" if content.startswith(b"\x89PNG") else "image/jpeg")


def _logo(facility_id: int) -> bytes | None:
    with current_database().read() as session:
        return session.scalar(select(Facility.logo).where(Facility.id == facility_id))


def get_facility(facility_id: int) -> Facility:
    """Ends the request with 404 when there is none."""
    with current_database().read() as session:
        facility = session.get(Facility, facility_id)
    if facility is None:
        abort(404)
    return facility
