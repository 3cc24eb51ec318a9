"""New facilities and nodes on both databases: what is generated is unique, what is given is checked."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from database.models import ApplicationEntity, Facility
from database.session import Database
from settings import PROBE_AE_TITLE
from webapp import registry
from webapp.registry import EntityFields, FacilityFields, RegistryError

US = "NOCTIS"


def create(database: Database, name: str, entity: EntityFields | None = None, code: str = "") -> Facility:
    return registry.create_facility(database, FacilityFields(name, code), entity or EntityFields(), US)


def entity_of(database: Database, facility: Facility) -> ApplicationEntity:
    query = select(ApplicationEntity).where(ApplicationEntity.facility_id == facility.id)
    with database.read() as session:
        return session.scalars(query).one()


def test_a_name_is_enough(database: Database) -> None:
    proposed = registry.propose(database, "Hospital 1", US)

    facility = create(database, "Hospital 1")

    entity = entity_of(database, facility)
    assert (facility.code, entity.ae_title, entity.port) == ("HOSPITAL-1", "HOSPITAL1", 11113)
    assert proposed == ("HOSPITAL1", 11113)
    assert entity.has_generated_port
    assert (entity.may_echo, entity.may_store) == (True, True)
    assert (entity.may_find, entity.may_move, entity.may_get) == (False, False, False)


def test_fifty_at_once_get_fifty_different_titles_ports_and_codes(database: Database) -> None:
    with ThreadPoolExecutor(50) as pool:
        facilities = list(pool.map(lambda _: create(database, "Hospital"), range(50)))

    with database.read() as session:
        entities = session.scalars(select(ApplicationEntity)).all()
    assert len({facility.code for facility in facilities}) == 50
    assert len({entity.ae_title_key for entity in entities}) == 50
    assert {entity.port for entity in entities} == set(range(11113, 11163))


def test_of_fifty_with_the_same_given_title_one_wins_and_the_others_are_told(database: Database) -> None:
    def attempt(number: int) -> str:
        try:
            create(database, f"Hospital {number}", EntityFields(ae_title="CT1"))
        except RegistryError as error:
            return str(error)
        return "won"

    with ThreadPoolExecutor(50) as pool:
        outcomes = list(pool.map(attempt, range(50)))

    assert outcomes.count("won") == 1
    assert all("CT1 is already an AE title of Hospital" in one for one in outcomes if one != "won")
    with database.read() as session:
        assert session.scalar(select(func.count(Facility.id))) == 1


def test_a_facility_may_begin_without_a_node(database: Database) -> None:
    facility = registry.create_facility(database, FacilityFields("Hospital"), None, US)

    first = registry.add_entity(database, facility.id, EntityFields(), US)
    second = registry.add_entity(database, facility.id, EntityFields(ae_title="MR 1"), US)

    assert [first.ae_title, second.ae_title] == ["HOSPITAL", "MR 1"]
    assert [first.port, second.port] == [11113, 11114]


def test_generated_ports_avoid_those_that_people_gave(database: Database) -> None:
    create(database, "A", EntityFields(port=11113))
    create(database, "B", EntityFields(port=11115))

    ports = [entity_of(database, create(database, name)).port for name in ("C", "D")]

    assert ports == [11114, 11116]


def test_ports_that_people_give_may_repeat(database: Database) -> None:
    entities = [
        entity_of(database, create(database, name, EntityFields(port=104, host=f"{name}.example.org")))
        for name in ("A", "B")
    ]

    assert [entity.port for entity in entities] == [104, 104]
    assert not any(entity.has_generated_port for entity in entities)


def test_titles_are_unique_without_regard_to_case_and_it_is_said_who_has_it(database: Database) -> None:
    create(database, "East", EntityFields(ae_title="ct1"))

    with pytest.raises(RegistryError, match=r"CT1 is already an AE title of East \(EAST\)") as caught:
        create(database, "West", EntityFields(ae_title="CT1"))

    assert caught.value.field == "ae_title"


def test_retired_titles_and_ports_are_never_given_again(database: Database) -> None:
    registry.retire_facility(database, create(database, "East").id)

    again = entity_of(database, create(database, "East"))

    assert (again.ae_title, again.port) == ("EAST2", 11114)
    with pytest.raises(RegistryError, match=r"was an AE title of East \(EAST\) and is retired"):
        create(database, "West", EntityFields(ae_title="EAST"))


@pytest.mark.parametrize("title", ["noctis", PROBE_AE_TITLE])
def test_our_own_titles_are_no_node_s(database: Database, title: str) -> None:
    with pytest.raises(RegistryError, match="is our own AE title"):
        create(database, "East", EntityFields(ae_title=title))


def test_our_own_title_is_not_proposed(database: Database) -> None:
    assert registry.propose(database, "East", "east") == ("EAST2", 11113)


def test_a_given_code_is_unique(database: Database) -> None:
    create(database, "East", code="e1")

    with pytest.raises(RegistryError, match="E1 is already the code of East") as caught:
        create(database, "West", code="E1")

    assert caught.value.field == "code"


def test_what_is_refused_leaves_nothing_behind(database: Database) -> None:
    with pytest.raises(RegistryError, match="backslash"):
        create(database, "East", EntityFields(ae_title="A\\B"))

    with database.read() as session:
        assert session.scalars(select(Facility)).all() == []
