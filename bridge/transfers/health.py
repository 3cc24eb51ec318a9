"""How the transfer log is: how far it is read, and what it lacks. For status and doctor; queries only."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bridge.transfers.reading import Position, name_of, unread
from database.models import Association, Operation, Spool, SpoolGap
from database.transfer_terms import AssociationOutcome, Source
from settings import Settings

LATELY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class SpoolHealth:
    """One recorder's. ``…_seconds_ago`` is None for never."""

    host: str
    recorded_seconds_ago: float | None
    """Since the newest record in the database was written."""
    read_seconds_ago: float | None
    """Since a bridge had read all of it, noted every few seconds."""
    unread_bytes: int | None
    """Known only on the host where the spool lies; the same below."""
    unread_seconds: float | None
    """Age of the oldest record that isn't in the database; 0 when there is none."""
    damaged_lines: int
    lost_records: int
    """Those of all gaps: they couldn't be written."""

    def words(self) -> str:
        read = _ago("never read", "read", self.read_seconds_ago)
        recorded = _ago("nothing recorded", "last record", self.recorded_seconds_ago)
        if self.unread_bytes is None or self.unread_seconds is None:
            behind = "how much is unread is known only there"
        else:
            behind = f"{self.unread_bytes} bytes ({self.unread_seconds:.0f} s) unread"
        return f"on {self.host or 'an unknown host'}: {recorded}, {read}, {behind}"


@dataclass(frozen=True, slots=True)
class TransferHealth:
    has_recorder: bool
    spools: list[SpoolHealth]
    open_associations: int
    unrecorded_instances: int
    """Of ``LATELY``: known from Orthanc alone. With a recorder they came past it."""

    @property
    def damaged_lines(self) -> int:
        return sum(spool.damaged_lines for spool in self.spools)

    @property
    def lost_records(self) -> int:
        return sum(spool.lost_records for spool in self.spools)


def read_transfer_health(session: Session, settings: Settings) -> TransferHealth:
    gaps = select(SpoolGap.spool_id, func.sum(SpoolGap.record_count)).group_by(SpoolGap.spool_id)
    lost = {spool_id: int(count) for spool_id, count in session.execute(gaps)}
    here = name_of(settings.spool_dir)
    spools = session.scalars(select(Spool).order_by(Spool.host, Spool.id))
    return TransferHealth(
        has_recorder=settings.has_recorder,
        spools=[
            _health_of(spool, settings.spool_dir if spool.name == here else None, lost.get(spool.id, 0))
            for spool in spools
        ],
        open_associations=_count_open(session),
        unrecorded_instances=count_unrecorded(session, datetime.now(UTC) - LATELY),
    )


def count_unrecorded(session: Session, since: datetime) -> int:
    """Instances that came by DICOM and of which no recorder wrote anything."""
    query = (
        select(func.count())
        .select_from(Operation)
        .where(Operation.started_at >= since, Operation.source == Source.ORTHANC)
    )
    return session.scalar(query) or 0


def _count_open(session: Session) -> int:
    query = (
        select(func.count()).select_from(Association).where(Association.outcome == AssociationOutcome.OPEN)
    )
    return session.scalar(query) or 0


def _health_of(spool: Spool, folder: Path | None, lost_records: int) -> SpoolHealth:
    now = datetime.now(UTC)
    byte_count, age = (None, None) if folder is None else _unread(folder, spool)
    return SpoolHealth(
        host=spool.host,
        recorded_seconds_ago=_seconds_since(spool.recorded_at, now),
        read_seconds_ago=_seconds_since(spool.read_at, now),
        unread_bytes=byte_count,
        unread_seconds=age,
        damaged_lines=spool.damaged_count,
        lost_records=lost_records,
    )


def _unread(folder: Path, spool: Spool) -> tuple[int, float]:
    byte_count, written_at = unread(folder, Position(spool.segment, spool.byte_offset))
    return byte_count, 0.0 if written_at is None else max(0.0, time.time() - written_at)


def _seconds_since(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else (now - moment).total_seconds()


def _ago(never: str, what: str, seconds: float | None) -> str:
    return never if seconds is None else f"{what} {seconds:.0f} s ago"
