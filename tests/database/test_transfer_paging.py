"""Keyset paging of the log on both databases: no page skips or repeats a row, whatever comes meanwhile."""

import random
from collections.abc import Iterator
from datetime import timedelta
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from database.models import Association
from database.session import Database
from tests.factories import LONG_AGO, create_application_entity, create_facility
from tests.transfer_factories import create_association
from webapp.transfers.filters import Filters
from webapp.transfers.keys import RowKey
from webapp.transfers.log import arms_of, recent_keys
from webapp.transfers.paging import Cursor, Page, fetch_page

PAGE = 3
TITLES = ("CT_EAST", "MR_EAST", "OTHER")


@pytest.fixture
def facility(database: Database) -> str:
    """With two AE titles: the log asks for each of them."""
    east = create_facility(database, "East")
    for title in TITLES[:2]:
        create_application_entity(database, east.id, ae_title=title)
    return east.code


@pytest.fixture
def rows(database: Database) -> list[Association]:
    """Nineteen associations with many ties, of three AE titles and two recorders' starts."""
    choose = random.Random(8).choice  # noqa: S311 - no secret
    return [
        create_association(
            database,
            started_at=LONG_AGO + timedelta(microseconds=choose([0, 1])),
            boot=choose([1, 2]),
            calling_ae_title=choose(TITLES),
        )
        for _ in range(19)
    ]


def fetch(database: Database, query: dict[str, str], size: int = PAGE, **cursor: str) -> Page:
    filters = Filters.from_query(MultiDict(query))
    with database.read() as session:
        return fetch_page(session, arms_of(session, filters), Cursor.from_query(MultiDict(cursor)), size)


def pages_back(database: Database, query: dict[str, str]) -> Iterator[Page]:
    page = fetch(database, query)
    yield page
    while page.older:
        page = fetch(database, query, older=page.older)
        yield page


def keys(page: Page) -> list[RowKey]:
    return [RowKey.of(row) for row in page.rows]


@pytest.fixture(params=["everything", "facility"])
def query(request: pytest.FixtureRequest, facility: str) -> dict[str, str]:
    return {"facility": facility} if request.param == "facility" else {}


def test_the_pages_together_are_the_whole_log(
    database: Database, rows: list[Association], query: dict[str, str]
) -> None:
    expected = [RowKey.of(row) for row in rows if not query or row.calling_ae_title in TITLES[:2]]
    paged = [keys(page) for page in pages_back(database, query)]
    assert list(chain.from_iterable(paged)) == sorted(expected, reverse=True)
    assert all(len(page) == PAGE for page in paged[:-1])


@pytest.mark.usefixtures("rows")
def test_paging_back_and_forth_leads_through_the_same_pages(
    database: Database, query: dict[str, str]
) -> None:
    back = list(pages_back(database, query))
    forth = [back[-1]]
    while forth[-1].newer:
        forth.append(fetch(database, query, newer=forth[-1].newer))
    assert [keys(page) for page in reversed(forth)] == [keys(page) for page in back]


def test_what_comes_moves_nothing_on_the_next_page(
    database: Database, rows: list[Association], query: dict[str, str]
) -> None:
    whole = keys(fetch(database, query, size=100))
    first = fetch(database, query, size=8)
    create_association(database, started_at=LONG_AGO + timedelta(hours=1))
    rest = fetch(database, query, size=100, older=first.older)
    assert [*keys(first), *keys(rest)] == whole
    assert len(rows) == 19


def test_paging_back_to_the_newest_shows_a_full_page(database: Database) -> None:
    for minutes in range(4):
        create_association(database, started_at=LONG_AGO + timedelta(minutes=minutes))
    second = fetch(database, {}, older=fetch(database, {}).older)
    create_association(database, started_at=LONG_AGO + timedelta(minutes=9))
    first = fetch(database, {}, newer=second.newer)
    assert len(first.rows) == PAGE
    assert first.newer


def test_recent_rows_are_told_even_when_an_older_one_comes_late(database: Database, facility: str) -> None:
    since = LONG_AGO + timedelta(hours=1)
    late = create_association(database, started_at=since - timedelta(minutes=5))
    new = create_association(database, started_at=since + timedelta(seconds=1), calling_ae_title="MR_EAST")
    create_association(database, started_at=since - timedelta(hours=1))
    for query, most, expected in (({}, 9, [new, late]), ({"facility": facility}, 1, [new])):
        with database.read() as session:
            found = recent_keys(session, Filters.from_query(MultiDict(query)), since, most)
        assert found == [RowKey.of(row) for row in expected]


@given(st.integers(0, 10**15), st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
def test_a_key_reads_back_as_it_was(microseconds: int, boot: int, number: int) -> None:
    key = RowKey(LONG_AGO + timedelta(microseconds=microseconds), boot, number)
    assert RowKey.parse(str(key)) == key


@pytest.mark.parametrize(
    "text",
    ["", "1-2", "a-b-c", "-1-2-3", "1-2-9223372036854775808", f"{'9' * 17}-1-1", "\u0661-1-1", "1-1-1 "],
)
def test_what_is_no_key_is_none(text: str) -> None:
    assert RowKey.parse(text) is None
