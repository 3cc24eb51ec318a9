"""Carries out what administrators decided about whose studies are whose, study by study, in small steps.

When an entity is made, adopted, renamed or moved to another facility, the studies that its AE title has sent
follow. A study that an administrator linked by hand gets, or loses, that link.
"""

import logging
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, exists, insert, or_, select, update
from sqlalchemy.orm import Session

from bridge.senders import link_by_sender, unlink_by_sender
from bridge.studies import next_updated_at
from database.models import (
    ApplicationEntity,
    LinkRun,
    LinkSource,
    Study,
    StudyFacility,
    StudyLink,
    StudySender,
)
from database.session import Database

logger = logging.getLogger(__name__)

_STUDIES_A_STEP = 500


class Linker:
    """``step`` does at most one small transaction of each kind, and answers whether more is waiting."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def step(self) -> bool:
        with self._database.read() as session:
            entity = session.scalar(_waiting())
            has_hand_links = _differs_by_hand(session)
        if entity is not None:
            self._advance(entity)
        if has_hand_links:
            self._link_by_hand()
        return entity is not None

    def _advance(self, entity: ApplicationEntity) -> None:
        now = datetime.now(UTC)
        with self._database.write() as session:
            run = session.get(LinkRun, entity.id)
            if run is None:
                run = LinkRun(application_entity_id=entity.id, last_study_id=0, study_count=0)
                session.add(run)
            elif run.link_revision != entity.link_revision:
                run.last_study_id = run.study_count = 0
            run.link_revision = entity.link_revision
            studies = _next_studies(session, entity.ae_title_key, run.last_study_id)
            changed = unlink_by_sender(session, studies) | link_by_sender(session, studies, now)
            _touch(session, changed, now)
            run.study_count += len(studies)
            run.last_study_id = studies[-1] if studies else run.last_study_id
            run.done_at = now if len(studies) < _STUDIES_A_STEP else None

    def _link_by_hand(self) -> None:
        now = datetime.now(UTC)
        with self._database.write() as session:
            missing = session.execute(_missing_by_hand()).all()
            surplus = session.execute(_surplus_by_hand()).all()
            if missing:
                session.execute(
                    insert(StudyFacility),
                    [_hand_link(study_id, facility_id, now) for study_id, facility_id in missing],
                )
            for study_id, facility_id in surplus:
                session.execute(
                    delete(StudyFacility).where(
                        StudyFacility.study_id == study_id,
                        StudyFacility.facility_id == facility_id,
                        StudyFacility.source == LinkSource.ADMINISTRATOR,
                    )
                )
            _touch(session, {study_id for study_id, _ in [*missing, *surplus]}, now)


def _waiting() -> Any:
    """An entity whose studies aren't all where its latest decision wants them."""
    return (
        select(ApplicationEntity)
        .outerjoin(LinkRun, LinkRun.application_entity_id == ApplicationEntity.id)
        .where(
            or_(
                LinkRun.application_entity_id.is_(None),
                LinkRun.link_revision != ApplicationEntity.link_revision,
                LinkRun.done_at.is_(None),
            )
        )
        .order_by(ApplicationEntity.id)
        .limit(1)
    )


def _next_studies(session: Session, ae_title_key: str, after: int) -> list[int]:
    query = (
        select(StudySender.study_id)
        .where(StudySender.ae_title_key == ae_title_key, StudySender.study_id > after)
        .order_by(StudySender.study_id)
        .limit(_STUDIES_A_STEP)
    )
    return list(session.scalars(query))


def _missing_by_hand() -> Any:
    done = (
        exists()
        .where(StudyFacility.study_id == StudyLink.study_id)
        .where(StudyFacility.facility_id == StudyLink.facility_id)
        .where(StudyFacility.source == LinkSource.ADMINISTRATOR)
    )
    return select(StudyLink.study_id, StudyLink.facility_id).where(~done)


def _surplus_by_hand() -> Any:
    decided = (
        exists()
        .where(StudyLink.study_id == StudyFacility.study_id)
        .where(StudyLink.facility_id == StudyFacility.facility_id)
    )
    return select(StudyFacility.study_id, StudyFacility.facility_id).where(
        StudyFacility.source == LinkSource.ADMINISTRATOR, ~decided
    )


def _differs_by_hand(session: Session) -> bool:
    for query in (_missing_by_hand(), _surplus_by_hand()):
        if session.execute(query.limit(1)).first() is not None:
            return True
    return False


def _hand_link(study_id: int, facility_id: int, now: datetime) -> dict[str, Any]:
    return {
        "study_id": study_id,
        "facility_id": facility_id,
        "source": LinkSource.ADMINISTRATOR,
        "linked_at": now,
    }


def _touch(session: Session, study_ids: Collection[int], now: datetime) -> None:
    """Their rows on open worklists are out of date."""
    if study_ids:
        session.execute(
            update(Study)
            .where(Study.id.in_(study_ids))
            .values(updated_at=next_updated_at(session, now))
            .execution_options(synchronize_session=False)
        )
