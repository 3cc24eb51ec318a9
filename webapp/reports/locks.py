"""Who is writing a study's report: a lock lives as long as its page's heart beats. Not Flask's."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from database.models import AuditAction, AuditEvent, ReportLock, User
from database.session import Database

BEAT_SECONDS = 20
_LIFETIME = timedelta(seconds=60)


class LockedError(Exception):
    """Somebody else is writing; ``holder`` says who and since when."""

    def __init__(self, holder: "Holder") -> None:
        super().__init__(f"{holder.name} is writing this report.")
        self.holder = holder


@dataclass(frozen=True, slots=True)
class Holder:
    user_id: int
    name: str
    since: datetime
    token: str


def holder_of(session: Session, study_id: int) -> Holder | None:
    """Who writes now; None when nobody does, or the page's heart has stopped."""
    row = session.get(ReportLock, study_id)
    if row is None or row.beats_until <= datetime.now(UTC):
        return None
    user = session.get_one(User, row.user_id)
    return Holder(user.id, user.full_name or user.username, row.acquired_at, row.token)


def hold(session: Session, study_id: int, user: User, token: str) -> None:
    """Take the lock, or beat. Inside the caller's transaction, which writes. Raises LockedError."""
    holder = holder_of(session, study_id)
    if holder is not None and holder.token != token:
        raise LockedError(holder)
    _write(session, study_id, user, token, since=holder.since if holder is not None else None)


def beat(database: Database, study_id: int, user: User, token: str) -> None:
    """Raises LockedError."""
    with database.write() as session:
        hold(session, study_id, user, token)


def take_over(database: Database, study_id: int, user: User, token: str, remote_ip: str) -> None:
    """From whoever holds it; written down when somebody did."""
    with database.write() as session:
        holder = holder_of(session, study_id)
        if holder is not None and holder.token != token:
            session.add(
                AuditEvent(
                    at=datetime.now(UTC),
                    user_id=user.id,
                    action=AuditAction.REPORT_TAKEN_OVER,
                    study_id=study_id,
                    remote_ip=remote_ip,
                    detail=f"from {holder.name}",
                )
            )
        _write(session, study_id, user, token, since=None)


def release(database: Database, study_id: int, token: str) -> None:
    """The page is closed. Somebody else's lock stays."""
    with database.write() as session:
        session.execute(delete(ReportLock).where(ReportLock.study_id == study_id, ReportLock.token == token))


def _write(session: Session, study_id: int, user: User, token: str, since: datetime | None) -> None:
    now = datetime.now(UTC)
    values = {"user_id": user.id, "token": token, "beats_until": now + _LIFETIME}
    row = session.get(ReportLock, study_id)
    if row is None:
        session.add(ReportLock(study_id=study_id, acquired_at=now, **values))
        session.flush()
        return
    for name, value in values.items():
        setattr(row, name, value)
    row.acquired_at = since or now
