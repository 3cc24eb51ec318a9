"""Carries out what administrators decide: when to look, and what to do first. The doing is elsewhere."""

import logging
import time
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import StatementError

from bridge.errors import OrthancRefused, OrthancUnavailable
from bridge.linking import Linker
from bridge.registrations import Registrar
from database.models import ApplicationEntity, Peer, StudyLink
from database.session import Database

logger = logging.getLogger(__name__)

_COMPARE_SECONDS = 2.0
_POSTPONED_SECONDS = 10.0

# Differs after every decision: revisions only rise, and entities and peers are never deleted
_DECISIONS = select(
    *(
        select(what).scalar_subquery()
        for what in (
            func.count(ApplicationEntity.id),
            func.sum(ApplicationEntity.revision),
            func.count(Peer.id),
            func.sum(Peer.revision),
            func.count(StudyLink.study_id),
            func.max(StudyLink.linked_at),
        )
    )
)


class Decisions:
    """Costs one cheap query while nobody decides anything, and Orthanc's lists every two seconds."""

    def __init__(self, database: Database, registrar: Registrar) -> None:
        self._database = database
        self._registrar = registrar
        self._linker = Linker(database)
        self._seen: tuple[Any, ...] | None = None
        self._is_linking = True
        self._register_at = 0.0

    def link(self) -> bool:
        """Move studies' links as decided; needs no Orthanc. Answers whether more is waiting."""
        with self._database.read() as session:
            decided = tuple(session.execute(_DECISIONS).one())
        if decided != self._seen:
            self._register_at = 0.0
        if decided != self._seen or self._is_linking:
            self._is_linking = self._linker.step()
        self._seen = decided
        return self._is_linking

    def register(self, feed_id: int) -> bool:
        """Make Orthanc's lists equal. Answers whether more is waiting; what wasn't done stays *pending*.

        Whatever stops this mustn't stop the feed.
        """
        if time.monotonic() < self._register_at:
            return False
        try:
            has_more = self._registrar.step(feed_id)
        except (OrthancRefused, OrthancUnavailable, StatementError) as error:
            reason = type(error).__name__ if isinstance(error, StatementError) else error
            logger.warning("registrations are put off: %s", reason)
            self._register_at = time.monotonic() + _POSTPONED_SECONDS
            return False
        self._register_at = 0.0 if has_more else time.monotonic() + _COMPARE_SECONDS
        return has_more
