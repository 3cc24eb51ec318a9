"""How a decision gets into the database: one transaction looks and writes, again when a race was lost."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from database.models import ApplicationEntity, Base, BlockedSender, Facility
from database.session import Database
from settings import PROBE_AE_TITLE
from webapp.registry import ae_titles
from webapp.registry.fields import HIGHEST_PORT, RegistryError, StaleError

FIRST_PORT = 11113
# Each round somebody wins: more rounds than a webapp has threads that could add at the same moment.
_ATTEMPTS = 200
_DEADLOCK = "40P01"
_TURN = 0x6E6F63746973  # "noctis"; others use pairs of numbers, which are another space

Result = TypeVar("Result")
Row = TypeVar("Row", bound=Base)


def decide(database: Database, work: Callable[[Session], Result]) -> Result:
    """Do ``work`` in a write transaction, and again whenever somebody else took what it had chosen.

    The database's constraints find that out, so ``work`` has to look at the database each time. Raises
    RegistryError.
    """
    for _ in range(_ATTEMPTS):
        try:
            with database.write() as session:
                return work(session)
        except DBAPIError as error:
            if not _has_lost_a_race(error):
                raise
            lost = error
    raise RegistryError("", "Too many others are adding at this moment. Please try again.") from lost


def _has_lost_a_race(error: DBAPIError) -> bool:
    return isinstance(error, IntegrityError) or getattr(error.orig, "sqlstate", "") == _DEADLOCK


@dataclass
class Taken:
    """What can't be generated any more: the retired ones have theirs for ever."""

    titles: set[str]
    ports: set[int]
    codes: set[str]
    reserved_titles: frozenset[str] = frozenset()
    """Free, but somebody else's in a moment; the same below."""
    reserved_ports: frozenset[int] = frozenset()
    reserved_codes: frozenset[str] = frozenset()
    _port: int = FIRST_PORT

    def next_port(self) -> int:
        """The lowest that nobody has. Raises RegistryError."""
        while self._port in self.ports or self._port in self.reserved_ports:
            self._port += 1
        if self._port > HIGHEST_PORT:
            raise RegistryError("port", "All ports that could be generated are in use: enter one.")
        return self._port


def take_turn(session: Session) -> None:
    """One at a time takes AE titles or blocks them: what it looked at stays so until its end.

    The constraints don't know that nobody is blocked and a node at once, nor which names an import found new.
    On SQLite whoever writes is alone anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_TURN)))


def load_taken(session: Session, own_ae_title: str) -> Taken:
    entities = session.execute(select(ApplicationEntity.ae_title_key, ApplicationEntity.port)).all()
    return Taken(
        titles={title for title, _ in entities} | our_titles(own_ae_title) | _blocked_titles(session),
        ports={port for _, port in entities},
        codes=set(session.scalars(select(Facility.code))),
    )


def _blocked_titles(session: Session) -> set[str]:
    return set(session.scalars(select(BlockedSender.ae_title_key)))


def require_free_title(
    session: Session, title: str, own_ae_title: str, *, besides: int | None = None
) -> None:
    """Raises RegistryError, which says who has it. ``besides`` is the entity that may have it, or had it."""
    key = ae_titles.key_of(title)
    if key in our_titles(own_ae_title):
        raise RegistryError("ae_title", f"{title} is our own AE title: give the node another one.")
    if session.get(BlockedSender, key) is not None:
        raise RegistryError(
            "ae_title", f"{title} is blocked: unblock it first, under Facilities, Unknown senders."
        )
    query = (
        select(
            ApplicationEntity.id,
            ApplicationEntity.retired_at,
            ApplicationEntity.successor_id,
            Facility.name,
            Facility.code,
        )
        .join(Facility, Facility.id == ApplicationEntity.facility_id)
        .where(ApplicationEntity.ae_title_key == key)
    )
    owner = session.execute(query).one_or_none()
    if owner is None or (besides is not None and besides in {owner.id, owner.successor_id}):
        return
    facility = f"{owner.name} ({owner.code})"
    if owner.successor_id is not None:
        raise RegistryError(
            "ae_title",
            f"{title} was formerly an AE title of {facility}. AE titles are never given twice, since old "
            "studies carry them: choose another, or rename the node that had it back.",
        )
    if owner.retired_at is not None:
        raise RegistryError(
            "ae_title",
            f"{title} was an AE title of {facility} and is retired. AE titles are never given twice, since "
            "old studies carry them: re-activate it there, or choose another.",
        )
    raise RegistryError("ae_title", f"{title} is already an AE title of {facility}: choose another.")


def require_free_code(session: Session, code: str, *, besides: int | None = None) -> None:
    """Raises RegistryError, which says who has it. ``besides`` is the facility that may have it."""
    owner = session.scalar(select(Facility).where(Facility.code == code))
    if owner is not None and owner.id != besides:
        retired = ", which is retired" if owner.retired_at is not None else ""
        raise RegistryError("code", f"{code} is already the code of {owner.name}{retired}: choose another.")


def find(session: Session, model: type[Row], row_id: int) -> Row:
    """The row as it is now, locked against others' changes. Raises RegistryError when there is none."""
    # Those who only refer to it, such as the bridge's links, needn't wait
    row = session.get(model, row_id, with_for_update={"key_share": True})
    if row is None:
        raise RegistryError("", "This is not there (any more): reload the page.")
    return row


def require_unchanged(now: int | str, seen: int | str | None) -> None:
    """``seen`` is the revision that a person decided upon; None: whatever it is. Raises StaleError."""
    if seen is not None and seen != now:
        raise StaleError


def require_active(facility: Facility) -> None:
    """Raises RegistryError."""
    if facility.retired_at is not None:
        raise RegistryError("facility_id", f"{facility.name} is retired: re-activate the facility first.")


def now() -> datetime:
    return datetime.now(UTC)


def our_titles(own_ae_title: str) -> set[str]:
    """Keys of what nobody else may be called."""
    return {ae_titles.key_of(own_ae_title), PROBE_AE_TITLE}
