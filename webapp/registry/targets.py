"""What is decided alike of application entities and peers: retire, re-activate, push again, note a test."""

from datetime import datetime

from sqlalchemy.orm import Session

from database.models import ApplicationEntity, Facility
from database.registrations import Target
from database.session import Database
from webapp.registry.decisions import decide, find, now, require_active
from webapp.registry.fields import RegistryError


def retire(database: Database, model: type[Target], target_id: int) -> None:
    """Orthanc forgets it; it keeps what is its own, such as its AE title. Raises RegistryError."""

    def work(session: Session) -> None:
        target = find(session, model, target_id)
        if target.retired_at is None:
            target.retired_at = now()
            target.revision += 1

    decide(database, work)


def reactivate(database: Database, model: type[Target], target_id: int) -> None:
    """Raises RegistryError when its facility is retired, or when it is but a former AE title."""

    def work(session: Session) -> None:
        target = find(session, model, target_id)
        _require_no_former_title(session, target)
        require_active(find(session, Facility, target.facility_id))
        if target.retired_at is not None:
            target.retired_at = None
            target.revision += 1

    decide(database, work)


def push(database: Database, model: type[Target], target_id: int) -> None:
    """Have the bridge register it again. Raises RegistryError."""

    def work(session: Session) -> None:
        find(session, model, target_id).revision += 1

    decide(database, work)


def note_test(
    database: Database,
    model: type[Target],
    target_id: int,
    finding: str,
    *,
    revision: int,
    is_ok: bool,
    at: datetime,
) -> None:
    """What a test of the connection found, in words. Raises RegistryError.

    ``revision`` is the tested one: when it is another now, nothing is noted.
    """

    def work(session: Session) -> None:
        target = find(session, model, target_id)
        if target.revision != revision:
            return
        if isinstance(target, ApplicationEntity):
            target.echoed_at, target.echo_finding, target.is_echo_ok = at, finding, is_ok
        else:
            target.tested_at, target.test_finding, target.is_test_ok = at, finding, is_ok

    decide(database, work)


def _require_no_former_title(session: Session, target: Target) -> None:
    if isinstance(target, ApplicationEntity) and target.successor_id is not None:
        successor = session.get_one(ApplicationEntity, target.successor_id)
        raise RegistryError(
            "", f"{target.ae_title} is a former AE title of {successor.ae_title}: rename that back instead."
        )
