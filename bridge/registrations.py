"""Makes Orthanc's lists of modalities and peers equal to what administrators decided, and keeps them so.

Only our own entries are touched, and of them only the fields that we manage. What somebody else changed there
is noted as drift, then repaired. Entries of others are shown, with an alarm where one reuses an AE title of
ours. All of this is state: doing it again changes nothing, not even with two bridges at it.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sqlalchemy import delete, insert, select

from bridge.errors import OrthancRefused
from bridge.orthanc_client import OrthancClient
from bridge.registration_entries import (
    PROBE,
    PROBE_NAME,
    Entry,
    differences,
    entry_of,
    foreign_rows,
    is_ours,
    merged,
)
from bridge.registration_notes import Note
from database.encryption import WrongKeyError
from database.models import ForeignRegistration, Registration, RegistrationKind
from database.registrations import Target, name_of, registrations_of, targets
from database.session import Database

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 30.0
_PUTS_A_STEP = 50
"""So that a replaced Orthanc with a thousand nodes to learn doesn't hold up the feed."""


@dataclass(slots=True)
class OrthancList:
    """One of the two lists that Orthanc keeps."""

    kind: RegistrationKind
    read: Callable[[], dict[str, Entry]]
    put: Callable[[str, Entry], None]
    delete: Callable[[str], None]
    retry_at: dict[tuple[int, int], float] = field(default_factory=dict)
    """When to try again what failed, by the target's id and revision."""


@dataclass(slots=True)
class Work:
    """A target that Orthanc doesn't have as decided."""

    target: Target
    note: Note
    ours: Entry
    theirs: Entry | None
    reason: str = ""
    """Why Orthanc wouldn't take it."""


class Registrar:
    """One Orthanc's registrations."""

    def __init__(self, database: Database, client: OrthancClient, encryption_key: str) -> None:
        self._database = database
        self._encryption_key = encryption_key
        self._modalities = OrthancList(
            RegistrationKind.APPLICATION_ENTITY,
            client.modalities,
            client.put_modality,
            client.delete_modality,
        )
        self._peers = OrthancList(RegistrationKind.PEER, client.peers, client.put_peer, client.delete_peer)

    def step(self, feed_id: int) -> bool:
        """Compare and repair, a bounded number of entries; answers whether more are waiting.

        Raises OrthancUnavailable, and OrthancRefused for the lists themselves.
        """
        has_more_nodes = self._reconcile(self._modalities, feed_id)
        return self._reconcile(self._peers, feed_id) or has_more_nodes

    def _reconcile(self, list_: OrthancList, feed_id: int) -> bool:
        with self._database.read() as session:
            decided = targets(session, list_.kind)
            known = registrations_of(session, feed_id, list_.kind)
        found = list_.read()
        wanted = {name_of(target): target for target in decided if target.retired_at is None}
        self._delete_surplus(list_, found, wanted)
        if list_ is self._modalities and differences(PROBE, found.get(PROBE_NAME)):
            list_.put(PROBE_NAME, PROBE)
        waiting = self._look_for_work(list_, feed_id, wanted.values(), known, found)
        todo = list(islice(waiting, _PUTS_A_STEP))
        self._put(list_, todo)
        self._forget(feed_id, list_.kind, set(known) - {target.id for target in wanted.values()})
        self._keep_foreign(feed_id, list_.kind, foreign_rows(feed_id, list_.kind, found, decided))
        return len(todo) == _PUTS_A_STEP

    def _delete_surplus(self, list_: OrthancList, found: Collection[str], wanted: Collection[str]) -> None:
        """What is ours and not wanted: the retired, and what a restored Orthanc remembers."""
        for name in found:
            if is_ours(list_.kind, name) and name not in wanted and name != PROBE_NAME:
                list_.delete(name)
                logger.info("%s is no longer registered", name)

    def _look_for_work(
        self,
        list_: OrthancList,
        feed_id: int,
        wanted: Iterable[Target],
        known: dict[int, Registration],
        found: dict[str, Entry],
    ) -> Iterable[Work]:
        """Those that Orthanc doesn't have as decided; a drift is on record before it is repaired."""
        for target in wanted:
            note = Note(self._database, feed_id, list_.kind, target, known.get(target.id))
            try:
                ours = entry_of(target, self._encryption_key)
            except WrongKeyError as error:
                note.failure(f"{error}; enter the password again")
                continue
            theirs = found.get(name_of(target))
            drift = differences(ours, theirs)
            if note.is_registered:
                if not drift:
                    continue
                note.drift(drift)
                logger.warning("%s was changed in Orthanc (%s): repairing", name_of(target), ", ".join(drift))
            elif time.monotonic() < list_.retry_at.get((target.id, target.revision), 0.0):
                continue
            yield Work(target, note, ours, theirs)

    def _put(self, list_: OrthancList, todo: Sequence[Work]) -> None:
        """Give Orthanc the entries; done is what it then shows, not what it answered."""
        for work in todo:
            try:
                list_.put(name_of(work.target), merged(work.theirs, work.ours))
            except OrthancRefused as refusal:
                details = f": {refusal.details}" if refusal.details else ""
                work.reason = f"Orthanc refuses it ({refusal.status}{details})"
        found = list_.read() if todo else {}
        for work in todo:
            left = differences(work.ours, found.get(name_of(work.target)))
            if not work.reason and left:
                work.reason = f"Orthanc took it, but shows another {', '.join(left)}"
            if work.reason:
                key = (work.target.id, work.target.revision)
                list_.retry_at[key] = time.monotonic() + _RETRY_SECONDS
                work.note.failure(work.reason)
            else:
                work.note.success()

    def _forget(self, feed_id: int, kind: RegistrationKind, target_ids: Collection[int]) -> None:
        """They are retired, and gone from Orthanc's list."""
        if not target_ids:
            return
        of_these = (Registration.kind == kind, Registration.target_id.in_(target_ids))
        with self._database.write() as session:
            session.execute(delete(Registration).where(Registration.feed_id == feed_id, *of_these))

    def _keep_foreign(self, feed_id: int, kind: RegistrationKind, rows: Sequence[dict[str, Any]]) -> None:
        """Replace what is known of other people's entries, if anything about them changed."""
        table = ForeignRegistration
        of_this_list = (table.feed_id == feed_id, table.kind == kind)
        with self._database.read() as session:
            known = session.scalars(select(table).where(*of_this_list)).all()
        if sorted(_facts(vars(one)) for one in known) == sorted(_facts(row) for row in rows):
            return
        seen_at = {one.name: one.seen_at for one in known}
        now = datetime.now(UTC)
        with self._database.write() as session:
            session.execute(delete(table).where(*of_this_list))
            if rows:
                session.execute(
                    insert(table), [{**row, "seen_at": seen_at.get(row["name"], now)} for row in rows]
                )


def _facts(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in ("name", "ae_title", "host", "port", "is_alarming"))
