"""Signing in and out, and who is asking.

The session is Flask's signed cookie. It names the user and holds a stamp made of the password's hash and the
user's session epoch: a new password, a sign-out or a deactivated account ends every
session at its next request; a long shift ends it anyway.
"""

import hashlib
import logging
import math
import time
from typing import cast
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Response,
    current_app,
    flash,
    g,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from database.models import User
from webapp.accounts import (
    TooManySignInsError,
    authenticate,
    end_sessions,
    normalise_username,
)
from webapp.newest import Newest, read_row, user_and_newest
from webapp.services import current_database, current_services

_LONGEST_SESSION_SECONDS = 14 * 3600

_log = logging.getLogger(__name__)

blueprint = Blueprint("sessions", __name__)


def stamp(user: User) -> str:
    """Changes with the password and the epoch; useless without the application's key."""
    key = str(current_app.secret_key).encode()[:64]
    subject = f"{user.session_epoch} {user.password_hash}".encode()
    return hashlib.blake2b(subject, key=key, digest_size=16).hexdigest()


def begin(user: User) -> None:
    session.clear()  # nothing of the anonymous session, its CSRF token included, outlives the sign-in
    session.update(user_id=user.id, stamp=stamp(user), signed_in_at=int(time.time()))


def load_user() -> User | None:
    """The signed-in user of this request; read once, by primary key, together with ``newest``."""
    if "user" not in g:
        g.user = _load_user()
    return g.user if isinstance(g.user, User) else None


def _load_user() -> User | None:
    user_id, signed_in_at = session.get("user_id"), session.get("signed_in_at", 0)
    if user_id is None or time.time() - signed_in_at > _LONGEST_SESSION_SECONDS:
        return None
    # Worklists poll once a second: what they ask first is read along, and a poll costs one query
    with current_database().read() as database_session:
        row = database_session.execute(user_and_newest(user_id)).one_or_none()
    user, g.newest = read_row(row) if row is not None else (None, Newest())
    if user is None or not user.is_active or session.get("stamp") != stamp(user):
        session.clear()
        return None
    return user


def current_user() -> User:
    """For views behind the sign-in: there is always one."""
    user = load_user()
    if user is None:
        raise RuntimeError("no user: this view is not behind the sign-in")
    return user


def newest() -> Newest:
    """What of all that worklists show changed last, as this request found it."""
    current_user()
    return cast("Newest", g.newest)


def safe_next(target: str | None) -> str:
    """A path of this site, or the worklist: a link to the sign-in must not lead people elsewhere."""
    worklist = url_for("worklist.show")
    if not target or not target.startswith("/") or target.startswith("//"):
        return worklist
    if "\\" in target or not target.isprintable() or urlsplit(target).netloc:
        return worklist
    return target


@blueprint.get("/sign-in")
def sign_in() -> str | AnyResponse:
    if load_user() is not None:
        return redirect(safe_next(request.args.get("next")), 303)
    return render_template("sessions/sign_in.html", next=request.args.get("next", ""), username="")


@blueprint.post("/sign-in")
def sign_in_submit() -> AnyResponse:
    username, address = request.form.get("username", ""), request.remote_addr or ""
    name, pauses = normalise_username(username)[:100], current_services().sign_in_pauses
    seconds = math.ceil(pauses.seconds_left(name, address))
    if seconds > 0:
        refusal = _refuse(429, f"Too many wrong passwords. Please try again in {seconds} seconds.")
        refusal.headers["Retry-After"] = str(seconds)
        return refusal
    try:
        user = authenticate(current_database(), username, request.form.get("password", ""))
    except TooManySignInsError as error:
        return _refuse(503, str(error))
    if user is None:
        pauses.note_wrong(name, address)
        return _refuse(401, "User name and password don't match, or the account is not active.")
    pauses.forget(name, address)
    begin(user)
    return redirect(safe_next(request.form.get("next", "")), 303)


def _refuse(status: int, reason: str) -> Response:
    # Not the name: people type passwords into the wrong field.
    _log.warning("a sign-in from %s was refused with %d", request.remote_addr, status)
    page = render_template(
        "sessions/sign_in.html",
        next=request.form.get("next", ""),
        username=request.form.get("username", ""),
        refusal=reason,
    )
    return Response(page, status)


@blueprint.post("/sign-out")
def sign_out() -> AnyResponse:
    user = current_user()
    session.clear()
    end_sessions(current_database(), user.id)
    flash("You are signed out, on all devices.")
    return redirect(url_for("sessions.sign_in"), 303)
