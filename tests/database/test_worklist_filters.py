"""The worklist's filters on both databases."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from database.migrate import upgrade
from database.models import Facility, Role, Series, Study
from database.session import Database, make_engine
from database.words import fold, words_of
from tests.factories import SeriesPlan, create_facility, create_member, create_study
from webapp.report_filters import ReportStatus
from webapp.visibility import has_no_facility, visible_studies
from webapp.worklist_filters import NO_FACILITY, DatePreset, Filters, Images

STABLE_SECONDS = 60
NOBODY = 0


def matches(database: Database, filters: Filters) -> list[str]:
    """The patient IDs that are found."""
    with database.read() as session:
        found = session.scalars(
            filters.apply(select(Study), select(Facility), STABLE_SECONDS, NOBODY).order_by(Study.patient_id)
        )
        return [study.patient_id for study in found]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("muller", ["P1"]),
        ("MÜLLER", ["P1"]),
        ("mul", ["P1"]),
        ("jur mul", ["P1"]),
        ("uller", []),
        ("mul zoe", []),
        ("zoe", ["P2"]),
        ("p", ["P1", "P2", "P3"]),
        ("A-77", ["P2"]),
        ("a 77", ["P2"]),
        ("77", ["P2"]),
        ("山田", ["P3"]),
        ("やま", ["P3"]),
        ("yam 太", ["P3"]),
        ("", ["P1", "P2", "P3"]),
        ("^*%_", ["P1", "P2", "P3"]),
        ("p1 p2", []),
    ],
)
def test_every_word_of_the_search_begins_a_word_of_the_study(
    database: Database, text: str, found: list[str]
) -> None:
    create_study(database, patient_id="P1", patient_name="Müller^Jürgen", accession_number="")
    create_study(database, patient_id="P2", patient_name="O'Neil^Zoë", accession_number="A-77")
    create_study(
        database, patient_id="P3", patient_name="Yamada^Tarou=山田^太郎=やまだ^たろう", accession_number=""
    )
    assert matches(database, Filters(text=text)) == found


@pytest.fixture(scope="module")
def one_database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    path: Path = tmp_path_factory.mktemp("search") / "noctis.sqlite"
    upgrade(f"sqlite:///{path}", f"sqlite:///{path}")
    return Database(make_engine(f"sqlite:///{path}"))


names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


@settings(max_examples=60, deadline=None)
@given(name=names, data=st.data())
def test_any_beginning_of_any_word_finds_the_study_in_any_case(
    one_database: Database, name: str, data: st.DataObject
) -> None:
    words = sorted(words_of(name))
    study = create_study(one_database, series=[], patient_name=name, patient_id="", accession_number="")
    if not words:
        return
    word = data.draw(st.sampled_from(words))
    prefix = word[: data.draw(st.integers(1, len(word)))]
    if words_of(prefix) != {prefix}:  # half of a composed character folds to something else
        return
    with one_database.read() as session:
        for text in (prefix, fold(prefix.upper())):
            matching = Filters(text=text).apply(select(Study), select(Facility), STABLE_SECONDS, NOBODY)
            found = session.scalars(matching)
            assert study.id in {one.id for one in found} or words_of(text) != {prefix}


def test_several_modalities_match_any_series(database: Database) -> None:
    create_study(database, patient_id="P1", series=[SeriesPlan("CT"), SeriesPlan("SR")])
    create_study(database, patient_id="P2", series=[SeriesPlan("MR")])
    create_study(database, patient_id="P3", series=[SeriesPlan("US")])
    assert matches(database, Filters(modalities=("MR", "SR"))) == ["P1", "P2"]
    assert matches(database, Filters(modalities=("C",))) == []


def test_a_series_that_left_the_archive_matches_no_modality(database: Database) -> None:
    create_study(database, patient_id="P1", series=[SeriesPlan("CT")])
    with database.write() as session:
        session.execute(update(Series).values(deleted_at=datetime.now(UTC)))
    assert matches(database, Filters(modalities=("CT",))) == []


def test_date_presets_and_ranges(database: Database) -> None:
    today = datetime.now(UTC).astimezone().date()
    for days in (0, 1, 6, 7, 29, 30):
        create_study(database, patient_id=f"{days:02}", study_date=today - timedelta(days=days))
    create_study(database, patient_id="none", study_date=None)
    assert matches(database, Filters(preset=DatePreset.TODAY)) == ["00"]
    assert matches(database, Filters(preset=DatePreset.YESTERDAY)) == ["01"]
    assert matches(database, Filters(preset=DatePreset.WEEK)) == ["00", "01", "06"]
    assert matches(database, Filters(preset=DatePreset.MONTH)) == ["00", "01", "06", "07", "29"]
    last_week = today - timedelta(days=7)
    assert matches(database, Filters(first_date=last_week, last_date=last_week)) == ["07"]
    assert matches(database, Filters(last_date=today - timedelta(days=29))) == ["29", "30"]
    assert matches(database, Filters(first_date=date(9999, 12, 31))) == []


def test_facilities_and_studies_of_none(database: Database) -> None:
    east, west = create_facility(database, "East"), create_facility(database, "West")
    create_study(database, patient_id="P1", facilities=(east.id,))
    create_study(database, patient_id="P2", facilities=(east.id, west.id))
    create_study(database, patient_id="P3")
    assert matches(database, Filters(facility=east.code)) == ["P1", "P2"]
    assert matches(database, Filters(facility=west.code)) == ["P2"]
    assert matches(database, Filters(facility=NO_FACILITY)) == ["P3"]
    assert matches(database, Filters(facility="unheard of")) == []


def test_a_study_is_receiving_until_the_stable_age(database: Database) -> None:
    now = datetime.now(UTC)
    create_study(database, patient_id="P1", last_received_at=now)
    create_study(database, patient_id="P2", last_received_at=now - timedelta(seconds=STABLE_SECONDS + 1))
    assert matches(database, Filters(images=Images.RECEIVING)) == ["P1"]
    assert matches(database, Filters(images=Images.ARRIVED)) == ["P2"]
    assert matches(database, Filters(status=ReportStatus.UNREAD)) == ["P1", "P2"]


def test_facility_staff_see_their_facilities_alone(database: Database) -> None:
    east, west = create_facility(database, "East"), create_facility(database, "West")
    create_study(database, patient_id="P1", facilities=(east.id,))
    create_study(database, patient_id="P2", facilities=(east.id, west.id))
    create_study(database, patient_id="P3")
    wanted = {
        (Role.FACILITY_STAFF, (west.id,)): ["P2"],
        (Role.FACILITY_STAFF, (east.id, west.id)): ["P1", "P2"],
        (Role.FACILITY_STAFF, ()): [],
        (Role.RADIOLOGIST, ()): ["P1", "P2", "P3"],
        (Role.READ_ONLY, (east.id,)): ["P1", "P2", "P3"],
    }
    for (role, facilities), patients in wanted.items():
        user = create_member(database, role, facilities)
        with database.read() as session:
            seen = session.scalars(visible_studies(user).order_by(Study.patient_id)).all()
            assert [study.patient_id for study in seen] == patients
            assert has_no_facility(session, user) == (role == Role.FACILITY_STAFF and not facilities)
