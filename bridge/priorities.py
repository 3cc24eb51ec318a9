"""How soon a study wants to be read, as one of its instances says. Read while the feed has nothing new.

RequestedProcedurePriority (0040,1003) belongs to the order, StudyPriorityID (0032,000C) to older files; some
devices write them into the items of RequestAttributesSequence (0040,0275). Their words are those that PS3.3
lists (C.4.11), and those that sites invent.
"""

import logging
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, select, update

from bridge.errors import OrthancRefused, OrthancUnavailable
from bridge.orthanc_client import OrthancClient
from bridge.studies import next_updated_at
from database.models import Instance, Priority, Series, Study
from database.session import Database

logger = logging.getLogger(__name__)

_STUDIES_A_STEP = 5
_POSTPONED_SECONDS = 10.0
_RETRY_SECONDS = 3600.0
_STILL_WAITING = timedelta(days=30)
"""What came longer ago isn't read sooner for what its files say: an old archive isn't opened file by file."""

# Orthanc's names: its dictionary, DCMTK's, marks what has left the standard
_ATTRIBUTES = ("RequestedProcedurePriority", "StudyPriorityID", "RETIRED_StudyPriorityID")
_ITEMS = "RequestAttributesSequence"
_WORDS = {
    "STAT": Priority.STAT,
    "EMERGENCY": Priority.STAT,
    "HIGH": Priority.URGENT,
    "URGENT": Priority.URGENT,
    "ROUTINE": Priority.ROUTINE,
    "MEDIUM": Priority.ROUTINE,
    "MED": Priority.ROUTINE,
    "LOW": Priority.ROUTINE,
}


class Priorities:
    """``step`` reads the newest few studies that nobody has looked into; one cheap query when all are."""

    def __init__(self, database: Database, client: OrthancClient) -> None:
        self._database = database
        self._client = client
        self._retry_at: dict[int, float] = {}
        """Studies whose file couldn't be read."""
        self._read_at = 0.0

    def step(self) -> None:
        """Whatever stops this mustn't stop the feed."""
        if time.monotonic() < self._read_at:
            return
        for study_id, orthanc_id in self._waiting():
            try:
                tags = self._client.instance_tags(orthanc_id)
            except OrthancRefused as error:
                logger.warning("study %d: its priority can't be read: %s", study_id, error)
                self._retry_at[study_id] = time.monotonic() + _RETRY_SECONDS
                self._postpone()  # it may be Orthanc that is sick, not the file
                return
            except OrthancUnavailable as error:
                logger.warning("priorities are put off: %s", error)
                self._postpone()
                return
            self._keep(study_id, requested_priority(tags))

    def _postpone(self) -> None:
        self._read_at = time.monotonic() + _POSTPONED_SECONDS

    def _waiting(self) -> Iterable[Row[int, str]]:
        now = time.monotonic()
        unreadable = [study_id for study_id, retry_at in self._retry_at.items() if retry_at > now]
        instance = (
            select(func.min(Instance.id))
            .join(Series, Series.id == Instance.series_id)
            .where(Series.study_id == Study.id, Instance.deleted_at.is_(None))
            .correlate(Study)
            .scalar_subquery()
        )
        query = (
            select(Study.id, Instance.orthanc_id)
            .join(Instance, Instance.id == instance)
            .where(Study.requested_priority.is_(None), Study.received_at > datetime.now(UTC) - _STILL_WAITING)
            .where(Study.deleted_at.is_(None), Study.id.not_in(unreadable))
            .order_by(Study.received_at.desc())
            .limit(_STUDIES_A_STEP)
        )
        with self._database.read() as session:
            return session.execute(query).all()

    def _keep(self, study_id: int, priority: Priority | None) -> None:
        values: dict[str, Any] = {"requested_priority": priority.value if priority else ""}
        with self._database.write() as session:
            if priority not in {None, Priority.ROUTINE}:  # nothing else changes what worklists show
                values["updated_at"] = next_updated_at(session, datetime.now(UTC))
            session.execute(update(Study).where(Study.id == study_id).values(values))


def requested_priority(tags: Mapping[str, Any]) -> Priority | None:
    """The most urgent that an instance names; None when it says nothing that is known."""
    items = tags.get(_ITEMS)
    places = [tags, *(items if isinstance(items, list) else [])]
    words = [str(place.get(name, "")).strip().upper() for place in places for name in _ATTRIBUTES]
    named = {_WORDS[word] for word in words if word in _WORDS}
    return next((priority for priority in Priority if priority in named), None)
