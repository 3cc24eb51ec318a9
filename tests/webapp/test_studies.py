"""The study page, and who sees which study on any route."""

from contextlib import ExitStack
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from database.models import Instance, Role, Study
from database.session import Database
from tests.factories import LONG_AGO, SeriesPlan, create_application_entity, create_facility, create_study
from tests.webapp.conftest import SignIn, services_of

PDF = "1.2.840.10008.5.1.4.1.1.104.1"
KNOWN = {"received_at": LONG_AGO, "accounted_at": LONG_AGO}
"""Of instances that the transfer log has dealt with."""
ROUTES = [
    "/studies/{study}",
    "/studies/{study}/news",
    "/studies/{study}/series/{series}/instances",
    "/studies/{study}/series/{series}/thumbnail",
    "/studies/{study}/instances/{instance}/frames/0",
    "/studies/{study}/instances/{instance}/facts",
    "/studies/{study}/instances/{instance}/pdf",
]


def status(client: FlaskClient, route: str, **numbers: int) -> int:
    return client.get(route.format(**{"study": 1, "series": 1, "instance": 1, **numbers})).status_code


@pytest.mark.parametrize("route", ROUTES)
def test_what_one_may_not_see_looks_like_what_does_not_exist(
    sign_in: SignIn, site_database: Database, route: str
) -> None:
    east = create_facility(site_database, "East")
    create_study(site_database)
    stranger, member = sign_in(Role.FACILITY_STAFF, (east.id,)), sign_in(Role.RADIOLOGIST)
    assert status(stranger, route) == 404
    assert status(stranger, route, study=77) == 404
    assert status(member, route) in {200, 503}  # there is no Orthanc here


@pytest.mark.parametrize("route", ROUTES)
def test_a_study_of_ones_own_facility_is_no_key_to_another(
    sign_in: SignIn, site_database: Database, route: str
) -> None:
    east = create_facility(site_database, "East")
    create_study(site_database, series=[SeriesPlan(instance_count=1)])  # series 1, instance 1
    own = create_study(site_database, facilities=(east.id,), series=[SeriesPlan(instance_count=1)])
    client = sign_in(Role.FACILITY_STAFF, (east.id,))
    assert status(client, route, study=own.id, series=2, instance=2) in {200, 503}
    assert route.count("{") == 1 or status(client, route, study=own.id) == 404


@pytest.mark.parametrize(
    "path", ["/studies/0", "/studies/-1", "/studies/9223372036854775808", "/studies/x", "/studies/1e3"]
)
def test_what_is_no_number_of_a_study_is_not_found(sign_in: SignIn, path: str) -> None:
    assert sign_in().get(path).status_code == 404


def test_the_page_shows_the_facts_and_how_it_arrived(sign_in: SignIn, site_database: Database) -> None:
    study = create_study(
        site_database,
        patient_name="Müller^Jürgen",
        institution_name="Klinik Süd",
        referring_physician_name="Weiß^Anna^^Dr.",
        series=[SeriesPlan("CT", 3, instance=KNOWN), SeriesPlan("DOC", 1, PDF, instance=KNOWN)],
    )
    page = sign_in().get(f"/studies/{study.id}").text
    for text in (
        *("Müller, Jürgen", "1970-05-17", "F 55 y", "2026-03-01 11:30", "Klinik Süd", "Weiß, Dr. Anna"),
        *("CT_EAST", "192.0.2.10", "NOCTIS", "Explicit VR Little Endian", "2.1 MB", "CT Image"),
        *("Encapsulated PDF", study.study_instance_uid, "Not for diagnosis", "no facility"),
    ):
        assert text in page, text
    assert "complete" not in page


@pytest.mark.usefixtures("database_url")
def test_facility_staff_read_no_other_facilitys_name_or_senders(
    sign_in: SignIn, site_database: Database
) -> None:
    east, west = create_facility(site_database, "East"), create_facility(site_database, "West")
    create_application_entity(site_database, east.id, ae_title="ct_east")
    create_application_entity(site_database, west.id, ae_title="MR_WEST")
    theirs = {**KNOWN, "calling_ae_title": "MR_WEST", "remote_ip": "192.0.2.66"}
    plans = [SeriesPlan(instance=KNOWN), SeriesPlan("MR", instance=theirs)]
    study = create_study(site_database, facilities=(east.id, west.id), series=plans)

    page = sign_in(Role.FACILITY_STAFF, (east.id,)).get(f"/studies/{study.id}").text
    assert "CT_EAST" in page
    assert "192.0.2.10<" in page
    for text in ("West", "MR_WEST", "192.0.2.66"):
        assert text not in page, text
        assert text in sign_in(Role.RADIOLOGIST).get(f"/studies/{study.id}").text, text

    linked = create_study(site_database, facilities=(east.id,), series=[SeriesPlan(instance=theirs)])
    page = sign_in(Role.FACILITY_STAFF, (east.id,)).get(f"/studies/{linked.id}").text
    assert "No node of your facilities sent it." in page
    assert "MR_WEST" not in page


