"""Whose study it is: which AE titles sent it, and the facilities that these belong to.

Runs inside the caller's transaction. Links are added as studies come; they move only when an administrator's
decision does (``linking``).
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, exists, insert, select
from sqlalchemy.orm import Session

from bridge.rows import Row
from database.models import ApplicationEntity, LinkSource, Series, StudyFacility, StudySender
from database.upsert import upsert

_EARLIER = (
    "first_received_at = CASE WHEN excluded.first_received_at < study_sender.first_received_at "
    "THEN excluded.first_received_at ELSE study_sender.first_received_at END"
)
_LATER = (
    "last_received_at = CASE WHEN excluded.last_received_at > study_sender.last_received_at "
    "THEN excluded.last_received_at ELSE study_sender.last_received_at END"
)


def note_senders(session: Session, instance_rows: Iterable[Row], now: datetime) -> None:
    """From instances just written: who sent to which study, and the links that follow from it."""
    sent = [row for row in instance_rows if row["calling_ae_title"]]
    if not sent:
        return
    studies = _studies_of(session, {row["series_id"] for row in sent})
    senders: dict[tuple[int, str], Row] = {}
    for row in sent:
        _add(senders, studies[row["series_id"]], row)
    upsert(
        session,
        StudySender,
        list(senders.values()),
        key=("study_id", "ae_title_key"),
        overwrite=("ae_title",),  # the address is known better from the wire (transfers.accounting)
        also=f"{_EARLIER}, {_LATER}",
    )
    link_by_sender(session, {study_id for study_id, _ in senders}, now)


def _studies_of(session: Session, series_ids: Collection[int]) -> Mapping[int, int]:
    rows = session.execute(select(Series.id, Series.study_id).where(Series.id.in_(series_ids)))
    return dict(rows.all())


def _add(senders: dict[tuple[int, str], Row], study_id: int, instance: Mapping[str, Any]) -> None:
    ae_title, received_at = instance["calling_ae_title"], instance["received_at"]
    row = senders.setdefault(
        (study_id, ae_title.upper()),
        {
            "study_id": study_id,
            "ae_title_key": ae_title.upper(),
            "ae_title": ae_title,
            "remote_ip": instance["remote_ip"],
            "first_received_at": received_at,
            "last_received_at": received_at,
        },
    )
    row["first_received_at"] = min(row["first_received_at"], received_at)
    row["last_received_at"] = max(row["last_received_at"], received_at)


def link_by_sender(session: Session, study_ids: Collection[int], now: datetime) -> set[int]:
    """Add what is missing: a study belongs to its senders' facilities. Answers the studies changed."""
    missing = (
        _facilities_by_sender(study_ids)
        .where(~_is_linked(StudySender.study_id, ApplicationEntity.facility_id))
        .distinct()
    )
    rows = session.execute(missing).all()
    if rows:
        session.execute(
            insert(StudyFacility),
            [
                {
                    "study_id": study_id,
                    "facility_id": facility_id,
                    "source": LinkSource.CALLING_AE_TITLE,
                    "linked_at": now,
                }
                for study_id, facility_id in rows
            ],
        )
    return {study_id for study_id, _ in rows}


def unlink_by_sender(session: Session, study_ids: Collection[int]) -> set[int]:
    """Remove links that no sender of the study explains any more. Answers the studies changed."""
    explained = (
        exists()
        .where(StudySender.study_id == StudyFacility.study_id)
        .where(ApplicationEntity.ae_title_key == StudySender.ae_title_key)
        .where(ApplicationEntity.facility_id == StudyFacility.facility_id)
    )
    of_these = (
        StudyFacility.study_id.in_(study_ids),
        StudyFacility.source == LinkSource.CALLING_AE_TITLE,
        ~explained,
    )
    changed = set(session.scalars(select(StudyFacility.study_id).where(*of_these)))
    if changed:
        session.execute(delete(StudyFacility).where(*of_these).execution_options(synchronize_session=False))
    return changed


def _facilities_by_sender(study_ids: Collection[int]) -> Select[int, int]:
    return (
        select(StudySender.study_id, ApplicationEntity.facility_id)
        .join(ApplicationEntity, ApplicationEntity.ae_title_key == StudySender.ae_title_key)
        .where(StudySender.study_id.in_(study_ids))
    )


def _is_linked(study_id: Any, facility_id: Any) -> ColumnElement[bool]:
    return (
        exists()
        .where(StudyFacility.study_id == study_id)
        .where(StudyFacility.facility_id == facility_id)
        .where(StudyFacility.source == LinkSource.CALLING_AE_TITLE)
    )
