"""What an open report's study says, for placeholders and to find what fits. Queries only."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from database.models import Series, Study, User
from webapp.prepared_texts.fitting import Examination
from webapp.presentation import age, clock, day, person_name, sex
from webapp.reading_order import numbers_first
from webapp.reports.priors import newest_prior
from webapp.reports.snapshots import facility_of

# What accompanies images: nobody reports it for itself.
_COMPANIONS = frozenset({"AU", "DOC", "KO", "PLAN", "PR", "REG", "RTDOSE", "RTPLAN", "RTSTRUCT", "SEG", "SR"})


@dataclass(frozen=True, slots=True)
class Facts:
    examination: Examination
    values: dict[str, str]
    """By placeholder; empty where the study doesn't say."""


def facts_of(session: Session, user: User, study: Study) -> Facts:
    modalities = study.modalities.split()
    body_parts = _body_parts(session, study)
    facility = facility_of(session, study.id)
    prior = newest_prior(session, user, study)
    values = {
        "patient_name": person_name(study.patient_name),
        "patient_id": study.patient_id,
        "patient_birth_date": day(study.patient_birth_date),
        "patient_sex": sex(study.patient_sex),
        "patient_age": age(study),
        "study_date": day(study.study_date),
        "study_time": clock(study.study_time),
        "study_description": study.study_description,
        "modality": ", ".join([one for one in modalities if one not in _COMPANIONS] or modalities),
        "body_part": ", ".join(part.lower() for part in body_parts),
        "accession_number": study.accession_number,
        "referring_physician": person_name(study.referring_physician_name),
        "facility": facility.name if facility is not None else "",
        "prior_date": day(prior.study_date) if prior is not None else "",
    }
    return Facts(Examination(frozenset(modalities), body_parts, study.study_description), values)


def _body_parts(session: Session, study: Study) -> tuple[str, ...]:
    """Each once, in the order of the series."""
    parts = session.scalars(
        select(Series.body_part_examined)
        .where(Series.study_id == study.id, Series.deleted_at.is_(None))
        .order_by(*numbers_first(Series.series_number), Series.id)
    )
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
