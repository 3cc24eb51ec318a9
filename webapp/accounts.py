"""Users and their passwords: creating, authenticating, deactivating. Knows the database, not Flask.

Passwords are argon2id hashes. A sign-in costs the same work whether or not the user exists, so that its
duration doesn't tell who works here.
"""

from datetime import UTC, datetime
from functools import lru_cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import exists, select, update
from sqlalchemy.exc import IntegrityError

from database.models import Role, User
from database.session import Database
from webapp.registry import RegistryError
from webapp.registry.fields import check_line

SHORTEST_PASSWORD = 10
# argon2 reads the whole password: a megabyte of it would be an attack, not a password.
LONGEST_PASSWORD = 1000
LONGEST_USERNAME = 64
LONGEST_FULL_NAME = 100

_hasher = PasswordHasher()
# Each verification takes a processor and 64 MiB; more at a time would starve every page.
VERIFYING = BoundedSemaphore(2)


class AccountError(Exception):
    """The account can't be made or changed so; the text says why, for the person who asked."""


class TooManySignInsError(AccountError):
    """Try again: others' passwords are being verified."""


def normalise_username(username: str) -> str:
    """The form in which user names are kept and compared."""
    return username.strip().lower()


def create_user(database: Database, username: str, password: str, role: Role, full_name: str = "") -> User:
    """Raises AccountError when a name is taken or can't be used, or the password is too short."""
    _require_length(password)
    return _insert_user(database, username, password, role, full_name)


def create_first_administrator(database: Database, username: str, password: str) -> bool:
    """Make an administrator unless there is one already; tells whether it did.

    The password is the operator's own setting and taken as it is.
    """
    with database.read() as session:
        if session.scalar(select(exists().where(User.role == Role.ADMINISTRATOR))):
            return False
    _insert_user(database, username, password, Role.ADMINISTRATOR)
    return True


def authenticate(database: Database, username: str, password: str) -> User | None:
    """The active user with this name and password, else None. Raises TooManySignInsError."""
    with database.read() as session:
        user = session.scalar(select(User).where(User.username == normalise_username(username)))
    is_right = _verify(user.password_hash if user else _hash_of_nobody(), password)
    if user is None or not is_right or not user.is_active:
        return None
    if _hasher.check_needs_rehash(user.password_hash):
        return set_password(database, user.id, password)
    return user


def set_password(database: Database, user_id: int, password: str) -> User:
    """Every session signed in with the former password becomes void (``sessions.stamp``)."""
    password_hash = _hash(password)
    with database.write() as session:
        user = session.get_one(User, user_id)
        user.password_hash = password_hash
    return user


def end_sessions(database: Database, user_id: int) -> None:
    """Every session of this user becomes void, copied cookies included."""
    with database.write() as session:
        session.execute(update(User).where(User.id == user_id).values(session_epoch=User.session_epoch + 1))


def change_password(database: Database, user: User, current: str, new: str) -> User:
    """Raises AccountError when ``current`` is wrong or ``new`` too short."""
    if not _verify(user.password_hash, current):
        raise AccountError("The current password is not right.")
    _require_length(new)
    return set_password(database, user.id, new)


def reset_password(database: Database, username: str, password: str) -> User:
    """By the operator, for one who forgot it. Raises AccountError for an unknown name or a short password."""
    _require_length(password)
    with database.read() as session:
        user = session.scalar(select(User).where(User.username == normalise_username(username)))
    if user is None:
        raise AccountError(f"There is no user {normalise_username(username)}.")
    return set_password(database, user.id, password)


def set_active(database: Database, user_id: int, *, is_active: bool) -> User | None:
    """None when there is no such user."""
    with database.write() as session:
        user = session.get(User, user_id)
        if user is not None:
            user.is_active = is_active
    return user


def set_full_name(database: Database, user_id: int, full_name: str) -> User | None:
    """As reports are signed with from now on; empty: the user name. None when there is no such user.

    What is signed already keeps the name that it was signed with. Raises AccountError.
    """
    name = _full_name(full_name)
    with database.write() as session:
        user = session.get(User, user_id)
        if user is not None:
            user.full_name = name
    return user


def _full_name(text: str) -> str:
    try:
        return check_line(text, "full_name", LONGEST_FULL_NAME)
    except RegistryError as error:
        raise AccountError(f"The full name can't be used. {error}") from error


def _insert_user(database: Database, username: str, password: str, role: Role, full_name: str = "") -> User:
    name = normalise_username(username)
    if not name or len(name) > LONGEST_USERNAME or not name.isprintable() or " " in name:
        raise AccountError(f"A user name has 1 to {LONGEST_USERNAME} printable characters and no blanks.")
    user = User(
        username=name,
        full_name=_full_name(full_name),
        password_hash=_hash(password),
        role=role,
        created_at=datetime.now(UTC),
    )
    try:
        with database.write() as session:
            session.add(user)
    except IntegrityError as error:
        raise AccountError(f"There already is a user {name}.") from error
    return user


def _require_length(password: str) -> None:
    if len(password) < SHORTEST_PASSWORD:
        raise AccountError(f"The password needs at least {SHORTEST_PASSWORD} characters.")


def _hash(password: str) -> str:
    if not password or len(password) > LONGEST_PASSWORD:
        raise AccountError(f"A password has 1 to {LONGEST_PASSWORD} characters.")
    return _hasher.hash(password)


def _verify(password_hash: str, password: str) -> bool:
    if not VERIFYING.acquire(blocking=False):
        raise TooManySignInsError("Too many sign-ins at once. Please try again in a moment.")
    try:
        _hasher.verify(password_hash, password[:LONGEST_PASSWORD])
    except (VerificationError, InvalidHashError):
        return False
    finally:
        VERIFYING.release()
    return len(password) <= LONGEST_PASSWORD


@lru_cache(maxsize=1)
def _hash_of_nobody() -> str:
    return _hasher.hash("a password that nobody has")
