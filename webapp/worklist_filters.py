"""The worklist's filters: read from the URL, written back to it, turned into conditions. No routes."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import Exists, Select, exists, select
from werkzeug.datastructures import MultiDict

from database.models import Facility, Series, Study, StudyFacility, StudyWord
from database.words import prefix_range, words_of

E = TypeVar("E", bound=StrEnum)

NO_FACILITY = "none"
_MOST_WORDS = 8
_MOST_MODALITIES = 20


class DatePreset(StrEnum):
    TODAY = "today"
    YESTERDAY = "yesterday"
    WEEK = "7d"
    MONTH = "30d"


class Status(StrEnum):
    """Reports don't exist yet, so that every study is unread; whether its images still come is known."""

    UNREAD = "unread"
    RECEIVING = "receiving"
    ARRIVED = "arrived"


_PRESET_DAYS = {  # days back from today: the first and the last
    DatePreset.TODAY: (0, 0),
    DatePreset.YESTERDAY: (1, 1),
    DatePreset.WEEK: (6, 0),
    DatePreset.MONTH: (29, 0),
}


@dataclass(frozen=True)
class Filters:
    """What the reader asked for. Whatever in the URL makes no sense is as if it weren't there."""

    text: str = ""
    preset: DatePreset | None = None
    first_date: date | None = None
    last_date: date | None = None
    modalities: tuple[str, ...] = ()
    facility: str = ""
    """A facility's code, or ``none``."""
    status: Status | None = None

    @classmethod
    def from_query(cls, args: MultiDict[str, str]) -> "Filters":
        preset = _member(DatePreset, args.get("date", ""))
        modalities = {m.strip().upper()[:16] for m in args.getlist("modality") if m.strip()}
        return cls(
            text=clean(args.get("q", "")).strip()[:200],
            preset=preset,
            first_date=None if preset else _date(args.get("from", "")),
            last_date=None if preset else _date(args.get("to", "")),
            modalities=tuple(sorted(clean(m) for m in modalities))[:_MOST_MODALITIES],
            facility=clean(args.get("facility", ""))[:100],
            status=_member(Status, args.get("status", "")),
        )

    def to_query(self) -> dict[str, str | list[str]]:
        """The shortest query string that ``from_query`` reads back as the same filters."""
        values: dict[str, str | list[str]] = {
            "q": self.text,
            "date": self.preset or "",
            "from": self.first_date.isoformat() if self.first_date else "",
            "to": self.last_date.isoformat() if self.last_date else "",
            "modality": list(self.modalities),
            "facility": self.facility,
            "status": self.status or "",
        }
        return {name: value for name, value in values.items() if value}

    def without_dates(self) -> "Filters":
        return replace(self, preset=None, first_date=None, last_date=None)

    @property
    def dates(self) -> tuple[date | None, date | None]:
        """The first and the last study date that match, by this server's calendar."""
        if self.preset is None:
            return self.first_date, self.last_date
        today = datetime.now(UTC).astimezone().date()
        first, last = _PRESET_DAYS[self.preset]
        return today - timedelta(days=first), today - timedelta(days=last)

    def apply(
        self, studies: Select[Study], facilities: Select[Facility], stable_seconds: int
    ) -> Select[Study]:
        """``facilities``: those that the reader may know; the code of any other is as if it didn't exist."""
        studies = self._match_words(studies)
        first, last = self.dates
        if first is not None:
            studies = studies.where(Study.study_date >= first)
        if last is not None:
            studies = studies.where(Study.study_date <= last)
        if self.modalities:
            studies = studies.where(self.has_modality())
        return self._match_status(self._match_facility(studies, facilities), stable_seconds)

    def has_modality(self) -> Exists:
        """Whether any series that is still there has one of the modalities asked for."""
        return (
            exists()
            .where(Series.study_id == Study.id, Series.deleted_at.is_(None))
            .where(Series.modality.in_(self.modalities))
        )

    def _match_words(self, studies: Select[Study]) -> Select[Study]:
        for word in sorted(words_of(self.text))[:_MOST_WORDS]:
            first, beyond = prefix_range(word)
            matching = select(StudyWord.study_id).where(StudyWord.word >= first, StudyWord.word < beyond)
            studies = studies.where(Study.id.in_(matching))
        return studies

    def _match_facility(self, studies: Select[Study], facilities: Select[Facility]) -> Select[Study]:
        links = exists().where(StudyFacility.study_id == Study.id)
        if self.facility == NO_FACILITY:
            return studies.where(~links)
        if self.facility:
            wanted = facilities.where(Facility.code == self.facility).with_only_columns(Facility.id)
            return studies.where(links.where(StudyFacility.facility_id.in_(wanted)))
        return studies

    def _match_status(self, studies: Select[Study], stable_seconds: int) -> Select[Study]:
        arrived_before = datetime.now(UTC) - timedelta(seconds=stable_seconds)
        if self.status == Status.RECEIVING:
            return studies.where(Study.last_received_at > arrived_before)
        if self.status == Status.ARRIVED:
            return studies.where(Study.last_received_at <= arrived_before)
        return studies


def clean(text: str) -> str:
    """Without what no database keeps: NUL, and halves of characters."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()


def _member(kind: type[E], text: str) -> E | None:
    return kind(text) if text in set(kind) else None


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
