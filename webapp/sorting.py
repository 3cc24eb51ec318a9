"""The ways to sort the worklist: segment by segment, by values that an index has. No queries, no routes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import ColumnElement, Text, Time, func, literal, not_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from database.models import Priority, Study
from webapp.report_filters import has_priority
from webapp.worklist_filters import clean

_LARGEST_ID = 2**63 - 1
_MIDNIGHT = time(0, 0)


Values = tuple[ColumnElement[Any] | InstrumentedAttribute[Any], ...]


@dataclass(frozen=True)
class Segment:
    """Some of the rows, and by which values they are sorted."""

    values: Values
    parsers: tuple[Callable[[str], Any], ...]
    where: ColumnElement[bool] | None = None


@dataclass(frozen=True)
class SortColumn:
    """One way to sort: segment by segment, in which direction at first."""

    segments: tuple[Segment, ...]
    is_descending_first: bool = False


def _sorted_where_present(values: Values, parsers: tuple[Callable[[str], Any], ...], present: Any) -> Any:
    """Rows without a value come last."""
    return Segment(values, parsers, present), Segment((), (), not_(present))


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
    return SortColumn(_sorted_where_present((_alphabetical(column),), (clean,), column != ""))


_study_time = func.coalesce(Study.study_time, literal(_MIDNIGHT, Time()))


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant without a zone")
    return instant.astimezone(UTC)


def _clock_time(text: str) -> time:
    return time.fromisoformat(text).replace(tzinfo=None)


def row_id(value: Any) -> int:
    number = int(value)
    if not 0 <= number <= _LARGEST_ID:
        raise ValueError("not a row's number")
    return number


_by_reception = ((Study.received_at,), (_instant,))


def _by_priority(*, is_unread: bool) -> tuple[Segment, ...]:
    return tuple(Segment(*_by_reception, has_priority(one, is_unread=is_unread)) for one in Priority)


SORT_COLUMNS = {
    "received": SortColumn((Segment(*_by_reception),), is_descending_first=True),
    "priority": SortColumn(_by_priority(is_unread=False)),
    "date": SortColumn(
        _sorted_where_present(
            (Study.study_date, _study_time),
            (date.fromisoformat, _clock_time),
            Study.study_date.is_not(None),
        ),
        is_descending_first=True,
    ),
    "name": _text_column(Study.patient_name),
    "patient-id": _text_column(Study.patient_id),
    "modality": _text_column(Study.modalities),
    "description": _text_column(Study.study_description),
    "accession": _text_column(Study.accession_number),
    "images": SortColumn((Segment((Study.instance_count,), (row_id,)),), is_descending_first=True),
}
_UNREAD_BY_PRIORITY = _by_priority(is_unread=True)
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

    def segments(self, *, is_unread: bool = False) -> tuple[Segment, ...]:
        """``is_unread``: the list holds only unread studies; the order is the same, and found faster."""
        if is_unread and self.column == "priority":
            return _UNREAD_BY_PRIORITY
        return SORT_COLUMNS[self.column].segments
