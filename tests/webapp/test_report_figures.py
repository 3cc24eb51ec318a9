"""Reporting figures: what counts, for whom and when; the page and the file say the same."""

import csv
import io
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from database.models import Facility, Report, Role, Study, User
from database.session import Database
from tests.factories import LONG_AGO, create_facility, create_member, create_study
from tests.webapp.conftest import SignIn, signed_in
from tests.webapp.test_worklist import counted_queries
from tests.written_reports import Pen
from webapp.report_figures.figures import Figures, Group, Span, load_figures, main_modalities


@pytest.fixture
def pen(site_database: Database) -> Pen:
    return Pen.of_somebody(site_database)


@pytest.fixture
def client(app: Flask, pen: Pen) -> FlaskClient:
    return signed_in(app, pen.user)


def today() -> date:
    return datetime.now(UTC).astimezone().date()


def load(database: Database, reader: User, days: int = 7) -> Figures:
    with database.read() as session:
        # one day beyond today: no test cares for midnight
        return load_figures(
            session, reader, Span(today() - timedelta(days=days), today() + timedelta(days=1))
        )


def received(hours_ago: float) -> datetime:
    return datetime.now(UTC) - timedelta(hours=hours_ago)


def as_text(groups: list[Group]) -> list[tuple[str, int | None, int, int, int]]:
    return [
        (one.name, sums.received_count, sums.report_count, sums.addendum_count, sums.amendment_count)
        for one in groups
        for sums in [one.sums]
    ]


@pytest.mark.usefixtures("database_url")
def test_reports_addenda_and_amendments_are_counted_where_they_belong(
    site_database: Database, pen: Pen
) -> None:
    east, west = create_facility(site_database, "East"), create_facility(site_database, "West")
    first = create_study(
        site_database, facilities=(east.id, west.id), modalities="CT SR", received_at=received(3)
    )
    second = create_study(site_database, facilities=(west.id,), modalities="MR", received_at=received(9))
    create_study(site_database, modalities="MR", received_at=received(1))
    other = Pen.of_somebody(site_database)
    pen.finalize(first)
    pen.add(first)
    other.finalize(second)
    pen.amend(second)
    pen.draft(create_study(site_database, modalities="US", received_at=LONG_AGO))
    found = load(site_database, pen.user)
    assert as_text([Group("", found.total)]) == [("", 3, 2, 1, 1)]
    assert as_text(list(found.by_facility)) == [
        ("East", 1, 1, 1, 0),
        ("West", 1, 1, 0, 1),
        ("no facility", 1, 0, 0, 0),
    ]
    assert as_text(list(found.by_modality)) == [("MR", 2, 1, 0, 1), ("CT", 1, 1, 1, 0)]
    assert sorted(as_text(list(found.by_radiologist))) == sorted(
        [(pen.user.username, None, 1, 1, 1), (other.user.username, None, 1, 0, 0)]
    )
    assert sum(sums.received_count or 0 for _, sums in found.by_day) == 3
    assert sum(sums.report_count for _, sums in found.by_day) == 2


@pytest.mark.usefixtures("database_url")
def test_turnaround_is_from_reception_to_the_first_final_report(site_database: Database, pen: Pen) -> None:
    for hours in (1, 2, 3, 4, 50):
        pen.finalize(create_study(site_database, received_at=received(hours)))
    pen.amend(create_and_finalize_long_ago(site_database, pen))
    total = load(site_database, pen.user).total
    assert total.median is not None
    assert total.percentile_95 is not None
    assert [round(minutes / 60) for minutes in (total.median, total.percentile_95)] == [3, 50]


def create_and_finalize_long_ago(database: Database, pen: Pen) -> Study:
    """Its signature can't be moved: it counts today, but came after the report, which tells nothing."""
    study = create_study(database, received_at=received(1))
    pen.finalize(study)
    with database.write() as session:
        session.execute(
            update(Study).where(Study.id == study.id).values(received_at=received(-1))  # sent again
        )
    return study


@pytest.mark.usefixtures("database_url")
def test_what_waits_for_the_second_signature_does_not_count(site_database: Database, pen: Pen) -> None:
    facility = create_facility(site_database, "East")
    with site_database.write() as session:
        session.execute(update(Facility).values(needs_second_signer=True))
    study = create_study(site_database, facilities=(facility.id,), received_at=received(1))
    pen.finalize(study)
    assert load(site_database, pen.user).total.report_count == 0
    second = Pen.of_somebody(site_database)
    second.sign(study)
    found = load(site_database, pen.user)
    assert found.total.report_count == 1
    assert [one.name for one in found.by_radiologist] == [second.user.username]


