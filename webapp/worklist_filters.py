"""The worklist's filters: read from the URL, written back to it, turned into conditions. No routes."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import Exists, Select, exists, select
from werkzeug.datastructures import MultiDict

from database.models import Facility, Priority, Series, Study, StudyFacility, StudyWord
from database.words import prefix_range, words_of
from webapp import report_filters
from webapp.report_filters import Assignment, ReportStatus

E = TypeVar("E", bound=StrEnum)

NO_FACILITY = "none"
_MOST_WORDS = 8
_MOST_MODALITIES = 20


class DatePreset(StrEnum):
    TODAY = "today"
    YESTERDAY = "yesterday"
    WEEK = "7d"
    MONTH = "30d"


class Images(StrEnum):
    """Whether a study's images still come."""

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
    images: Images | None = None
    status: ReportStatus | None = None
    priority: Priority | None = None
    assigned: Assignment | None = None
    author: str = ""
    """A user name."""

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
            images=_member(Images, args.get("images", "")),
            status=_member(ReportStatus, args.get("status", "")),
            priority=_member(Priority, args.get("priority", "")),
            assigned=_member(Assignment, args.get("assigned", "")),
            author=clean(args.get("author", ""))[:100],
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
            "images": self.images or "",
            "status": self.status or "",
            "priority": self.priority or "",
            "assigned": self.assigned or "",
            "author": self.author,
        }
        return {name: value for name, value in values.items() if value}

    def without_dates(self) -> "Filters":
        return replace(self, preset=None, first_date=None, last_date=None)

    @property
    def is_unread(self) -> bool:
        """Whether nothing but unread studies is asked for: their priorities have an index of their own."""
        return self.status is ReportStatus.UNREAD

    def with_status(self, status: ReportStatus | None) -> "Filters":
        return replace(self, status=status)

    def without_people(self) -> "Filters":
        """For readers who needn't know who works on what."""
        return replace(self, assigned=None, author="")

    @property
    def dates(self) -> tuple[date | None, date | None]:
        """The first and the last study date that match, by this server's calendar."""
        if self.preset is None:
            return self.first_date, self.last_date
        today = datetime.now(UTC).astimezone().date()
        first, last = _PRESET_DAYS[self.preset]
        return today - timedelta(days=first), today - timedelta(days=last)

    def apply(
        self, studies: Select[Study], facilities: Select[Facility], stable_seconds: int, reader_id: int
    ) -> Select[Study]:
        """``facilities``: those that the reader may know; the code of any other is as if it didn't exist."""
        studies = self._match_reports(self._match_words(studies), reader_id)
        first, last = self.dates
        if first is not None:
            studies = studies.where(Study.study_date >= first)
        if last is not None:
            studies = studies.where(Study.study_date <= last)
        if self.modalities:
            studies = studies.where(self.has_modality())
        return self._match_images(self._match_facility(studies, facilities), stable_seconds)

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

    def _match_reports(self, studies: Select[Study], reader_id: int) -> Select[Study]:
        if self.status is not None:
            studies = studies.where(report_filters.has_status(self.status))
        if self.priority is not None:
            wanted = report_filters.has_priority(self.priority, is_unread=self.is_unread)
            studies = studies.where(wanted)
        if self.assigned is not None:
            studies = studies.where(report_filters.is_assigned(self.assigned, reader_id))
        if self.author:
            studies = studies.where(report_filters.has_author(self.author))
        return studies

    def _match_images(self, studies: Select[Study], stable_seconds: int) -> Select[Study]:
        arrived_before = datetime.now(UTC) - timedelta(seconds=stable_seconds)
        if self.images is Images.RECEIVING:
            return studies.where(Study.last_received_at > arrived_before)
        if self.images is Images.ARRIVED:
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
