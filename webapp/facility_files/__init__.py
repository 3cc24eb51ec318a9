"""Import and export of facilities as files. An import is one transaction: all of a file, or nothing.

A dry run does the same and takes it back, so that what it says is what an import does.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from database.models import ApplicationEntity, Facility
from database.session import Database
from webapp.facility_files.cells import cells_of_entity, cells_of_facility
from webapp.facility_files.importing import FacilityImport
from webapp.facility_files.rows import Problem, read_rows, write_rows
from webapp.registry.decisions import decide


@dataclass(frozen=True, slots=True)
class Report:
    """What an import did, or a dry run would do. With problems nothing was changed."""

    lines: list[str] = field(default_factory=list)
    """``line 3: new facility …``, ``line 4: unchanged``, in the file's order."""
    problems: list[Problem] = field(default_factory=list)
    change_count: int = 0
    """Of lines that aren't unchanged."""

    @property
    def digest(self) -> str:
        """Another one for whatever other lines."""
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()[:32]


class _TakeBack(Exception):  # noqa: N818 - no error: the end of a dry run
    def __init__(self, report: Report) -> None:
        self.report = report


def import_facilities(
    database: Database, content: bytes, own_ae_title: str, *, is_dry_run: bool, foreseen: str | None = None
) -> Report:
    """Create and update what the file says; what it doesn't name stays. Raises RegistryError.

    ``foreseen`` is the digest of what a dry run said: when it isn't what is said now, nothing is changed.
    """
    rows, problems = read_rows(content)
    if problems:
        return Report(problems=problems)

    def work(session: Session) -> Report:
        running = FacilityImport(session, own_ae_title)
        running.run(rows)
        report = _report(running)
        if is_dry_run or report.problems or foreseen not in {None, report.digest}:
            raise _TakeBack(report)
        return report

    try:
        return decide(database, work)
    except _TakeBack as end:
        return end.report


def export_facilities(database: Database) -> str:
    """All that is active, as CSV: importing it again changes nothing. For Excel, encode as ``utf-8-sig``."""
    with database.read() as session:
        return write_rows(_rows(session))


def _report(running: FacilityImport) -> Report:
    if running.problems:
        return Report(problems=sorted(running.problems, key=lambda problem: problem.line))
    told = sorted(running.told.items())
    lines = [f"line {line}: {'; '.join(parts) or 'unchanged'}" for line, parts in told]
    return Report(lines, change_count=sum(bool(parts) for _, parts in told))


def _rows(session: Session) -> Iterator[dict[str, str]]:
    facilities = session.scalars(
        select(Facility).where(Facility.retired_at.is_(None)).order_by(Facility.name, Facility.code)
    ).all()
    entities: dict[int, list[ApplicationEntity]] = {facility.id: [] for facility in facilities}
    for entity in _active_entities(session):
        entities[entity.facility_id].append(entity)
    for facility in facilities:
        for cells in [cells_of_entity(entity) for entity in entities[facility.id]] or [{}]:
            yield cells_of_facility(facility) | cells


def _active_entities(session: Session) -> Sequence[ApplicationEntity]:
    query = select(ApplicationEntity).where(ApplicationEntity.retired_at.is_(None))
    return session.scalars(query.order_by(ApplicationEntity.ae_title_key)).all()
