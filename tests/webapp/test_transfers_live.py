"""What an open page of the log is told, and what the log says about itself."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from database.migrate import upgrade
from database.models import Association, Operation, Role, Spool
from database.session import Database
from database.transfer_terms import AssociationOutcome, EndedBy, OperationKind, StatusClass
from tests.factories import create_member
from tests.transfer_factories import (
    ago,
    create_association,
    create_dialogue,
    create_gap,
    create_operation,
    create_spool,
)
from tests.webapp.conftest import SignIn, make_settings, services_of, signed_in
from tests.webapp.test_worklist import counted_queries
from webapp import create_app
from webapp.transfers.keys import RowKey


@pytest.fixture
def chief(sign_in: SignIn) -> FlaskClient:
    return sign_in(Role.ADMINISTRATOR)


def news_address(client: FlaskClient, path: str = "/transfers") -> str:
    """Where the page asks for its news; with its rows that are open."""
    page = client.get(path).text
    found = re.search(r'data-news-url="([^"]+)"', page)
    assert found
    rows = re.findall(r'data-key="([^"]+)" class="log-row open"', page)
    return f"{unescape(found[1])}&open={'.'.join(rows)}"


def news(client: FlaskClient, address: str) -> Any:
    return client.get(address).get_json()


def end(database: Database, row: Association | Operation, **values: Any) -> None:
    """As the bridge does."""
    model = type(row)
    with database.write() as session:
        session.execute(
            update(model).where(model.boot == row.boot, model.number == row.number).values(**values)
        )


@pytest.mark.usefixtures("database_url")
def test_nothing_new_is_a_304_of_a_few_queries(chief: FlaskClient, site_database: Database) -> None:
    create_spool(site_database)
    create_association(site_database, outcome=AssociationOutcome.OPEN)
    for _ in range(20):
        create_association(site_database)
    address = news_address(chief)
    tag = chief.get(address).headers["ETag"]
    with counted_queries(site_database) as statements:
        answer = chief.get(address, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.data) == (304, b"")
    assert len([one for one in statements if one.startswith(("SELECT", "WITH"))]) <= 9


def test_what_came_is_told_if_it_matches(chief: FlaskClient, site_database: Database) -> None:
    everything, filtered = news_address(chief), news_address(chief, "/transfers?ae=MR_EAST")
    operations = news_address(chief, "/transfers?view=operations&status=failure")
    association, [failed, _] = create_dialogue(
        site_database, [{"status_class": StatusClass.FAILURE, "status": 0xA700}, {}]
    )
    assert news(chief, everything)["keys"] == [str(RowKey.of(association))]
    assert news(chief, filtered)["keys"] == []
    assert news(chief, operations)["keys"] == [str(RowKey.of(failed))]


def test_an_older_row_that_the_bridge_brings_late_is_told(
    chief: FlaskClient, site_database: Database
) -> None:
    create_association(site_database, started_at=ago(minutes=1))
    address = news_address(chief)
    late = create_association(site_database, started_at=ago(minutes=3))
    assert str(RowKey.of(late)) in news(chief, address)["keys"]


def test_a_page_that_was_long_away_is_told_all_that_came_since(
    chief: FlaskClient, site_database: Database
) -> None:
    came = create_association(site_database, started_at=ago(hours=5))
    create_association(site_database, started_at=ago(hours=9))
    since = quote(ago(hours=6).isoformat())
    assert news(chief, f"/transfers/news?since={since}")["keys"] == [str(RowKey.of(came))]


def test_an_open_row_gets_its_end_as_the_page_renders_it(chief: FlaskClient, site_database: Database) -> None:
    association = create_association(site_database, outcome=AssociationOutcome.OPEN)
    address = news_address(chief)
    [row] = news(chief, address)["rows"]
    assert "open</span>" in row["html"]
    end(
        site_database,
        association,
        outcome=AssociationOutcome.ABORTED,
        ended_by=EndedBy.REMOTE,
        ended_at=association.started_at + timedelta(seconds=5),
    )
    [row] = news(chief, address)["rows"]
    assert row["key"] == str(RowKey.of(association))
    assert "CT_EAST aborted it." in row["html"]
    assert row["html"].strip() in chief.get("/transfers").text


def test_an_open_operation_gets_its_status(chief: FlaskClient, site_database: Database) -> None:
    move = create_operation(site_database, kind=OperationKind.C_MOVE, status_class=StatusClass.OPEN)
    address = news_address(chief, "/transfers?view=operations")
    end(site_database, move, status_class=StatusClass.FAILURE, status=0xC000, ended_at=datetime.now(UTC))
    [row] = news(chief, address)["rows"]
    assert "C000 failure" in row["html"]


def test_older_pages_announce_nothing(chief: FlaskClient, site_database: Database) -> None:
    association = create_association(site_database)
    create_association(site_database, started_at=ago(hours=1))
    assert 'data-news-url=""' in chief.get(f"/transfers?older={RowKey.of(association)}").text


def test_a_log_that_is_read_has_no_alarm(chief: FlaskClient, site_database: Database) -> None:
    create_spool(site_database)
    assert 'class="message' not in chief.get("/transfers").text


def test_without_a_spool_no_recorder_has_run(chief: FlaskClient) -> None:
    assert "No recorder has run yet" in chief.get("/transfers").text


def test_a_spool_that_nobody_reads_alarms_and_tells_open_pages(
    chief: FlaskClient, site_database: Database
) -> None:
    spool = create_spool(site_database)
    address = news_address(chief)
    assert "message" not in news(chief, address)["alarms"]
    with site_database.write() as session:
        session.execute(update(Spool).where(Spool.id == spool.id).values(read_at=ago(minutes=5)))
    assert "The bridge doesn't read the log of pacs1 since" in unescape(chief.get("/transfers").text)
    assert "doesn't read the log" in news(chief, address)["alarms"]


def test_a_spool_of_long_ago_alarms_only_while_it_is_the_newest(
    chief: FlaskClient, site_database: Database
) -> None:
    create_spool(site_database, host="old", read_at=ago(days=40))
    assert "of old since" in chief.get("/transfers").text
    create_spool(site_database, host="new")
    assert "of old since" not in chief.get("/transfers").text
    create_spool(site_database, host="other", read_at=ago(days=2))
    assert "of other since" in chief.get("/transfers").text


def test_what_is_missing_is_said_where_one_looks(chief: FlaskClient, site_database: Database) -> None:
    spool = create_spool(site_database, damaged_count=2)
    create_gap(site_database, spool)
    create_gap(site_database, spool, began_at=ago(days=20), ended_at=ago(days=19), record_count=99)
    page = unescape(chief.get("/transfers").text)
    assert "7 records between" in page
    assert "No space left on device" in page
    assert "2 lines of the recorder's files can't be read" in page
    assert "99 records" not in page  # long ago, and nobody asks for that time
    assert "99 records" in chief.get("/transfers?time=30d").text


def test_without_a_recorder_the_log_says_what_it_is_made_of(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, recorder="off")
    upgrade(settings.sqlalchemy_url, settings.sqlalchemy_url)
    app = create_app(settings)
    database = services_of(app).database
    client = signed_in(app, create_member(database, Role.TECHNOLOGIST))
    create_spool(database, read_at=ago(days=1))
    page = client.get("/transfers").text
    assert "There is no recorder" in page
    assert "No associations without a recorder" in page
    assert "read the log" not in page  # nobody writes it
    services_of(app).close()
