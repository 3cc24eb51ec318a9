"""Bringing a database to today's schema, and telling whether it is there."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, make_url, text

from database.session import make_engine

_MIGRATIONS = Path(__file__).parent / "migrations"


class NotMigratedError(Exception):
    """The database's schema isn't the one this program was written for; the text says what to run."""


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def upgrade(owner_url: str, application_url: str, version: str = "head") -> None:
    """Migrate as the tables' owner; on PostgreSQL give the application's role what it needs, no more."""
    engine = make_engine(owner_url)
    try:
        with engine.begin() as connection:
            command.upgrade(_config(connection), version)
            _grant(connection, make_url(application_url).username)
    finally:
        engine.dispose()


def _grant(connection: Connection, application_role: str | None) -> None:
    if connection.dialect.name != "postgresql" or application_role is None:
        return
    if connection.scalar(text("SELECT current_user")) == application_role:
        return
    role = connection.dialect.identifier_preparer.quote(application_role)
    for grant in (
        f"GRANT USAGE ON SCHEMA public TO {role}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
        f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {role}",
    ):
        connection.execute(text(grant))


def schema_versions(engine: Engine) -> tuple[str | None, str | None]:
    """``(the database's, this program's)``."""
    with engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    return found, ScriptDirectory.from_config(_config()).get_current_head()


def check_schema(engine: Engine) -> None:
    """Raise NotMigratedError unless the database is at this program's schema."""
    found, wanted = schema_versions(engine)
    if found != wanted:
        raise NotMigratedError(
            f"The database's schema is {found or 'empty'}, this program needs {wanted}: "
            "run `python -m launch migrate`."
        )
