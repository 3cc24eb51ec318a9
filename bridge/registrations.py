"""Makes Orthanc's lists of modalities and peers equal to what administrators decided, and keeps them so.

Only entries with our prefix are touched, and of them only the fields that we manage. What somebody else
changed there is noted as drift, then repaired. Entries of others are shown, with an alarm where one reuses an
AE title of ours. All of this is state: doing it again changes nothing, not even with two bridges at it.
"""

import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select

from bridge.errors import OrthancRefused
from bridge.orthanc_client import OrthancClient
from bridge.registration_entries import (
    PREFIX,
    PROBE_NAME,
    Entry,
    differences,
    entry_of,
    foreign_rows,
    name_of,
    probe_entry,
)
from database.encryption import WrongKeyError
from database.models import (
    ForeignRegistration,
    Registration,
    RegistrationKind,
    RegistrationState,
)
from database.registrations import Target, registrations_of, targets
from database.session import Database
from database.upsert import upsert

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 30.0


@dataclass(slots=True)
class OrthancList:
    """One of the two lists that Orthanc keeps."""

    kind: RegistrationKind
    read: Callable[[], dict[str, Entry]]
    put: Callable[[str, Entry], None]
    delete: Callable[[str], None]
    retry_at: dict[tuple[int, int], float] = field(default_factory=dict)
    """When to try again what failed, by the target's id and revision."""


class Registrar:
    """One Orthanc's registrations. ``dicom_port`` is where our own checks come in."""

    def __init__(
        self, database: Database, client: OrthancClient, encryption_key: str, dicom_port: int
    ) -> None:
        self._database = database
        self._encryption_key = encryption_key
        self._probe = probe_entry(dicom_port)
        self._modalities = OrthancList(
            RegistrationKind.APPLICATION_ENTITY,
            client.modalities,
            client.put_modality,
            client.delete_modality,
        )
        self._peers = OrthancList(RegistrationKind.PEER, client.peers, client.put_peer, client.delete_peer)

    def step(self, feed_id: int) -> None:
        """Compare and repair. Raises OrthancUnavailable, and OrthancRefused for the lists themselves."""
        for one in (self._modalities, self._peers):
            self._reconcile(one, feed_id)

    def _reconcile(self, list_: OrthancList, feed_id: int) -> None:
        with self._database.read() as session:
            decided = targets(session, list_.kind)
            known = registrations_of(session, feed_id, list_.kind)
        found = list_.read()
        wanted = {name_of(target): target for target in decided if target.retired_at is None}
        self._delete_surplus(list_, found, wanted)
        if list_ is self._modalities and differences(self._probe, found.get(PROBE_NAME)):
            list_.put(PROBE_NAME, self._probe)
        for name, target in wanted.items():
            self._make_equal(list_, feed_id, target, known.get(target.id), found.get(name))
        self._forget(feed_id, list_.kind, set(known) - {target.id for target in wanted.values()})
        self._keep_foreign(feed_id, list_.kind, foreign_rows(feed_id, list_.kind, found, wanted.values()))

    def _delete_surplus(self, list_: OrthancList, found: Collection[str], wanted: Collection[str]) -> None:
        """Whatever has our prefix is ours: the retired, and what a restored Orthanc remembers."""
        for name in found:
            if name.startswith(PREFIX) and name not in wanted and name != PROBE_NAME:
                list_.delete(name)
                logger.info("%s is no longer registered", name)

    def _make_equal(
        self,
        list_: OrthancList,
        feed_id: int,
        target: Target,
        registration: Registration | None,
        theirs: Entry | None,
    ) -> None:
        """Register one, unless Orthanc has it as decided, and note how that went."""
        note = Note(self._database, feed_id, list_.kind, target, registration)
        try:
            ours = entry_of(target, self._encryption_key)
        except WrongKeyError as error:
            note.failure(f"{error}; enter the password again")
            return
        drift = differences(ours, theirs)
        if note.is_registered:
            if not drift:
                return
            note.drift(drift)  # on record before it is gone
            logger.warning("%s was changed in Orthanc (%s): repairing", name_of(target), ", ".join(drift))
        elif time.monotonic() < list_.retry_at.get((target.id, target.revision), 0.0):
            return
        reason = _put(list_, name_of(target), ours)
        if reason:
            list_.retry_at[target.id, target.revision] = time.monotonic() + _RETRY_SECONDS
            note.failure(reason)
        else:
            note.success()

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


def _put(list_: OrthancList, name: str, entry: Entry) -> str:
    """Give Orthanc the entry and see whether it shows it; answers why not, in words."""
    try:
        list_.put(name, entry)
        left = differences(entry, list_.read().get(name))
    except OrthancRefused as refusal:
        return f"Orthanc refuses it ({refusal.status}{f': {refusal.details}' if refusal.details else ''})"
    if left:
        return f"Orthanc took it, but shows another {', '.join(left)}"
    return ""


def _facts(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in ("name", "ae_title", "host", "port", "is_alarming"))


class Note:
    """The row that says how far Orthanc knows one target."""

    def __init__(
        self,
        database: Database,
        feed_id: int,
        kind: RegistrationKind,
        target: Target,
        registration: Registration | None,
    ) -> None:
        self._database = database
        self._registration = registration
        self._is_applied = registration is not None and registration.applied_revision == target.revision
        self._row: dict[str, Any] = {
            "feed_id": feed_id,
            "kind": kind,
            "target_id": target.id,
            "applied_revision": target.revision,
            "state": RegistrationState.PENDING,
            "reason": "",
            "registered_at": registration.registered_at if registration else None,
            # What drifted before a new decision no longer matters
            "drift": registration.drift if registration and self._is_applied else {},
            "drifted_at": registration.drifted_at if registration and self._is_applied else None,
        }

    @property
    def is_registered(self) -> bool:
        """As decided now, by all that we know."""
        registration = self._registration
        return (
            registration is not None
            and self._is_applied
            and registration.state is RegistrationState.REGISTERED
        )

    def drift(self, drift: dict[str, list[Any]]) -> None:
        self._write(state=RegistrationState.DRIFTED, drift=drift, drifted_at=datetime.now(UTC))

    def failure(self, reason: str) -> None:
        registration = self._registration
        if registration is None or not self._is_applied or registration.reason != reason:
            self._write(state=RegistrationState.FAILED, reason=reason)

    def success(self) -> None:
        self._write(state=RegistrationState.REGISTERED, reason="", registered_at=datetime.now(UTC))

    def _write(self, **values: Any) -> None:
        self._row |= values
        key = ("feed_id", "kind", "target_id")
        changed = [name for name in self._row if name not in key]
        with self._database.write() as session:
            upsert(session, Registration, [self._row], key=key, overwrite=changed)
