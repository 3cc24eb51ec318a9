"""An administrator's links of single studies to further facilities."""

from sqlalchemy import delete
from sqlalchemy.orm import Session

from database.models import Facility, StudyLink
from database.session import Database
from webapp.registry.decisions import decide, find, now, require_active


def link_study(database: Database, study_id: int, facility_id: int, user_id: int) -> None:
    """The bridge carries it out. Linking again changes nothing. Raises RegistryError."""

    def link(session: Session) -> None:
        require_active(find(session, Facility, facility_id))
        if session.get(StudyLink, (study_id, facility_id)) is None:
            session.add(
                StudyLink(study_id=study_id, facility_id=facility_id, linked_at=now(), user_id=user_id)
            )

    decide(database, link)


def unlink_study(database: Database, study_id: int, facility_id: int) -> None:
    """Takes back ``link_study``; links that follow from the senders stay."""
    with database.write() as session:
        session.execute(
            delete(StudyLink).where(StudyLink.study_id == study_id, StudyLink.facility_id == facility_id)
        )
