"""Facilities as CSV: text to rows of cells and back. Knows CSV and what Excel does to it, no facilities."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

FACILITY_COLUMNS = (
    "name", "code", "address", "time_zone", "contact", "letterhead", "paper", "has_preprinted_paper",
    "needs_second_signer", "silent_hours",
)  # fmt: skip
ENTITY_COLUMNS = (
    "ae_title", "host", "port", "description", "local_ae_title", "uses_tls", "allowed_hosts", "may_echo",
    "may_store", "may_find", "may_move", "may_get",
)  # fmt: skip
COLUMNS = (*FACILITY_COLUMNS[:2], *ENTITY_COLUMNS, *FACILITY_COLUMNS[2:])
LARGEST_FILE = 5_000_000
MOST_ROWS = 1_000

_BOMS_OF_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)
# Spreadsheets take a cell that begins so for a formula, the full-width forms too. An apostrophe before it
# prevents that; one more before a cell that has the apostrophe already, so that reading can undo it.
_FORMULA = re.compile("'*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")
_ESCAPED_FORMULA = re.compile("'(?='*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20])")


@dataclass(frozen=True, slots=True)
class Row:
    line: int
    """Where it begins in the file, from 1."""
    cells: dict[str, str]
    """By column, only those that the file has."""


@dataclass(frozen=True, slots=True)
class Problem:
    line: int
    column: str
    """Empty when the whole line is meant."""
    reason: str

    def __str__(self) -> str:
        column = f", column {self.column}" if self.column else ""
        return f"line {self.line}{column}: {self.reason}"


def read_rows(content: bytes) -> tuple[list[Row], list[Problem]]:
    """Rows that aren't blank. With problems, the rows may not be all there are."""
    try:
        text = _decode(content)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return [], [Problem(line, "", "This is not UTF-8. In Excel, save it as “CSV UTF-8”.")]
    except ValueError as error:
        return [], [Problem(1, "", str(error))]
    separator = _SEPARATOR_LINE.match(text)
    delimiter = separator[1] if separator else _guess_delimiter(text)
    records = _records(text[separator.end() :] if separator else text, delimiter)
    return _read(records, 1 if separator else 0)


def write_rows(rows: Iterable[Mapping[str, str]]) -> str:
    """With a header line and CRLF; what a row lacks is an empty cell."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows([defuse(row.get(column, "")) for column in COLUMNS] for row in rows)
    return text.getvalue()


def _decode(content: bytes) -> str:
    if len(content) > LARGEST_FILE:
        raise ValueError(f"The file is too large: at most {LARGEST_FILE // 1_000_000} MB.")
    if content.startswith(_BOMS_OF_UTF16):
        raise ValueError("This is UTF-16 text. In Excel, save it as “CSV UTF-8”.")
    return content.decode("utf-8-sig")


def _guess_delimiter(text: str) -> str:
    header = next((line for line in text.splitlines() if line.strip()), "")
    return max(",;\t", key=header.count)


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Each with the number of its first line. Raises csv.Error."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    first_line = 1
    while True:
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise csv.Error(f"The quotes are not right ({error}).", first_line) from error
        yield first_line, record
        first_line = reader.line_num + 1


def _read(records: Iterator[tuple[int, list[str]]], lines_before: int) -> tuple[list[Row], list[Problem]]:
    rows: list[Row] = []
    problems: list[Problem] = []
    header: list[str] | None = None
    try:
        for number, record in records:
            line, cells = number + lines_before, [cell.strip() for cell in record]
            if not any(cells):
                continue
            if header is None:
                header = [re.sub(r"[\s-]+", "_", cell.lower()) for cell in cells]
                problems += _check_header(line, header)
            else:
                problems += _check_width(line, cells, header)
                rows.append(_row(line, cells, header))
    except csv.Error as error:
        reason, number = error.args
        problems.append(Problem(number + lines_before, "", reason))
    if len(rows) > MOST_ROWS:
        problems.append(Problem(rows[MOST_ROWS].line, "", f"Too many lines: at most {MOST_ROWS:,} at once."))
    if header is None and not problems:
        problems.append(Problem(1, "", "The file is empty. Its first line must name the columns."))
    return rows, problems


def _row(line: int, cells: list[str], header: list[str]) -> Row:
    # Excel leaves out empty cells at the end of a line
    padded = cells + [""] * (len(header) - len(cells))
    return Row(line, {name: _unescape(cell) for name, cell in zip(header, padded, strict=False) if name})


def _check_header(line: int, header: list[str]) -> Iterator[Problem]:
    known = ", ".join(COLUMNS)
    for name in dict.fromkeys(header):
        if name and name not in COLUMNS:
            yield Problem(line, name, f"There is no such column. Known are: {known}.")
        if name and header.count(name) > 1:
            yield Problem(line, name, "This column is there twice.")
    if "name" not in header:
        yield Problem(line, "name", "This column is missing; it is the only one that must be there.")


def _check_width(line: int, cells: list[str], header: list[str]) -> Iterator[Problem]:
    unnamed = [cell for at, cell in enumerate(cells) if cell and (at >= len(header) or not header[at])]
    if unnamed:
        yield Problem(
            line, "", "There are more cells than columns. Does a cell with a comma lack its quotes?"
        )


def defuse(cell: str) -> str:
    """No spreadsheet takes it for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _unescape(cell: str) -> str:
    return _ESCAPED_FORMULA.sub("", cell, count=1) if _ESCAPED_FORMULA.match(cell) else cell
