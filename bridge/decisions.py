"""Carries out what administrators decide: when to look, and what to do first. The doing is elsewhere."""

import logging
import time
from typing import Any

from sqlalchemy import func, select

from bridge.errors import OrthancRefused
from bridge.linking import Linker
from bridge.registrations import Registrar
from database.models import ApplicationEntity, Peer, StudyLink
from database.session import Database

logger = logging.getLogger(__name__)

_COMPARE_SECONDS = 2.0

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
    """``step`` is one cheap query while nobody decides anything, and Orthanc's lists every two seconds."""

    def __init__(self, database: Database, registrar: Registrar) -> None:
        self._database = database
        self._registrar = registrar
        self._linker = Linker(database)
        self._seen: tuple[Any, ...] | None = None
        self._compare_at = 0.0
        self._is_linking = True

    def step(self, feed_id: int) -> bool:
        """Answers whether more is waiting. Raises OrthancUnavailable; what wasn't done stays *pending*."""
        with self._database.read() as session:
            decided = tuple(session.execute(_DECISIONS).one())
        if decided != self._seen or self._is_linking:
            self._is_linking = self._linker.step()
        if decided != self._seen or time.monotonic() >= self._compare_at:
            self._register(feed_id)
            self._compare_at = time.monotonic() + _COMPARE_SECONDS
        self._seen = decided
        return self._is_linking

    def _register(self, feed_id: int) -> None:
        try:
            self._registrar.step(feed_id)
        except OrthancRefused as refusal:
            logger.warning("registrations are put off: %s", refusal)
