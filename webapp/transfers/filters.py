"""The log's filters: read from the URL, written back to it, turned into conditions. No routes, no queries.

Times, AE titles (and by them facilities), status classes and studies have an index. Whatever else is asked
for is looked for in a bounded time: 30 days back, unless the URL says from when.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, select, tuple_
from werkzeug.datastructures import MultiDict

from database.models import Association, Operation
from database.transfer_terms import AssociationOutcome, Direction, OperationKind, StatusClass
from webapp.worklist_filters import clean
from webapp.worklist_news import moment

E = TypeVar("E", bound=StrEnum)

_LARGEST_ID = 2**63 - 1
_DATE_LENGTH = len("2026-11-25")
_WELL = (AssociationOutcome.OPEN, AssociationOutcome.RELEASED)


class View(StrEnum):
    """What a row of the page is."""

    ASSOCIATIONS = "associations"
    OPERATIONS = "operations"


class TimePreset(StrEnum):
    HOUR = "1h"
    TODAY = "today"
    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"


_SPANS = {
    TimePreset.HOUR: timedelta(hours=1),
    TimePreset.DAY: timedelta(days=1),
    TimePreset.WEEK: timedelta(days=7),
    TimePreset.MONTH: timedelta(days=30),
}


@dataclass(frozen=True)
class Filters:
    """What the reader asked for. Whatever in the URL makes no sense is as if it weren't there."""

    view: View = View.ASSOCIATIONS
    preset: TimePreset | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Exclusive."""
    facility: str = ""
    """A facility's code."""
    ae_title: str = ""
    """Of the other side, in upper case."""
    remote_ip: str = ""
    study_id: int | None = None
    is_problem: bool = False
    """Of associations: those that ended badly, or in which an operation failed."""
    kind: OperationKind | None = None
    direction: Direction | None = None
    status_class: StatusClass | None = None

    @classmethod
    def from_query(cls, args: MultiDict[str, str]) -> "Filters":
        view = _member(View, args.get("view", "")) or View.ASSOCIATIONS
        preset = _member(TimePreset, args.get("time", ""))
        study_id = args.get("study", 0, int)
        filters = cls(
            view=view,
            preset=preset,
            since=None if preset else moment(args.get("from", "")),
            until=None if preset else _end(args.get("to", "")),
            facility=clean(args.get("facility", ""))[:100],
            ae_title=clean(args.get("ae", "")).strip().upper()[:16],
            remote_ip=clean(args.get("ip", "")).strip()[:45],
            study_id=study_id if 0 < study_id <= _LARGEST_ID else None,
            is_problem=args.get("problems") == "1",
            kind=_member(OperationKind, args.get("kind", "")),
            direction=_member(Direction, args.get("direction", "")),
            status_class=_member(StatusClass, args.get("status", "")),
        )
        return filters.for_view(view)

    def for_view(self, view: View) -> "Filters":
        """The same as far as the other view has it, too."""
        if view is View.ASSOCIATIONS:
            filters = replace(self, view=view, kind=None, direction=None, status_class=None)
        else:
            filters = replace(self, view=view, is_problem=False)
        return filters.bounded()

    def bounded(self) -> "Filters":
        """With a time where no index leads to what is asked for."""
        if not self.must_be_bounded or self.preset or self.since:
            return self
        if self.until is None:
            return replace(self, preset=TimePreset.MONTH)
        return replace(self, since=self.until - _SPANS[TimePreset.MONTH])

    def to_query(self) -> dict[str, str]:
        """The shortest query string that ``from_query`` reads back as the same filters."""
        values = {
            "view": "" if self.view is View.ASSOCIATIONS else self.view,
            "time": self.preset or "",
            "from": _instant(self.since),
            "to": _instant(self.until),
            "facility": self.facility,
            "ae": self.ae_title,
            "ip": self.remote_ip,
            "study": str(self.study_id or ""),
            "problems": "1" if self.is_problem else "",
            "kind": self.kind or "",
            "direction": self.direction or "",
            "status": self.status_class or "",
        }
        return {name: str(value) for name, value in values.items() if value}

    def narrowed(self, since: datetime) -> "Filters":
        """To what began after ``since``, too. One bound: of two, databases may look from the wider one."""
        earliest, until = self.times
        return replace(self, preset=None, since=max(since, earliest or since), until=until)

    def without_times(self) -> "Filters":
        return replace(self, preset=None, since=None, until=None)

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the view is asked for."""
        return self != Filters(view=self.view)

    @property
    def must_be_bounded(self) -> bool:
        """Whether no index leads to what is asked for."""
        is_searched = bool(self.remote_ip or self.is_problem or self.kind or self.direction)
        is_combined = self.status_class is not None and bool(self.facility or self.ae_title)
        return self.study_id is None and (is_searched or is_combined)

    @property
    def times(self) -> tuple[datetime | None, datetime | None]:
        """From when, and until before when."""
        now = datetime.now(UTC)
        if self.preset is TimePreset.TODAY:  # by this server's calendar
            return now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0), None
        return (now - _SPANS[self.preset], None) if self.preset else (self.since, self.until)

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """All but the AE titles, of which the facility's have to be looked up first."""
        model = self.model
        since, until = self.times
        if since is not None:
            yield model.started_at >= since
        if until is not None:
            yield model.started_at < until
        if self.remote_ip:
            yield model.remote_ip == self.remote_ip
        yield from self._conditions_of_view()

    @property
    def model(self) -> Any:
        return Association if self.view is View.ASSOCIATIONS else Operation

    def _conditions_of_view(self) -> Iterator[ColumnElement[bool]]:
        if self.is_problem:
            yield (Association.outcome.not_in(_WELL)) | (Association.failure_count > 0)
        if self.study_id is not None and self.view is View.ASSOCIATIONS:
            yield _has_operation_for(self.study_id)
        elif self.study_id is not None:
            yield Operation.study_id == self.study_id
        asked = {
            Operation.kind: self.kind,
            Operation.direction: self.direction,
            Operation.status_class: self.status_class,
        }
        yield from (column == value for column, value in asked.items() if value)


def _has_operation_for(study_id: int) -> ColumnElement[bool]:
    associations = select(
        Operation.association_started_at, Operation.boot, Operation.association_number
    ).where(Operation.study_id == study_id, Operation.association_number.is_not(None))
    return tuple_(Association.started_at, Association.boot, Association.number).in_(associations)


def _member(kind: type[E], text: str) -> E | None:
    return kind(text) if text in set(kind) else None


def _end(text: str) -> datetime | None:
    """A day without a time is meant to its end."""
    at = moment(text)
    try:
        return at + timedelta(days=1) if at is not None and len(text) == _DATE_LENGTH else at
    except OverflowError:
        return None


def _instant(at: datetime | None) -> str:
    return at.isoformat().replace("+00:00", "Z") if at else ""
