"""A facility's application entities, for administrators: added, changed, tested, pushed again, retired."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

from flask import Blueprint, abort, flash, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from database.models import ApplicationEntity, Facility, RegistrationKind, Role
from webapp import facility_forms, facility_overview, registry
from webapp.connection_sheet import command_lines
from webapp.connection_words import Node
from webapp.connections import Finding, try_node
from webapp.facilities import Answer, get_facility, test_typed_node
from webapp.facility_forms import ENTITY_CHECKS, ENTITY_TEXTS, Form
from webapp.registry import RegistryError, StaleError
from webapp.security import require_role, wants_page
from webapp.services import current_database, current_services

blueprint = Blueprint(
    "application_entities", __name__, url_prefix="/facilities/<id:facility_id>/application-entities"
)


@blueprint.get("/new")
@require_role(Role.ADMINISTRATOR)
def new(facility_id: int) -> str:
    facility = get_facility(facility_id)
    ae_title, port = registry.propose(current_database(), facility.name, _own_ae_title())
    proposed = {
        "ae_title": ae_title,
        "proposed_ae_title": ae_title,
        "port": port,
        "proposed_port": port,
        "may_echo": True,
        "may_store": True,
    }
    return _page(facility, Form(proposed))


@blueprint.post("/new")
@require_role(Role.ADMINISTRATOR)
def add(facility_id: int) -> Answer:
    facility, form = get_facility(facility_id), Form.sent(ENTITY_CHECKS)
    if form.text("do") == "test":
        return _page(facility, form, finding=test_typed_node(form)), 400 if form.errors else 200
    try:
        fields = facility_forms.entity_fields(form)
        entity = registry.add_entity(current_database(), facility_id, fields, _own_ae_title())
    except RegistryError as error:
        form.refuse(error)
        return _page(facility, form), 400
    flash(f"{entity.ae_title} on port {entity.port} is saved.")
    return _back(facility_id)


@blueprint.get("/<id:entity_id>/edit")
@require_role(Role.ADMINISTRATOR)
def edit(facility_id: int, entity_id: int) -> str:
    entity = _get_entity(facility_id, entity_id)
    return _page(get_facility(facility_id), _form_of(entity), entity)


def _form_of(entity: ApplicationEntity) -> Form:
    return facility_forms.of_row(entity, (*ENTITY_TEXTS, *ENTITY_CHECKS, "facility_id", "revision"))


@blueprint.post("/<id:entity_id>/edit")
@require_role(Role.ADMINISTRATOR)
def change(facility_id: int, entity_id: int) -> Answer:
    facility, entity = get_facility(facility_id), _get_entity(facility_id, entity_id)
    form = Form.sent(ENTITY_CHECKS)
    if form.text("do") == "test":
        return _page(facility, form, entity, test_typed_node(form)), 400 if form.errors else 200
    try:
        owner_id = form.number("facility_id") or facility_id
        fields = facility_forms.entity_fields(form)
        changed = registry.change_entity(
            current_database(),
            entity_id,
            fields,
            _own_ae_title(),
            facility_id=owner_id,
            revision=form.number("revision"),
        )
    except StaleError as error:
        form.confront(_form_of(_get_entity(facility_id, entity_id)), error)
        return _page(facility, form, entity), 409
    except RegistryError as error:
        form.refuse(error)
        return _page(facility, form, entity), 400
    flash(f"{changed.ae_title} is saved.")
    return _back(changed.facility_id)


def _without(operations: list[str]) -> str:
    if not operations:
        return ""
    return f", but without {', '.join(operations)}: it could then read every hospital's studies"


def _page(
    facility: Facility,
    form: Form,
    entity: ApplicationEntity | None = None,
    finding: Finding | None = None,
) -> str:
    with current_database().read() as session:
        choices = facility_overview.list_active_facilities(session) if entity else []
    return render_template(
        "facilities/application_entity.html",
        facility=facility,
        entity=entity,
        form=form,
        finding=finding,
        choices=choices,
    )


@blueprint.post("/<id:entity_id>/active")
@require_role(Role.ADMINISTRATOR)
def set_active(facility_id: int, entity_id: int) -> AnyResponse:
    entity = _get_entity(facility_id, entity_id)
    try:
        if request.form.get("active") == "yes":
            registry.reactivate(current_database(), ApplicationEntity, entity_id)
            flash(f"{entity.ae_title} is active again.")
        else:
            registry.retire(current_database(), ApplicationEntity, entity_id)
            flash(f"{entity.ae_title} is retired: it may no longer associate. What it sent stays.")
    except RegistryError as error:
        flash(str(error), "error")
    return _back(facility_id)


@blueprint.post("/<id:entity_id>/push")
@require_role(Role.ADMINISTRATOR)
def push(facility_id: int, entity_id: int) -> AnyResponse:
    entity = _get_entity(facility_id, entity_id)
    registry.push(current_database(), ApplicationEntity, entity_id)
    flash(f"{entity.ae_title} is being registered again.")
    return _back(facility_id)


@blueprint.post("/<id:entity_id>/adopt")
@require_role(Role.ADMINISTRATOR)
def adopt(facility_id: int, entity_id: int) -> AnyResponse:
    """Take over what somebody had changed in Orthanc's list, as our own decision."""
    entity = _get_entity(facility_id, entity_id)
    with current_database().read() as session:
        view = facility_overview.load_target(session, RegistrationKind.APPLICATION_ENTITY, entity)
    left_out = registry.reading_granted_by(view.drift)
    try:
        if request.form.get("drifted_at") != view.drift_id:
            raise RegistryError("", "Orthanc's list differed otherwise meanwhile: look at it again first.")
        registry.adopt_drift(
            current_database(), entity_id, view.drift, _own_ae_title(), revision=entity.revision
        )
        flash(f"{entity.ae_title} is now as Orthanc had it{_without(left_out)}.")
    except RegistryError as error:
        flash(str(error), "error")
    return _back(facility_id)


