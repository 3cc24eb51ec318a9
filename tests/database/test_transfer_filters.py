"""The log's filters on both databases, and that an index or a bounded time answers each of them."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from werkzeug.datastructures import MultiDict

from database.migrate import upgrade
from database.models import Association, Operation
from database.session import Database, make_engine
from database.transfer_terms import AssociationOutcome, Direction, OperationKind, StatusClass
from tests.factories import create_application_entity, create_facility, create_study
from tests.transfer_factories import (
    WRONG_CALLED,
    ago,
    create_association,
    create_dialogue,
    create_operation,
)
from webapp.transfers.filters import Filters, TimePreset, View
from webapp.transfers.log import arms_of
from webapp.transfers.paging import Cursor, count_rows, fetch_page


def read(**query: str) -> Filters:
    return Filters.from_query(MultiDict(query))


def found(database: Database, **query: str) -> list[Any]:
    with database.read() as session:
        return list(fetch_page(session, arms_of(session, read(**query)), None, 100).rows)


def titles(database: Database, **query: str) -> list[str]:
    """Of the associations found, the newest first."""
    return [row.calling_ae_title for row in found(database, **query)]


def kinds(database: Database, **query: str) -> list[str]:
    """Of the operations found, the newest first."""
    return [row.kind.value for row in found(database, view="operations", **query)]


@pytest.fixture
def sqlite_database(tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'noctis.sqlite'}"
    upgrade(url, url)
    engine = make_engine(url)
    yield Database(engine)
    engine.dispose()


def test_presets_look_back_from_now(database: Database) -> None:
    for title, minutes in {"A": 30, "B": 90, "C": 60 * 30, "D": 60 * 24 * 8, "E": 60 * 24 * 31}.items():
        create_association(database, calling_ae_title=title, started_at=ago(minutes=minutes))
    assert titles(database, time="1h") == ["A"]
    assert titles(database, time="24h") == ["A", "B"]
    assert titles(database, time="7d") == ["A", "B", "C"]
    assert titles(database, time="30d") == ["A", "B", "C", "D"]
    assert titles(database) == ["A", "B", "C", "D", "E"]


def test_today_begins_at_this_servers_midnight(database: Database) -> None:
    now = datetime.now().astimezone()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    create_association(database, calling_ae_title="A", started_at=midnight)
    create_association(database, calling_ae_title="B", started_at=midnight - timedelta(microseconds=1))
    assert titles(database, time="today") == ["A"]


def test_from_and_to_are_instants_or_days(database: Database) -> None:
    at = datetime.fromisoformat("2026-03-01T12:00:00Z")
    for title, minutes in {"A": 0, "B": 30, "C": 60}.items():
        create_association(database, calling_ae_title=title, started_at=at + timedelta(minutes=minutes))
    assert titles(database, **{"from": "2026-03-01T12:30:00Z"}) == ["C", "B"]
    assert titles(database, to="2026-03-01T12:30:00Z") == ["A"]
    assert titles(database, **{"from": "2026-03-01T13:30+01:00", "to": "2026-03-01T13:31+01:00"}) == ["B"]
    assert titles(database, **{"from": "2026-03-01", "to": "2026-03-01"}) == ["C", "B", "A"]
    assert titles(database, **{"from": "2026-03-02T12:00"}) == []


def test_a_facility_has_its_former_and_retired_ae_titles_too(database: Database) -> None:
    east, west = create_facility(database, "East"), create_facility(database, "West")
    now = create_application_entity(database, east.id, ae_title="CT_new")
    create_application_entity(
        database, east.id, ae_title="CT_OLD", successor_id=now.id, retired_at=ago(days=1)
    )
    create_application_entity(database, west.id, ae_title="OTHER")
    for minutes, title in enumerate(["ct_new", "CT_OLD", "OTHER", "STRANGER"]):
        create_association(database, calling_ae_title=title, started_at=ago(minutes=minutes))
        create_operation(database, remote_ae_title=title)
    assert titles(database, facility=east.code) == ["ct_new", "CT_OLD"]
    assert titles(database, facility=east.code, ae="ct_old") == ["CT_OLD"]
    assert titles(database, facility=east.code, ae="OTHER") == []
    assert titles(database, facility="unheard of") == []
    assert len(kinds(database, facility=east.code)) == 2


def test_ae_titles_are_compared_as_orthanc_does(database: Database) -> None:
    create_association(database, calling_ae_title="Ct_East")
    assert titles(database, ae=" ct_EAST ") == ["Ct_East"]
    assert titles(database, ae="ct_eas") == []


def test_problems_are_bad_ends_and_failures(database: Database) -> None:
    create_association(database, calling_ae_title="GOOD", operation_count=3, warning_count=1)
    create_association(database, calling_ae_title="OPEN", outcome=AssociationOutcome.OPEN)
    create_association(database, calling_ae_title="FAILED", operation_count=3, failure_count=1)
    create_association(database, calling_ae_title="REJECTED", **WRONG_CALLED)
    create_association(database, calling_ae_title="LOST", outcome=AssociationOutcome.INTERRUPTED)
    assert set(titles(database, problems="1")) == {"FAILED", "REJECTED", "LOST"}


def test_operations_by_kind_direction_status_and_address(database: Database) -> None:
    create_operation(database, kind=OperationKind.C_ECHO, remote_ip="192.0.2.1")
    create_operation(database, kind=OperationKind.C_FIND, status_class=StatusClass.FAILURE)
    create_operation(database, kind=OperationKind.C_STORE, direction=Direction.OUT)
    create_operation(database, kind=OperationKind.C_MOVE, status_class=StatusClass.OPEN)
    assert kinds(database, kind="c-echo") == ["c-echo"]
    assert kinds(database, direction="out") == ["c-store"]
    assert kinds(database, status="failure") == ["c-find"]
    assert kinds(database, status="open") == ["c-move"]
    assert kinds(database, ip=" 192.0.2.1 ") == ["c-echo"]
    assert len(kinds(database)) == 4


def test_a_study_leads_to_its_operations_and_their_associations(database: Database) -> None:
    study = create_study(database)
    create_dialogue(database, [{"study_id": study.id}, {}], calling_ae_title="SENDER")
    create_dialogue(database, [{}], calling_ae_title="OTHER")
    create_operation(database, study_id=study.id)  # without an association: it passed no recorder
    assert titles(database, study=str(study.id)) == ["SENDER"]
    assert kinds(database, study=str(study.id)) == ["c-store"] * 2
    assert titles(database, study=str(study.id + 1)) == []


def test_the_other_view_keeps_what_it_has_too() -> None:
    operations = read(view="operations", ae="CT", kind="c-echo", status="failure", time="7d")
    assert operations.for_view(View.ASSOCIATIONS) == read(ae="CT", time="7d")
    assert read(view="operations", problems="1").is_problem is False
    assert read(kind="c-echo", direction="in", status="open") == Filters()


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"time": "today", "facility": "EAST", "problems": "1"},
        {"view": "operations", "from": "2026-03-01T12:00:00Z", "to": "2026-03-02T00:00:00Z", "study": "7"},
        {"view": "operations", "kind": "c-move", "direction": "out", "status": "warning", "time": "1h"},
        {"ip": "192.0.2.1", "ae": "CT", "time": "30d"},
    ],
)
def test_the_address_reads_back_as_the_same_filters(query: dict[str, str]) -> None:
    assert read(**query).to_query() == query
    assert Filters.from_query(MultiDict(read(**query).to_query())) == read(**query)


@pytest.mark.parametrize(
    "query",
    [
        {"ip": "192.0.2.1"},
        {"problems": "1", "ae": "CT"},
        *({"view": "operations", **one} for one in ({"kind": "c-echo"}, {"direction": "out"})),
        {"view": "operations", "status": "failure", "facility": "EAST"},
    ],
)
def test_what_no_index_finds_is_looked_for_in_bounded_time(query: dict[str, str]) -> None:
    assert read(**query).preset is TimePreset.MONTH
    assert read(**query, time="1h").preset is TimePreset.HOUR
    ending = read(**query, to="2026-03-31T00:00:00Z")
    assert ending.since == datetime.fromisoformat("2026-03-01T00:00:00Z")
    since = read(**query, **{"from": "2020-01-01T00:00:00Z"})
    assert since.since == datetime.fromisoformat("2020-01-01T00:00:00Z")


@pytest.mark.parametrize(
    "query",
    [
        {"ae": "CT"},
        {"facility": "EAST"},
        {"study": "7", "ip": "192.0.2.1"},
        {"view": "operations", "status": "open"},
        {"view": "operations", "study": "7", "kind": "c-echo"},
    ],
)
def test_what_an_index_finds_is_looked_for_in_all_of_the_log(query: dict[str, str]) -> None:
    assert read(**query).times == (None, None)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ({"time": "1h"}, "started_at>?"),
        ({"ip": "192.0.2.1"}, "started_at>?"),
        ({"problems": "1"}, "started_at>?"),
        ({"ae": "CT"}, "remote_ae_title_key=?"),
        ({"facility": "EAST"}, "remote_ae_title_key=?"),
        ({"study": "7"}, "study_id=?"),
        ({"view": "operations", "kind": "c-echo"}, "started_at>?"),
        ({"view": "operations", "status": "failure"}, "status_class=?"),
        ({"view": "operations", "study": "7"}, "study_id=?"),
        ({"view": "operations", "ae": "CT", "older": "1764000000000000-1-1"}, "remote_ae_title_key=?"),
    ],
)
def test_an_index_leads_to_it(sqlite_database: Database, query: dict[str, str], index: str) -> None:
    """As SQLite plans it; nothing is read from one end to the other."""
    facility = create_facility(sqlite_database, "East")
    create_application_entity(sqlite_database, facility.id, ae_title="CT")
    if "facility" in query:
        query = {"facility": facility.code}
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        asked.append((statement, parameters))

    cursor = Cursor.from_query(MultiDict(query))
    with sqlite_database.read() as session:
        arms = arms_of(session, read(**query))
        event.listen(sqlite_database.engine, "before_cursor_execute", note)
        fetch_page(session, arms, cursor, 100)
        event.remove(sqlite_database.engine, "before_cursor_execute", note)
        statement, parameters = asked[-1]
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        steps = [row[3] for row in plan]
    assert any(index in step for step in steps), steps
    assert not [step for step in steps if re.match(r"SCAN (association|operation)\b", step)], steps


def test_an_unheard_of_facility_has_nothing(database: Database) -> None:
    create_association(database)
    with database.read() as session:
        arms = arms_of(session, read(facility="nowhere"))
        assert count_rows(session, arms, 999).number == 0
        assert fetch_page(session, arms, None, 10).rows == []


def test_counts_stop(database: Database) -> None:
    facility = create_facility(database, "East")
    for title in ("A", "B"):
        create_application_entity(database, facility.id, ae_title=title)
        for _ in range(3):
            create_association(database, calling_ae_title=title)
    with database.read() as session:
        counts = [
            str(count_rows(session, arms_of(session, read(**one)), 4))
            for one in ({}, {"facility": facility.code}, {"ae": "A"})
        ]
    assert counts == ["4+", "4+", "3"]


def test_models_are_those_of_the_view() -> None:
    assert read().model is Association
    assert read(view="operations").model is Operation
