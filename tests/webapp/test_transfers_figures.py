"""The page of figures, and the same as JSON."""

from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient

from database.models import Role
from database.session import Database
from database.transfer_terms import OperationKind, StatusClass
from tests.factories import create_application_entity, create_facility
from tests.transfer_factories import (
    WRONG_CALLED,
    ago,
    create_association,
    create_dialogue,
    create_hour,
)
from tests.webapp.conftest import SignIn
from tests.webapp.test_transfers import text_of
from tests.webapp.test_worklist import counted_queries


@pytest.fixture
def chief(sign_in: SignIn) -> FlaskClient:
    return sign_in(Role.ADMINISTRATOR)


def this_hour() -> datetime:
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def test_the_last_hour_says_exact_numbers(chief: FlaskClient, site_database: Database) -> None:
    failed = {"status_class": StatusClass.FAILURE, "status": 0xA700}
    create_dialogue(site_database, [*[{}] * 3, failed], started_at=ago(minutes=5))
    create_association(site_database, started_at=ago(minutes=2), **WRONG_CALLED)
    page = text_of(chief.get("/transfers/figures?period=hour").text)
    for shown in (
        *("Associations 2", "with problems 2", "Operations 4", "failed 1", "Bytes 2.1 MB"),
        *("Median duration 20 ms", "95th percentile 20 ms", "Exact"),
    ):
        assert shown in page, shown


@pytest.mark.parametrize("period", ["day", "month"])
def test_longer_times_say_that_they_are_approximate(
    chief: FlaskClient, site_database: Database, period: str
) -> None:
    create_hour(site_database, hour_at=this_hour(), operation_count=1234)
    page = text_of(chief.get(f"/transfers/figures?period={period}").text)
    assert "Operations 1,234" in page
    assert "Median duration about 17 ms" in page
    assert "From hourly sums" in page


def test_failures_lead_to_the_log(chief: FlaskClient, site_database: Database) -> None:
    east = create_facility(site_database, "East")
    create_application_entity(site_database, east.id, ae_title="CT_EAST")
    for title in ("CT_EAST", "STRANGER"):
        create_hour(
            site_database,
            hour_at=this_hour(),
            remote_ae_title_key=title,
            kind=OperationKind.C_FIND,
            status_class=StatusClass.FAILURE,
        )
    page = unescape(chief.get("/transfers/figures").text)
    failures = "/transfers?view=operations&status=failure&time=24h"
    for link in (
        f'{failures}"',
        f'{failures}&facility={east.code}"',
        f'{failures}&ae=STRANGER"',
        f'{failures}&ae=CT_EAST&kind=c-find"',
        f'{failures}&kind=c-find"',
    ):
        assert link in page, link


def test_the_charts_numbers_are_in_the_page(chief: FlaskClient, site_database: Database) -> None:
    create_hour(site_database, hour_at=this_hour() - timedelta(hours=3), operation_count=777)
    create_hour(site_database, hour_at=this_hour(), status_class=StatusClass.FAILURE, operation_count=3)
    page = chief.get("/transfers/figures").text
    assert page.count('<rect class="column-good" x=') == 1
    assert page.count('<rect class="column-bad" x=') == 1
    assert '<td class="number">777</td>' in page
    assert page.count('<th scope="row"><time') == 24


def test_json_says_the_same(chief: FlaskClient, site_database: Database) -> None:
    create_hour(site_database, hour_at=this_hour(), operation_count=50)
    found = chief.get("/transfers/figures.json?period=month").get_json()
    assert (found["period"], found["is_exact"], found["total"]["operation_count"]) == ("month", False, 50)
    assert len(found["buckets"]) == 30
    assert found["by_sender"][0]["name"] == "CT_EAST"
    assert chief.get("/transfers/figures.json").get_json()["period"] == "day"


def test_no_figures_say_why(chief: FlaskClient, site_database: Database) -> None:
    assert "Nothing came to the DICOM port" in chief.get("/transfers/figures").text
    create_association(site_database)
    assert "none in which an operation ended" in chief.get("/transfers/figures").text


@pytest.mark.usefixtures("database_url")
def test_the_number_of_queries_does_not_grow_with_the_senders(
    chief: FlaskClient, site_database: Database
) -> None:
    counts = []
    for more in (1, 30):
        for at in range(more):
            create_hour(site_database, hour_at=this_hour(), remote_ae_title_key=f"AE{more}_{at}")
        with counted_queries(site_database) as statements:
            assert chief.get("/transfers/figures").status_code == 200
        counts.append(len([one for one in statements if one.startswith(("SELECT", "WITH"))]))
    assert counts[0] == counts[1] <= 5
