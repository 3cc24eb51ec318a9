"""What goes when its time is over: successful operations, and segments of the spool that were read."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import CursorResult, delete, select, tuple_

from bridge.transfers.reading import Position
from database.models import Operation
from database.session import Database
from database.transfer_terms import StatusClass

_A_STEP = 2000


def forget_successes(database: Database, days: int) -> bool:
    """Delete some of those that are older. Answers whether more may be left; their sums by hour stay."""
    before = datetime.now(UTC) - timedelta(days=days)
    with database.write() as session:
        key = tuple_(Operation.started_at, Operation.boot, Operation.number)
        oldest = (
            select(Operation.started_at, Operation.boot, Operation.number)
            .where(Operation.status_class == StatusClass.SUCCESS, Operation.started_at < before)
            .order_by(Operation.started_at)
            .limit(_A_STEP)
        )
        result = session.execute(
            delete(Operation).where(key.in_(oldest)).execution_options(synchronize_session=False)
        )
        assert isinstance(result, CursorResult)  # noqa: S101 - what a DELETE answers
        return result.rowcount == _A_STEP


def remove_segments(folder: Path, position: Position, days: int) -> None:
    """Those before the one that is being read, and older. Raises OSError."""
    before = time.time() - days * 86400
    for path in folder.glob("*.jsonl"):
        if path.name < position.segment and path.stat().st_mtime < before:
            path.unlink()
