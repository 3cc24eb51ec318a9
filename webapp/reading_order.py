"""The order in which series and instances are read, the same on SQLite and PostgreSQL."""

from typing import Any

from sqlalchemy import ColumnElement, Row
from sqlalchemy.orm import InstrumentedAttribute


def numbers_first(number: InstrumentedAttribute[Any]) -> tuple[ColumnElement[Any], ...]:
    """By number, those without one last: by themselves SQLite has NULLs first, PostgreSQL last."""
    return number.is_(None), number.expression


def reading_place(instance: Row[*tuple[Any, ...]]) -> tuple[Any, ...]:
    """The sort key of a row with ``id``, ``instance_number`` and ``sop_instance_uid``.

    By instance number: the database holds no positions in space.
    """
    number = instance.instance_number
    return number is None, number or 0, uid_key(instance.sop_instance_uid), instance.id


def uid_key(uid: str) -> list[tuple[int, str]]:
    """A UID's components as numbers: ``…2`` before ``…10``. What was sent need not be a valid one."""
    return [(int(part), "") if part.isascii() and part.isdigit() else (-1, part) for part in uid.split(".")]
