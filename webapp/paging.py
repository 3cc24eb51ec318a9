"""Keyset paging: sorted pages that neither skip nor repeat a study while others arrive. No routes.

A page is "the rows after this row", not "rows 101 to 200". The row is named by an opaque cursor: its sort
values and its id, which breaks ties. Rows without a value (no study date, no name) come last whatever the
direction, sorted by id: a list may have several segments, each with a query of its own, as this lets all of
them use their index on SQLite and PostgreSQL alike. So do priorities: STAT comes first either way.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from sqlalchemy import ColumnElement, Select, literal, tuple_
from sqlalchemy.orm import Session

from database.models import Study
from webapp.sorting import SORT_COLUMNS, Segment, Sort, row_id


@dataclass(frozen=True)
class Cursor:
    """A row of a sorted list, and on which side of it the page lies."""

    sort: Sort
    is_backward: bool
    segment: int
    values: tuple[Any, ...]
    study_id: int

    def encode(self) -> str:
        values = [_to_text(value) for value in self.values]
        fields = [str(self.sort), int(self.is_backward), self.segment, values, self.study_id]
        return (
            base64.urlsafe_b64encode(json.dumps(fields, separators=(",", ":")).encode()).decode().rstrip("=")
        )

    @classmethod
    def decode(cls, text: str, sort: Sort) -> "Cursor | None":
        """None for whatever isn't a cursor of this sort: people edit addresses, and keep old ones."""
        try:
            fields = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            sort_text, is_backward, segment, values, study_id = fields
            if sort_text != str(sort):
                return None
            at = row_id(segment)
            return cls(sort, bool(is_backward), at, _parse_values(sort, at, values), row_id(study_id))
        except (ValueError, TypeError, AttributeError, IndexError, OverflowError, RecursionError):
            return None


@dataclass(frozen=True)
class Page:
    studies: Sequence[Study]
    previous: str | None
    """The cursor of the page before this one, if there is one."""
    next: str | None


def fetch_page(
    session: Session,
    studies: Select[Study],
    sort: Sort,
    cursor: Cursor | None,
    size: int,
    *,
    is_unread: bool = False,
) -> Page:
    """One page of ``studies``; at most two queries a segment, half of them when paging back to the start.

    ``is_unread``: as ``Sort.segments`` has it.
    """
    segments = sort.segments(is_unread=is_unread)
    rows, has_more = _fetch_rows(session, studies, sort, segments, cursor, size)
    is_backward = cursor is not None and cursor.is_backward
    if is_backward and not has_more:  # the start: show a full first page, not the few rows before the cursor
        cursor, is_backward = None, False
        rows, has_more = _fetch_rows(session, studies, sort, segments, None, size)
    if is_backward:
        rows.reverse()
    if not rows:
        return Page([], None, None)
    has_previous, has_next = (has_more, True) if is_backward else (cursor is not None, has_more)
    return Page(
        [row.study for row in rows],
        rows[0].cursor(sort, is_backward=True).encode() if has_previous else None,
        rows[-1].cursor(sort, is_backward=False).encode() if has_next else None,
    )


@dataclass(frozen=True)
class _Row:
    study: Study
    segment: int
    values: tuple[Any, ...]

    def cursor(self, sort: Sort, *, is_backward: bool) -> Cursor:
        return Cursor(sort, is_backward, self.segment, self.values, self.study.id)


def _fetch_rows(
    session: Session,
    studies: Select[Study],
    sort: Sort,
    segments: Sequence[Segment],
    cursor: Cursor | None,
    size: int,
) -> tuple[list[_Row], bool]:
    """Up to ``size`` rows in the direction of the cursor, and whether there are more."""
    is_backward = cursor is not None and cursor.is_backward
    ordered = list(enumerate(segments))
    if is_backward:
        ordered.reverse()
    rows: list[_Row] = []
    for at, segment in ordered:
        if cursor is not None and (at > cursor.segment if is_backward else at < cursor.segment):
            continue
        statement = _statement(studies, segment, is_descending=sort.is_descending != is_backward)
        if cursor is not None and at == cursor.segment:
            beyond = _beyond(segment, cursor, is_descending=sort.is_descending != is_backward)
            statement = statement.where(beyond)
        found = session.execute(statement.limit(size + 1 - len(rows)))
        rows += [_Row(study, at, tuple(values)) for study, *values in found]
        if len(rows) > size:
            return rows[:size], True
    return rows, False


def _statement(studies: Select[Study], segment: Segment, *, is_descending: bool) -> Select[Any]:
    statement = studies.add_columns(*segment.values)
    if segment.where is not None:
        statement = statement.where(segment.where)
    keys = [*segment.values, Study.id]
    return statement.order_by(*(key.desc() if is_descending else key.asc() for key in keys))


def _beyond(segment: Segment, cursor: Cursor, *, is_descending: bool) -> ColumnElement[bool]:
    keys: list[Any] = [*segment.values, Study.id]
    bounds = [
        literal(value, key.type) for key, value in zip(keys, [*cursor.values, cursor.study_id], strict=True)
    ]
    left, right = tuple_(*keys), tuple_(*bounds)
    return left < right if is_descending else left > right


def _to_text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _parse_values(sort: Sort, segment: int, values: Any) -> tuple[Any, ...]:
    parsers = SORT_COLUMNS[sort.column].segments[segment].parsers
    return tuple(parse(value) for parse, value in zip(parsers, values, strict=True))
