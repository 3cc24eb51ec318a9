"""Keyset paging: sorted pages that neither skip nor repeat a study while others arrive. No routes.

A page is "the rows after this row", not "rows 101 to 200". The row is named by an opaque cursor: its sort
values and its id, which breaks ties. Rows without a value (no study date, no name) come last whatever the
direction, sorted by id; they are a second segment with a query of its own, as this lets both segments use
their index on SQLite and PostgreSQL alike.
"""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, Time, func, literal, not_, tuple_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from database.models import Study
from webapp.worklist_filters import clean

_LARGEST_ID = 2**63 - 1
_MIDNIGHT = time(0, 0)


@dataclass(frozen=True)
class SortColumn:
    """One way to sort: by which values, in which direction at first, and which rows have them at all."""

    values: tuple[ColumnElement[Any] | InstrumentedAttribute[Any], ...]
    parsers: tuple[Callable[[str], Any], ...]
    present: ColumnElement[bool] | None = None
    is_descending_first: bool = False


class _alphabetical(FunctionElement[str]):  # noqa: N801 - written like a function of SQL
    """What a text is sorted by: Ö beside O, small letters beside capitals, whatever the server's locale."""

    type = Text()
    inherit_cache = True


@compiles(_alphabetical, "sqlite")
def _fold(element: _alphabetical, compiler: SQLCompiler, **options: Any) -> str:
    return f"fold({compiler.process(element.clauses, **options)})"  # database.session's


@compiles(_alphabetical, "postgresql")
def _collate(element: _alphabetical, compiler: SQLCompiler, **options: Any) -> str:
    return f'(lower({compiler.process(element.clauses, **options)}) COLLATE "und-x-icu")'


def _text_column(column: InstrumentedAttribute[str]) -> SortColumn:
    return SortColumn((_alphabetical(column),), (clean,), column != "")


_study_time = func.coalesce(Study.study_time, literal(_MIDNIGHT, Time()))


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant without a zone")
    return instant.astimezone(UTC)


def _clock_time(text: str) -> time:
    return time.fromisoformat(text).replace(tzinfo=None)


def _id(value: Any) -> int:
    number = int(value)
    if not 0 <= number <= _LARGEST_ID:
        raise ValueError("not a row's number")
    return number


SORT_COLUMNS = {
    "received": SortColumn((Study.received_at,), (_instant,), is_descending_first=True),
    "date": SortColumn(
        (Study.study_date, _study_time),
        (date.fromisoformat, _clock_time),
        Study.study_date.is_not(None),
        is_descending_first=True,
    ),
    "name": _text_column(Study.patient_name),
    "patient-id": _text_column(Study.patient_id),
    "modality": _text_column(Study.modalities),
    "description": _text_column(Study.study_description),
    "accession": _text_column(Study.accession_number),
    "images": SortColumn((Study.instance_count,), (_id,), is_descending_first=True),
}
DEFAULT_SORT = "received"


@dataclass(frozen=True)
class Sort:
    column: str = DEFAULT_SORT
    is_descending: bool = True

    @classmethod
    def parse(cls, text: str) -> "Sort":
        """``name``, ``-name`` (descending); anything else is the default."""
        column = text.removeprefix("-")
        return cls(column, text.startswith("-")) if column in SORT_COLUMNS else cls()

    def __str__(self) -> str:
        return f"-{self.column}" if self.is_descending else self.column

    def toggled(self, column: str) -> "Sort":
        """What a click on the column's head asks for."""
        if column == self.column:
            return Sort(column, not self.is_descending)
        return Sort(column, SORT_COLUMNS[column].is_descending_first)


