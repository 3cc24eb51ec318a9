"""Who the patient is and what the study is, at the moment of a signature. Queries only.

What is signed is about these identifiers, whatever is corrected, deleted or linked elsewhere afterwards.
"""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from database.models import Facility, Study, StudyFacility

_STUDY = (
    "patient_name",
    "patient_id",
    "patient_sex",
    "accession_number",
    "study_instance_uid",
    "study_description",
    "referring_physician_name",
    "institution_name",
    "modalities",
)
_STUDY_DATES = ("patient_birth_date", "study_date", "study_time")


def snapshot_of(session: Session, study: Study, signers: list[dict[str, str]]) -> dict[str, Any]:
    """``{"study": {…}, "facility": {…} or None, "signers": [{"name": …, "at": …}]}``; dates are ISO 8601.

    ``writing`` adds ``is_valid``: False while a second signature is awaited.
    """
    values: dict[str, Any] = {name: getattr(study, name) for name in _STUDY}
    for name in _STUDY_DATES:
        value = getattr(study, name)
        values[name] = "" if value is None else value.isoformat()
    facility = facility_of(session, study.id)
    return {
        "study": values,
        "facility": None if facility is None else _facility(facility),
        "signers": signers,
    }


def facility_of(session: Session, study_id: int) -> Facility | None:
    """The facility that the study belonged to first: its letterhead, its rules for signatures."""
    return session.scalar(
        select(Facility)
        .join(StudyFacility, StudyFacility.facility_id == Facility.id)
        .where(StudyFacility.study_id == study_id)
        .order_by(StudyFacility.linked_at, Facility.id)
        .limit(1)
    )


def _facility(facility: Facility) -> dict[str, Any]:
    names = ("name", "code", "address", "contact", "letterhead", "time_zone", "has_preprinted_paper", "paper")
    return {"id": facility.id} | {name: getattr(facility, name) for name in names}
