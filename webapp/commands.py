"""``flask --app webapp …``: accounts from the command line."""

import sys

import click
from flask import Flask
from flask.cli import with_appcontext

from database.models import Role
from webapp.accounts import AccountError, create_user, reset_password
from webapp.services import current_database


def init_app(app: Flask) -> None:
    app.cli.add_command(create_user_command)
    app.cli.add_command(set_password_command)


_password_from_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input."
)


@click.command("create-user")
@click.argument("username")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@_password_from_stdin
@with_appcontext
def create_user_command(username: str, role: str, *, password_stdin: bool) -> None:
    """Create a user; asks for the password."""
    password = _read_password(from_stdin=password_stdin)
    try:
        user = create_user(current_database(), username, password, Role(role))
    except AccountError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"Created {user.username} ({user.role.value}).")


@click.command("set-password")
@click.argument("username")
@_password_from_stdin
@with_appcontext
def set_password_command(username: str, *, password_stdin: bool) -> None:
    """Give a user a new password, for one who forgot it; ends all their sessions."""
    password = _read_password(from_stdin=password_stdin)
    try:
        user = reset_password(current_database(), username, password)
    except AccountError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{user.username} has a new password.")


def _read_password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
