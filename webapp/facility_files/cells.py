"""What stands in a cell of a facility's file, and what it means. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

from database.models import ApplicationEntity, Facility
from webapp.facility_files.rows import ENTITY_COLUMNS, FACILITY_COLUMNS
from webapp.registry import EntityFields, FacilityFields, RegistryError

_YES = frozenset({"yes", "y", "true", "1", "on", "x"})
_NO = frozenset({"no", "n", "false", "0", "off"})
_NUMBERS = frozenset({"port", "silent_hours"})
_FLAGS = frozenset(
    one.name
    for table in (EntityFields, FacilityFields)
    for one in fields(table)
    if isinstance(one.default, bool)
)
_READING = ("may_find", "may_move", "may_get")
# What an empty cell clears; elsewhere it means: as it is, or generated
_CLEARABLE = frozenset(
    {
        "host",
        "description",
        "local_ae_title",
        "allowed_hosts",
        "address",
        "contact",
        "letterhead",
        "silent_hours",
    }
)
LONGEST_NUMBER = 9
_LONGEST_TOLD = 60


def cells_of_facility(facility: Facility) -> dict[str, str]:
    return {column: _cell(getattr(facility, column)) for column in FACILITY_COLUMNS}


def cells_of_entity(entity: ApplicationEntity) -> dict[str, str]:
    return {column: _cell(getattr(entity, column)) for column in ENTITY_COLUMNS}


def facility_fields(cells: Mapping[str, str], before: FacilityFields) -> FacilityFields:
    """``before`` with what the cells say. Raises RegistryError."""
    return replace(before, **_values(cells, FACILITY_COLUMNS))


def entity_fields(cells: Mapping[str, str], before: EntityFields) -> EntityFields:
    """``before`` with what the cells say. Raises RegistryError."""
    return replace(before, **_values(cells, ENTITY_COLUMNS))


def differences(before: FacilityFields | EntityFields, after: FacilityFields | EntityFields) -> list[str]:
    """``port 104 → 11114``, one a field that differs."""
    pairs = ((one.name, getattr(before, one.name), getattr(after, one.name)) for one in fields(before))
    return [f"{name} {_tell(old)} → {_tell(new)}" for name, old, new in pairs if old != new]


def warnings(before: EntityFields, after: EntityFields) -> list[str]:
    """What an administrator should know about operations that are granted anew."""
    granted = [name for name in _READING if getattr(after, name) and not getattr(before, name)]
    return [f"{', '.join(granted)}: this node can then read every hospital's studies"] if granted else []


def _values(cells: Mapping[str, str], columns: Iterable[str]) -> dict[str, Any]:
    return {
        column: _value(column, cells[column])
        for column in columns
        if column in cells and (cells[column] or column in _CLEARABLE)
    }


def _value(column: str, cell: str) -> str | int | bool | None:
    if column in _NUMBERS:
        return _number(column, cell) if cell else None
    return _flag(column, cell) if column in _FLAGS else cell


def _number(column: str, cell: str) -> int:
    if not (cell.isascii() and cell.isdigit() and len(cell) <= LONGEST_NUMBER):
        raise RegistryError(column, f"{_tell(cell)} is no whole number.")
    return int(cell)


def _flag(column: str, cell: str) -> bool:
    word = cell.lower()
    if word not in _YES | _NO:
        raise RegistryError(column, f"{_tell(cell)} means neither yes nor no: write yes or no.")
    return word in _YES


def _cell(value: str | int | bool | None) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _tell(value: str | int | bool | None) -> str:
    text = " / ".join(_cell(value).splitlines()) or "(empty)"
    return text if len(text) <= _LONGEST_TOLD else f"{text[:_LONGEST_TOLD]}…"
