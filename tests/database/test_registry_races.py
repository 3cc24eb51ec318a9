"""Decisions of two administrators at the same moment on PostgreSQL; SQLite has one writer at a time."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from database.migrate import upgrade
from database.models import ApplicationEntity, Facility, Peer
from database.session import Database, make_engine
from tests.factories import LONG_AGO
from tests.postgres_process import PostgresProcess
from tests.waiting import wait_until
from webapp import registry
from webapp.registry import EntityFields, FacilityFields, PeerFields, RegistryError, StaleError
from webapp.registry.decisions import find, load_taken
from webapp.registry.entities import insert_entity, update_entity

US = "NOCTIS"
KEY = "a key of the tests"
Result = TypeVar("Result")


@pytest.fixture
def database(postgres: PostgresProcess) -> Iterator[Database]:
    urls = postgres.database()
    upgrade(*urls)
    engine = make_engine(urls[1])
    yield Database(engine)
    engine.dispose()


@pytest.fixture
def east(database: Database) -> Facility:
    return registry.create_facility(database, FacilityFields("East"), None, US)


def decide_while(
    database: Database, held: Callable[[Session], object], decision: Callable[[], Result]
) -> Result:
    """``decision`` begins while another transaction has done ``held`` and hasn't committed it yet."""
    with ThreadPoolExecutor(1) as pool:
        with database.write() as session:
            held(session)
            session.flush()
            future = pool.submit(decision)
            wait_until(lambda: future.done() or _is_waiting(database), "the decision waits or is done")
        return future.result()


def _is_waiting(database: Database) -> bool:
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with database.read() as session:
        return bool(session.scalar(waiting))


def test_a_push_and_a_change_of_a_peer_are_both_seen(database: Database, east: Facility) -> None:
    peer = registry.add_peer(database, east.id, PeerFields("E", "https://o.example.org/"), KEY)
    changes = {"url": "https://new.example.org/", "revision": Peer.revision + 1}

    decide_while(
        database,
        lambda session: session.execute(update(Peer).values(changes)),
        lambda: registry.push(database, Peer, peer.id),
    )
    decide_while(
        database,
        lambda session: session.execute(update(Peer).values(revision=Peer.revision + 1)),
        lambda: registry.change_peer(
            database, peer.id, PeerFields("Cellar", "https://new.example.org/"), KEY
        ),
    )

    with database.read() as session:
        after = session.get_one(Peer, peer.id)
    assert (after.name, after.url, after.revision) == ("Cellar", "https://new.example.org/", 5)


def test_of_two_moves_the_second_is_carried_out_too(database: Database, east: Facility) -> None:
    west, north = (
        registry.create_facility(database, FacilityFields(name), None, US) for name in ("West", "North")
    )
    entity = registry.add_entity(database, east.id, EntityFields(), US)

    def move_west(session: Session) -> None:
        row = find(session, ApplicationEntity, entity.id)
        update_entity(session, row, EntityFields(), US, facility_id=west.id)

    moved = decide_while(
        database,
        move_west,
        lambda: registry.change_entity(database, entity.id, EntityFields(), US, facility_id=north.id),
    )

    assert (moved.facility_id, moved.revision, moved.link_revision) == (north.id, 3, 3)


def test_who_saw_what_another_is_just_changing_is_told(database: Database, east: Facility) -> None:
    entity = registry.add_entity(database, east.id, EntityFields(host="a.example.org"), US)

    def change(session: Session) -> None:
        row = find(session, ApplicationEntity, entity.id)
        update_entity(session, row, EntityFields(host="b.example.org"), US)

    with pytest.raises(StaleError):
        decide_while(
            database,
            change,
            lambda: registry.change_entity(
                database, entity.id, EntityFields(host="c.example.org"), US, revision=1
            ),
        )


def test_no_node_is_added_to_a_facility_that_retires_meanwhile(database: Database, east: Facility) -> None:
    with pytest.raises(RegistryError, match="East is retired"):
        decide_while(
            database,
            lambda session: session.execute(update(Facility).values(retired_at=LONG_AGO)),
            lambda: registry.add_entity(database, east.id, EntityFields(), US),
        )


def test_a_node_that_is_just_being_added_retires_with_its_facility(
    database: Database, east: Facility
) -> None:
    def add(session: Session) -> None:
        insert_entity(session, load_taken(session, US), find(session, Facility, east.id), EntityFields(), US)

    decide_while(database, add, lambda: registry.retire_facility(database, east.id))

    with database.read() as session:
        entity = session.scalars(select(ApplicationEntity)).one()
    assert (entity.retired_at is None, entity.revision) == (False, 2)
