"""The log as a file of any size: read in pages, newest first, and sent as it is read.

Each page has a session of its own: a download that takes an hour holds no transaction, and no more than one
page is in memory. Presentation contexts are left out; an association's page has them.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import Enum
from typing import Any

from database.models import Association, Facility, Operation
from database.session import Database
from database.transfer_terms import Source
from webapp.facility_files.rows import defuse
from webapp.transfers.filters import Filters
from webapp.transfers.keys import RowKey
from webapp.transfers.log import arms_of
from webapp.transfers.paging import Cursor, fetch_page
from webapp.transfers.rows import facilities_of
from webapp.transfers.words import outcome_of, status_of

_ROWS_A_PAGE = 1000
# Keys, which addresses of pages have too, stand for the numbers that they are made of: those have 63 bits,
# which many readers of JSON round.
_LEFT_OUT = {
    "spool_id",
    "boot",
    "number",
    "association_started_at",
    "association_number",
    "remote_ae_title_key",
    "presentation_contexts",
}

Record = dict[str, Any]


def csv_of(database: Database, filters: Filters, own_ae_title: str) -> Iterator[str]:
    """With a mark at the beginning, or Excel takes it for Windows-1252. No cell is a formula."""
    columns = _columns(filters.model)
    yield "\ufeff" + _lines([columns])
    for page in _pages(database, filters, own_ae_title):
        yield _lines([_cell(record[column]) for column in columns] for record in page)


def json_of(database: Database, filters: Filters, own_ae_title: str) -> Iterator[str]:
    """One array, one record a line."""
    separator = "[\n"
    for page in _pages(database, filters, own_ae_title):
        yield separator + ",\n".join(json.dumps(record) for record in page)
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"


def _pages(database: Database, filters: Filters, own_ae_title: str) -> Iterator[list[Record]]:
    with database.read() as session:
        arms = arms_of(session, filters)
    cursor: Cursor | None = None
    while True:
        with database.read() as session:
            page = fetch_page(session, arms, cursor, _ROWS_A_PAGE)
            names = facilities_of(session, (row.remote_ae_title_key for row in page.rows))
        if not page.rows:
            return
        yield [_record(row, names, own_ae_title) for row in page.rows]
        if not page.older:
            return
        cursor = Cursor(RowKey.of(page.rows[-1]))


def _columns(model: Any) -> list[str]:
    return [
        "key",
        "association_key",
        "facility",
        *_stored(model),
        "duration_seconds",
        "ending",
        "why",
        "advice",
    ]


def _stored(model: Any) -> list[str]:
    return [column.key for column in model.__table__.columns if column.key not in _LEFT_OUT]


def _record(row: Any, facilities: dict[str, Facility], own_ae_title: str) -> Record:
    facility = facilities.get(row.remote_ae_title_key)
    association = RowKey.of(row) if isinstance(row, Association) else RowKey.of_association(row)
    words = outcome_of(row, own_ae_title) if isinstance(row, Association) else status_of(row)
    return {
        "key": str(RowKey.of(row)),
        "association_key": str(association or ""),
        "facility": facility.name if facility else "",
        **{name: _plain(getattr(row, name)) for name in _stored(type(row))},
        "duration_seconds": _seconds(row),
        "ending": words.what,
        "why": words.why,
        "advice": words.advice,
    }


def _seconds(row: Association | Operation) -> float | None:
    """None where it isn't known: before the end, and of what only Orthanc tells."""
    is_unknown = isinstance(row, Operation) and row.source is Source.ORTHANC
    return None if row.ended_at is None or is_unknown else (row.ended_at - row.started_at).total_seconds()


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.value if isinstance(value, Enum) else value


def _lines(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        value = " ".join(str(one) for one in value)
    return defuse(value) if isinstance(value, str) else str(value)
