"""Whatever the registry accepted: exported and imported again, every line is unchanged."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete

from database.migrate import upgrade
from database.models import ApplicationEntity, Facility
from database.session import Database, make_engine
from webapp import registry
from webapp.facility_files import export_facilities, import_facilities
from webapp.facility_files.rows import COLUMNS, read_rows, write_rows
from webapp.registry import EntityFields, FacilityFields, RegistryError

US = "NOCTIS"
TEXTS = st.text(
    st.sampled_from("aA1=+-@'\"\\;,\t\r\n \uff1d\uff20é東\u2028\u200d\ufeff") | st.characters(codec="utf-8")
)
TITLES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=16)
FACILITIES = st.builds(
    FacilityFields,
    name=TEXTS | st.sampled_from(["Hospital", "East"]),
    address=TEXTS,
    time_zone=st.sampled_from(["UTC", "Europe/Zurich"]),
    contact=TEXTS,
    letterhead=TEXTS,
    paper=st.sampled_from(["A4", "Letter", "", " letter "]),
    has_preprinted_paper=st.booleans(),
    needs_second_signer=st.booleans(),
    silent_hours=st.none() | st.integers(1, 100),
)
ENTITIES = st.builds(
    EntityFields,
    ae_title=TITLES,
    host=st.sampled_from(["", "ct.example.org", "192.0.2.1", "2001:db8::1"]),
    port=st.none() | st.integers(1, 65534),
    description=TEXTS,
    local_ae_title=TITLES,
    allowed_hosts=st.sampled_from(["", "192.0.2.1", "ct.example.org 2001:db8::/32", "10.0.0.0/8, 192.0.2.1"]),
    **dict.fromkeys(("uses_tls", "may_echo", "may_store", "may_find", "may_move", "may_get"), st.booleans()),
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One for all examples: making it costs more than they do."""
    url = f"sqlite:///{tmp_path_factory.mktemp('database') / 'noctis.sqlite'}"
    upgrade(url, url)
    engine = make_engine(url, is_durable=False)
    yield Database(engine)
    engine.dispose()


def empty(database: Database) -> None:
    with database.write() as session:
        session.execute(delete(ApplicationEntity))
        session.execute(delete(Facility))


def fill(database: Database, fields: FacilityFields, entities: list[EntityFields]) -> None:
    """What the registry refuses is left out."""
    with suppress(RegistryError):
        facility = registry.create_facility(database, fields, None, US)
        for entity in entities:
            with suppress(RegistryError):
                registry.add_entity(database, facility.id, entity, US)


@given(st.lists(st.tuples(FACILITIES, st.lists(ENTITIES, max_size=3)), max_size=3))
def test_an_export_imports_unchanged(
    database: Database, content: list[tuple[FacilityFields, list[EntityFields]]]
) -> None:
    empty(database)
    for fields, entities in content:
        fill(database, fields, entities)
    text = export_facilities(database)

    report = import_facilities(database, text.encode("utf-8-sig"), US, is_dry_run=False)

    assert report.problems == []
    assert [line for line in report.lines if not line.endswith(": unchanged")] == []
    assert export_facilities(database) == text


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, TEXTS)), max_size=5))
def test_cells_come_back_as_they_were(rows: list[dict[str, str]]) -> None:
    trimmed = [{column: cell.strip() for column, cell in row.items()} for row in rows]
    expected = [cells for cells in trimmed if any(cells.values())]

    read, problems = read_rows(write_rows(trimmed).encode())

    assert problems == []
    assert [row.cells for row in read] == expected


@given(st.binary() | st.builds(lambda text: f"name,code\n{text}".encode(), TEXTS))
def test_any_bytes_give_rows_or_problems(content: bytes) -> None:
    rows, problems = read_rows(content)

    assert rows or problems or content.startswith(b"name,code")
