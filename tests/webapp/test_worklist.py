"""The worklist page and its news."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, insert, update

from database.models import Role, Series, Study
from database.session import Database
from tests.factories import LONG_AGO, SeriesPlan, create_facility, create_study
from tests.waiting import wait_until
from tests.webapp.conftest import SignIn
from webapp.presentation import instant

STABLE_SECONDS = 60  # the settings' default

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


def news_address(client: FlaskClient, path: str) -> str:
    """Where the page asks for its news, with the studies that it shows."""
    page = client.get(path).text
    found = re.search(r'data-news-url="([^"]+)"', page)
    assert found
    shown = re.findall(r'data-study="([0-9]+)"', page)
    return f"{unescape(found[1])}&shown={'.'.join(shown)}"


def total(client: FlaskClient, address: str) -> int:
    """How many studies the news announce."""
    return int(client.get(address).get_json()["total"])


def change(database: Database, study: Study, **values: Any) -> None:
    """As the bridge does."""
    with database.write() as session:
        session.execute(update(Study).where(Study.id == study.id).values(values))


def unstamped(page: str) -> str:
    """Without the times of its rendering."""
    return re.sub(r'data-news-url="[^"]+"', "", page)


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
    assert counts[0] == counts[1] <= 11
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
        received_at=LONG_AGO,
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
        *("ACC-7", "Klinik Süd", ">2</td>", ">8</td>", 'datetime="2026-03-01T12:00'),
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
        *(
            "newest=x",
            "rendered=0001-01-01T00:00:00%2B14:00&images=arrived",
            "changed=9999-12-31T23:59:59-14:00",
        ),
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
@pytest.mark.parametrize("query", ["", "?images=arrived&modality=CT&q=doe"])
def test_news_cost_one_query_while_nothing_changed(
    sign_in: SignIn, site_database: Database, query: str
) -> None:
    now = datetime.now(UTC)
    create_study(site_database, received_at=now)  # still being received
    client = sign_in()
    address = news_address(client, f"/worklist{query}")
    etag = client.get(address).headers["ETag"]
    with counted_queries(site_database) as statements:
        answer = client.get(address, headers={"If-None-Match": etag})
    assert (answer.status_code, answer.data) == (304, b"")
    asked = [one for one in statements if one.startswith("SELECT")]
    assert len(asked) == 1
    assert "max(study.updated_at)" in asked[0]


def test_news_count_what_is_new_and_matches(sign_in: SignIn, site_database: Database) -> None:
    create_study(site_database)
    client = sign_in()
    everything, filtered = news_address(client, "/worklist"), news_address(client, "/worklist?q=doe")
    etag = client.get(everything).headers["ETag"]
    for name in ("Doe^A", "Doe^B", "Roe^C"):
        create_study(site_database, patient_name=name, updated_at=datetime.now(UTC))
    answer = client.get(everything, headers={"If-None-Match": etag})
    assert answer.status_code == 200
    assert (answer.get_json()["new"], answer.get_json()["total"]) == ("3", 3)
    assert total(client, filtered) == 2


@pytest.mark.usefixtures("database_url")
@pytest.mark.parametrize("query", ["", "status=unread", "images=arrived", "modality=CT"])
def test_images_for_a_study_of_the_next_page_are_no_news(
    sign_in: SignIn, site_database: Database, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.setattr("webapp.worklist.PAGE_SIZE", 1)
    beyond = create_study(site_database)
    create_study(site_database)
    client = sign_in()
    now = datetime.now(UTC)
    an_hour_ago = quote((now - timedelta(hours=1)).isoformat())
    address = re.sub("rendered=[^&]+", f"rendered={an_hour_ago}", news_address(client, f"/worklist?{query}"))
    more_came_at = now - timedelta(minutes=10)  # it was receiving again, and has arrived again
    change(site_database, beyond, instance_count=9, updated_at=more_came_at, last_received_at=more_came_at)
    assert total(client, address) == 0


@pytest.mark.usefixtures("database_url")
def test_a_study_that_was_deleted_and_sent_again_is_news(sign_in: SignIn, site_database: Database) -> None:
    again = create_study(site_database, deleted_at=LONG_AGO)
    create_study(site_database)
    client = sign_in()
    address = news_address(client, "/worklist")
    now = datetime.now(UTC)
    change(site_database, again, deleted_at=None, received_at=now, last_received_at=now, updated_at=now)
    assert total(client, address) == 1
    assert total(client, news_address(client, "/worklist")) == 0  # now it is on the page


@pytest.mark.usefixtures("database_url")
def test_time_alone_makes_a_study_arrive_and_tells_those_who_wait_for_it(
    sign_in: SignIn, site_database: Database
) -> None:
    almost = datetime.now(UTC) - timedelta(seconds=STABLE_SECONDS - 2)
    plan = SeriesPlan(series={"last_received_at": almost}, instance={"received_at": almost})
    create_study(site_database, series=[plan], received_at=almost, updated_at=datetime.now(UTC))
    client = sign_in()
    address = news_address(client, "/worklist?images=arrived")
    first = client.get(address)
    assert first.get_json()["total"] == 0
    tag = {"If-None-Match": first.headers["ETag"]}
    assert client.get(address, headers=tag).status_code == 304
    wait_until(lambda: client.get(address, headers=tag).status_code == 200, "the study's arrival", seconds=10)
    assert total(client, address) == 1
    assert total(client, news_address(client, "/worklist?images=arrived")) == 0


@pytest.mark.usefixtures("database_url")
def test_images_for_an_old_study_are_news_for_those_who_watch_what_comes(
    sign_in: SignIn, site_database: Database
) -> None:
    study = create_study(site_database)
    client = sign_in()
    address = news_address(client, "/worklist?images=receiving")
    assert total(client, address) == 0
    now = datetime.now(UTC)
    change(site_database, study, last_received_at=now, updated_at=now)
    assert total(client, address) == 1


@pytest.mark.usefixtures("database_url")
def test_a_series_of_the_modality_asked_for_makes_its_study_news(
    sign_in: SignIn, site_database: Database
) -> None:
    both = [SeriesPlan("CT"), SeriesPlan("PT", series={"deleted_at": LONG_AGO})]
    study = create_study(site_database, series=both)
    client = sign_in()
    pet, ct = news_address(client, "/worklist?modality=PT"), news_address(client, "/worklist?modality=CT")
    now = datetime.now(UTC)
    with site_database.write() as session:
        session.execute(
            update(Series).where(Series.modality == "PT").values(deleted_at=None, received_at=now)
        )
    change(site_database, study, updated_at=now)
    assert (total(client, pet), total(client, ct)) == (1, 0)


@pytest.mark.usefixtures("database_url")
def test_news_bring_the_rows_that_changed_as_the_page_renders_them(
    sign_in: SignIn, site_database: Database
) -> None:
    facility = create_facility(site_database, "Klinik Süd")
    create_study(site_database, patient_name="Not^Changed")
    study = create_study(site_database, facilities=(facility.id,))
    client = sign_in()
    address = news_address(client, "/worklist")
    now = datetime.now(UTC)
    change(
        site_database, study, patient_name="Corrected^<Name>", study_description="MR knee",
        instance_count=180, updated_at=now, last_received_at=now,
    )  # fmt: skip
    answer = client.get(address).get_json()
    [row] = answer["rows"]
    assert row["id"] == study.id
    for text in ("Corrected, &lt;Name&gt;", "MR knee", ">180</td>", "Klinik Süd"):
        assert text in row["html"], text
    assert f'data-arrives="{instant(now + timedelta(seconds=STABLE_SECONDS))}"' in row["html"]
    assert row["html"].strip() in client.get("/worklist").text
    assert datetime.fromisoformat(answer["changed"]) == now
    change(site_database, study, deleted_at=now, updated_at=now)
    assert "study-row gone" in client.get(address).get_json()["rows"][0]["html"]


def test_news_tell_facility_staff_about_their_own_studies_alone(
    sign_in: SignIn, site_database: Database
) -> None:
    east = create_facility(site_database, "East")
    client = sign_in(Role.FACILITY_STAFF, (east.id,))
    address = news_address(client, "/worklist")
    other = create_study(site_database)
    own = create_study(site_database, facilities=(east.id,))
    assert total(client, address) == 1
    rows = client.get(f"{address.split('&shown=')[0]}&shown={other.id}.{own.id}").get_json()["rows"]
    assert [one["id"] for one in rows] == [own.id]


@pytest.mark.parametrize("path", ["/worklist", "/worklist/news"])
def test_the_code_of_anothers_facility_is_no_code_at_all(
    sign_in: SignIn, site_database: Database, path: str
) -> None:
    east, west = create_facility(site_database, "East"), create_facility(site_database, "West")
    create_study(site_database, facilities=(east.id, west.id))
    client = sign_in(Role.FACILITY_STAFF, (east.id,))

    def found(code: str) -> bool:
        page = client.get(f"{path}?facility={code}").text
        return 'data-study="' in page or '"total":1' in page.replace(" ", "")

    assert [found(code) for code in (east.code, west.code, "unheard-of")] == [True, False, False]
    pages = [client.get(f"/worklist?facility={code}").text for code in (west.code, "unheard-of")]
    assert unstamped(pages[0]).replace(west.code, "unheard-of") == unstamped(pages[1])


def test_the_modalities_that_come_are_offered(sign_in: SignIn, site_database: Database) -> None:
    east = create_facility(site_database, "East")
    create_study(site_database, modalities="OPT US", facilities=(east.id,))
    create_study(site_database, modalities="IVUS <b> ct TOOLONGTOBEAMODALITY")
    offered = re.findall(r'name="modality" value="(\w+)"', sign_in().get("/worklist?modality=XC").text)
    assert {"CT", "OPT", "IVUS", "XC"} < set(offered)
    assert len(offered) == len(set(offered)) == 13 + 3
    assert "IVUS" not in sign_in(Role.FACILITY_STAFF, (east.id,)).get("/worklist").text


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
