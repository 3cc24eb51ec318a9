"""Keyset paging on both databases: no page skips or repeats a study, whatever arrives meanwhile."""

import random
from collections.abc import Iterator
from datetime import date, time, timedelta
from itertools import chain

import pytest
from sqlalchemy import select

from database.models import Study
from database.session import Database
from tests.factories import LONG_AGO, SeriesPlan, create_study
from webapp.paging import Cursor, Page, fetch_page
from webapp.sorting import SORT_COLUMNS, Sort

SORTS = [Sort(column, is_descending) for column in SORT_COLUMNS for is_descending in (False, True)]
PAGE = 3


@pytest.fixture
def studies(database: Database) -> list[Study]:
    """Nineteen studies with many ties, and with values that are missing."""
    choose = random.Random(8).choice  # noqa: S311 - no secret
    return [
        create_study(
            database,
            series=[],
            patient_name=choose(["", "Doe^Jane", "doe^jane", "Müller", "muller", "Yamada=山田"]),
            patient_id=choose(["", "1", "2"]),
            accession_number=choose(["", "A"]),
            study_description=choose(["", "chest", "Chest"]),
            modalities=choose(["", "CT", "CT SR"]),
            study_date=choose([None, date(2026, 1, 1), date(2026, 1, 2)]),
            study_time=choose([None, time(8, 0), time(8, 0, 30)]),
            instance_count=choose([0, 1, 2]),
            received_at=LONG_AGO + timedelta(seconds=choose([0, 1])),
        )
        for _ in range(19)
    ]


def fetch(database: Database, sort: Sort, cursor: str | None, size: int = PAGE) -> Page:
    with database.read() as session:
        return fetch_page(session, select(Study), sort, Cursor.decode(cursor or "", sort), size)


def pages_forward(database: Database, sort: Sort) -> Iterator[Page]:
    page = fetch(database, sort, None)
    yield page
    while page.next:
        page = fetch(database, sort, page.next)
        yield page


def ids(page: Page) -> list[int]:
    return [study.id for study in page.studies]


@pytest.mark.usefixtures("studies")
def test_the_pages_together_are_the_whole_list(database: Database) -> None:
    for sort in SORTS:
        whole = ids(fetch(database, sort, None, size=100))
        paged = [ids(page) for page in pages_forward(database, sort)]
        assert list(chain.from_iterable(paged)) == whole, sort
        assert len(set(whole)) == 19, sort
        assert all(len(page) == PAGE for page in paged[:-1]), sort


@pytest.mark.usefixtures("studies")
def test_paging_back_leads_through_the_same_pages(database: Database) -> None:
    for sort in SORTS:
        forward = list(pages_forward(database, sort))
        backward = [forward[-1]]
        while backward[-1].previous:
            backward.append(fetch(database, sort, backward[-1].previous))
        assert [ids(page) for page in reversed(backward)] == [ids(page) for page in forward], sort


def test_studies_that_arrive_move_nothing_on_the_next_page(database: Database, studies: list[Study]) -> None:
    old = {study.id for study in studies}
    for sort in SORTS:
        whole = ids(fetch(database, sort, None, size=1000))
        first = fetch(database, sort, None, size=8)
        create_study(database, series=[], study_date=date(1900, 1, 1), patient_name="A", received_at=LONG_AGO)
        create_study(database, series=[], study_date=None, patient_name="")
        rest = fetch(database, sort, first.next, size=1000)
        seen = [*ids(first), *ids(rest)]
        assert [one for one in seen if one in old] == [one for one in whole if one in old], sort


@pytest.mark.parametrize("is_descending", [False, True])
@pytest.mark.usefixtures("studies")
def test_studies_without_a_date_come_last_either_way(database: Database, is_descending: bool) -> None:
    page = fetch(database, Sort("date", is_descending), None, size=100)
    dates = [study.study_date for study in page.studies]
    known = [day for day in dates if day]
    assert dates == sorted(known, reverse=is_descending) + [None] * (len(dates) - len(known))


@pytest.mark.parametrize("is_descending", [False, True])
def test_names_sort_as_people_expect_on_either_database(database: Database, is_descending: bool) -> None:
    names = [
        "Adams",
        "ärzte",
        "Bauer",
        "doe",
        "DOERING",
        "Łukasz",
        "Ödegaard",
        "Olsen",
        "Özil",
        "Zander",
        "Ямада",
    ]
    for name in reversed(names):
        create_study(database, series=[], patient_name=name)
    sort = Sort("name", is_descending)
    found = [study.patient_name for page in pages_forward(database, sort) for study in page.studies]
    assert found == (names[::-1] if is_descending else names)


def test_paging_back_to_the_start_shows_a_full_first_page(database: Database) -> None:
    for _ in range(4):
        create_study(database, series=[])
    second = fetch(database, Sort(), fetch(database, Sort(), None).next)
    create_study(database, series=[])
    first = fetch(database, Sort(), second.previous)
    assert len(first.studies) == PAGE
    assert first.previous is not None or len(ids(first)) == PAGE


def test_a_page_whose_row_is_gone_still_continues(database: Database) -> None:
    studies = [create_study(database, series=[SeriesPlan()]) for _ in range(7)]
    page = fetch(database, Sort(), None)
    with database.write() as session:
        session.get_one(Study, page.studies[-1].id).patient_name = "changed"
        session.get_one(Study, page.studies[-1].id).received_at = LONG_AGO + timedelta(days=9)
    rest = ids(fetch(database, Sort(), page.next))
    assert rest == [study.id for study in reversed(studies)][PAGE : 2 * PAGE]
