"""What is known of senders, by the keys of their AE titles: associations, studies. Queries only."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.orm import Session

from database.models import Association, Sender, Study, StudySender
from database.transfer_terms import AssociationOutcome, Direction

LATELY = timedelta(days=30)
MOST_COUNTED = 1_000
"""Associations of one sender: whoever tries every few seconds has a hundred thousand in a month."""


@dataclass(frozen=True, slots=True)
class AssociationCounts:
    """Of ``LATELY``; of the newest ``MOST_COUNTED`` alone when there are more."""

    association_count: int = 0
    rejected_count: int = 0

    @property
    def is_cut(self) -> bool:
        return self.association_count >= MOST_COUNTED


@dataclass(frozen=True, slots=True)
class SentStudies:
    """What an AE title sent, as far as it is still here."""

    ae_title: str
    remote_ip: str
    first_seen_at: datetime
    last_seen_at: datetime
    study_count: int
    instance_count: int
    """Of these studies, whoever sent them."""


def load_senders(session: Session, keys: Collection[str]) -> Mapping[str, Sender]:
    rows = session.scalars(select(Sender).where(Sender.ae_title_key.in_(keys)))
    return {row.ae_title_key: row for row in rows}


def count_associations(session: Session, keys: Collection[str]) -> Mapping[str, AssociationCounts]:
    newest = (
        select(Association.outcome)
        .where(
            Association.remote_ae_title_key == Sender.ae_title_key,
            Association.started_at > datetime.now(UTC) - LATELY,
            Association.direction == Direction.IN,
        )
        .order_by(Association.started_at.desc())
        .limit(MOST_COUNTED)
        .correlate(Sender)
        .subquery()
    )
    rejected = func.count().filter(newest.c.outcome == AssociationOutcome.REJECTED)
    all_of_them, rejected_ones = (
        select(count).select_from(newest).scalar_subquery() for count in (func.count(), rejected)
    )
    rows = session.execute(
        select(Sender.ae_title_key, all_of_them, rejected_ones).where(Sender.ae_title_key.in_(keys))
    )
    return {key: AssociationCounts(*counts) for key, *counts in rows}


def newest_first() -> Select[str, datetime]:
    """Keys of those who sent studies that are still here, with when the last of them came."""
    return (
        select(StudySender.ae_title_key, func.max(StudySender.last_received_at))
        .join(Study, Study.id == StudySender.study_id)
        .where(Study.deleted_at.is_(None))
        .group_by(StudySender.ae_title_key)
        .order_by(func.max(StudySender.last_received_at).desc(), StudySender.ae_title_key)
    )


def load_sent_studies(session: Session, keys: Collection[str]) -> Mapping[str, SentStudies]:
    sums = session.execute(
        newest_first()
        .where(StudySender.ae_title_key.in_(keys))
        .with_only_columns(
            StudySender.ae_title_key,
            func.min(StudySender.first_received_at).label("first_received_at"),
            func.max(StudySender.last_received_at).label("last_received_at"),
            func.count().label("study_count"),
            func.sum(Study.instance_count).label("instance_count"),
        )
    ).all()
    heard_last = [(row.ae_title_key, row.last_received_at) for row in sums]
    newest = session.scalars(
        select(StudySender).where(
            tuple_(StudySender.ae_title_key, StudySender.last_received_at).in_(heard_last)
        )
    )
    by_key = {one.ae_title_key: one for one in newest}
    return {
        row.ae_title_key: SentStudies(
            by_key[row.ae_title_key].ae_title,
            by_key[row.ae_title_key].remote_ip,
            row.first_received_at,
            row.last_received_at,
            row.study_count,
            int(row.instance_count),
        )
        for row in sums
    }
