"""Whose study it is: by the AE titles that sent it, by decision, and when decisions change."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, select, update

from bridge import linking
from bridge.linking import Linker
from bridge.senders import note_senders
from database.models import (
    ApplicationEntity,
    Facility,
    LinkRun,
    LinkSource,
    Series,
    Study,
    StudyFacility,
    StudyLink,
    StudySender,
)
from database.session import Database
from tests.factories import (
    LONG_AGO,
    create_application_entity,
    create_facility,
    create_member,
    create_study,
)

NOW = LONG_AGO + timedelta(days=1)


@pytest.fixture
def anna(database: Database) -> Facility:
    return create_facility(database, "St. Anna")


@pytest.fixture
def berta(database: Database) -> Facility:
    return create_facility(database, "St. Berta")


def _send(database: Database, ae_title: str, study: Study | None = None, minute: int = 0) -> Study:
    """As the bridge notes an instance that it wrote."""
    study = study or create_study(database)
    with database.write() as session:
        series_id = session.scalars(select(Series.id).where(Series.study_id == study.id)).first()
        row = {
            "series_id": series_id,
            "calling_ae_title": ae_title,
            "remote_ip": "192.0.2.1",
            "received_at": LONG_AGO + timedelta(minutes=minute),
        }
        note_senders(session, [row], NOW)
    return study


def _links(database: Database, study: Study) -> set[tuple[int, LinkSource]]:
    with database.read() as session:
        rows = session.execute(
            select(StudyFacility.facility_id, StudyFacility.source).where(StudyFacility.study_id == study.id)
        )
        return {(facility_id, source) for facility_id, source in rows}


def _link_all(database: Database) -> None:
    linker = Linker(database)
    while linker.step():
        pass


def _move(database: Database, entity: ApplicationEntity, facility: Facility) -> None:
    with database.write() as session:
        session.execute(
            update(ApplicationEntity)
            .where(ApplicationEntity.id == entity.id)
            .values(facility_id=facility.id, link_revision=ApplicationEntity.link_revision + 1)
        )


def test_a_study_belongs_to_its_sender_s_facility_whatever_the_case(
    database: Database, anna: Facility
) -> None:
    create_application_entity(database, anna.id, ae_title="Anna_CT")
    study = _send(database, "ANNA_ct")
    assert _links(database, study) == {(anna.id, LinkSource.CALLING_AE_TITLE)}


def test_two_hospitals_that_send_the_same_study_both_have_it(
    database: Database, anna: Facility, berta: Facility
) -> None:
    create_application_entity(database, anna.id, ae_title="ANNA")
    create_application_entity(database, berta.id, ae_title="BERTA")
    study = _send(database, "BERTA", _send(database, "ANNA"))
    assert {facility_id for facility_id, _ in _links(database, study)} == {anna.id, berta.id}


def test_the_first_and_last_reception_stay_true_in_any_order(database: Database) -> None:
    study = _send(database, "ANNA", minute=5)
    for minute in (2, 9, 4):
        _send(database, "anna", study, minute)
    with database.read() as session:
        sender = session.scalars(select(StudySender)).one()
    assert (sender.first_received_at, sender.last_received_at) == (
        LONG_AGO + timedelta(minutes=2),
        LONG_AGO + timedelta(minutes=9),
    )
    assert (sender.ae_title_key, sender.ae_title) == ("ANNA", "anna")


def test_an_adopted_sender_s_studies_follow_in_steps(
    database: Database, anna: Facility, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linking, "_STUDIES_A_STEP", 2)
    studies = [_send(database, "STRANGER") for _ in range(5)]
    assert [_links(database, study) for study in studies] == [set()] * 5
    entity = create_application_entity(database, anna.id, ae_title="STRANGER")
    linker = Linker(database)
    assert linker.step()
    with database.read() as session:
        assert session.get_one(LinkRun, entity.id).done_at is None
    while linker.step():
        pass
    assert all(_links(database, study) for study in studies)
    with database.read() as session:
        run = session.get_one(LinkRun, entity.id)
        newest = session.get_one(Study, studies[0].id).updated_at
    assert run.study_count == 5
    assert run.done_at is not None
    assert newest > studies[0].updated_at  # open worklists hear of it


def test_studies_follow_an_entity_that_moves_but_not_those_of_the_facility_s_other_entities(
    database: Database, anna: Facility, berta: Facility
) -> None:
    moving = create_application_entity(database, anna.id, ae_title="CT")
    create_application_entity(database, anna.id, ae_title="MR")
    only_ct, both = _send(database, "CT"), _send(database, "MR", _send(database, "CT"))
    only_mr = _send(database, "MR")
    _move(database, moving, berta)
    _link_all(database)
    facilities = [{id_ for id_, _ in _links(database, study)} for study in (only_ct, both, only_mr)]
    assert facilities == [{berta.id}, {anna.id, berta.id}, {anna.id}]


def test_renaming_an_entity_takes_no_study_from_its_facility(database: Database, anna: Facility) -> None:
    entity = create_application_entity(database, anna.id, ae_title="OLD")
    study, late = _send(database, "OLD"), _send(database, "NEW")
    _link_all(database)
    with database.write() as session:
        session.execute(
            update(ApplicationEntity)
            .where(ApplicationEntity.id == entity.id)
            .values(ae_title="NEW", ae_title_key="NEW", link_revision=ApplicationEntity.link_revision + 1)
        )
    _link_all(database)
    assert _links(database, study) == _links(database, late) == {(anna.id, LinkSource.CALLING_AE_TITLE)}


def test_a_retired_entity_s_studies_stay_with_their_facility(database: Database, anna: Facility) -> None:
    entity = create_application_entity(database, anna.id, ae_title="CT")
    study = _send(database, "CT")
    with database.write() as session:
        session.execute(
            update(ApplicationEntity)
            .where(ApplicationEntity.id == entity.id)
            .values(retired_at=datetime.now(UTC))
        )
    _link_all(database)
    assert _links(database, study)


def test_a_link_by_hand_comes_and_goes_without_touching_the_others(
    database: Database, anna: Facility, berta: Facility
) -> None:
    create_application_entity(database, anna.id, ae_title="CT")
    study, user = _send(database, "CT"), create_member(database)
    with database.write() as session:
        session.add(StudyLink(study_id=study.id, facility_id=berta.id, linked_at=NOW, user_id=user.id))
    _link_all(database)
    assert _links(database, study) == {
        (anna.id, LinkSource.CALLING_AE_TITLE),
        (berta.id, LinkSource.ADMINISTRATOR),
    }
    with database.write() as session:
        session.execute(delete(StudyLink))
    _link_all(database)
    assert _links(database, study) == {(anna.id, LinkSource.CALLING_AE_TITLE)}