@dataclass(frozen=True)
class Cursor:
    """A row of a sorted list, and on which side of it the page lies."""

    sort: Sort
    is_backward: bool
    values: tuple[Any, ...] | None
    """None for a row of the second segment, which has no values."""
    study_id: int

    def encode(self) -> str:
        values = None if self.values is None else [_to_text(value) for value in self.values]
        fields = [str(self.sort), int(self.is_backward), values, self.study_id]
        return (
            base64.urlsafe_b64encode(json.dumps(fields, separators=(",", ":")).encode()).decode().rstrip("=")
        )

    @classmethod
    def decode(cls, text: str, sort: Sort) -> "Cursor | None":
        """None for whatever isn't a cursor of this sort: people edit addresses, and keep old ones."""
        try:
            fields = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            sort_text, is_backward, values, study_id = fields
            if sort_text != str(sort):
                return None
            return cls(sort, bool(is_backward), _parse_values(sort, values), _id(study_id))
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
            return None


@dataclass(frozen=True)
class Page:
    studies: Sequence[Study]
    previous: str | None
    """The cursor of the page before this one, if there is one."""
    next: str | None


def fetch_page(
    session: Session, studies: Select[Study], sort: Sort, cursor: Cursor | None, size: int
) -> Page:
    """One page of ``studies``; at most four queries, two of them only when paging back reaches the start."""
    rows, has_more = _fetch_rows(session, studies, sort, cursor, size)
    is_backward = cursor is not None and cursor.is_backward
    if is_backward and not has_more:  # the start: show a full first page, not the few rows before the cursor
        cursor, is_backward = None, False
        rows, has_more = _fetch_rows(session, studies, sort, None, size)
    if is_backward:
        rows.reverse()
    if not rows:
        return Page([], None, None)
    has_previous, has_next = (has_more, True) if is_backward else (cursor is not None, has_more)
    return Page(
        [row[0] for row in rows],
        _cursor_of(rows[0], sort, is_backward=True).encode() if has_previous else None,
        _cursor_of(rows[-1], sort, is_backward=False).encode() if has_next else None,
    )


def _fetch_rows(
    session: Session, studies: Select[Study], sort: Sort, cursor: Cursor | None, size: int
) -> tuple[list[Sequence[Any]], bool]:
    """Up to ``size`` rows in the direction of the cursor, and whether there are more."""
    column = SORT_COLUMNS[sort.column]
    is_backward = cursor is not None and cursor.is_backward
    segments = [True] if column.present is None else [True, False]
    if is_backward:
        segments.reverse()
    if cursor is not None:
        segments = segments[segments.index(cursor.values is not None) :]
    rows: list[Sequence[Any]] = []
    for has_values in segments:
        keys = [*column.values, Study.id] if has_values else [Study.id]
        statement = studies.add_columns(*(keys[:-1]))
        if column.present is not None:
            statement = statement.where(column.present if has_values else not_(column.present))
        is_descending = sort.is_descending != is_backward
        if cursor is not None and has_values == (cursor.values is not None):
            statement = statement.where(_beyond(keys, cursor, is_descending=is_descending))
        order = [key.desc() if is_descending else key.asc() for key in keys]
        rows += session.execute(statement.order_by(*order).limit(size + 1 - len(rows))).all()
        if len(rows) > size:
            return rows[:size], True
    return rows, False


def _beyond(keys: list[Any], cursor: Cursor, *, is_descending: bool) -> ColumnElement[bool]:
    bounds = [
        literal(value, key.type)
        for key, value in zip(keys, [*(cursor.values or ()), cursor.study_id], strict=True)
    ]
    left, right = tuple_(*keys), tuple_(*bounds)
    return left < right if is_descending else left > right


def _cursor_of(row: Sequence[Any], sort: Sort, *, is_backward: bool) -> Cursor:
    study, *values = row
    return Cursor(sort, is_backward, tuple(values) or None, study.id)


def _to_text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _parse_values(sort: Sort, values: Any) -> tuple[Any, ...] | None:
    column = SORT_COLUMNS[sort.column]
    if values is None:
        if column.present is None:
            raise ValueError("this column has a value in every row")
        return None
    return tuple(parse(value) for parse, value in zip(column.parsers, values, strict=True))
