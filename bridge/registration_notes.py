"""How far Orthanc knows what was decided, written down: the rows of ``registration``."""

from datetime import UTC, datetime
from typing import Any

from bridge.registration_entries import Drift
from database.models import Registration, RegistrationKind, RegistrationState
from database.registrations import Target
from database.session import Database
from database.upsert import upsert

_KEY = ("feed_id", "kind", "target_id")


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

    def drift(self, drift: Drift) -> None:
        self._write(state=RegistrationState.DRIFTED, drift=drift, drifted_at=datetime.now(UTC))

    def failure(self, reason: str) -> None:
        registration = self._registration
        if registration is None or not self._is_applied or registration.reason != reason:
            self._write(state=RegistrationState.FAILED, reason=reason)

    def success(self) -> None:
        self._write(state=RegistrationState.REGISTERED, reason="", registered_at=datetime.now(UTC))

    def _write(self, **values: Any) -> None:
        self._row |= values
        changed = [name for name in self._row if name not in _KEY]
        with self._database.write() as session:
            upsert(session, Registration, [self._row], key=_KEY, overwrite=changed)
