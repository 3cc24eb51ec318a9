"""What the log holds for given filters, and what has come since. Queries only."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, select, tuple_
from sqlalchemy.orm import Session, defer

from database.models import ApplicationEntity, Association, Facility
from webapp.registry.ae_titles import key_of
from webapp.transfers.filters import Filters, View
from webapp.transfers.keys import RowKey
from webapp.transfers.paging import newest_keys
from webapp.transfers.rows import AssociationRow, OperationRow, association_rows, operation_rows

_LATEST_ARRIVAL = timedelta(minutes=10)
"""Rows come in the order of their beginnings, but not quite: a bridge that was away brings older ones."""


def arms_of(session: Session, filters: Filters) -> list[Select[Any]]:
    """Queries that together have all that is asked for; see ``paging``."""
    model = filters.model
    every = select(model).where(*filters.conditions())
    if model is Association:
        every = every.options(defer(Association.presentation_contexts))  # long, and no list shows them
    titles = _titles(session, filters)
    if titles is None:
        return [every]
    return [every.where(model.remote_ae_title_key == title) for title in sorted(titles)]


def _titles(session: Session, filters: Filters) -> set[str] | None:
    """Keys of the AE titles asked for; None for all."""
    own = {key_of(filters.ae_title)} if filters.ae_title else None
    if not filters.facility:
        return own
    of_facility = set(
        session.scalars(
            select(ApplicationEntity.ae_title_key)
            .join(Facility, Facility.id == ApplicationEntity.facility_id)
            .where(Facility.code == filters.facility)
        )
    )
    return of_facility if own is None else of_facility & own


def rows_of(
    session: Session, view: View, rows: Sequence[Any], own_ae_title: str
) -> Sequence[AssociationRow | OperationRow]:
    if view is View.ASSOCIATIONS:
        return association_rows(session, rows, own_ae_title)
    return operation_rows(session, rows)


def load_rows(session: Session, model: Any, keys: Sequence[RowKey]) -> Sequence[Any]:
    """Those of the rows that are still there."""
    if not keys:
        return []
    found = select(model).where(tuple_(model.started_at, model.boot, model.number).in_(keys))
    return session.scalars(found).all()


def recent_keys(session: Session, filters: Filters, since: datetime, most: int) -> list[RowKey]:
    """Of rows that match and began after ``since`` or shortly before it, the newest first."""
    return newest_keys(session, arms_of(session, filters.narrowed(since - _LATEST_ARRIVAL)), most)
