"""``flask --app webapp …``: accounts, facilities, and whether reports are as they were written."""

import sys
from typing import BinaryIO

import click
from flask import Flask
from flask.cli import with_appcontext

from database.models import Role
from webapp.accounts import AccountError, create_user, reset_password
from webapp.facility_files import export_facilities, import_facilities
from webapp.registry import RegistryError
from webapp.reports import verification
from webapp.services import current_database, current_services


def init_app(app: Flask) -> None:
    app.cli.add_command(create_user_command)
    app.cli.add_command(set_password_command)
    app.cli.add_command(facilities_group)
    app.cli.add_command(verify_command)


_password_from_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input."
)


@click.command("create-user")
@click.argument("username")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option("--full-name", default="", help="With which reports are signed; the user name when empty.")
@_password_from_stdin
@with_appcontext
def create_user_command(username: str, role: str, full_name: str, *, password_stdin: bool) -> None:
    """Create a user; asks for the password."""
    password = _read_password(from_stdin=password_stdin)
    try:
        user = create_user(current_database(), username, password, Role(role), full_name)
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


@click.group("facilities")
def facilities_group() -> None:
    """Import and export facilities as CSV."""


@facilities_group.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@with_appcontext
def import_facilities_command(file: BinaryIO, *, dry_run: bool) -> None:
    """Create and update facilities from CSV ("-": standard input): all of it or, on errors, nothing."""
    own_ae_title = current_services().settings.ae_title
    try:
        report = import_facilities(current_database(), file.read(), own_ae_title, is_dry_run=dry_run)
    except RegistryError as error:
        raise click.ClickException(str(error)) from error
    for line in report.lines:
        click.echo(line)
    for problem in report.problems:
        click.echo(problem, err=True)
    if report.problems:
        raise click.ClickException("Nothing was changed: correct these and import the whole file again.")
    would = "would be " if dry_run else ""
    click.echo(f"{report.change_count} of {len(report.lines)} lines {would}changed.")


@facilities_group.command("export")
@with_appcontext
def export_facilities_command() -> None:
    """Write all active facilities to standard output as CSV, which can be imported again."""
    click.echo(export_facilities(current_database()).encode(), nl=False)


@click.command("verify")
@with_appcontext
def verify_command() -> None:
    """Check every report's chain and every archived document; exit code 1 when anything is wrong."""
    with current_database().read() as session:
        problems = verification.find_problems(session)
        reports, revisions, documents = verification.count_all(session)
    for problem in problems:
        click.echo(problem, err=True)
    click.echo(f"Reports: {reports}, revisions: {revisions}, archived documents: {documents}.")
    if problems:
        raise click.ClickException("Not all are as they were written: see above.")
    click.echo("All are as they were written.")


def _read_password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
