"""What is wrong with single resources: rows with the reason, kept until it is mended.

Writes only, inside the caller's transaction.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from database.models import ResourceLevel, SyncProblem
from database.upsert import upsert


@dataclass(frozen=True, slots=True)
class Problem:
    """``is_kept``: the resource is in the database all the same."""

    level: ResourceLevel
    reason: str
    is_kept: bool


def keep_problems(
    session: Session, feed_id: int, problems: Mapping[str, Problem], read: Iterable[str], now: datetime
) -> None:
    """Record what was wrong this time, by orthanc_id; forget what was wrong before with what was ``read``."""
    if session.scalar(select(exists().select_from(SyncProblem))):
        mended = [orthanc_id for orthanc_id in read if orthanc_id not in problems]
        session.execute(
            delete(SyncProblem).where(SyncProblem.feed_id == feed_id, SyncProblem.orthanc_id.in_(mended))
        )
    upsert(
        session,
        SyncProblem,
        [
            {
                "feed_id": feed_id,
                "orthanc_id": orthanc_id,
                "level": problem.level,
                "reason": problem.reason,
                "is_kept": problem.is_kept,
                "first_seen_at": now,
                "last_seen_at": now,
                "attempt_count": 1,
            }
            for orthanc_id, problem in problems.items()
        ],
        key=("feed_id", "orthanc_id"),
        overwrite=("reason", "is_kept", "last_seen_at"),
        also="attempt_count = sync_problem.attempt_count + 1",
    )
