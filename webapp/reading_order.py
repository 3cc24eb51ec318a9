"""The order in which series and instances are read, the same on SQLite and PostgreSQL."""

from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute

from database.models import Instance


def numbers_first(number: InstrumentedAttribute[Any]) -> tuple[ColumnElement[Any], ...]:
    """By number, those without one last: by themselves SQLite has NULLs first, PostgreSQL last."""
    return number.is_(None), number.expression


def in_reading_order(number: InstrumentedAttribute[Any]) -> tuple[ColumnElement[Any], ...]:
    return *numbers_first(number), Instance.sop_instance_uid.expression, Instance.id.expression


def uid_key(uid: str) -> list[tuple[int, str]]:
    """A UID's components as numbers: ``…2`` before ``…10``. What was sent need not be a valid one."""
    return [(int(part), "") if part.isascii() and part.isdigit() else (-1, part) for part in uid.split(".")]
