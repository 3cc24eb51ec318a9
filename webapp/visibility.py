"""Who may see which studies. Every query for studies in the webapp starts here."""

from flask import abort
from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import Session

from database.models import ApplicationEntity, Facility, Role, Study, StudyFacility, User, UserFacility


def visible_studies(user: User) -> Select[Study]:
    """The studies that this user may see, those that left the archive included.

    Facility staff see what belongs to one of their facilities, and nothing when they have none.
    """
    studies = select(Study)
    if user.role != Role.FACILITY_STAFF:
        return studies
    return studies.where(
        exists()
        .where(StudyFacility.study_id == Study.id)
        .where(StudyFacility.facility_id == UserFacility.facility_id)
        .where(UserFacility.user_id == user.id)
    )


def visible_facilities(user: User) -> Select[Facility]:
    """The facilities whose names this user may know: all, or for facility staff their own."""
    facilities = select(Facility)
    if user.role != Role.FACILITY_STAFF:
        return facilities
    own = select(UserFacility.facility_id).where(UserFacility.user_id == user.id)
    return facilities.where(Facility.id.in_(own))


def visible_titles(session: Session, user: User) -> frozenset[str] | None:
    """Keys of the AE titles that this user may know as senders: None for all, or facility staff's own."""
    if user.role != Role.FACILITY_STAFF:
        return None
    own = (
        visible_facilities(user)
        .join(ApplicationEntity, ApplicationEntity.facility_id == Facility.id)
        .with_only_columns(ApplicationEntity.ae_title_key)
    )
    return frozenset(session.scalars(own))


def get_visible_study(session: Session, user: User, study_id: int) -> Study:
    """Ends the request with 404, the same for what doesn't exist and for what is none of theirs."""
    study = session.scalar(visible_studies(user).where(Study.id == study_id))
    if study is None:
        abort(404)
    return study


def has_no_facility(session: Session, user: User) -> bool:
    """Facility staff without a facility: their lists are empty, and should say why."""
    if user.role != Role.FACILITY_STAFF:
        return False
    own = select(func.count()).select_from(UserFacility).where(UserFacility.user_id == user.id)
    return not session.scalar(own)
