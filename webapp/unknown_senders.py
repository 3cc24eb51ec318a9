"""Who comes but belongs to no facility, for administrators: adopted with one click, or blocked."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from database.models import ApplicationEntity, ForeignRegistration, Role
from webapp import facility_overview, registry, sender_overview
from webapp.facilities import Answer
from webapp.registry import RegistryError
from webapp.security import require_role
from webapp.services import current_database, current_services
from webapp.sessions import current_user

blueprint = Blueprint("unknown_senders", __name__, url_prefix="/facilities")


@blueprint.get("/unknown-senders")
@require_role(Role.ADMINISTRATOR)
def show() -> str:
    return _page()


@blueprint.post("/unknown-senders")
@require_role(Role.ADMINISTRATOR)
def adopt() -> Answer:
    """``facility_id`` is that of an existing one; without, a new one is made, called ``name``."""
    ae_title = request.form.get("ae_title", "")
    try:
        owner = _chosen_facility() or request.form.get("name", "")
        entity = registry.adopt_sender(current_database(), ae_title, owner, _own_ae_title())
    except RegistryError as error:
        return _page(ae_title, str(error)), 400
    return _to_its_facility(entity, f"{entity.ae_title} is adopted. The studies that it has sent follow.")


@blueprint.post("/unknown-senders/block")
@require_role(Role.ADMINISTRATOR)
def block() -> Answer:
    ae_title = request.form.get("ae_title", "")
    try:
        blocked = registry.block_sender(current_database(), ae_title, current_user().id, _own_ae_title())
    except RegistryError as error:
        return _page(ae_title, str(error)), 400
    flash(f"{blocked.ae_title} is blocked.")
    return redirect(url_for("unknown_senders.show"), 303)


@blueprint.post("/unknown-senders/unblock")
@require_role(Role.ADMINISTRATOR)
def unblock() -> AnyResponse:
    ae_title = request.form.get("ae_title", "")
    try:
        registry.unblock_sender(current_database(), ae_title)
        flash(f"{ae_title} is no longer blocked.")
    except RegistryError as error:
        flash(str(error), "error")
    return redirect(url_for("unknown_senders.show"), 303)


@blueprint.post("/foreign/<id:foreign_id>")
@require_role(Role.ADMINISTRATOR)
def adopt_foreign(foreign_id: int) -> AnyResponse:
    with current_database().read() as session:
        foreign = session.get(ForeignRegistration, foreign_id)
    if foreign is None:
        abort(404)
    try:
        facility_id = _chosen_facility() or 0
        entity = registry.adopt_foreign(current_database(), foreign, facility_id, _own_ae_title())
    except RegistryError as error:
        flash(str(error), "error")
        return redirect(url_for("facilities.show_all"), 303)
    return _to_its_facility(
        entity, f"{entity.ae_title} is adopted. Now delete the entry {foreign.name} in Orthanc."
    )


def _page(refused: str = "", reason: str = "") -> str:
    with current_database().read() as session:
        senders, is_cut = sender_overview.list_unknown_senders(session, _own_ae_title())
        blocked = sender_overview.list_blocked(session)
        facilities = facility_overview.list_active_facilities(session)
    return render_template(
        "facilities/unknown_senders.html",
        senders=senders,
        blocked=blocked,
        facilities=facilities,
        is_strict=current_services().settings.unknown_senders == "strict",
        is_cut=is_cut,
        refused=refused,
        reason=reason,
        typed=request.form,
    )


def _chosen_facility() -> int | None:
    text = request.form.get("facility_id", "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 19):
        abort(400)
    return int(text) if text else None


def _to_its_facility(entity: ApplicationEntity, message: str) -> AnyResponse:
    flash(message)
    return redirect(url_for("facilities.show", facility_id=entity.facility_id), 303)


def _own_ae_title() -> str:
    return current_services().settings.ae_title
