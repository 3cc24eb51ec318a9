"""The log's figures on both databases."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from database.models import Operation
from database.session import Database
from database.transfer_terms import AssociationOutcome, Direction, OperationKind, Source, StatusClass
from tests.factories import create_application_entity, create_facility
from tests.transfer_factories import (
    WRONG_CALLED,
    create_association,
    create_hour,
    create_operation,
    insert_many,
    operation_values,
)
from webapp.charts import HEIGHT, chart_of
from webapp.transfers.figures import (
    Bucket,
    Figures,
    Period,
    as_json,
    columns_of,
    load_figures,
    percentile,
    starts_of,
)
from webapp.transfers.measures import middle_of

NOW = datetime(2026, 3, 1, 12, 30, 30, tzinfo=UTC)
HOUR = NOW.replace(minute=0, second=0)


def figures(database: Database, period: Period) -> Figures:
    with database.read() as session:
        return load_figures(session, period, NOW)


def before(**values: float) -> datetime:
    return NOW - timedelta(**values)


def lasting(milliseconds: float, **values: Any) -> dict[str, Any]:
    started_at = values.pop("started_at", before(minutes=10))
    return operation_values(
        started_at=started_at, ended_at=started_at + timedelta(milliseconds=milliseconds), **values
    )


def test_the_last_hour_is_exact_to_the_millisecond(database: Database) -> None:
    rows = [lasting(one, request_byte_count=1_000_000, response_byte_count=0) for one in range(1, 101)]
    rows.append(lasting(5, started_at=before(minutes=61)))
    insert_many(database, Operation, rows)
    create_operation(database, started_at=before(minutes=1), status_class=StatusClass.OPEN)
    found = figures(database, Period.HOUR)
    assert found.is_exact
    assert (found.total.operation_count, found.total.byte_count) == (100, 100_000_000)
    assert (found.total.median, found.total.percentile_95) == (50, 95)
    assert found.total.bytes_a_second == pytest.approx(100_000_000 / 5.05)


def test_minutes_are_told_apart(database: Database) -> None:
    for at in (before(minutes=3), before(minutes=3, seconds=20), before(minutes=59, seconds=30)):
        create_operation(database, started_at=at)
    create_operation(database, started_at=before(minutes=3), status_class=StatusClass.FAILURE, status=0xA700)
    buckets = figures(database, Period.HOUR).buckets
    assert len(buckets) == 60
    assert [bucket.good_count for bucket in buckets if bucket.good_count] == [1, 2]
    assert (buckets[0].at, buckets[-1].at) == (HOUR - timedelta(minutes=29), HOUR + timedelta(minutes=30))
    assert buckets[0].good_count == 1
    assert (buckets[-4].good_count, buckets[-4].failure_count) == (2, 1)


def test_a_day_is_made_of_hourly_sums(database: Database) -> None:
    create_hour(database, hour_at=HOUR, duration_step=16, operation_count=90)
    create_hour(database, hour_at=HOUR - timedelta(hours=23), duration_step=40, operation_count=10)
    create_hour(database, hour_at=HOUR - timedelta(hours=24), operation_count=1000)
    create_hour(database, hour_at=HOUR, status_class=StatusClass.WARNING, duration_step=16, operation_count=5)
    found = figures(database, Period.DAY)
    assert not found.is_exact
    assert found.total.operation_count == 105
    assert found.total.median == pytest.approx(17.45, abs=0.01)
    assert found.total.percentile_95 == pytest.approx(middle_of(40))
    assert [bucket.good_count for bucket in found.buckets] == [10, *[0] * 22, 90]
    assert found.buckets[-1].warning_count == 5


def test_a_month_is_thirty_days_of_this_servers_calendar(database: Database) -> None:
    midnight = NOW.astimezone().replace(hour=0, minute=0, second=0)
    first = (midnight - timedelta(days=29)).astimezone(UTC)
    for hour_at in (first - timedelta(hours=1), first, midnight.astimezone(UTC)):
        create_hour(database, hour_at=hour_at)
    buckets = figures(database, Period.MONTH).buckets
    assert [bucket.good_count for bucket in buckets] == [10, *[0] * 28, 10]


@pytest.mark.parametrize("period", list(Period))
def test_facilities_have_all_their_ae_titles_and_others_their_own(database: Database, period: Period) -> None:
    east = create_facility(database, "East")
    for title in ("CT_EAST", "MR_EAST"):
        create_application_entity(database, east.id, ae_title=title)
    for title in ("CT_EAST", "MR_EAST", "STRANGER"):
        create_operation(
            database, remote_ae_title=title, started_at=before(minutes=5), request_byte_count=1000,
            response_byte_count=0, ended_at=before(minutes=5) + timedelta(milliseconds=16),
        )  # fmt: skip
        create_hour(
            database,
            hour_at=HOUR,
            remote_ae_title_key=title,
            operation_count=1,
            byte_count=1000,
            duration_step=16,
        )
    found = figures(database, period)
    assert [(one.name, one.facility_code, one.sums.operation_count) for one in found.by_sender] == [
        ("East", east.code, 2),
        ("STRANGER", "", 1),
    ]
    assert found.by_sender[0].sums.bytes_a_second == pytest.approx(1000 / 0.016, rel=0.1)


@pytest.mark.parametrize("period", list(Period))
def test_failures_are_told_by_ae_title_and_kind(database: Database, period: Period) -> None:
    kinds = {OperationKind.C_STORE: 1, OperationKind.C_FIND: 3}
    for kind, count in kinds.items():
        for status_class, number in ((StatusClass.FAILURE, count), (StatusClass.SUCCESS, 5)):
            insert_many(
                database,
                Operation,
                [lasting(9, kind=kind, status_class=status_class) for _ in range(number)],
            )
            create_hour(database, hour_at=HOUR, kind=kind, status_class=status_class, operation_count=number)
    found = figures(database, period)
    troubles = [(one.kind, one.failure_count, one.operation_count) for one in found.troubles]
    assert troubles == [(OperationKind.C_FIND, 3, 8), (OperationKind.C_STORE, 1, 6)]
    assert {kind: sums.failure_count for kind, sums in found.by_kind.items()} == {
        OperationKind.C_FIND: 3,
        OperationKind.C_STORE: 1,
    }
    assert found.total.failure_count == 4


@pytest.mark.parametrize("period", list(Period))
def test_an_end_that_nobody_knows_is_no_failure(database: Database, period: Period) -> None:
    interrupted: dict[str, Any] = {"status_class": StatusClass.INTERRUPTED}
    create_operation(database, started_at=before(minutes=1), **interrupted)
    create_operation(database, started_at=before(minutes=1), ended_at=None, **interrupted)
    create_hour(database, hour_at=HOUR, operation_count=1, **interrupted)
    total = figures(database, period).total
    assert (total.operation_count, total.failure_count, total.warning_count) == (1, 0, 1)


@pytest.mark.parametrize("period", list(Period))
def test_what_only_orthanc_tells_has_no_duration(database: Database, period: Period) -> None:
    at = before(minutes=1)
    create_operation(database, started_at=at, ended_at=at, source=Source.ORTHANC)
    create_hour(database, hour_at=HOUR, operation_count=1, duration_step=0)
    total = figures(database, period).total
    assert (total.operation_count, total.median, total.bytes_a_second) == (1, None, None)


def test_associations_are_counted_with_their_problems(database: Database) -> None:
    create_association(database, started_at=before(minutes=1))
    create_association(database, started_at=before(minutes=1), outcome=AssociationOutcome.OPEN)
    create_association(database, started_at=before(minutes=2), operation_count=2, failure_count=1)
    create_association(database, started_at=before(hours=2), **WRONG_CALLED)
    counts = [
        (found.association_count, found.problem_count)
        for found in (figures(database, one) for one in (Period.HOUR, Period.DAY))
    ]
    assert counts == [(3, 1), (4, 2)]


def test_nothing_makes_empty_figures(database: Database) -> None:
    for period in Period:
        found = figures(database, period)
        assert found.total.median is None
        assert found.total.bytes_a_second is None
        assert not [one for one in found.buckets if one.good_count]
        assert chart_of(columns_of(found.buckets)).parts == []


def test_json_has_instants_and_plain_names(database: Database) -> None:
    create_hour(database, hour_at=HOUR, direction=Direction.OUT)
    values = as_json(figures(database, Period.DAY))
    assert values["until"] == "2026-03-01T12:30:30Z"
    assert values["by_kind"]["c-store"]["operation_count"] == 10
    assert values["buckets"][-1]["at"] == "2026-03-01T12:00:00Z"


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 4)), min_size=1), st.sampled_from([0.5, 0.95, 1])
)
def test_a_percentile_is_the_value_at_its_rank(counted: list[tuple[int, int]], share: float) -> None:
    values = sorted(value for value, count in counted for _ in range(count))
    timed = sorted((float(value), count) for value, count in counted)
    rank = next(at for at in range(1, len(values) + 1) if at >= share * len(values))
    assert percentile(timed, share) == values[rank - 1]


@given(st.lists(st.tuples(*[st.integers(0, 10**7)] * 3), min_size=1, max_size=60))
def test_no_column_leaves_the_chart(counts: list[tuple[int, int, int]]) -> None:
    starts = starts_of(Period.HOUR, NOW)
    buckets = [Bucket(at, *three) for at, three in zip(starts, counts, strict=False)]
    chart = chart_of(columns_of(buckets))
    for part in chart.parts:
        assert part.height > 0
        assert 0 <= part.y <= HEIGHT
        assert part.y + part.height <= HEIGHT
    assert all(len(tick.text) <= 5 for tick in chart.ticks)
