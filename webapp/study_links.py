"""Links of single studies to further facilities, by hand, for administrators. The bridge carries them out."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, abort, flash, redirect, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from database.models import Facility, LinkSource, Role, StudyFacility, StudyLink, User
from webapp import registry
from webapp.facility_overview import list_active_facilities
from webapp.registry import RegistryError
from webapp.security import require_role
from webapp.services import current_database
from webapp.sessions import current_user
from webapp.visibility import get_visible_study

blueprint = Blueprint("study_links", __name__, url_prefix="/studies/<id:study_id>/facilities")


@dataclass(frozen=True, slots=True)
class HandLink:
    facility: Facility
    is_done: bool
    """The bridge has carried it out."""


@dataclass(frozen=True, slots=True)
class StudyLinks:
    linked: Sequence[HandLink]
    leaving: Sequence[Facility]
    """Taken back by hand; the bridge is still to do it."""
    choices: Sequence[Facility]


def load_links(session: Session, study_id: int, user: User) -> StudyLinks | None:
    """None for those who may not change them."""
    if user.role != Role.ADMINISTRATOR:
        return None
    decided = session.scalars(
        select(Facility)
        .join(StudyLink, StudyLink.facility_id == Facility.id)
        .where(StudyLink.study_id == study_id)
        .order_by(StudyLink.linked_at)
    ).all()
    done = session.scalars(
        select(Facility)
        .join(StudyFacility, StudyFacility.facility_id == Facility.id)
        .where(StudyFacility.study_id == study_id, StudyFacility.source == LinkSource.ADMINISTRATOR)
        .order_by(StudyFacility.linked_at)
    ).all()
    ids, done_ids = {one.id for one in decided}, {one.id for one in done}
    return StudyLinks(
        [HandLink(one, one.id in done_ids) for one in decided],
        [one for one in done if one.id not in ids],
        [one for one in list_active_facilities(session) if one.id not in ids],
    )


@blueprint.post("")
@require_role(Role.ADMINISTRATOR)
def link(study_id: int) -> AnyResponse:
    facility = _get_facility(study_id)
    try:
        registry.link_study(current_database(), study_id, facility.id, current_user().id)
        flash(f"The study is being linked to {facility.name}.")
    except RegistryError as error:
        flash(str(error), "error")
    return redirect(url_for("studies.show", study_id=study_id), 303)


@blueprint.post("/remove")
@require_role(Role.ADMINISTRATOR)
def unlink(study_id: int) -> AnyResponse:
    facility = _get_facility(study_id)
    registry.unlink_study(current_database(), study_id, facility.id)
    flash(f"The link to {facility.name} is being removed.")
    return redirect(url_for("studies.show", study_id=study_id), 303)


def _get_facility(study_id: int) -> Facility:
    """Of the form. Ends the request with 400 or 404."""
    facility_id = request.form.get("facility_id", 0, int)
    with current_database().read() as session:
        get_visible_study(session, current_user(), study_id)
        facility = session.get(Facility, facility_id) if 0 < facility_id < 2**63 else None
    if facility is None:
        abort(400)
    return facility
