"""A patient's other studies with where their reports stand: what one compares with. Queries only.

A patient ID means something at the facility that gave it: two hospitals have a patient 123. So a study is a
prior only where facility, patient ID and birth date agree. What agrees in less is *possibly another patient*:
it is named with its reason, and its report isn't opened from here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, or_, select, true
from sqlalchemy.orm import Session

from database.models import Report, ReportState, Study, StudyFacility, StudyWord, User
from database.words import words_of
from webapp.visibility import visible_studies

_MOST_PRIORS = 50
_MOST_DOUBTFUL = 20
_MOST_WORDS = 6


@dataclass(frozen=True, slots=True)
class Prior:
    study: Study
    state: ReportState | None
    """None: nothing was written yet, or nothing that somebody wanted."""
    is_later: bool
    """It was made after the study that is being read."""
    doubt: str = ""
    """Why it is possibly another patient's; empty when it is the same patient's."""


def priors_of(session: Session, user: User, study: Study) -> Sequence[Prior]:
    """Of what this user may see, the newest first: at most 50 certain ones and 20 of either doubtful kind.

    A study that left the archive is still among them when it has a report.
    """
    search = _Search(session, user, study)
    found = search.find(search.is_certain(), _MOST_PRIORS)
    for condition in search.doubtful():
        found |= search.find(condition, _MOST_DOUBTFUL)
    return sorted(found.values(), key=lambda prior: (*_moment(prior.study), prior.study.id), reverse=True)


def find_prior(session: Session, user: User, study: Study, other_id: int) -> Prior | None:
    """The one that this user may read beside ``study``: never one that is possibly another patient's."""
    search = _Search(session, user, study)
    return search.find(and_(search.is_certain(), Study.id == other_id), 1).get(other_id)


def newest_prior(session: Session, user: User, study: Study) -> Study | None:
    """The certain one made last before ``study``, if any has a date."""
    search = _Search(session, user, study)
    found = search.find(search.is_certain(), _MOST_PRIORS).values()
    earlier = [prior.study for prior in found if not prior.is_later and prior.study.study_date]
    return max(earlier, key=lambda one: (_moment(one), one.id), default=None)


class _Search:
    def __init__(self, session: Session, user: User, study: Study) -> None:
        self._session = session
        self._user = user
        self._study = study
        own = select(StudyFacility.facility_id).where(StudyFacility.study_id == study.id)
        facility_ids = session.scalars(own).all()
        self._has_same_facility = (
            exists()
            .where(StudyFacility.study_id == Study.id)
            .where(StudyFacility.facility_id.in_(facility_ids))
        )

    def is_certain(self) -> ColumnElement[bool]:
        study = self._study
        if not study.patient_id or study.patient_birth_date is None:
            return false()
        return and_(
            Study.patient_id == study.patient_id,
            Study.patient_birth_date == study.patient_birth_date,
            self._has_same_facility,
        )

    def doubtful(self) -> list[ColumnElement[bool]]:
        """By the same ID, and by the same name and birth date: an index leads to each.

        An ID whose facility, birth date and name all are others says nothing: small numbers occur everywhere.
        """
        study, is_alike = self._study, self._is_named_alike()
        born = study.patient_birth_date
        conditions = []
        if study.patient_id:
            may_agree = or_(Study.patient_birth_date.is_(None), Study.patient_birth_date == born)
            is_near = or_(self._has_same_facility, is_alike, may_agree if born else true())
            conditions.append(and_(Study.patient_id == study.patient_id, is_near, self._differs_somewhere()))
        if born:
            has_other_id = or_(Study.patient_id != study.patient_id, Study.patient_id == "")
            conditions.append(and_(Study.patient_birth_date == born, has_other_id, is_alike))
        return conditions

    def _differs_somewhere(self) -> ColumnElement[bool]:
        """Of studies with the same patient ID: no certain one."""
        born = self._study.patient_birth_date
        if born is None:
            return true()
        return or_(
            Study.patient_birth_date.is_(None), Study.patient_birth_date != born, ~self._has_same_facility
        )

    def _is_named_alike(self) -> ColumnElement[bool]:
        """It has every word of this name, in whatever case and order."""
        words = sorted(_name_words(self._study))[:_MOST_WORDS]
        if not words:
            return false()
        return and_(
            *(exists().where(StudyWord.word == word).where(StudyWord.study_id == Study.id) for word in words)
        )

    def find(self, condition: ColumnElement[bool], limit: int) -> dict[int, Prior]:
        rows = self._session.execute(
            visible_studies(self._user)
            .outerjoin(Report, Report.study_id == Study.id)
            .with_only_columns(Study, Report.state, self._has_same_facility.label("has_same_facility"))
            .where(Study.id != self._study.id, condition)
            .where(or_(Study.deleted_at.is_(None), Report.id.is_not(None)))
            .order_by(Study.study_date.desc().nulls_last(), Study.id.desc())
            .limit(limit)
        )
        return {row.Study.id: self._prior(row) for row in rows}

    def _prior(self, row: Any) -> Prior:
        other: Study = row.Study
        return Prior(
            study=other,
            state=None if row.state is ReportState.DISCARDED else row.state,
            is_later=_moment(other) > _moment(self._study),
            doubt=_doubt(self._study, other, row.has_same_facility),
        )


def _doubt(study: Study, other: Study, has_same_facility: bool) -> str:
    if not study.patient_id or not other.patient_id:
        return "Same name and birth date, but a patient ID is missing."
    if study.patient_id != other.patient_id:
        return "Same name and birth date, but another patient ID."
    differences = [] if has_same_facility else ["without a common facility"]
    if study.patient_birth_date is None or other.patient_birth_date is None:
        differences.append("without a birth date to compare")
    elif study.patient_birth_date != other.patient_birth_date:
        differences.append("with another birth date")
    return f"Same patient ID, but {' and '.join(differences)}." if differences else ""


def _name_words(study: Study) -> set[str]:
    """Of the alphabetic group; the others are the same name in other characters."""
    return words_of(study.patient_name.split("=")[0]) or words_of(study.patient_name)


def _moment(study: Study) -> tuple[date, time]:
    return study.study_date or study.received_at.date(), study.study_time or time.min
