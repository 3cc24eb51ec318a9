"""Senders that administrators don't want at the door: the recorder turns them away."""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from database.models import ApplicationEntity, BlockedSender, Facility
from database.session import Database
from webapp.registry import ae_titles
from webapp.registry.decisions import decide, now, our_titles, take_turn
from webapp.registry.fields import RegistryError


def block_sender(database: Database, ae_title: str, user_id: int, own_ae_title: str) -> BlockedSender:
    """Blocking again changes nothing. Raises RegistryError.

    A node of a facility isn't blocked but retired: two decisions about one AE title could contradict.
    """
    title = _check(ae_title)
    key = ae_titles.key_of(title)

    def block(session: Session) -> BlockedSender:
        take_turn(session)
        if key in our_titles(own_ae_title):
            raise RegistryError("", f"{title} is our own AE title: it can't be blocked.")
        _require_nobodys(session, title)
        blocked = session.get(BlockedSender, key)
        if blocked is None:
            blocked = BlockedSender(ae_title_key=key, ae_title=title, blocked_at=now(), user_id=user_id)
            session.add(blocked)
        return blocked

    return decide(database, block)


def unblock_sender(database: Database, ae_title: str) -> None:
    """Takes back ``block_sender``. Raises RegistryError for what can't have been blocked."""
    key = ae_titles.key_of(_check(ae_title))
    with database.write() as session:
        session.execute(delete(BlockedSender).where(BlockedSender.ae_title_key == key))


def _check(text: str) -> str:
    """What can come through the door at all, be it a valid AE title or not. Raises RegistryError."""
    title = text.strip()
    if not 1 <= len(title) <= ae_titles.LONGEST or not title.isprintable() or "\\" in title:
        raise RegistryError(
            "", "There is nothing to block: nobody with such an AE title is let in, whoever it is."
        )
    return title


def _require_nobodys(session: Session, title: str) -> None:
    """Raises RegistryError."""
    owner = session.execute(
        select(ApplicationEntity.retired_at, Facility.name, Facility.code)
        .join(Facility, Facility.id == ApplicationEntity.facility_id)
        .where(ApplicationEntity.ae_title_key == ae_titles.key_of(title))
    ).one_or_none()
    if owner is None:
        return
    facility = f"{owner.name} ({owner.code})"
    if owner.retired_at is not None:
        raise RegistryError(
            "", f"{title} was an AE title of {facility} and is retired: only unknown senders are blocked."
        )
    raise RegistryError("", f"{title} is an AE title of {facility}: retire that node instead of blocking it.")
