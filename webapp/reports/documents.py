"""Printed reports as they were archived: the first print's bytes are those of every reprint. Not Flask's."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from database.models import ReportDocument
from database.session import Database
from webapp.reports.printouts import DamagedError

Key = tuple[int, int, str]
"""Report, revision, paper."""


def fetch_or_archive(database: Database, key: Key, make: Callable[[], bytes]) -> bytes:
    """The archived bytes; made now when there are none. Of two who make them at once, both get the first's.

    Raises DamagedError, and what ``make`` raises.
    """
    found = _fetch(database, key)
    return found if found is not None else _archive(database, key, make())


def damages(session: Session) -> Iterator[str]:
    """What is wrong with any archived document, in words; one at a time in memory."""
    columns = (ReportDocument.report_id, ReportDocument.revision, ReportDocument.paper)
    for report_id, revision, paper in session.execute(select(*columns).order_by(*columns)).all():
        document = session.get_one(ReportDocument, (report_id, revision, paper))
        if hash_of(document.content) != document.sha256:
            yield f"report {report_id}: the archived document of revision {revision} on {paper} was changed"
        session.expunge(document)


def hash_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _fetch(database: Database, key: Key) -> bytes | None:
    with database.read() as session:
        document = session.get(ReportDocument, key)
    if document is None:
        return None
    if hash_of(document.content) != document.sha256:
        raise DamagedError("This report can't be printed: its archived document isn't what was archived.")
    return document.content


def _archive(database: Database, key: Key, content: bytes) -> bytes:
    report_id, revision, paper = key
    document = ReportDocument(
        report_id=report_id,
        revision=revision,
        paper=paper,
        content=content,
        sha256=hash_of(content),
        created_at=datetime.now(UTC),
    )
    try:
        with database.write() as session:
            session.add(document)
    except IntegrityError:
        first = _fetch(database, key)
        if first is None:
            raise
        return first
    return content
