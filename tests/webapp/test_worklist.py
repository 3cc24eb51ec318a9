"""The worklist page and its news."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, insert, update

from database.models import Role, Study
from database.session import Database
from tests.factories import LONG_AGO, SeriesPlan, create_facility, create_study
from tests.webapp.conftest import SignIn

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}",
    "'; DROP TABLE study; --",
    "\u202e",
]


@contextmanager
def counted_queries(database: Database) -> Iterator[list[str]]:
    statements: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", count)
    yield statements
    event.remove(database.engine, "before_cursor_execute", count)


def known_of(page: str) -> str:
    found = re.search(r"known=(\d+)", page)
    assert found
    return found[1]


@pytest.mark.usefixtures("database_url")
def test_the_number_of_queries_does_not_grow_with_the_list(sign_in: SignIn, site_database: Database) -> None:
    client = sign_in()
    facility = create_facility(site_database, "East")
    counts = []
    for more in (1, 30, 100):
        for _ in range(more):
            create_study(site_database, facilities=(facility.id,))
        with counted_queries(site_database) as statements:
            assert client.get("/worklist?q=doe&sort=date").status_code == 200
        counts.append(len([one for one in statements if one.startswith(("SELECT", "WITH"))]))
    assert counts[0] == counts[1] <= 8
    assert counts[2] <= counts[1]  # a full page needn't ask for the rows without a date


def test_a_row_shows_every_column(sign_in: SignIn, site_database: Database) -> None:
    facility = create_facility(site_database, "Klinik Süd")
    create_study(
        site_database,
        series=[SeriesPlan("CT", 7), SeriesPlan("SR", 1)],
        facilities=(facility.id,),
        patient_name="Yamada^Tarou=山田^太郎",
        patient_id="ID-7",
        accession_number="ACC-7",
        study_description="CT Thorax",
    )
    page = sign_in().get("/worklist").text
    for text in (
        *(
            "Unread",
            "Yamada, Tarou · 山田 太郎",
            "ID-7",
            "F 55 y",
            "2026-03-01",
            "11:30",
            "CT SR",
            "CT Thorax",
        ),
        *("ACC-7", "Klinik Süd", ">2</td>", ">8</td>", 'datetime="2026-03-01T1'),
    ):
        assert text in page, text


def test_missing_values_are_a_dash(sign_in: SignIn, site_database: Database) -> None:
    create_study(
        site_database, patient_name="", patient_id="", accession_number="", study_date=None, study_time=None,
        study_description="", patient_birth_date=None, patient_sex="",
    )  # fmt: skip
    page = sign_in().get("/worklist").text
    assert page.count('aria-label="not given"') == 5
    assert "None" not in page
    assert "no facility" in page


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_values_are_inert(sign_in: SignIn, site_database: Database, hostile: str) -> None:
    facility = create_facility(site_database, hostile)
    study = create_study(
        site_database,
        facilities=(facility.id,),
        series=[SeriesPlan(series={"series_description": hostile, "modality": hostile})],
        patient_name=hostile,
        patient_id=hostile,
        accession_number=hostile,
        study_description=hostile,
        institution_name=hostile,
        modalities=hostile,
    )
    client = sign_in()
    for path in ("/worklist", f"/studies/{study.id}"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "<img src=x" not in answer.text
        assert ">49<" not in answer.text
        assert "\u202e" not in answer.text
    search = client.get("/worklist", query_string={"q": hostile, "facility": hostile, "modality": hostile})
    assert search.status_code == 200
    assert "<script>alert" not in search.text


@pytest.mark.usefixtures("database_url")
@pytest.mark.parametrize(
    "query",
    [
        *("q=%00", "q=%ff%fe", "q=%ed%a0%80", "facility=%00", "modality=%00", "q=" + "a+" * 500),
        *("date=%F0%9F%98%80", "from=0000-00-00", "to=9999-12-31", "page=AAAA", "page=%ff", "sort=-"),
        *("known=-1", "known=99999999999999999999", "shown=1.2.x.99999999999999999999"),
    ],
)
def test_nothing_in_the_address_breaks_the_page(sign_in: SignIn, query: str) -> None:
    client = sign_in()
    for path in ("/worklist", "/worklist/news"):
        assert client.get(f"{path}?{query}").status_code == 200


def test_studies_that_left_the_archive_are_not_listed(sign_in: SignIn, site_database: Database) -> None:
    study = create_study(site_database, patient_name="Gone^Away", deleted_at=LONG_AGO)
    client = sign_in()
    assert "Gone, Away" not in client.get("/worklist").text
    page = client.get(f"/studies/{study.id}").text
    assert "no longer in the archive since" in page


def test_the_count_stops_at_a_thousand(sign_in: SignIn, site_database: Database) -> None:
    create_study(site_database, series=[])
    assert ">1 study" in sign_in().get("/worklist").text.replace("\n", "")
    with site_database.write() as session:
        first = session.get_one(Study, 1)
        columns = [column.name for column in Study.__table__.columns if column.name != "id"]
        values = {name: getattr(first, name) for name in columns}
        session.execute(insert(Study), [{**values, "orthanc_id": f"copy {number}"} for number in range(1000)])
    assert "999+ studies" in sign_in().get("/worklist").text


@pytest.mark.parametrize(
    ("role", "query", "said"),
    [
        (Role.RADIOLOGIST, "", "No studies yet"),
        (Role.RADIOLOGIST, "?q=nobody", "No study matches these filters"),
        (Role.FACILITY_STAFF, "", "Your account belongs to no facility yet"),
    ],
)
def test_an_empty_list_says_why(sign_in: SignIn, role: Role, query: str, said: str) -> None:
    assert said in sign_in(role).get(f"/worklist{query}").text


@pytest.mark.usefixtures("database_url")
def test_news_cost_one_query_while_nothing_changed(sign_in: SignIn, site_database: Database) -> None:
    create_study(site_database)
    client = sign_in()
    etag = client.get("/worklist/news").headers["ETag"]
    with counted_queries(site_database) as statements:
        answer = client.get("/worklist/news", headers={"If-None-Match": etag})
    assert (answer.status_code, answer.data) == (304, b"")
    asked = [one for one in statements if one.startswith("SELECT")]
    assert len(asked) == 1
    assert "max(study.updated_at)" in asked[0]


def test_news_count_what_is_new_and_matches(sign_in: SignIn, site_database: Database) -> None:
    create_study(site_database)
    client = sign_in()
    known = known_of(client.get("/worklist").text)
    etag = client.get(f"/worklist/news?known={known}").headers["ETag"]
    for name in ("Doe^A", "Doe^B", "Roe^C"):
        create_study(site_database, patient_name=name, updated_at=LONG_AGO + timedelta(days=1))
    answer = client.get(f"/worklist/news?known={known}", headers={"If-None-Match": etag})
    assert (answer.status_code, answer.json) == (200, {"new": "3", "total": 3, "shown": []})
    filtered = client.get(f"/worklist/news?known={known}&q=doe").json
    assert filtered == {"new": "2", "total": 2, "shown": []}


def test_news_bring_the_counts_of_the_studies_shown(sign_in: SignIn, site_database: Database) -> None:
    study = create_study(site_database)
    create_study(site_database, patient_name="not asked for")
    now = datetime.now(UTC)
    with site_database.write() as session:
        session.execute(
            update(Study).where(Study.id == study.id).values(instance_count=180, last_received_at=now)
        )
    shown = sign_in().get(f"/worklist/news?shown={study.id}.99").get_json()["shown"]
    assert [(one["id"], one["images"], one["gone"]) for one in shown] == [(study.id, 180, False)]
    assert shown[0]["arrives"] > now.isoformat()[:19]


def test_news_tell_facility_staff_about_their_own_studies_alone(
    sign_in: SignIn, site_database: Database
) -> None:
    east = create_facility(site_database, "East")
    other = create_study(site_database)
    own = create_study(site_database, facilities=(east.id,))
    client = sign_in(Role.FACILITY_STAFF, (east.id,))
    answer = client.get(f"/worklist/news?known=0&shown={other.id}.{own.id}").get_json()
    assert answer["total"] == 1
    assert [one["id"] for one in answer["shown"]] == [own.id]


def test_the_pages_links_lead_through_the_whole_list(
    app: Flask, sign_in: SignIn, site_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.worklist.PAGE_SIZE", 4)
    ids = {create_study(site_database, series=[]).id for _ in range(10)}
    client = sign_in()
    seen: list[int] = []
    address = "/worklist?sort=name&q=doe"
    while address:
        page = client.get(address).text
        seen += [int(part.split('"')[0]) for part in page.split('data-study="')[1:]]
        links = page.split('rel="next" href="')[1:]
        address = links[0].split('"')[0].replace("&amp;", "&") if links else ""
    assert len(seen) == 10
    assert set(seen) == ids
    assert app.name == "webapp"


def test_facility_staff_read_no_other_facilitys_name(sign_in: SignIn, site_database: Database) -> None:
    east, west = create_facility(site_database, "East"), create_facility(site_database, "West")
    create_study(site_database, facilities=(east.id, west.id))
    page = sign_in(Role.FACILITY_STAFF, (east.id,)).get("/worklist").text
    assert "East" in page
    assert "West" not in page
    assert "West" in sign_in().get("/worklist").text
