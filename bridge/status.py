"""What the bridge has done and how far it is behind: for people and, as JSON, for machines."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bridge.dicom_values import parse_orthanc_date
from bridge.errors import OrthancRefused, OrthancUnavailable
from bridge.feed import load_feed
from bridge.orthanc_client import OrthancClient
from bridge.transfers.health import TransferHealth, read_transfer_health
from database.models import Instance, Series, Study, SyncProblem
from database.registrations import count_registrations
from database.session import Database
from settings import Settings


@dataclass(frozen=True, slots=True)
class Status:
    """``lag_…`` and ``missing_instances`` are None while Orthanc doesn't answer."""

    studies: int
    series: int
    instances: int
    problems: int
    registrations: dict[str, int]
    """How many application entities and peers Orthanc knows as decided, by state."""
    missing_instances: int | None
    """Held by Orthanc and not shown: still waiting, or they or what they belong to are a problem."""
    lag_changes: int | None
    lag_seconds: float | None
    """Age of the oldest change not yet in the database, by Orthanc's clock; 0 when there is none."""
    polled_seconds_ago: float | None
    """When a bridge last read the feed, noted every five seconds; None: never."""
    swept_at: str | None
    orthanc: str
    """Its version, or why it doesn't answer."""
    position: dict[str, int]
    transfers: TransferHealth

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> list[str]:
        polled = "never" if self.polled_seconds_ago is None else f"{self.polled_seconds_ago:.0f} s ago"
        lag = (
            "unknown" if self.lag_changes is None else f"{self.lag_changes} changes, {self.lag_seconds:.0f} s"
        )
        missing = "unknown" if self.missing_instances is None else f"{self.missing_instances} instances"
        return [
            f"Orthanc      {self.orthanc}",
            f"Studies      {self.studies} ({self.series} series, {self.instances} instances)",
            f"Missing      {missing}",
            f"Behind       {lag}",
            f"Last poll    {polled}",
            f"Last sweep   {self.swept_at or 'never'}",
            f"Problems     {self.problems}",
            f"Registered   {', '.join(f'{count} {state}' for state, count in self.registrations.items())}",
            *_transfer_lines(self.transfers),
        ]


def _transfer_lines(transfers: TransferHealth) -> list[str]:
    """Spools of an earlier time are read to their end without a recorder, too."""
    recorder = "on" if transfers.has_recorder else "off: the transfer log holds what Orthanc knows"
    lost = f"{transfers.lost_records} records lost, {transfers.damaged_lines} lines damaged"
    unrecorded = f"{transfers.unrecorded_instances} instances in 24 h without a record"
    return [
        f"Recorder     {recorder}",
        *(f"Spool        {spool.words()}" for spool in transfers.spools),
        f"Transfers    {transfers.open_associations} associations open, {lost}, {unrecorded}",
    ]


def read_status(database: Database, client: OrthancClient, settings: Settings) -> Status:
    """An absent Orthanc is part of the answer; an absent database raises SQLAlchemy's errors."""
    feed = load_feed(database)
    orthanc = _ask(client, feed.high)
    now = datetime.now(UTC)
    with database.read() as session:
        instances = _live(session, Instance)
        return Status(
            studies=_live(session, Study),
            series=_live(session, Series),
            instances=instances,
            registrations=count_registrations(session, feed.id),
            problems=session.scalar(select(func.count()).select_from(SyncProblem)) or 0,
            missing_instances=None if orthanc.instances is None else max(0, orthanc.instances - instances),
            lag_changes=orthanc.lag_changes,
            lag_seconds=orthanc.lag_seconds,
            polled_seconds_ago=(now - feed.polled_at).total_seconds() if feed.polled_at else None,
            swept_at=feed.swept_at.isoformat(timespec="seconds") if feed.swept_at else None,
            orthanc=orthanc.words,
            position={"low": feed.low, "high": feed.high, "epoch": feed.epoch},
            transfers=read_transfer_health(session, settings),
        )


def _live(session: Session, model: type[Study | Series | Instance]) -> int:
    query = select(func.count()).select_from(model).where(model.deleted_at.is_(None))
    return session.scalar(query) or 0


@dataclass(frozen=True, slots=True)
class _Orthanc:
    """What Orthanc says now; None while it doesn't answer."""

    words: str
    lag_changes: int | None = None
    lag_seconds: float | None = None
    instances: int | None = None


def _ask(client: OrthancClient, high: int) -> _Orthanc:
    try:
        version = client.system().version
        waiting = max(0, client.last_change_seq() - high)
        oldest = client.changes(high, 1).changes if waiting else []
        age = 0.0
        if oldest:
            age = (parse_orthanc_date(client.now()) - parse_orthanc_date(oldest[0].date)).total_seconds()
        return _Orthanc(version, waiting if oldest else 0, max(0.0, age), client.statistics().instance_count)
    except (OrthancUnavailable, OrthancRefused) as error:
        return _Orthanc(str(error))
