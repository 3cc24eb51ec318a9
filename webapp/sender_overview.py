"""Who comes but belongs to no facility, who is blocked, and what others have entered in Orthanc's lists.

Queries only. An AE title is known from the DICOM port (``sender``, by the recorder), from studies that it
sent (``study_sender``, by Orthanc), or from both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, SQLColumnExpression, exists, func, select, union
from sqlalchemy.orm import Session

from database.models import (
    ApplicationEntity,
    BlockedSender,
    ForeignRegistration,
    Sender,
    Study,
    StudySender,
    User,
)
from settings import PROBE_AE_TITLE
from webapp.facility_overview import feed_id
from webapp.registry.ae_titles import key_of
from webapp.sender_facts import (
    LATELY,
    AssociationCounts,
    SentStudies,
    count_associations,
    load_senders,
    load_sent_studies,
    newest_first,
)
from webapp.transfers.words import Words, outcome_of

MOST_SENDERS = 200


@dataclass(frozen=True, slots=True)
class UnknownSender:
    """An AE title that belongs to no facility and isn't blocked."""

    ae_title: str
    remote_ip: str
    """By the recorder where it saw any; Orthanc may not see the real one."""
    first_seen_at: datetime
    last_seen_at: datetime
    called_ae_title: str
    ending: Words | None
    """How its last association ended; None where no recorder saw any."""
    counts: AssociationCounts
    studies: SentStudies | None


@dataclass(frozen=True, slots=True)
class Blocked:
    """A blocked AE title, and what it still tries."""

    ae_title: str
    blocked_at: datetime
    username: str
    """Of who blocked it."""
    last_seen_at: datetime | None
    remote_ip: str
    counts: AssociationCounts


def list_foreign(session: Session) -> Sequence[ForeignRegistration]:
    """Entries of Orthanc's lists that aren't ours, the alarming ones first."""
    return session.scalars(
        select(ForeignRegistration)
        .where(ForeignRegistration.feed_id == feed_id(session))
        .order_by(ForeignRegistration.is_alarming.desc(), ForeignRegistration.kind, ForeignRegistration.name)
    ).all()


def count_unknown_senders(session: Session, own_ae_title: str) -> int:
    """Of whom studies are here or who came to the port ``LATELY``; of these ``MOST_SENDERS`` at most."""
    # Distinct first: one step along the index for each title instead of a look-up for each study
    titles = select(StudySender.ae_title_key).distinct().subquery()
    has_study = (
        exists()
        .where(StudySender.ae_title_key == titles.c.ae_title_key)
        .where(Study.id == StudySender.study_id, Study.deleted_at.is_(None))
    )
    sent = select(titles.c.ae_title_key).where(_is_unknown(titles.c.ae_title_key, own_ae_title), has_study)
    # Whoever invents AE titles may leave very many
    came = (
        select(Sender.ae_title_key)
        .where(
            Sender.last_seen_at > datetime.now(UTC) - LATELY, _is_unknown(Sender.ae_title_key, own_ae_title)
        )
        .limit(MOST_SENDERS)
        .subquery()
    )
    both = union(sent, select(came.c.ae_title_key)).subquery()
    return session.scalar(select(func.count()).select_from(both)) or 0


def list_unknown_senders(session: Session, own_ae_title: str) -> tuple[list[UnknownSender], bool]:
    """Those seen last first, and whether there are more than ``MOST_SENDERS``.

    Studies that left the archive don't count.
    """
    came = (
        select(Sender.ae_title_key, Sender.last_seen_at)
        .where(_is_unknown(Sender.ae_title_key, own_ae_title))
        .order_by(Sender.last_seen_at.desc(), Sender.ae_title_key)
    )
    sent = newest_first().where(_is_unknown(StudySender.ae_title_key, own_ae_title))
    seen: dict[str, datetime] = {}
    for query in (came, sent):
        for key, at in session.execute(query.limit(MOST_SENDERS + 1)):
            seen[key] = max(at, seen.get(key, at))
    keys = sorted(seen, key=lambda key: seen[key], reverse=True)[:MOST_SENDERS]
    senders, studies = load_senders(session, keys), load_sent_studies(session, keys)
    counts = count_associations(session, keys)
    found = [
        _describe(own_ae_title, senders.get(key), studies.get(key), counts.get(key, AssociationCounts()))
        for key in keys
    ]
    return [one for one in found if one is not None], len(seen) > MOST_SENDERS


def list_blocked(session: Session) -> list[Blocked]:
    """Those blocked last first."""
    rows = session.execute(
        select(BlockedSender, User.username)
        .join(User, User.id == BlockedSender.user_id)
        .order_by(BlockedSender.blocked_at.desc(), BlockedSender.ae_title_key)
    ).all()
    keys = [blocked.ae_title_key for blocked, _ in rows]
    senders, counts = load_senders(session, keys), count_associations(session, keys)
    return [_describe_blocked(blocked, username, senders, counts) for blocked, username in rows]


def _describe(
    own_ae_title: str, sender: Sender | None, studies: SentStudies | None, counts: AssociationCounts
) -> UnknownSender | None:
    """None for whom nothing is left of."""
    known = [one for one in (sender, studies) if one is not None]
    if not known:
        return None
    return UnknownSender(
        known[0].ae_title,
        known[0].remote_ip,
        min(one.first_seen_at for one in known),
        max(one.last_seen_at for one in known),
        sender.called_ae_title if sender else "",
        outcome_of(sender, own_ae_title) if sender else None,
        counts,
        studies,
    )


def _describe_blocked(
    blocked: BlockedSender,
    username: str,
    senders: Mapping[str, Sender],
    counts: Mapping[str, AssociationCounts],
) -> Blocked:
    sender = senders.get(blocked.ae_title_key)
    return Blocked(
        blocked.ae_title,
        blocked.blocked_at,
        username,
        sender.last_seen_at if sender else None,
        sender.remote_ip if sender else "",
        counts.get(blocked.ae_title_key, AssociationCounts()),
    )


def _is_unknown(ae_title_key: SQLColumnExpression[str], own_ae_title: str) -> ColumnElement[bool]:
    """Nobody's: no facility's, and not ours; and nobody has decided to block it."""
    is_known = exists().where(ApplicationEntity.ae_title_key == ae_title_key)
    is_blocked = exists().where(BlockedSender.ae_title_key == ae_title_key)
    return ~is_known & ~is_blocked & ae_title_key.not_in([key_of(own_ae_title), PROBE_AE_TITLE])
