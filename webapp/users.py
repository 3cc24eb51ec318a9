"""Users: administrators list, create, name and deactivate them; everybody their own name and password."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from database.models import Role, User
from webapp import sessions
from webapp.accounts import (
    LONGEST_FULL_NAME,
    SHORTEST_PASSWORD,
    AccountError,
    change_password,
    create_user,
    set_active,
    set_full_name,
)
from webapp.security import require_role
from webapp.services import current_database
from webapp.sessions import current_user

blueprint = Blueprint("users", __name__)


@blueprint.get("/users")
@require_role(Role.ADMINISTRATOR)
def show() -> str:
    with current_database().read() as session:
        users = session.scalars(select(User).order_by(User.username)).all()
    return render_template(
        "users/users.html",
        users=users,
        roles=list(Role),
        shortest_password=SHORTEST_PASSWORD,
        longest_full_name=LONGEST_FULL_NAME,
    )


@blueprint.post("/users")
@require_role(Role.ADMINISTRATOR)
def create() -> AnyResponse:
    role = request.form.get("role", "")
    if role not in set(Role):
        abort(400)
    try:
        form = request.form
        user = create_user(
            current_database(),
            form.get("username", ""),
            form.get("password", ""),
            Role(role),
            form.get("full_name", ""),
        )
        flash(f"Created {user.username}.")
    except AccountError as error:
        flash(str(error), "error")
    return redirect(url_for("users.show"), 303)


@blueprint.post("/users/<id:user_id>/active")
@require_role(Role.ADMINISTRATOR)
def set_user_active(user_id: int) -> AnyResponse:
    is_active = request.form.get("active") == "yes"
    if user_id == current_user().id:
        flash("You can't deactivate your own account.", "error")
        return redirect(url_for("users.show"), 303)
    user = set_active(current_database(), user_id, is_active=is_active)
    if user is None:
        abort(404)
    flash(f"{user.username} may {'sign in again' if is_active else 'no longer sign in'}.")
    return redirect(url_for("users.show"), 303)


@blueprint.post("/users/<id:user_id>/name")
@require_role(Role.ADMINISTRATOR)
def name(user_id: int) -> AnyResponse:
    """It stands under reports: nobody chooses their own."""
    try:
        user = set_full_name(current_database(), user_id, request.form.get("full_name", ""))
    except AccountError as error:
        flash(str(error), "error")
        return redirect(url_for("users.show"), 303)
    if user is None:
        abort(404)
    flash(f"{user.username} signs as {user.full_name or user.username}.")
    return redirect(url_for("users.show"), 303)


@blueprint.get("/password")
def password() -> str:
    return render_template("users/password.html", shortest_password=SHORTEST_PASSWORD)


@blueprint.post("/password")
def password_submit() -> AnyResponse:
    new = request.form.get("new", "")
    if new != request.form.get("repeated", ""):
        flash("The new password and its repetition differ.", "error")
        return redirect(url_for("users.password"), 303)
    try:
        user = change_password(current_database(), current_user(), request.form.get("current", ""), new)
    except AccountError as error:
        flash(str(error), "error")
        return redirect(url_for("users.password"), 303)
    sessions.begin(user)
    flash("Your password is changed. You are signed out everywhere else.")
    return redirect(url_for("worklist.show"), 303)
