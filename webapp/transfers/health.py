"""Whether the log can be trusted: who writes it, whether it is read, what is known to be missing. Queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from database.models import Spool, SpoolGap
from settings import Settings

# The bridge notes every five seconds that it has looked.
_SILENCE = timedelta(seconds=30)
# A spool that nobody reads for so long, beside one that is read, belongs to a recorder that is no more.
_HISTORY = timedelta(days=30)
_RECENTLY = timedelta(days=7)
_MOST_GAPS = 5


@dataclass(frozen=True, slots=True)
class LogHealth:
    has_recorder: bool
    """By the settings; without one the log holds what Orthanc knows."""
    has_spool: bool
    """A recorder has run at some time."""
    unread: Sequence[Spool]
    """Spools that the bridge doesn't read at the moment."""
    damaged_count: int
    """Lines that can't be read."""
    gaps: Sequence[SpoolGap]
    """Times of which records are missing, the newest first."""


def load_health(
    session: Session, settings: Settings, since: datetime | None = None, until: datetime | None = None
) -> LogHealth:
    """With the gaps of the last days, or of the time asked for."""
    spools = session.scalars(select(Spool).order_by(Spool.name)).all()
    now = datetime.now(UTC)
    last = until or now
    gaps = (
        select(SpoolGap)
        .where(SpoolGap.ended_at >= (since or last - _RECENTLY), SpoolGap.began_at < last)
        .order_by(SpoolGap.began_at.desc())
        .limit(_MOST_GAPS)
    )
    return LogHealth(
        settings.has_recorder,
        bool(spools),
        _unread(spools, now) if settings.has_recorder else [],
        sum(spool.damaged_count for spool in spools),
        session.scalars(gaps).all(),
    )


def _unread(spools: Sequence[Spool], now: datetime) -> list[Spool]:
    def is_read(spool: Spool, within: timedelta) -> bool:
        return spool.read_at is not None and now - spool.read_at < within

    is_any_read = any(is_read(spool, _SILENCE) for spool in spools)
    return [
        spool
        for spool in spools
        if not is_read(spool, _SILENCE) and (is_read(spool, _HISTORY) or not is_any_read)
    ]
