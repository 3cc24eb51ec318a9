"""Who sends but belongs to no facility, and what others have entered in Orthanc's lists. Queries only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, SQLColumnExpression, exists, func, select, tuple_
from sqlalchemy.orm import Session

from database.models import ApplicationEntity, ForeignRegistration, Study, StudySender
from settings import PROBE_AE_TITLE
from webapp.facility_overview import feed_id
from webapp.registry.ae_titles import key_of

MOST_SENDERS = 200


@dataclass(frozen=True, slots=True)
class UnknownSender:
    """An AE title that sent studies and belongs to no facility."""

    ae_title: str
    remote_ip: str
    first_received_at: datetime
    last_received_at: datetime
    study_count: int
    instance_count: int
    """Of these studies, whoever sent them."""


def list_foreign(session: Session) -> Sequence[ForeignRegistration]:
    """Entries of Orthanc's lists that aren't ours, the alarming ones first."""
    return session.scalars(
        select(ForeignRegistration)
        .where(ForeignRegistration.feed_id == feed_id(session))
        .order_by(ForeignRegistration.is_alarming.desc(), ForeignRegistration.kind, ForeignRegistration.name)
    ).all()


def count_unknown_senders(session: Session, own_ae_title: str) -> int:
    # Distinct first: one step along the index for each title instead of a look-up for each study
    titles = select(StudySender.ae_title_key).distinct().subquery()
    title = titles.c.ae_title_key
    has_study = (
        exists()
        .where(StudySender.ae_title_key == title)
        .where(Study.id == StudySender.study_id, Study.deleted_at.is_(None))
    )
    unknown = select(func.count()).select_from(titles).where(_is_unknown(title, own_ae_title), has_study)
    return session.scalar(unknown) or 0


def list_unknown_senders(session: Session, own_ae_title: str) -> list[UnknownSender]:
    """Those heard last first, ``MOST_SENDERS`` at most. What left the archive doesn't count."""
    sums = (
        select(
            StudySender.ae_title_key,
            func.min(StudySender.first_received_at).label("first_received_at"),
            func.max(StudySender.last_received_at).label("last_received_at"),
            func.count().label("study_count"),
            func.sum(Study.instance_count).label("instance_count"),
        )
        .join(Study, Study.id == StudySender.study_id)
        .where(_is_unknown(StudySender.ae_title_key, own_ae_title), Study.deleted_at.is_(None))
        .group_by(StudySender.ae_title_key)
        .order_by(func.max(StudySender.last_received_at).desc(), StudySender.ae_title_key)
        .limit(MOST_SENDERS)
    )
    rows = session.execute(sums).all()
    heard_last = [(row.ae_title_key, row.last_received_at) for row in rows]
    newest = session.scalars(
        select(StudySender).where(
            tuple_(StudySender.ae_title_key, StudySender.last_received_at).in_(heard_last)
        )
    )
    senders = {one.ae_title_key: one for one in newest}
    return [
        UnknownSender(
            senders[row.ae_title_key].ae_title,
            senders[row.ae_title_key].remote_ip,
            row.first_received_at,
            row.last_received_at,
            row.study_count,
            int(row.instance_count),
        )
        for row in rows
    ]


def _is_unknown(ae_title_key: SQLColumnExpression[str], own_ae_title: str) -> ColumnElement[bool]:
    """Nobody's: no facility's, and not ours."""
    is_known = exists().where(ApplicationEntity.ae_title_key == ae_title_key)
    return ~is_known & ae_title_key.not_in([key_of(own_ae_title), PROBE_AE_TITLE])
