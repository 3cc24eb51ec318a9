"""Whose other studies stand beside a report, on both databases: the same patient's, no others by mistake."""

from datetime import date, time
from typing import Any

import pytest
from sqlalchemy import event, update

from database.models import Facility, Role, Study, User
from database.session import Database
from tests.factories import LONG_AGO, create_facility, create_member, create_study
from webapp.reports import writing
from webapp.reports.priors import Prior, find_prior, newest_prior, priors_of
from webapp.reports.texts import Save
from webapp.reports.writing import Writer

BORN = date(1970, 5, 17)


@pytest.fixture
def east(database: Database) -> Facility:
    return create_facility(database, "East")


@pytest.fixture
def west(database: Database) -> Facility:
    return create_facility(database, "West")


@pytest.fixture
def reader(database: Database) -> User:
    return create_member(database)


def _study(database: Database, *facilities: Facility, year: int = 2026, **values: Any) -> Study:
    defaults: dict[str, Any] = {
        "patient_id": "123",
        "patient_name": "Doe^Jane",
        "patient_birth_date": BORN,
        "study_date": date(year, 3, 1),
    }
    return create_study(
        database, facilities=tuple(one.id for one in facilities), **(defaults | values), series=[]
    )


def _priors(database: Database, user: User, study: Study) -> list[Prior]:
    with database.read() as session:
        return list(priors_of(session, user, study))


def _doubts(database: Database, user: User, study: Study) -> dict[int, str]:
    return {prior.study.id: prior.doubt for prior in _priors(database, user, study)}


def _opens(database: Database, user: User, study: Study, other: Study) -> bool:
    with database.read() as session:
        return find_prior(session, user, study, other.id) is not None


def test_the_patients_other_studies_are_found_the_newest_first(
    database: Database, east: Facility, reader: User
) -> None:
    oldest = _study(database, east, year=2019)
    read = _study(database, east, year=2024)
    newest = _study(database, east, year=2026)
    undated = _study(database, east, study_date=None, received_at=LONG_AGO.replace(year=2021))
    _study(database, east, patient_id="124", patient_name="Roe^Richard")
    found = _priors(database, reader, read)
    assert [(prior.study.id, prior.is_later, prior.doubt) for prior in found] == [
        (newest.id, True, ""),
        (undated.id, False, ""),
        (oldest.id, False, ""),
    ]


def test_of_one_day_the_time_says_what_came_later(database: Database, east: Facility, reader: User) -> None:
    read = _study(database, east, study_time=time(11, 0))
    before = _study(database, east, study_time=time(9, 0))
    after = _study(database, east, study_time=time(13, 0))
    found = _priors(database, reader, read)
    assert [(prior.study.id, prior.is_later) for prior in found] == [(after.id, True), (before.id, False)]


def test_two_hospitals_share_patient_id_123(
    database: Database, east: Facility, west: Facility, reader: User
) -> None:
    here = _study(database, east)
    other_patient = _study(database, west, patient_name="Roe^Richard", patient_birth_date=date(1944, 1, 2))
    same_birth_date = _study(database, west, patient_name="Roe^Richard")
    assert _doubts(database, reader, here) == {
        same_birth_date.id: "Same patient ID, but without a common facility."
    }
    for other in (other_patient, same_birth_date):
        assert not _opens(database, reader, here, other)


def test_a_study_of_two_facilities_is_a_prior_at_both(
    database: Database, east: Facility, west: Facility, reader: User
) -> None:
    both = _study(database, east, west)
    here, there = _study(database, east), _study(database, west)
    assert _doubts(database, reader, here)[both.id] == ""
    assert _doubts(database, reader, there)[both.id] == ""
    assert _opens(database, reader, both, here)


@pytest.mark.parametrize(
    ("values", "doubt"),
    [
        ({"patient_birth_date": date(1971, 5, 17)}, "Same patient ID, but with another birth date."),
        ({"patient_birth_date": None}, "Same patient ID, but without a birth date to compare."),
        ({"patient_id": "999"}, "Same name and birth date, but another patient ID."),
        (
            {"patient_id": "999", "patient_name": "DOE^JANÉ"},
            "Same name and birth date, but another patient ID.",
        ),
        ({"patient_id": ""}, "Same name and birth date, but a patient ID is missing."),
    ],
)
def test_what_agrees_in_less_is_possibly_another_patient(
    database: Database, east: Facility, reader: User, values: dict[str, Any], doubt: str
) -> None:
    here, other = _study(database, east), _study(database, east, **values)
    assert _doubts(database, reader, here) == {other.id: doubt}
    assert not _opens(database, reader, here, other)
    assert _doubts(database, reader, other) == {here.id: doubt}
    assert not _opens(database, reader, other, here)