def test_receiving_becomes_arrived(sign_in: SignIn, site_database: Database) -> None:
    old = create_study(site_database)
    new = create_study(site_database, last_received_at=datetime.now(UTC))
    client = sign_in()
    assert 'data-arrives="" hidden' in client.get(f"/studies/{old.id}").text
    assert 'data-arrives="20' in client.get(f"/studies/{new.id}").text


def test_news_tell_the_counts_and_are_cheap_while_nothing_changes(
    sign_in: SignIn, site_database: Database
) -> None:
    study = create_study(site_database, series=[SeriesPlan("CT", 3)], last_received_at=datetime.now(UTC))
    client, path = sign_in(), f"/studies/{study.id}/news"
    first = client.get(path)
    assert (first.json["series"], first.json["instances"], first.json["state"]) == (1, 3, "receiving")  # type: ignore[index]
    assert client.get(path, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    with site_database.write() as session:
        session.execute(update(Study).values(instance_count=5, last_received_at=LONG_AGO))
    later = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (later.json["instances"], later.json["state"]) == (5, "arrived")  # type: ignore[index]


@pytest.mark.usefixtures("database_url")
def test_instances_without_a_number_come_last_and_by_uid_as_numbers(
    sign_in: SignIn, site_database: Database
) -> None:
    study = create_study(site_database, series=[SeriesPlan("CT", 4)])
    places = {1: (None, "1.2.10"), 2: (None, "1.2.2"), 3: (7, "1.2.1"), 4: (3, "1.2.3")}
    with site_database.write() as session:
        for number, (instance_number, uid) in places.items():
            values = {"instance_number": instance_number, "sop_instance_uid": uid}
            session.execute(update(Instance).where(Instance.id == number).values(values))
    rows = sign_in().get(f"/studies/{study.id}/series/1/instances").get_json()["rows"]
    assert [row[0] for row in rows] == [4, 3, 2, 1]


def test_a_series_lists_its_instances_in_order(sign_in: SignIn, site_database: Database) -> None:
    study = create_study(site_database, series=[SeriesPlan("US", 3, number_of_frames=24)])
    answer = sign_in().get(f"/studies/{study.id}/series/1/instances").json
    assert answer == {
        "kinds": [{"kind": "picture", "name": "CT Image"}],
        "rows": [[1, 24, 0], [2, 24, 0], [3, 24, 0]],
    }


def test_two_thousand_instances_are_a_small_answer(sign_in: SignIn, site_database: Database) -> None:
    study = create_study(site_database, series=[SeriesPlan("CT", 2000)])
    client = sign_in()
    assert len(client.get(f"/studies/{study.id}/series/1/instances").data) < 40_000
    assert len(client.get(f"/studies/{study.id}").data) < 20_000


def test_what_left_the_archive_is_not_offered(sign_in: SignIn, site_database: Database) -> None:
    gone = SeriesPlan("MR", 1, series={"deleted_at": LONG_AGO, "series_description": "gone series"})
    study = create_study(site_database, series=[SeriesPlan("CT", 2, instance={"deleted_at": LONG_AGO}), gone])
    client = sign_in()
    assert "gone series" not in client.get(f"/studies/{study.id}").text
    assert client.get(f"/studies/{study.id}/series/1/instances").get_json()["rows"] == []
    assert client.get(f"/studies/{study.id}/series/2/instances").status_code == 404
    assert client.get(f"/studies/{study.id}/instances/1/frames/0").status_code == 404


def test_a_silent_archive_is_told_in_words(sign_in: SignIn, site_database: Database) -> None:
    study = create_study(site_database)
    client = sign_in()
    assert client.get(f"/studies/{study.id}").status_code == 200
    picture = client.get(
        f"/studies/{study.id}/instances/1/frames/0", headers={"Accept": "image/jpeg, application/json"}
    )
    assert (picture.status_code, picture.get_json()["title"]) == (503, "The image archive does not answer")
    person = client.get(f"/studies/{study.id}/instances/1/pdf", headers={"Accept": "text/html"})
    assert "The image archive does not answer" in person.text


def test_a_hanging_archive_leaves_threads_for_the_worklist(
    app: Flask, sign_in: SignIn, site_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.limits._QUEUE_SECONDS", 0.0)
    study = create_study(site_database)
    client = sign_in()
    places = services_of(app).orthanc_gate.places
    with ExitStack() as waiting:
        while places.acquire(blocking=False):
            waiting.callback(places.release)
        assert client.get(f"/studies/{study.id}/instances/1/frames/0").status_code == 503
        assert client.get("/worklist").status_code == 200
