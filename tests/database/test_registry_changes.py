"""Facilities and their nodes changed, renamed, moved, retired and re-activated: nothing is deleted."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from database.models import ApplicationEntity, Facility, StudySender
from database.session import Database
from tests.factories import LONG_AGO, create_study
from webapp import registry
from webapp.registry import EntityFields, FacilityFields, RegistryError

US = "NOCTIS"


def create(database: Database, name: str, entity: EntityFields | None = None, code: str = "") -> Facility:
    return registry.create_facility(database, FacilityFields(name, code), entity or EntityFields(), US)


def entity_of(database: Database, facility: Facility) -> ApplicationEntity:
    query = select(ApplicationEntity).where(ApplicationEntity.facility_id == facility.id)
    with database.read() as session:
        return session.scalars(query).one()


def reload(database: Database, entity: ApplicationEntity) -> ApplicationEntity:
    with database.read() as session:
        return session.get_one(ApplicationEntity, entity.id)


def test_a_changed_facility_keeps_its_code_unless_another_is_given(database: Database) -> None:
    facility = create(database, "East")

    renamed = registry.change_facility(database, facility.id, FacilityFields("West", silent_hours=24))
    assert (renamed.name, renamed.code, renamed.silent_hours) == ("West", "EAST", 24)

    assert registry.change_facility(database, facility.id, FacilityFields("West", "w")).code == "W"


def test_a_change_that_leaves_the_port_keeps_it_generated(database: Database) -> None:
    entity = entity_of(database, create(database, "East"))

    changed = registry.change_entity(database, entity.id, EntityFields(host="ct.example.org"), US)
    assert (changed.ae_title, changed.port, changed.has_generated_port) == ("EAST", 11113, True)
    assert (changed.revision, changed.link_revision) == (2, 1)

    own = registry.change_entity(database, entity.id, EntityFields(port=104), US)
    assert (own.port, own.has_generated_port, own.host) == (104, False, "")


def test_a_node_that_moves_or_is_renamed_takes_its_studies_along(database: Database) -> None:
    east, west = create(database, "East"), create(database, "West")
    entity = entity_of(database, east)

    moved = registry.change_entity(database, entity.id, EntityFields(), US, facility_id=west.id)
    assert (moved.facility_id, moved.revision, moved.link_revision) == (west.id, 2, 2)

    renamed = registry.change_entity(database, entity.id, EntityFields(ae_title="CT9"), US)
    assert (renamed.facility_id, renamed.ae_title_key, renamed.link_revision) == (west.id, "CT9", 3)

    respelled = registry.change_entity(database, entity.id, EntityFields(ae_title="ct9"), US)
    assert (respelled.ae_title, respelled.ae_title_key, respelled.link_revision) == ("ct9", "CT9", 3)


def test_a_former_title_that_sent_studies_stays_behind_and_is_nobody_else_s(database: Database) -> None:
    entity = entity_of(database, create(database, "East", EntityFields(ae_title="ct1")))
    study = create_study(database)
    with database.write() as session:
        session.add(
            StudySender(
                study_id=study.id,
                ae_title_key="CT1",
                ae_title="CT1",
                remote_ip="192.0.2.10",
                first_received_at=LONG_AGO,
                last_received_at=LONG_AGO,
            )
        )

    registry.change_entity(database, entity.id, EntityFields(ae_title="CT2"), US)

    with database.read() as session:
        former = session.scalars(
            select(ApplicationEntity).where(ApplicationEntity.ae_title_key == "CT1")
        ).one()
    assert (former.ae_title, former.facility_id, former.description) == ("ct1", entity.facility_id, "Now CT2")
    assert (former.retired_at is None, former.has_generated_port) == (False, False)
    with pytest.raises(RegistryError, match=r"CT1 was an AE title of East \(EAST\) and is retired"):
        create(database, "West", EntityFields(ae_title="CT1"))


def test_a_former_title_that_sent_nothing_is_free_again(database: Database) -> None:
    entity = entity_of(database, create(database, "East", EntityFields(ae_title="TYPO")))

    registry.change_entity(database, entity.id, EntityFields(ae_title="CT2"), US)

    assert entity_of(database, create(database, "West", EntityFields(ae_title="TYPO"))).ae_title == "TYPO"


def test_a_retired_facility_comes_back_with_what_retired_with_it(database: Database) -> None:
    facility = create(database, "East")
    stays_retired = registry.add_entity(database, facility.id, EntityFields(), US)
    registry.retire_entity(database, stays_retired.id)
    comes_back = registry.add_entity(database, facility.id, EntityFields(), US)

    registry.retire_facility(database, facility.id)
    retired = reload(database, comes_back)
    with pytest.raises(RegistryError, match="East is retired: re-activate the facility first"):
        registry.reactivate_entity(database, comes_back.id)
    with pytest.raises(RegistryError, match="East is retired"):
        registry.add_entity(database, facility.id, EntityFields(), US)
    registry.reactivate_facility(database, facility.id)

    assert (retired.retired_at is None, retired.revision) == (False, 2)
    assert (reload(database, comes_back).retired_at, reload(database, comes_back).revision) == (None, 3)
    assert reload(database, stays_retired).retired_at is not None
    registry.reactivate_entity(database, stays_retired.id)
    assert reload(database, stays_retired).retired_at is None


def test_retiring_twice_decides_nothing_new(database: Database) -> None:
    entity = entity_of(database, create(database, "East"))

    registry.retire_entity(database, entity.id)
    once = reload(database, entity)
    registry.retire_entity(database, entity.id)

    twice = reload(database, entity)
    assert (once.revision, once.retired_at) == (twice.revision, twice.retired_at)


def test_a_push_is_a_decision_and_an_echo_is_none(database: Database) -> None:
    entity = entity_of(database, create(database, "East"))
    at = datetime(2026, 1, 1, tzinfo=UTC)

    registry.push_entity(database, entity.id)
    registry.note_echo(database, entity.id, "answered in 12 ms", True, at)

    noted = reload(database, entity)
    assert noted.revision == 2
    assert (noted.echo_finding, noted.is_echo_ok, noted.echoed_at) == ("answered in 12 ms", True, at)


def test_logos_are_pictures(database: Database) -> None:
    facility = create(database, "East")

    registry.set_logo(database, facility.id, b"\x89PNG\r\n\x1a\n rest")
    for logo, reason in [(b"<svg/>", "PNG or JPEG"), (b"\xff\xd8\xff" + bytes(1_000_000), "too large")]:
        with pytest.raises(RegistryError, match=reason):
            registry.set_logo(database, facility.id, logo)

    with database.read() as session:
        assert session.get_one(Facility, facility.id).logo == b"\x89PNG\r\n\x1a\n rest"
    registry.set_logo(database, facility.id, None)
    with database.read() as session:
        assert session.get_one(Facility, facility.id).logo is None


def test_what_is_gone_is_said_in_words(database: Database) -> None:
    with pytest.raises(RegistryError, match="not there"):
        registry.push_entity(database, 4711)
