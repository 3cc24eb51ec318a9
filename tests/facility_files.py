"""Importing facilities from texts, and what the database then holds."""

from sqlalchemy import select

from database.models import ApplicationEntity, Facility
from database.session import Database
from webapp.facility_files import Report, export_facilities, import_facilities

US = "NOCTIS"


def load(database: Database, text: str, *, is_dry_run: bool = False) -> Report:
    return import_facilities(database, text.encode(), US, is_dry_run=is_dry_run)


def problems(database: Database, text: str | bytes) -> list[str]:
    """What is said against a file; it must have changed nothing."""
    before = export_facilities(database)
    content = text.encode() if isinstance(text, str) else text
    report = import_facilities(database, content, US, is_dry_run=False)
    assert (report.lines, report.change_count) == ([], 0)
    assert export_facilities(database) == before
    return [str(problem) for problem in report.problems]


def entities(database: Database) -> dict[str, ApplicationEntity]:
    with database.read() as session:
        return {one.ae_title: one for one in session.scalars(select(ApplicationEntity))}


def facilities(database: Database) -> dict[str, Facility]:
    with database.read() as session:
        return {one.code: one for one in session.scalars(select(Facility))}
