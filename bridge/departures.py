"""What left Orthanc: marked, never removed, as reports may stand on it.

A study or series is marked first, in one small transaction: that is what people see. What it held follows in
short transactions of their own, so that nobody waits for the largest study. A crash in between leaves live
rows under a marked one; the next sweep ends by looking for such orphans.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, select, update

from bridge.feed import FeedRow
from bridge.studies import StudyWriter, next_updated_at
from database.models import Instance, Series, Study
from database.session import Database

ROWS_A_WRITE = 2000  # keeps a transaction well under 200 ms on SQLite


def mark_studies(database: Database, row: FeedRow, orthanc_ids: Collection[str]) -> int:
    """These studies left, with all they held. Answers how many rows were marked. Raises CursorMoved."""
    these = (Study.feed_id == row.id, Study.orthanc_id.in_(orthanc_ids))
    with database.write() as session:
        now = datetime.now(UTC)
        session.execute(
            update(Study)
            .where(*these)
            .values(deleted_at=now, updated_at=next_updated_at(session, now))
            .execution_options(synchronize_session=False)
        )
        row.guard(session)
    studies = _gone_studies(row).where(*these)
    count = _mark_live(database, row, Series, Series.study_id.in_(studies))
    series = _gone_series(row).where(Series.study_id.in_(studies))
    return len(orthanc_ids) + count + _mark_live(database, row, Instance, Instance.series_id.in_(series))


def mark_series(database: Database, row: FeedRow, orthanc_ids: Collection[str]) -> int:
    """These series left studies that stay. Answers how many rows were marked. Raises CursorMoved."""
    these = (Series.feed_id == row.id, Series.orthanc_id.in_(orthanc_ids))
    with database.write() as session:
        now = datetime.now(UTC)
        studies = session.scalars(
            update(Series)
            .where(*these)
            .values(deleted_at=now)
            .returning(Series.study_id)
            .execution_options(synchronize_session=False)
        ).all()
        StudyWriter(session, row.id, now).recount_studies(set(studies))
        row.guard(session)
    series = _gone_series(row).where(*these)
    return len(orthanc_ids) + _mark_live(database, row, Instance, Instance.series_id.in_(series))


def mark_orphans(database: Database, row: FeedRow) -> int:
    """Whatever is live under something that left. Answers how many rows were marked. Raises CursorMoved."""
    count = _mark_live(database, row, Series, Series.study_id.in_(_gone_studies(row)))
    return count + _mark_live(database, row, Instance, Instance.series_id.in_(_gone_series(row)))


def _gone_studies(row: FeedRow) -> Select[Any]:
    return select(Study.id).where(Study.feed_id == row.id, Study.deleted_at.is_not(None))


def _gone_series(row: FeedRow) -> Select[Any]:
    return select(Series.id).where(Series.feed_id == row.id, Series.deleted_at.is_not(None))


def _mark_live(
    database: Database, row: FeedRow, model: type[Series | Instance], which: ColumnElement[bool]
) -> int:
    """Found by reading, which nobody waits for; then marked by their ids."""
    live = select(model.id).where(which, model.deleted_at.is_(None)).limit(ROWS_A_WRITE)
    count = 0
    while True:
        with database.read() as session:
            ids = session.scalars(live).all()
        if not ids:
            return count
        with database.write() as session:
            session.execute(
                update(model)
                .where(model.id.in_(ids))
                .values(deleted_at=datetime.now(UTC))
                .execution_options(synchronize_session=False)
            )
            row.guard(session)
        count += len(ids)
