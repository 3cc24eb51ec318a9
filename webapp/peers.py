"""A facility's own Orthancs, for administrators: added, changed, tested, pushed again, retired."""

from datetime import UTC, datetime

from flask import Blueprint, abort, flash, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from database.models import Facility, Peer, RegistrationKind, RegistrationState, Role
from database.registrations import name_of
from webapp import facility_forms, facility_overview, registry
from webapp.connections import Finding, try_peer
from webapp.facilities import Answer, get_facility
from webapp.facility_forms import Form
from webapp.registry import RegistryError, StaleError
from webapp.security import require_role, wants_page
from webapp.services import current_database, current_services

_NOT_REGISTERED = "not tested: not registered yet, our archive (Orthanc) doesn't know it as it is now"

blueprint = Blueprint("peers", __name__, url_prefix="/facilities/<id:facility_id>/peers")


@blueprint.get("/new")
@require_role(Role.ADMINISTRATOR)
def new(facility_id: int) -> str:
    return _page(get_facility(facility_id), Form())


@blueprint.post("/new")
@require_role(Role.ADMINISTRATOR)
def add(facility_id: int) -> Answer:
    facility, form = get_facility(facility_id), Form.sent()
    try:
        fields = facility_forms.peer_fields(form)
        peer = registry.add_peer(current_database(), facility_id, fields, _encryption_key())
    except RegistryError as error:
        form.refuse(error)
        return _page(facility, form), 400
    flash(f"{peer.name} is saved.")
    return _back(facility_id)


@blueprint.get("/<id:peer_id>/edit")
@require_role(Role.ADMINISTRATOR)
def edit(facility_id: int, peer_id: int) -> str:
    peer = _get_peer(facility_id, peer_id)
    return _page(get_facility(facility_id), _form_of(peer), peer)


def _form_of(peer: Peer) -> Form:
    return facility_forms.of_row(peer, (*facility_forms.PEER_TEXTS, "revision"))


@blueprint.post("/<id:peer_id>/edit")
@require_role(Role.ADMINISTRATOR)
def change(facility_id: int, peer_id: int) -> Answer:
    facility, peer, form = get_facility(facility_id), _get_peer(facility_id, peer_id), Form.sent()
    try:
        fields = facility_forms.peer_fields(form)
        changed = registry.change_peer(
            current_database(), peer_id, fields, _encryption_key(), revision=form.number("revision")
        )
    except StaleError as error:
        form.confront(_form_of(_get_peer(facility_id, peer_id)), error)
        return _page(facility, form, peer), 409
    except RegistryError as error:
        form.refuse(error)
        return _page(facility, form, peer), 400
    flash(f"{changed.name} is saved.")
    return _back(facility_id)


def _page(facility: Facility, form: Form, peer: Peer | None = None) -> str:
    return render_template("facilities/peer.html", facility=facility, peer=peer, form=form)


@blueprint.post("/<id:peer_id>/active")
@require_role(Role.ADMINISTRATOR)
def set_active(facility_id: int, peer_id: int) -> AnyResponse:
    peer = _get_peer(facility_id, peer_id)
    try:
        if request.form.get("active") == "yes":
            registry.reactivate(current_database(), Peer, peer_id)
            flash(f"{peer.name} is active again.")
        else:
            registry.retire(current_database(), Peer, peer_id)
            flash(f"{peer.name} is retired: nothing is sent there any more.")
    except RegistryError as error:
        flash(str(error), "error")
    return _back(facility_id)


@blueprint.post("/<id:peer_id>/push")
@require_role(Role.ADMINISTRATOR)
def push(facility_id: int, peer_id: int) -> AnyResponse:
    peer = _get_peer(facility_id, peer_id)
    registry.push(current_database(), Peer, peer_id)
    flash(f"{peer.name} is being registered again.")
    return _back(facility_id)


@blueprint.post("/<id:peer_id>/test")
@require_role(Role.ADMINISTRATOR)
def test(facility_id: int, peer_id: int) -> AnyResponse:
    """Ask the peer, as it is registered in Orthanc, who it is; what it finds is kept."""
    peer = _get_peer(facility_id, peer_id)
    with current_database().read() as session:
        state = facility_overview.load_target(session, RegistrationKind.PEER, peer).state
    is_registered = state is RegistrationState.REGISTERED
    finding = try_peer(name_of(peer)) if is_registered else Finding("untested", _NOT_REGISTERED)
    if finding.outcome != "untested":
        registry.note_test(
            current_database(),
            Peer,
            peer_id,
            finding.text,
            revision=peer.revision,
            is_ok=finding.outcome == "ok",
            at=datetime.now(UTC),
        )
    if not wants_page():
        return jsonify(outcome=finding.outcome, text=finding.text)
    flash(f"{peer.name}: {finding.text}.", "message" if finding.outcome == "ok" else "error")
    return _back(facility_id)


def _get_peer(facility_id: int, peer_id: int) -> Peer:
    """Ends the request with 404 when this facility has no such peer."""
    with current_database().read() as session:
        peer = session.get(Peer, peer_id)
    if peer is None or peer.facility_id != facility_id:
        abort(404)
    return peer


def _encryption_key() -> str:
    return current_services().settings.secret("encryption_key")


def _back(facility_id: int) -> AnyResponse:
    return redirect(url_for("facilities.show", facility_id=facility_id), 303)
