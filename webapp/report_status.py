"""What a report is worth, in the words of lists, and by how much a study waits. Pure.

Facility staff read what is valid; that something else is being written, and by whom, is not theirs.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from database.models import Priority, Purpose, ReportState
from webapp.reports.states import Standing

LIMITS = {
    Priority.STAT: timedelta(hours=1),
    Priority.URGENT: timedelta(hours=4),
    Priority.ROUTINE: timedelta(hours=24),
}
"""How long a study may wait for its final report before the worklist warns."""

_WRITING = {Purpose.ADDENDUM: "an addendum", Purpose.AMENDMENT: "an amendment"}


@dataclass(frozen=True, slots=True)
class StatusWords:
    text: str
    tone: str
    title: str = ""
    """What the text leaves out."""


@dataclass(frozen=True, slots=True)
class Turnaround:
    """From a study's reception to its first final report, or to now."""

    since: datetime
    until: datetime | None
    limit: timedelta

    @property
    def is_running(self) -> bool:
        return self.until is None

    @property
    def seconds(self) -> int:
        """Never less than nothing: a study that was sent again came after its report."""
        return max(0, int(((self.until or datetime.now(UTC)) - self.since).total_seconds()))

    @property
    def is_late(self) -> bool:
        return self.seconds > self.limit.total_seconds()

    @property
    def text(self) -> str:
        return waiting_time(self.seconds)

    @property
    def limit_text(self) -> str:
        hours = int(self.limit.total_seconds() // 3600)
        return "1 hour" if hours == 1 else f"{hours} hours"


def waiting_time(seconds: float) -> str:
    """``12 min``, ``3 h 5 min``, ``2 d 4 h``; page.js writes the same."""
    minutes = int(seconds // 60)
    days, hours = minutes // 1440, minutes // 60
    if days >= 2:
        return f"{days} d {hours % 24} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def priority_of(decided: Priority | None, requested: str | None) -> Priority:
    """What a person set goes before what the study asks for; nothing said is routine."""
    if decided is not None:
        return decided
    return Priority(requested) if requested in set(Priority) else Priority.ROUTINE


def status_words(standing: Standing, *, is_all_told: bool) -> StatusWords:
    """``is_all_told``: also of what is being written on top of a final report."""
    if standing.state in {None, ReportState.DISCARDED}:
        return StatusWords("Unread", "plain")
    if standing.state is ReportState.RETRACTED:
        return StatusWords("Retracted", "bad", "It was final, and isn't valid any more")
    if standing.state is ReportState.FINAL:
        return _final_words(standing, is_all_told=is_all_told)
    title = "After a retraction" if standing.version else ""
    if standing.is_signed_once:
        return StatusWords("2nd signature", "pending", "Signed once, awaiting the second signature")
    if standing.state is ReportState.PRELIMINARY:
        return StatusWords("Preliminary", "pending", title)
    return StatusWords("Draft", "plain", title)


def _final_words(standing: Standing, *, is_all_told: bool) -> StatusWords:
    text = "Amended" if standing.version > 1 else "Final"
    parts = [f"Version {standing.version}"] if standing.version > 1 else []
    if standing.addendum_count:
        text += f" +{standing.addendum_count}"
        parts.append(f"{standing.addendum_count} addend{'um' if standing.addendum_count == 1 else 'a'}")
    if is_all_told and standing.writing is not None:
        text += " …"
        waits = "awaits its second signature" if standing.is_signed_once else "is being written"
        parts.append(f"{_WRITING[standing.writing]} {waits}")
    return StatusWords(text, "good", "; ".join(parts))
