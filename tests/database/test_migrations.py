"""Migrations on real databases of both kinds."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import delete, insert, select, text
from sqlalchemy.exc import ProgrammingError

from database.migrate import NotMigratedError, check_schema, upgrade
from database.models import Base, Facility, StudySender
from database.session import Database, make_engine

_FIRST_SCHEMA = Path(__file__).parent / "first_schema.sql"


def test_the_migrations_make_what_the_models_declare(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []


def test_an_empty_database_is_refused_with_the_command_to_run(database_urls: tuple[str, str]) -> None:
    engine = make_engine(database_urls[1])
    with pytest.raises(NotMigratedError, match="launch migrate"):
        check_schema(engine)
    engine.dispose()


def test_migrating_twice_changes_nothing(database_urls: tuple[str, str]) -> None:
    upgrade(*database_urls)
    upgrade(*database_urls)
    engine = make_engine(database_urls[1])
    check_schema(engine)
    engine.dispose()


def test_the_application_role_writes_rows(database: Database) -> None:
    with database.write() as session:
        session.execute(insert(Facility).values(name="St. Anna", code="ANNA", created_at=datetime.now(UTC)))
        session.execute(delete(Facility))


@pytest.mark.parametrize("database_urls", ["postgresql"], indirect=True)
def test_on_postgresql_the_application_role_cannot_change_the_schema(database: Database) -> None:
    with pytest.raises(ProgrammingError), database.write() as session:
        session.execute(text("ALTER TABLE facility ADD COLUMN evil text"))
    with pytest.raises(ProgrammingError), database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'x'"))


def test_facilities_and_studies_of_the_first_schema_survive(database_urls: tuple[str, str]) -> None:
    owner_url, url = database_urls
    upgrade(owner_url, url, "0001")
    engine = make_engine(owner_url)
    with engine.begin() as connection:
        for statement in _FIRST_SCHEMA.read_text().split(";"):
            connection.execute(text(statement))
    engine.dispose()

    upgrade(owner_url, url)

    database = Database(make_engine(url))
    with database.read() as session:
        facility = session.scalars(select(Facility)).one()
        sender = session.scalars(select(StudySender)).one()
    database.engine.dispose()
    assert (facility.name, facility.time_zone, facility.retired_at) == ("St. Anna", "UTC", None)
    assert (sender.ae_title_key, sender.remote_ip) == ("ANNA_CT", "192.0.2.1")
    assert sender.first_received_at == datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    assert sender.last_received_at == datetime(2026, 3, 1, 13, 0, tzinfo=UTC)