@blueprint.post("/<id:entity_id>/echo")
@require_role(Role.ADMINISTRATOR)
def echo(facility_id: int, entity_id: int) -> AnyResponse:
    """A C-ECHO from Orthanc to the node as it is saved; what it finds is kept."""
    entity = _get_entity(facility_id, entity_id)
    if not entity.host:
        abort(400)
    local = entity.local_ae_title
    node = Node(entity.ae_title, entity.host, entity.port, local or _own_ae_title())
    finding = try_node(node, local_ae_title=local, uses_tls=entity.uses_tls)
    if finding.outcome != "untested":
        registry.note_test(
            current_database(),
            ApplicationEntity,
            entity_id,
            finding.text,
            revision=entity.revision,
            is_ok=finding.outcome == "ok",
            at=datetime.now(UTC),
        )
    if not wants_page():
        return jsonify(outcome=finding.outcome, text=finding.text)
    flash(f"{entity.ae_title}: {finding.text}.", "message" if finding.outcome == "ok" else "error")
    return _back(facility_id)


@blueprint.get("/<id:entity_id>/connection-sheet")
@require_role(Role.ADMINISTRATOR)
def connection_sheet(facility_id: int, entity_id: int) -> str:
    """For the vendor's engineer, on paper."""
    entity, settings = _get_entity(facility_id, entity_id), current_services().settings
    our_host = urlsplit(f"//{request.host}").hostname or ""
    return render_template(
        "facilities/connection_sheet.html",
        facility=get_facility(facility_id),
        entity=entity,
        our_host=our_host,
        is_loopback=our_host in {"localhost", "::1"} or our_host.startswith("127."),
        our_port=settings.dicom_port,
        tls_port=settings.dicom_tls_port if settings.has_recorder else None,
        demands_certificate=bool(settings.dicom_tls_client_ca),
        is_strict=settings.unknown_senders == "strict",
        commands=command_lines(entity, settings.ae_title, our_host, settings.dicom_port),
    )


def _get_entity(facility_id: int, entity_id: int) -> ApplicationEntity:
    """Ends the request with 404 when this facility has no such entity; a former AE title is none."""
    with current_database().read() as session:
        entity = session.get(ApplicationEntity, entity_id)
    if entity is None or entity.facility_id != facility_id or entity.successor_id is not None:
        abort(404)
    return entity


def _own_ae_title() -> str:
    return current_services().settings.ae_title


def _back(facility_id: int) -> AnyResponse:
    return redirect(url_for("facilities.show", facility_id=facility_id), 303)
