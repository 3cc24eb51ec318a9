"""The log as a file: the page's filters, any size, nothing that a spreadsheet would run."""

import csv
import io
import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from database.models import Association, Role
from database.session import Database
from database.transfer_terms import OperationKind, Source, StatusClass
from tests.factories import create_application_entity, create_facility
from tests.transfer_factories import (
    WRONG_CALLED,
    ago,
    association_values,
    create_association,
    create_dialogue,
    create_operation,
    insert_many,
)
from tests.webapp.conftest import SignIn
from tests.webapp.test_worklist import counted_queries
from webapp.transfers.export import csv_of
from webapp.transfers.filters import Filters
from webapp.transfers.keys import RowKey


@pytest.fixture
def chief(sign_in: SignIn) -> FlaskClient:
    return sign_in(Role.ADMINISTRATOR)


def csv_rows(client: FlaskClient, query: str = "") -> list[dict[str, str]]:
    text = client.get(f"/transfers/export.csv{query}").data.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def json_rows(client: FlaskClient, query: str = "") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(client.get(f"/transfers/export.json{query}").data)
    return rows


def test_a_row_has_what_the_page_says_and_more(chief: FlaskClient, site_database: Database) -> None:
    facility = create_facility(site_database, "Klinik Süd")
    create_application_entity(site_database, facility.id, ae_title="CT_EAST")
    row = create_association(site_database, **WRONG_CALLED)
    [exported] = json_rows(chief)
    assert exported["facility"] == "Klinik Süd"
    assert exported["started_at"] == row.started_at.isoformat().replace("+00:00", "Z")
    assert (exported["duration_seconds"], exported["is_tls"], exported["end_reason"]) == (1.0, False, 7)
    assert (exported["ending"], exported["outcome"]) == ("rejected", "rejected")
    assert exported["why"] == "WRONG is not our AE title: this server is NOCTIS."
    [line] = csv_rows(chief)
    assert list(line) == list(exported)
    assert (line["is_tls"], line["end_reason"], line["door_reason"]) == ("no", "7", "")


def test_the_pages_filters_hold(chief: FlaskClient, site_database: Database) -> None:
    create_operation(site_database, kind=OperationKind.C_FIND, query_keys=["PatientID", "StudyDate"])
    create_operation(site_database, status_class=StatusClass.FAILURE, status=0xA700)
    create_operation(site_database, started_at=ago(days=3))
    assert [one["kind"] for one in json_rows(chief, "?view=operations&status=failure")] == ["c-store"]
    assert len(csv_rows(chief, "?view=operations&time=24h")) == 2
    [find] = csv_rows(chief, "?view=operations&kind=c-find")
    assert find["query_keys"] == "PatientID StudyDate"


@pytest.mark.parametrize("title", ["=1+1", "+1", "-1", "@SUM", "\t=1", "'=1", "\uff1d1"])
def test_no_cell_is_a_formula(chief: FlaskClient, site_database: Database, title: str) -> None:
    create_association(site_database, calling_ae_title=title, implementation_version_name=title)
    [line] = csv_rows(chief)
    assert line["calling_ae_title"] == f"'{title}"
    assert line["implementation_version_name"] == f"'{title}"
    [record] = json_rows(chief)
    assert record["calling_ae_title"] == title


def test_a_file_has_a_name_and_excels_mark(chief: FlaskClient) -> None:
    answer = chief.get("/transfers/export.csv?view=operations")
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=operations-20")
    assert answer.data.startswith(b"\xef\xbb\xbfkey,association_key,facility,started_at,")
    assert json_rows(chief) == []


@pytest.mark.usefixtures("database_url")
def test_a_large_export_is_read_in_pages_and_has_every_row_once(
    chief: FlaskClient, site_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.transfers.export._ROWS_A_PAGE", 50)
    facility = create_facility(site_database, "East")
    for title in ("A", "B"):
        create_application_entity(site_database, facility.id, ae_title=title)
    started_at = ago(hours=1)  # all at the same instant: the numbers tell them apart
    values = [association_values(started_at=started_at, calling_ae_title="AB"[at % 2]) for at in range(501)]
    insert_many(site_database, Association, values)
    for query in ("", f"?facility={facility.code}"):
        with counted_queries(site_database) as statements:
            numbers = [int(one["key"].split("-")[2]) for one in json_rows(chief, query)]
        assert numbers == sorted((one["number"] for one in values), reverse=True)
        pages = [one for one in statements if "FROM association" in one]
        assert len(pages) == 11
        assert all("LIMIT" in one for one in pages)


def test_what_is_read_is_sent_before_the_next_page_is_read(
    site_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.transfers.export._ROWS_A_PAGE", 2)
    for _ in range(6):
        create_association(site_database)
    with counted_queries(site_database) as statements:
        parts = csv_of(site_database, Filters(), "NOCTIS")
        next(parts)
        assert not [one for one in statements if "FROM association" in one]
        next(parts)
        assert len([one for one in statements if "FROM association" in one]) == 1


def test_a_row_that_goes_meanwhile_ends_no_export(
    site_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.transfers.export._ROWS_A_PAGE", 2)
    rows = [create_association(site_database, started_at=ago(minutes=at)) for at in range(5)]
    parts = csv_of(site_database, Filters(), "NOCTIS")
    begun = next(parts) + next(parts)
    with site_database.write() as session:
        for row in rows[1:3]:
            session.delete(session.get_one(Association, RowKey.of(row)))
    lines = (begun + "".join(parts)).splitlines()
    assert len(lines) == 1 + 4


def test_operations_know_their_associations(chief: FlaskClient, site_database: Database) -> None:
    association, [operation] = create_dialogue(site_database, [{}])
    create_operation(site_database, started_at=ago(hours=1))
    records = json_rows(chief, "?view=operations")
    keys = [(one["key"], one["association_key"]) for one in records]
    assert keys[0] == (str(RowKey.of(operation)), str(RowKey.of(association)))
    assert keys[1][1] == ""


def test_a_duration_that_isnt_known_is_empty(chief: FlaskClient, site_database: Database) -> None:
    create_operation(site_database, source=Source.ORTHANC)
    create_operation(site_database, status_class=StatusClass.OPEN)
    create_operation(site_database, started_at=ago(hours=1))
    durations = [one["duration_seconds"] for one in json_rows(chief, "?view=operations")]
    assert durations == [None, None, 0.02]
