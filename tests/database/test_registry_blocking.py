"""Blocked senders on both databases: nobody is blocked and a node of a facility at the same time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from database.models import BlockedSender, Role
from database.session import Database
from tests.facility_files import load
from tests.factories import create_application_entity, create_facility, create_member
from webapp import registry
from webapp.registry import EntityFields, FacilityFields, RegistryError

US = "NOCTIS"


@pytest.fixture
def admin_id(database: Database) -> int:
    return create_member(database, Role.ADMINISTRATOR).id


def test_blocking_twice_keeps_who_did_it_first(database: Database, admin_id: int) -> None:
    registry.block_sender(database, " Nosy ", admin_id, US)
    registry.block_sender(database, "NOSY", create_member(database, Role.ADMINISTRATOR).id, US)

    with database.read() as session:
        blocked = session.scalars(select(BlockedSender)).one()
    assert (blocked.ae_title_key, blocked.ae_title, blocked.user_id) == ("NOSY", "Nosy", admin_id)
    registry.unblock_sender(database, "nosy")
    registry.unblock_sender(database, "nosy")
    with database.read() as session:
        assert session.scalars(select(BlockedSender)).all() == []


@pytest.mark.parametrize(
    "take",
    [
        lambda database: registry.create_facility(database, FacilityFields("East"), EntityFields("NOSY"), US),
        lambda database: registry.adopt_sender(database, "nosy", "East", US),
        lambda database: registry.change_entity(
            database,
            create_application_entity(database, create_facility(database, "West").id).id,
            EntityFields("nosy"),
            US,
        ),
    ],
    ids=["created", "adopted", "renamed"],
)
def test_a_blocked_sender_becomes_no_node(
    database: Database, admin_id: int, take: Callable[[Database], object]
) -> None:
    registry.block_sender(database, "Nosy", admin_id, US)

    with pytest.raises(RegistryError, match="is blocked: unblock it first") as caught:
        take(database)

    assert caught.value.field == "ae_title"
    registry.unblock_sender(database, "Nosy")
    take(database)


def test_an_import_names_the_line_of_a_blocked_sender(database: Database, admin_id: int) -> None:
    registry.block_sender(database, "NOSY", admin_id, US)

    problems = load(database, "name,ae_title\nEast,CT1\nWest,nosy\n").problems

    assert [(one.line, one.column) for one in problems] == [(3, "ae_title")]


def test_what_is_blocked_is_not_proposed(database: Database, admin_id: int) -> None:
    registry.block_sender(database, "EAST", admin_id, US)

    assert registry.propose(database, "East", US)[0] == "EAST2"


def test_of_blocking_and_adding_at_the_same_moment_one_is_refused(database: Database, admin_id: int) -> None:
    facility = create_facility(database, "East")

    def decide(number: int, decision: str) -> str:
        try:
            if decision == "block":
                registry.block_sender(database, f"CT{number}", admin_id, US)
            else:
                registry.add_entity(database, facility.id, EntityFields(f"CT{number}"), US)
        except RegistryError:
            return "refused"
        return "done"

    with ThreadPoolExecutor(8) as pool:
        pairs = [
            (pool.submit(decide, number, "block"), pool.submit(decide, number, "add")) for number in range(30)
        ]
        outcomes = {frozenset((one.result(), other.result())) for one, other in pairs}

    assert outcomes == {frozenset({"done", "refused"})}
