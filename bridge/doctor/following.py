"""Whether the database is kept true: the change feed is followed, and what crosses the wire is in the log."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bridge.doctor.check import Check
from bridge.feed import load_feed
from bridge.transfers.health import LATELY, count_unrecorded
from bridge.transfers.reading import Position, name_of, unread
from database.models import Operation, Spool, SpoolGap
from database.session import Database
from database.transfer_terms import Source
from settings import Settings

_STALE_POLL = timedelta(seconds=30)
_SECONDS_TO_BE_READ = 10.0
_PAUSE = 0.1
_MOST_NAMED = 3
_IS_THE_BRIDGE_RUNNING = "Is the bridge running? See log/bridge.log in the data folder."


def check_feed(database: Database) -> Check:
    try:
        polled_at = load_feed(database).polled_at
    except DBAPIError:
        return Check.failed("change feed", "unknown: the database doesn't answer", "See the database above.")
    if polled_at is None:
        return Check.failed("change feed", "never read", _IS_THE_BRIDGE_RUNNING)
    age = abs(datetime.now(UTC) - polled_at)
    if age > _STALE_POLL:
        return Check.failed(
            "change feed", f"last read {age.total_seconds():.0f} s ago", _IS_THE_BRIDGE_RUNNING
        )
    return Check.passed("change feed", "followed")


def check_transfer_log(settings: Settings, database: Database, echoed_at: datetime) -> Iterator[Check]:
    """A C-ECHO was tried after ``echoed_at``: the recorder has written it down, the bridge has read it."""
    if not settings.has_recorder:
        yield Check.passed("transfer log", "NOCTIS_RECORDER=off: it holds what Orthanc knows")
        return
    try:
        yield _check_record(settings, database, echoed_at)
        since = datetime.now(UTC) - LATELY
        with database.read() as session:
            yield _check_gaps(settings, session, since)
            yield _check_damaged_lines(session)
            yield _check_unrecorded(settings, session, since)
    except DBAPIError:
        yield Check.failed("transfer log", "unknown: the database doesn't answer", "See the database above.")


def _check_record(settings: Settings, database: Database, echoed_at: datetime) -> Check:
    """Of the C-ECHO: written by the recorder, read by the bridge."""
    name = "transfer log"
    deadline = time.monotonic() + _SECONDS_TO_BE_READ
    spool_name = name_of(settings.spool_dir)
    while True:
        spool = _find_spool(database, spool_name)
        if spool is not None and spool.recorded_at is not None and spool.recorded_at >= echoed_at:
            return Check.passed(name, "the C-ECHO is recorded and read")
        if time.monotonic() >= deadline:
            return _unread(settings.spool_dir, spool)
        time.sleep(_PAUSE)


def _find_spool(database: Database, name: str) -> Spool | None:
    """That of this data folder; where none lies here, the one that was written last."""
    query = select(Spool).where(Spool.name == name) if name else select(Spool)
    with database.read() as session:
        return session.scalars(query.order_by(Spool.recorded_at.desc()).limit(1)).first()


def _unread(folder: Path, spool: Spool | None) -> Check:
    """Where the record of the C-ECHO got stuck."""
    name = "transfer log"
    if not name_of(folder):
        return Check.failed(
            name,
            f"no recorder has written into {folder}",
            "Is the recorder running (log/recorder.log in the data folder)? It writes on its own host.",
        )
    position = Position() if spool is None else Position(spool.segment, spool.byte_offset)
    byte_count, _ = unread(folder, position)
    if byte_count:
        return Check.failed(name, f"{byte_count} bytes are recorded but not read", _IS_THE_BRIDGE_RUNNING)
    return Check.failed(
        name,
        "the C-ECHO is not recorded",
        "Is the recorder running, and is its disk full? log/recorder.log in the data folder says so. "
        "Or another program has the DICOM port.",
    )


def _check_gaps(settings: Settings, session: Session, since: datetime) -> Check:
    name = "gaps"
    gaps = session.scalars(
        select(SpoolGap).where(SpoolGap.ended_at >= since).order_by(SpoolGap.ended_at.desc())
    ).all()
    lost = sum(gap.record_count for gap in gaps)
    if not gaps:
        return Check.passed(name, "none in 24 h")
    return Check.failed(
        name,
        f"{lost} records lost in 24 h, last until {gaps[0].ended_at:%Y-%m-%d %H:%M} UTC: {gaps[0].reason}",
        f"Images went on to Orthanc, unrecorded. Make room for {settings.spool_dir}.",
    )


def _check_damaged_lines(session: Session) -> Check:
    """Counted since the spool began: when they were written they can't say."""
    damaged = session.scalar(select(func.sum(Spool.damaged_count))) or 0
    advice = "What they said is lost; a power cut leaves one. See log/bridge.log in the data folder."
    return Check.passed("damaged lines", f"{damaged} so far", advice if damaged else "")


def _check_unrecorded(settings: Settings, session: Session, since: datetime) -> Check:
    name = "bypassed instances"
    count = count_unrecorded(session, since)
    if not count:
        return Check.passed(name, "none in 24 h")
    return Check.failed(
        name,
        f"{count} in 24 h, from {', '.join(_bypassing(session, since))}",
        f"They came to Orthanc's own port {settings.orthanc_dicom_port}, or while the recorder was off or "
        f"couldn't write. Give senders port {settings.dicom_port}, and let no other machine reach Orthanc's.",
    )


def _bypassing(session: Session, since: datetime) -> list[str]:
    """The AE titles with the most of them."""
    query = (
        select(Operation.remote_ae_title)
        .where(Operation.started_at >= since, Operation.source == Source.ORTHANC)
        .group_by(Operation.remote_ae_title)
        .order_by(func.count().desc(), Operation.remote_ae_title)
        .limit(_MOST_NAMED)
    )
    return [title or "an unnamed sender" for title in session.scalars(query)]
