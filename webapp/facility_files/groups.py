"""Rows that are one facility, with what they say about it together. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from webapp.facility_files.rows import FACILITY_COLUMNS, Problem, Row


@dataclass(frozen=True, slots=True)
class Group:
    """One facility of the file; each row is one of its application entities."""

    rows: list[Row] = field(default_factory=list)
    cells: dict[str, str] = field(default_factory=dict)
    """About the facility itself, by column: from the first row that says something."""


def group_rows(rows: Sequence[Row]) -> tuple[list[Group], list[Problem]]:
    """Rows with the same code, or without code the same name. What can't be grouped is a problem."""
    problems: list[Problem] = []
    codes = _codes_by_name(rows)
    groups = defaultdict[tuple[str, str], Group](Group)
    for row in rows:
        name, code, others = _name(row), code_of(row), codes[_name(row)]
        if not name:
            problems.append(Problem(row.line, "name", "Please enter a name."))
        elif not code and len(others) > 1:
            reason = (
                f"The file has this name with several codes ({', '.join(sorted(others))}): give one here too."
            )
            problems.append(Problem(row.line, "code", reason))
        else:
            key = code or "".join(others)
            problems += _add(groups[key, "" if key else name], row)
    return list(groups.values()), [*problems, *_repeated_titles(rows)]


def code_of(row: Row) -> str:
    return row.cells.get("code", "").upper()


def _name(row: Row) -> str:
    return " ".join(row.cells["name"].split()).casefold()


def _codes_by_name(rows: Sequence[Row]) -> dict[str, set[str]]:
    codes = defaultdict[str, set[str]](set)
    for row in rows:
        if code_of(row):
            codes[_name(row)].add(code_of(row))
    return codes


def _add(group: Group, row: Row) -> Iterator[Problem]:
    group.rows.append(row)
    for column in FACILITY_COLUMNS:
        cell = row.cells.get(column)
        if cell is None:
            continue
        said = group.cells.get(column, "")
        if cell and said and cell.casefold() != said.casefold():
            first = group.rows[0].line
            yield Problem(
                row.line, column, f"Line {first} is the same facility and says something else: {said}."
            )
        group.cells[column] = said or cell


def _repeated_titles(rows: Sequence[Row]) -> Iterator[Problem]:
    lines: dict[str, int] = {}
    for row in rows:
        title = row.cells.get("ae_title", "")
        first = lines.setdefault(title.upper(), row.line)
        if title and first != row.line:
            yield Problem(row.line, "ae_title", f"{title} stands on line {first} already.")
