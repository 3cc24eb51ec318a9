"""What stands in the worklist's address: filters, sort, cursors. Whatever people type there, it is read."""

import base64
import json
from datetime import UTC, date, datetime, time
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict
from werkzeug.test import EnvironBuilder

from database.models import Priority
from webapp.paging import Cursor
from webapp.report_filters import Assignment, ReportStatus
from webapp.sorting import SORT_COLUMNS, Sort
from webapp.worklist_filters import DatePreset, Filters, Images

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
VALUES: dict[str, st.SearchStrategy[tuple[Any, ...]]] = {
    "received": st.tuples(st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC))),  # noqa: DTZ001
    "priority": st.tuples(st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC))),  # noqa: DTZ001
    "date": st.tuples(st.dates(), st.times()),
    "images": st.tuples(st.integers(0, 2**40)),
}


def query_of(filters: Filters) -> MultiDict[str, str]:
    query = urlencode(filters.to_query(), doseq=True)
    return EnvironBuilder(query_string=query).get_request().args


@given(
    st.builds(
        Filters,
        text=texts.map(str.strip),
        preset=st.none() | st.sampled_from(DatePreset),
        modalities=st.sets(st.sampled_from(["CT", "MR", "US"])).map(lambda values: tuple(sorted(values))),
        facility=texts,
        images=st.none() | st.sampled_from(Images),
        status=st.none() | st.sampled_from(ReportStatus),
        priority=st.none() | st.sampled_from(Priority),
        assigned=st.none() | st.sampled_from(Assignment),
        author=texts,
    )
)
def test_filters_survive_the_address(filters: Filters) -> None:
    assert Filters.from_query(query_of(filters)) == filters


@given(st.none() | st.dates(), st.none() | st.dates())
def test_date_ranges_survive_the_address(first: date | None, last: date | None) -> None:
    filters = Filters(first_date=first, last_date=last)
    assert Filters.from_query(query_of(filters)) == filters


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "q",
                "date",
                "from",
                "to",
                "modality",
                "facility",
                "images",
                "status",
                "priority",
                "assigned",
                "author",
            ]
        ),
        st.text(),
    )
)
def test_nonsense_in_the_address_is_no_filter(values: dict[str, str]) -> None:
    filters = Filters.from_query(MultiDict(values))
    assert "\0" not in filters.text + filters.facility + "".join(filters.modalities)


@pytest.mark.parametrize("column", SORT_COLUMNS)
@given(
    data=st.data(), is_backward=st.booleans(), is_descending=st.booleans(), number=st.integers(0, 2**63 - 1)
)
def test_a_cursor_survives_the_address(
    column: str, data: st.DataObject, is_backward: bool, is_descending: bool, number: int
) -> None:
    sort = Sort(column, is_descending)
    at, segment = data.draw(st.sampled_from(list(enumerate(SORT_COLUMNS[column].segments))))
    values = data.draw(VALUES.get(column, st.tuples(texts)) if segment.values else st.just(()))
    cursor = Cursor(sort, is_backward, at, values, number)
    assert Cursor.decode(cursor.encode(), sort) == cursor


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_nonsense_is_no_cursor(text: str) -> None:
    assert Cursor.decode(text, Sort()) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=5,
)


@pytest.mark.parametrize("column", SORT_COLUMNS)
@given(values=json_values, number=json_values)
def test_a_forged_cursor_is_none_or_holds_what_its_columns_hold(
    column: str, values: Any, number: Any
) -> None:
    forged = base64.urlsafe_b64encode(json.dumps([column, 0, values, number]).encode()).decode()
    cursor = Cursor.decode(forged, Sort(column, is_descending=False))
    for value in (cursor and cursor.values) or ():
        assert isinstance(value, str | int | date | time)


def test_a_cursor_of_another_sort_is_none() -> None:
    cursor = Cursor(Sort("name"), is_backward=False, segment=0, values=("doe",), study_id=1)
    assert Cursor.decode(cursor.encode(), Sort("patient-id")) is None


@pytest.mark.parametrize("text", ["", "-", "nonsense", "--name", "-Name", "name "])
def test_an_unknown_sort_is_the_newest_first(text: str) -> None:
    assert Sort.parse(text) == Sort("received", is_descending=True)


@pytest.mark.parametrize("column", SORT_COLUMNS)
def test_a_sort_survives_the_address(column: str) -> None:
    for is_descending in (True, False):
        sort = Sort(column, is_descending)
        assert Sort.parse(str(sort)) == sort
        assert sort.toggled(column) == Sort(column, not is_descending)