@pytest.mark.usefixtures("database_url")
def test_figures_stay_when_the_study_goes(site_database: Database, pen: Pen) -> None:
    facility = create_facility(site_database, "East")
    study = create_study(site_database, facilities=(facility.id,), received_at=received(1))
    pen.finalize(study)
    pen.retract(study)
    with site_database.write() as session:
        session.get_one(Study, study.id).deleted_at = datetime.now(UTC)
        session.get_one(Study, study.id).modalities = ""
    found = load(site_database, pen.user)
    assert as_text(list(found.by_modality))[0] == ("CT", 0, 1, 0, 0)
    assert as_text(list(found.by_facility)) == [("East", 1, 1, 0, 0)]


def test_the_page_asks_a_constant_number_of_queries(
    client: FlaskClient, site_database: Database, pen: Pen
) -> None:
    numbers = []
    for more in (1, 10):
        for _ in range(more):
            pen.finalize(create_study(site_database, received_at=received(2)))
        with counted_queries(site_database) as statements:
            assert client.get("/figures").status_code == 200
        numbers.append(len([one for one in statements if one.startswith("SELECT")]))
    assert numbers[0] == numbers[1] <= 6


def test_the_page_and_the_file_say_the_same(client: FlaskClient, site_database: Database, pen: Pen) -> None:
    facility = create_facility(site_database, "=HYPERLINK(1)")
    study = create_study(site_database, facilities=(facility.id,), received_at=received(2.5))
    pen.finalize(study)
    page = client.get("/figures?period=7").text
    for text in ("2 h 3", "=HYPERLINK(1)", pen.user.username, '<rect class="column-good"'):
        assert text in page, text
    answer = client.get("/figures.csv?period=7")
    assert answer.mimetype == "text/csv"
    assert "patient" not in answer.headers["Content-Disposition"]
    assert answer.text.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"), newline="")))
    by_kind = {row["by"]: row for row in rows}
    assert len([row for row in rows if row["by"] == "day"]) == 7
    assert by_kind["facility"]["name"] == "'=HYPERLINK(1)"
    assert by_kind["radiologist"]["studies_received"] == ""
    assert by_kind["total"]["reports_finalized"] == "1"
    assert float(by_kind["total"]["median_turnaround_minutes"]) >= 150


def test_only_radiologists_and_administrators_see_figures(sign_in: SignIn) -> None:
    for role in Role:
        client = sign_in(role)
        may_see = role in {Role.RADIOLOGIST, Role.ADMINISTRATOR}
        for path in ("/figures", "/figures.csv"):
            assert client.get(path).status_code == (200 if may_see else 403)
        assert ('href="/figures"' in client.get("/worklist").text) == may_see


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ("", 30),
        ("period=7", 7),
        ("period=90", 90),
        ("period=8", 30),
        ("period=x", 30),
        ("from=2026-01-01&to=2026-01-02", 2),
        ("from=2026-01-02&to=2026-01-01", 30),
        ("from=1990-01-01&to=2026-01-01", 366),
        ("from=0001-01-01&to=9999-12-31", 30),
        ("from=%00&to=%ff", 30),
    ],
)
def test_whatever_stands_in_the_address_there_is_a_span(client: FlaskClient, query: str, days: int) -> None:
    assert client.get(f"/figures?{query}").status_code == 200
    rows = client.get(f"/figures.csv?{query}").text.splitlines()
    assert len([row for row in rows if row.startswith("day,")]) == days


@given(st.dates(date(1971, 1, 1), date(2999, 1, 1)), st.integers(0, 400))
def test_days_are_without_gaps(first: date, length: int) -> None:
    span = Span(first, first + timedelta(days=length))
    assert len(span.days) == length + 1
    assert span.since < span.until
    assert span.days[-1] == span.last


@pytest.mark.parametrize(
    ("modalities", "shown"),
    [("CT SR", "CT"), ("CT PT", "CT PT"), ("SR", "SR"), ("", "not given"), ("KO PR", "KO PR")],
)
def test_modalities_without_pictures_make_no_group_of_their_own(modalities: str, shown: str) -> None:
    assert main_modalities(modalities) == shown


def test_an_empty_time_says_so(client: FlaskClient, site_database: Database) -> None:
    create_member(site_database)
    assert "Nothing in this time" in client.get("/figures?from=2020-01-01&to=2020-01-02").text
    with site_database.read() as session:
        assert session.scalars(select(Report)).all() == []
