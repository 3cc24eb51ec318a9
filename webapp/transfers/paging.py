"""Keyset paging of the log, newest first: pages neither skip nor repeat a row while others come. No routes.

What is asked for comes as *arms*: queries that exclude each other, each of which one index can answer in the
log's order. Several AE titles are several arms: of each the newest rows are read, never all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, Subquery, and_, func, literal, select, tuple_, union_all
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from webapp.presentation import Count
from webapp.transfers.keys import RowKey


@dataclass(frozen=True, slots=True)
class Cursor:
    """A row of the log, and on which side of it the page lies."""

    key: RowKey
    is_newer: bool = False

    @classmethod
    def from_query(cls, args: MultiDict[str, str]) -> "Cursor | None":
        older, newer = RowKey.parse(args.get("older", "")), RowKey.parse(args.get("newer", ""))
        if older is not None:
            return cls(older)
        return None if newer is None else cls(newer, is_newer=True)


@dataclass(frozen=True, slots=True)
class Page:
    rows: Sequence[Any]
    newer: str = ""
    """The key beyond which the page of newer rows begins; empty without one."""
    older: str = ""


def fetch_page(session: Session, arms: Sequence[Select[Any]], cursor: Cursor | None, size: int) -> Page:
    """One page; at most two queries, the second only when paging back reaches the newest."""
    rows, has_more = _fetch(session, arms, cursor, size)
    is_newer = cursor is not None and cursor.is_newer
    if is_newer and not has_more:  # the start: show a full first page, not the few rows before the cursor
        cursor, is_newer = None, False
        rows, has_more = _fetch(session, arms, None, size)
    if is_newer:
        rows.reverse()
    if not rows:
        return Page(rows)
    has_newer, has_older = (has_more, True) if is_newer else (cursor is not None, has_more)
    return Page(
        rows,
        str(RowKey.of(rows[0])) if has_newer else "",
        str(RowKey.of(rows[-1])) if has_older else "",
    )


def count_rows(session: Session, arms: Sequence[Select[Any]], most: int) -> Count:
    """Stops counting after ``most``."""
    if not arms:
        return Count(0, most)
    boot = _key_columns(arms)[1]  # any column
    limited = [arm.with_only_columns(boot).limit(most + 1).subquery() for arm in arms]
    rows = union_all(*(select(one) for one in limited)).subquery()
    return Count(session.scalar(select(func.count()).select_from(rows)) or 0, most)


def newest_keys(session: Session, arms: Sequence[Select[Any]], most: int) -> list[RowKey]:
    if not arms:
        return []
    key = _key_columns(arms)
    limited = [arm.order_by(*(column.desc() for column in key)).limit(most) for arm in arms]
    keys = _keys_of(limited, key)
    newest = select(keys).order_by(*(column.desc() for column in keys.c)).limit(most)
    return [RowKey(*row) for row in session.execute(newest)]


def _fetch(
    session: Session, arms: Sequence[Select[Any]], cursor: Cursor | None, size: int
) -> tuple[list[Any], bool]:
    """Up to ``size`` rows in the direction of the cursor, and whether there are more."""
    if not arms:
        return [], False
    key = _key_columns(arms)
    is_newer = cursor is not None and cursor.is_newer
    order = [column.asc() if is_newer else column.desc() for column in key]
    limited = [_beyond(arm, key, cursor).order_by(*order).limit(size + 1) for arm in arms]
    statement = limited[0] if len(limited) == 1 else _merged(limited, key, order, size)
    rows = list(session.scalars(statement))
    return rows[:size], len(rows) > size


def _model(arms: Sequence[Select[Any]]) -> Any:
    return arms[0].column_descriptions[0]["entity"]


def _key_columns(arms: Sequence[Select[Any]]) -> tuple[Any, Any, Any]:
    model = _model(arms)
    return model.started_at, model.boot, model.number


def _beyond(arm: Select[Any], key: Sequence[Any], cursor: Cursor | None) -> Select[Any]:
    if cursor is None:
        return arm
    bounds = [literal(value, column.type) for column, value in zip(key, cursor.key, strict=True)]
    # The first condition follows from the second, but databases find it in more of their indexes
    if cursor.is_newer:
        return arm.where(key[0] >= bounds[0], tuple_(*key) > tuple_(*bounds))
    return arm.where(key[0] <= bounds[0], tuple_(*key) < tuple_(*bounds))


def _merged(
    limited: Sequence[Select[Any]], key: Sequence[Any], order: Sequence[Any], size: int
) -> Select[Any]:
    keys = _keys_of(limited, key)
    is_same = and_(*(column == keys.c[column.key] for column in key))
    return select(_model(limited)).join(keys, is_same).order_by(*order).limit(size + 1)


def _keys_of(limited: Sequence[Select[Any]], key: Sequence[Any]) -> Subquery:
    return union_all(*(select(one.with_only_columns(*key).subquery()) for one in limited)).subquery()