@pytest.mark.parametrize(
    "values",
    [
        {"patient_id": "999", "patient_birth_date": date(1971, 5, 17)},
        {"patient_id": "999", "patient_birth_date": None},
        {"patient_id": "999", "patient_name": "Doe^John"},
        {"patient_id": "", "patient_name": "", "patient_birth_date": None},
    ],
)
def test_others_are_not_named_at_all(
    database: Database, east: Facility, reader: User, values: dict[str, Any]
) -> None:
    here, other = _study(database, east), _study(database, east, **values)
    assert _doubts(database, reader, here) == {}
    assert _doubts(database, reader, other) == {}


def test_without_a_facility_nobody_says_whose_number_it_is(database: Database, reader: User) -> None:
    here, other = _study(database), _study(database)
    assert _doubts(database, reader, here) == {other.id: "Same patient ID, but without a common facility."}


def test_two_studies_without_id_and_name_have_nothing_in_common(
    database: Database, east: Facility, reader: User
) -> None:
    nobody: dict[str, Any] = {"patient_id": "", "patient_name": ""}
    here, _ = _study(database, east, **nobody), _study(database, east, **nobody)
    assert _doubts(database, reader, here) == {}


def test_staff_find_priors_of_their_own_facility_only(
    database: Database, east: Facility, west: Facility
) -> None:
    here, own, foreign = _study(database, east), _study(database, east), _study(database, west)
    staff = create_member(database, Role.FACILITY_STAFF, (east.id,))
    assert set(_doubts(database, staff, here)) == {own.id}
    assert not _opens(database, staff, here, foreign)


def test_what_left_the_archive_stays_a_prior_for_its_report(
    database: Database, east: Facility, reader: User
) -> None:
    here, read, unread = _study(database, east), _study(database, east), _study(database, east)
    writing.save(database, read.id, Writer(reader), Save({"findings": "No nodule."}, 0))
    with database.write() as session:
        session.execute(update(Study).where(Study.id.in_([read.id, unread.id])).values(deleted_at=LONG_AGO))
    found = _priors(database, reader, here)
    assert [(prior.study.id, prior.state) for prior in found] == [(read.id, "draft")]


def test_a_discarded_draft_leaves_a_prior_unread(database: Database, east: Facility, reader: User) -> None:
    here, other = _study(database, east), _study(database, east)
    writing.save(database, other.id, Writer(reader), Save({"findings": "Nonsense."}, 0))
    writing.discard(database, other.id, Writer(reader), 1)
    assert [prior.state for prior in _priors(database, reader, here)] == [None]


def test_the_newest_prior_is_no_later_and_no_doubtful_one(
    database: Database, east: Facility, west: Facility, reader: User
) -> None:
    here = _study(database, east, year=2024)
    _study(database, east, year=2026)
    _study(database, west, year=2023)
    prior = _study(database, east, year=2022)
    _study(database, east, year=2020)
    with database.read() as session:
        found = newest_prior(session, reader, here)
    assert found is not None
    assert found.id == prior.id


def test_a_number_that_everybody_has_shuts_out_no_prior(
    database: Database, east: Facility, reader: User
) -> None:
    prior, here = _study(database, east, year=2010), _study(database, east, year=2010)
    for _ in range(25):
        _study(database, east, patient_birth_date=None, patient_name="Unknown")
    doubts = _doubts(database, reader, here)
    assert doubts[prior.id] == ""
    assert len(doubts) == 21


@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
def test_an_index_leads_to_them(database: Database, east: Facility, reader: User) -> None:
    here = _study(database, east)
    searches: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        searches.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    _priors(database, reader, here)
    event.remove(database.engine, "before_cursor_execute", note)
    with database.engine.connect() as connection:
        plans = [
            str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all())
            for statement, parameters in searches
            if "FROM study LEFT" in statement
        ]
    assert len(plans) == 3
    assert all("SEARCH study USING INDEX ix_study_patient_" in plan for plan in plans)
    assert not any("SCAN" in plan for plan in plans)
