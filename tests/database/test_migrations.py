"""Migrations on real databases of both kinds."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import delete, insert, select, text
from sqlalchemy.exc import ProgrammingError

from database.migrate import NotMigratedError, check_schema, upgrade
from database.models import ApplicationEntity, Base, Facility, Instance, StudyLink, StudySender
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


_OF_THE_SECOND = """
INSERT INTO "user" (id, username, password_hash, role, is_active, session_epoch, created_at)
  VALUES (1, 'anna', '!', 'facility-staff', true, 0, '2026-03-01 12:00:00');
INSERT INTO user_facility (user_id, facility_id) VALUES (1, 1);
INSERT INTO application_entity (id, facility_id, ae_title, ae_title_key, host, port, has_generated_port,
  description, local_ae_title, uses_tls, may_echo, may_store, may_find, may_move, may_get, revision,
  link_revision, echo_finding, is_echo_ok, created_at)
  VALUES (1, 1, 'ANNA_CT', 'ANNA_CT', '', 104, false, '', '', false, true, true, false, false, false, 1, 1,
  '', false, '2026-03-01 12:00:00');
INSERT INTO study_facility (study_id, facility_id, source, linked_at)
  VALUES (1, 1, 'calling-ae-title', '2026-03-01 12:00:00');
INSERT INTO study_link (study_id, facility_id, linked_at, user_id) VALUES (1, 1, '2026-03-01 12:00:00', 1)
"""


@pytest.mark.parametrize("version", ["0002", "0003"])
def test_rows_that_refer_to_each_other_survive(database_urls: tuple[str, str], version: str) -> None:
    owner_url, url = database_urls
    upgrade(owner_url, url, "0001")
    _run(owner_url, _FIRST_SCHEMA.read_text())
    upgrade(owner_url, url, version)
    _run(owner_url, _OF_THE_SECOND)
    upgrade(owner_url, url)

    database = Database(make_engine(url))
    with database.read() as session:
        entity = session.scalars(select(ApplicationEntity)).one()
        instances = session.scalars(select(Instance)).all()
        facility = session.scalars(select(Facility)).one()
        links = session.scalars(select(StudyLink)).all()
    database.engine.dispose()
    assert (entity.ae_title, entity.allowed_hosts) == ("ANNA_CT", "")
    assert (facility.paper, facility.needs_second_signer) == ("A4", False)
    assert all(
        one.accounted_at == one.received_at for one in instances
    )  # older than the log: not missing in it
    assert len(links) == 1


def _run(url: str, statements: str) -> None:
    engine = make_engine(url)
    with engine.begin() as connection:
        for statement in statements.split(";"):
            connection.execute(text(statement))
    engine.dispose()


def test_facilities_and_studies_of_the_first_schema_survive(database_urls: tuple[str, str]) -> None:
    owner_url, url = database_urls
    upgrade(owner_url, url, "0001")
    _run(owner_url, _FIRST_SCHEMA.read_text())
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
