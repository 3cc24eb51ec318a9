"""Facilities and their nodes changed, renamed, moved, retired and re-activated: nothing is deleted."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from database.models import ApplicationEntity, Facility, StudySender
from database.session import Database
from tests.factories import LONG_AGO, create_study
from webapp import registry
from webapp.registry import EntityFields, FacilityFields, RegistryError, StaleError

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


def sent_studies(database: Database, ae_title: str) -> None:
    study = create_study(database)
    with database.write() as session:
        session.add(
            StudySender(
                study_id=study.id,
                ae_title_key=ae_title,
                ae_title=ae_title,
                remote_ip="192.0.2.10",
                first_received_at=LONG_AGO,
                last_received_at=LONG_AGO,
            )
        )


def by_title(database: Database) -> dict[str, ApplicationEntity]:
    with database.read() as session:
        return {one.ae_title: one for one in session.scalars(select(ApplicationEntity))}


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
    sent_studies(database, "CT1")

    registry.change_entity(database, entity.id, EntityFields(ae_title="CT2"), US)

    with database.read() as session:
        former = session.scalars(
            select(ApplicationEntity).where(ApplicationEntity.ae_title_key == "CT1")
        ).one()
    assert (former.ae_title, former.facility_id, former.successor_id) == (
        "ct1",
        entity.facility_id,
        entity.id,
    )
    assert (former.retired_at is None, former.has_generated_port) == (False, False)
    with pytest.raises(RegistryError, match=r"CT1 was formerly an AE title of East \(EAST\)"):
        create(database, "West", EntityFields(ae_title="CT1"))


def test_a_former_title_that_sent_nothing_is_free_again(database: Database) -> None:
    entity = entity_of(database, create(database, "East", EntityFields(ae_title="TYPO")))

    registry.change_entity(database, entity.id, EntityFields(ae_title="CT2"), US)

    assert entity_of(database, create(database, "West", EntityFields(ae_title="TYPO"))).ae_title == "TYPO"


def test_former_titles_move_along_with_their_node(database: Database) -> None:
    east, west = create(database, "East", EntityFields(ae_title="CT1")), create(database, "West")
    entity = entity_of(database, east)
    sent_studies(database, "CT1")
    registry.change_entity(database, entity.id, EntityFields(ae_title="CT2"), US)
    before = by_title(database)["CT1"]

    registry.change_entity(database, entity.id, EntityFields(), US, facility_id=west.id)

    former = by_title(database)["CT1"]
    assert (former.facility_id, former.successor_id) == (west.id, entity.id)
    assert former.link_revision == before.link_revision + 1


def test_a_node_takes_a_former_title_of_its_own_back(database: Database) -> None:
    entity = entity_of(database, create(database, "East", EntityFields(ae_title="CT1")))
    for title in ("CT1", "CT2"):
        sent_studies(database, title)
    registry.change_entity(database, entity.id, EntityFields(ae_title="CT2"), US)
    before = by_title(database)

    registry.change_entity(database, entity.id, EntityFields(ae_title="ct1"), US)

    after = by_title(database)
    assert set(after) == {"ct1", "CT2"}
    assert (after["ct1"].id, after["ct1"].retired_at, after["ct1"].revision) == (entity.id, None, 3)
    assert after["CT2"].id == before["CT1"].id
    assert (after["CT2"].successor_id, after["CT2"].ae_title_key) == (entity.id, "CT2")
    assert after["ct1"].link_revision == before["CT2"].link_revision + 1
    assert after["CT2"].link_revision == before["CT1"].link_revision + 1


def test_a_former_title_is_not_re_activated_by_itself(database: Database) -> None:
    entity = entity_of(database, create(database, "East", EntityFields(ae_title="CT1")))
    sent_studies(database, "CT1")
    registry.change_entity(database, entity.id, EntityFields(ae_title="CT2"), US)

    with pytest.raises(RegistryError, match="CT1 is a former AE title of CT2"):
        registry.reactivate(database, ApplicationEntity, by_title(database)["CT1"].id)


@pytest.mark.parametrize(
    "changes",
    [
        EntityFields(host="b.example.org"),
        EntityFields(host="a.example.org", port=104),
        EntityFields(host="a.example.org", ae_title="CT9"),
        EntityFields(host="a.example.org", local_ae_title="OURS"),
        EntityFields(host="a.example.org", uses_tls=True),
    ],
)
def test_what_was_found_at_another_address_is_forgotten(database: Database, changes: EntityFields) -> None:
    entity = entity_of(database, create(database, "East", EntityFields(host="a.example.org")))
    at = datetime(2026, 1, 1, tzinfo=UTC)
    registry.note_test(database, ApplicationEntity, entity.id, "answered", revision=1, is_ok=True, at=at)

    same = registry.change_entity(
        database, entity.id, EntityFields(host="a.example.org", description="CT", may_find=True), US
    )
    other = registry.change_entity(database, entity.id, changes, US)

    assert (same.echo_finding, same.echoed_at, same.is_echo_ok) == ("answered", at, True)
    assert (other.echo_finding, other.echoed_at, other.is_echo_ok) == ("", None, False)


def test_a_test_of_what_was_changed_meanwhile_is_not_noted(database: Database) -> None:
    entity = entity_of(database, create(database, "East"))
    registry.push(database, ApplicationEntity, entity.id)

    registry.note_test(
        database, ApplicationEntity, entity.id, "answered", revision=1, is_ok=True, at=LONG_AGO
    )

    assert reload(database, entity).echo_finding == ""


def test_nobody_takes_back_what_another_decided_without_seeing_it(database: Database) -> None:
    facility = create(database, "East")
    entity, seen = entity_of(database, facility), registry.revision_of(facility)
    registry.change_entity(database, entity.id, EntityFields(host="new.example.org"), US, revision=1)
    changed = registry.change_facility(database, facility.id, FacilityFields("West"), revision=seen)

    with pytest.raises(StaleError):
        registry.change_entity(database, entity.id, EntityFields(), US, revision=1)
    with pytest.raises(StaleError):
        registry.change_facility(database, facility.id, FacilityFields("North"), revision=seen)

    assert reload(database, entity).host == "new.example.org"
    again = registry.change_facility(
        database, facility.id, FacilityFields("South"), revision=registry.revision_of(changed)
    )
    assert again.name == "South"


def test_a_retired_facility_comes_back_with_what_retired_with_it(database: Database) -> None:
    facility = create(database, "East")
    stays_retired = registry.add_entity(database, facility.id, EntityFields(), US)
    registry.retire(database, ApplicationEntity, stays_retired.id)
    comes_back = registry.add_entity(database, facility.id, EntityFields(), US)

    registry.retire_facility(database, facility.id)
    retired = reload(database, comes_back)
    with pytest.raises(RegistryError, match="East is retired: re-activate the facility first"):
        registry.reactivate(database, ApplicationEntity, comes_back.id)
    with pytest.raises(RegistryError, match="East is retired"):
        registry.add_entity(database, facility.id, EntityFields(), US)
    registry.reactivate_facility(database, facility.id)

    assert (retired.retired_at is None, retired.revision) == (False, 2)
    assert (reload(database, comes_back).retired_at, reload(database, comes_back).revision) == (None, 3)
    assert reload(database, stays_retired).retired_at is not None
    registry.reactivate(database, ApplicationEntity, stays_retired.id)
    assert reload(database, stays_retired).retired_at is None


def test_retiring_twice_decides_nothing_new(database: Database) -> None:
    entity = entity_of(database, create(database, "East"))

    registry.retire(database, ApplicationEntity, entity.id)
    once = reload(database, entity)
    registry.retire(database, ApplicationEntity, entity.id)

    twice = reload(database, entity)
    assert (once.revision, once.retired_at) == (twice.revision, twice.retired_at)


def test_a_push_is_a_decision_and_an_echo_is_none(database: Database) -> None:
    entity = entity_of(database, create(database, "East"))
    at = datetime(2026, 1, 1, tzinfo=UTC)

    registry.push(database, ApplicationEntity, entity.id)
    registry.note_test(
        database, ApplicationEntity, entity.id, "answered in 12 ms", revision=2, is_ok=True, at=at
    )

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
        registry.push(database, ApplicationEntity, 4711)
