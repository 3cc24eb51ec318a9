"""Import and export of facilities: said line by line, and back again unchanged."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from database.migrate import upgrade
from database.session import Database, make_engine
from tests.facility_files import US, entities, facilities, load
from webapp import registry
from webapp.facility_files import export_facilities, import_facilities
from webapp.facility_files.rows import COLUMNS
from webapp.registry import EntityFields, FacilityFields


@pytest.fixture
def empty_database(tmp_path: Path) -> Iterator[Database]:
    """Another one, on SQLite."""
    url = f"sqlite:///{tmp_path / 'elsewhere.sqlite'}"
    upgrade(url, url)
    engine = make_engine(url)
    yield Database(engine)
    engine.dispose()


def test_a_name_is_enough_and_the_rest_is_generated(database: Database) -> None:
    report = load(database, "name\nKlinik Süd\nHospital 1\n")

    klinik, hospital = report.lines
    assert klinik == (
        "line 2: new facility Klinik Süd (code KLINIK-SUD); "
        "new AE title KLINIK_SUD (generated), port 11113 (generated)"
    )
    assert hospital.endswith("new AE title HOSPITAL1 (generated), port 11114 (generated)")
    assert [one.has_generated_port for one in entities(database).values()] == [True, True]


def test_importing_the_same_file_again_changes_nothing(database: Database) -> None:
    text = "name,ae_title\nKlinik Süd,\nHospital 1,CT1\nHospital 1,\n"
    load(database, text)

    report = load(database, text)

    assert report.lines == ["line 2: unchanged", "line 3: unchanged", "line 4: unchanged"]
    assert report.change_count == 0


def test_a_dry_run_says_what_an_import_then_does(database: Database) -> None:
    text = "name,port\nEast,104\nWest,\n"

    foreseen = load(database, text, is_dry_run=True)
    assert facilities(database) == {}

    assert load(database, text) == foreseen
    assert set(facilities(database)) == {"EAST", "WEST"}


def test_a_name_that_a_line_further_up_changes_is_free(database: Database) -> None:
    load(database, "name,code,ae_title\nOld,E1,CT1\n")

    report = load(database, "name,code,ae_title\nNew,E1,CT1\nOld,,CT2\n")

    assert report.lines[0] == "line 2: name Old → New"
    assert report.lines[1].startswith("line 3: new facility Old")
    assert {one.name for one in facilities(database).values()} == {"Old", "New"}


def test_all_columns_are_read(database: Database) -> None:
    load(
        database,
        "name,code,ae_title,host,port,description,local_ae_title,uses_tls,may_echo,may_store,may_find,"
        "may_move,may_get,address,time_zone,contact,letterhead,silent_hours,paper,has_preprinted_paper,"
        "needs_second_signer\n"
        'East,E1,ct 1,ct.example.org,104,CT on 2,NOCTIS2,yes,no,no,x,1,TRUE,"Street 1\nTown",'
        "Europe/Zurich,me@example.org,Dr. East,24,letter,yes,1\n",
    )

    facility, entity = facilities(database)["E1"], entities(database)["ct 1"]
    assert (facility.name, facility.address) == ("East", "Street 1\nTown")
    assert (facility.time_zone, facility.silent_hours) == ("Europe/Zurich", 24)
    assert (facility.paper, facility.has_preprinted_paper, facility.needs_second_signer) == (
        "Letter",
        True,
        True,
    )
    assert (facility.contact, facility.letterhead) == ("me@example.org", "Dr. East")
    assert (entity.host, entity.port, entity.has_generated_port) == ("ct.example.org", 104, False)
    assert (entity.description, entity.local_ae_title, entity.uses_tls) == ("CT on 2", "NOCTIS2", True)
    assert (entity.may_echo, entity.may_store) == (False, False)
    assert (entity.may_find, entity.may_move, entity.may_get) == (True, True, True)


def test_a_file_of_an_earlier_version_leaves_what_it_does_not_know(database: Database) -> None:
    load(database, "name,code,paper,has_preprinted_paper,needs_second_signer\nEast,E1,Letter,yes,yes\n")

    report = load(database, "name,code,letterhead,silent_hours\nEast,E1,,\n")

    facility = facilities(database)["E1"]
    assert report.lines == ["line 2: unchanged"]
    assert (facility.paper, facility.has_preprinted_paper, facility.needs_second_signer) == (
        "Letter",
        True,
        True,
    )


def test_changes_are_said_as_before_and_after(database: Database) -> None:
    load(database, "name,code,ae_title,port,host,may_find\nEast,E1,CT1,104,a.example.org,no\n")

    report = load(database, "name,code,ae_title,port,host,may_find\nEast 2,E1,CT1,11114,,yes\n")

    (line,) = report.lines
    assert line == (
        "line 2: name East → East 2; host a.example.org → (empty); port 104 → 11114; may_find no → yes; "
        "may_find: this node can then read every hospital's studies"
    )
    changed = entities(database)["CT1"]
    assert (changed.port, changed.host, changed.may_find, changed.revision) == (11114, "", True, 2)


def test_a_new_node_that_may_read_everything_is_a_warning(database: Database) -> None:
    report = load(database, "name,may_find,may_get,may_store\nEast,yes,yes,yes\n", is_dry_run=True)

    assert report.lines[0].endswith("; may_find, may_get: this node can then read every hospital's studies")


def test_columns_that_a_file_lacks_stay_as_they_are(database: Database) -> None:
    load(database, "name,code,ae_title,port,host,contact\nEast,E1,CT1,104,a.example.org,me\n")

    assert load(database, "name,ae_title\nEast,CT1\n").lines == ["line 2: unchanged"]


def test_rows_with_one_code_are_one_facility(database: Database) -> None:
    load(database, "name,code,ae_title,contact\nEast,E1,CT1,\nEast,E1,MR1,me\nEast,,US1,\nWest,,XA1,\n")

    assert {code: one.contact for code, one in facilities(database).items()} == {"E1": "me", "WEST": ""}
    east = facilities(database)["E1"].id
    assert [title for title, one in entities(database).items() if one.facility_id == east] == [
        "CT1",
        "MR1",
        "US1",
    ]


def test_without_a_code_the_ae_title_finds_the_facility_but_renames_none(database: Database) -> None:
    load(database, "name,ae_title\nEast,CT1\n")
    assert load(database, "name,ae_title\neast,ct1\n").lines == [
        "line 2: name East → east; ae_title CT1 → ct1"
    ]

    report = load(database, "name,ae_title\nEastern Hospital,CT1\n")
    assert [(problem.line, problem.column) for problem in report.problems] == [(2, "ae_title")]
    assert "belongs to east. Give its code (EAST)" in report.problems[0].reason

    assert load(database, "name,code,ae_title\nEastern Hospital,EAST,CT1\n").lines == [
        "line 2: name east → Eastern Hospital; ae_title ct1 → CT1"
    ]


def test_another_row_of_a_known_facility_is_another_node(database: Database) -> None:
    load(database, "name,ae_title\nEast,CT1\n")

    report = load(database, "name,ae_title\nEast,CT1\nEast,\n")

    assert report.lines == [
        "line 2: unchanged",
        "line 3: new AE title EAST (generated), port 11114 (generated)",
    ]


def test_nothing_is_generated_that_stands_further_down(database: Database) -> None:
    load(database, "name,code,ae_title,port\nEast,,,\nWest,EAST,EAST,11113\n")

    assert {one.ae_title: one.port for one in entities(database).values()} == {"EAST2": 11114, "EAST": 11113}
    assert {code: one.name for code, one in facilities(database).items()} == {
        "EAST-2": "East",
        "EAST": "West",
    }


@pytest.mark.parametrize(
    "content",
    [
        b"name,code\r\nM\xc3\xbcller,M1\r\n",
        b"\xef\xbb\xbfname,code\r\nM\xc3\xbcller,M1\r\n",
        b'\xef\xbb\xbf"Name";"Code"\r\n"M\xc3\xbcller";"M1"\r\n',
        b"sep=;\r\nname;code;ae title;;\r\nM\xc3\xbcller;M1;;;\r\n;;;;\r\n",
        b"name\tcode\nM\xc3\xbcller\tM1",
        b"\r\n NAME , Code\rM\xc3\xbcller,m1",
    ],
)
def test_files_as_excel_and_people_write_them(database: Database, content: bytes) -> None:
    report = import_facilities(database, content, US, is_dry_run=False)

    assert report.problems == []
    assert facilities(database)["M1"].name == "Müller"


def test_formulas_leave_as_text_and_come_back(database: Database) -> None:
    registry.create_facility(
        database,
        FacilityFields("=HYPERLINK()", contact="'+41 44", letterhead="'quoted'"),
        EntityFields(ae_title="-CT1", description="@SUM(A1)"),
        US,
    )

    text = export_facilities(database)

    for cell in ("'=HYPERLINK()", "''+41 44", "'-CT1", "'@SUM(A1)"):
        assert f",{cell}," in f",{text.splitlines()[1]},"
    assert load(database, text).lines == ["line 2: unchanged"]


def test_a_facility_without_nodes_comes_back_unchanged(database: Database) -> None:
    registry.create_facility(database, FacilityFields("East"), None, US)

    assert load(database, export_facilities(database)).lines == ["line 2: unchanged"]
    assert entities(database) == {}


def test_an_export_can_be_imported_elsewhere(database: Database, empty_database: Database) -> None:
    load(empty_database, "name,ae_title,contact\nEast,CT1,me\nEast,CT2,\nWest,,\n")
    load(database, "name\nOther\n")

    report = load(database, export_facilities(empty_database))

    assert report.change_count == 3
    assert {"CT1", "CT2", "WEST", "OTHER"} == set(entities(database))


def test_imports_at_the_same_moment_wait_for_each_other(database: Database) -> None:
    names = [f"Hospital {number}" for number in range(20)]
    files = ["\n".join(["name", *order]) for order in (names, names[::-1])] * 2

    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda text: load(database, text), files))

    assert sorted(report.change_count for report in reports) == [0] * 3 + [20]
    assert {one.name for one in facilities(database).values()} == set(names)
    assert len(entities(database)) == 20


def test_every_column_is_explained() -> None:
    text = (Path(__file__).parents[2] / "docs" / "facility-files.md").read_text()
    table = "\n".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| `"))

    assert sorted(re.findall(r"`(\w+)`", table)) == sorted(COLUMNS)


def test_host_checks_come_and_go_with_their_column(database: Database) -> None:
    load(database, 'name,ae_title,allowed_hosts\nEast,CT1,"192.0.2.9, CT.example.org"\n')
    assert entities(database)["CT1"].allowed_hosts == "192.0.2.9 ct.example.org"
    assert load(database, "name,ae_title\nEast,CT1\n").lines == ["line 2: unchanged"]

    report = load(database, "name,ae_title,allowed_hosts\nEast,CT1,\n")

    assert report.lines == ["line 2: allowed_hosts 192.0.2.9 ct.example.org → (empty)"]
    assert entities(database)["CT1"].allowed_hosts == ""
    problem = load(database, "name,ae_title,allowed_hosts\nEast,CT1,192.0.2.9/24\n").problems[0]
    assert (problem.line, problem.column) == (2, "allowed_hosts")
