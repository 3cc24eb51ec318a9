"""The cursor over feeds that publish late, lose rows, are restored and replaced."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.cursor import GAP_LIFETIME, Cursor
from bridge.errors import FeedRewound
from bridge.orthanc_answers import Change, ChangesPage

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
_RECENT = "20261123T120000"


def change(seq: int, *, name: str = "", date: str = _RECENT) -> Change:
    return Change(seq, "NewInstance", "Instance", name or f"id-{seq}", date)


def page(*seqs: int, last: int | None = None) -> ChangesPage:
    return ChangesPage([change(seq) for seq in seqs], is_done=True, last=last or (max(seqs) if seqs else 0))


def take(cursor: Cursor, *seqs: int, now: datetime = NOW) -> list[int]:
    return [row.seq for row in cursor.take(page(*seqs), now, NOW)]


def test_rows_are_taken_once() -> None:
    cursor = Cursor()
    assert take(cursor, 1, 2, 3) == [1, 2, 3]
    assert take(cursor, 3, 4) == [4]
    assert cursor.position.low == cursor.position.high == 4


def test_a_gap_holds_low_until_it_fills() -> None:
    cursor = Cursor()
    take(cursor, 1, 3)
    assert (cursor.position.low, cursor.position.high) == (1, 3)
    late = cursor.fill([change(2)], NOW)
    assert [row.seq for row in late] == [2]
    assert cursor.position.low == 3


def test_a_gap_is_final_after_its_lifetime() -> None:
    cursor = Cursor()
    take(cursor, 1, 3)
    cursor.fill([], NOW + GAP_LIFETIME)
    assert cursor.position.low == 3
    assert cursor.gaps == []


def test_a_gap_before_an_old_row_is_final_at_once() -> None:
    cursor = Cursor()
    old = (NOW - timedelta(hours=1)).strftime("%Y%m%dT%H%M%S")
    rows = [change(1, date=old), change(900, date=old)]
    cursor.take(ChangesPage(rows, is_done=True, last=900), NOW, NOW)
    assert cursor.position.low == 900


def test_resuming_reads_what_lay_above_an_open_gap_again() -> None:
    cursor = Cursor()
    take(cursor, 1, 3)
    again = Cursor.resume(cursor.position.low, cursor.position.as_json())
    assert take(again, 1, 2, 3) == [2, 3]


def test_another_row_under_a_known_number_is_a_rewind() -> None:
    cursor = Cursor()
    take(cursor, 1, 2)
    other = ChangesPage([change(2, name="other")], is_done=True, last=2)
    with pytest.raises(FeedRewound):
        cursor.take(other, NOW, NOW)


def test_a_row_that_was_gone_and_is_back_is_a_rewind() -> None:
    cursor = Cursor()
    take(cursor, 1, 2, 3)
    cursor.prune_tail(page(1, 2))
    with pytest.raises(FeedRewound):
        cursor.take(page(2, 3), NOW, NOW)


def test_a_feed_that_stays_shorter_than_our_position_is_a_rewind() -> None:
    cursor = Cursor()
    take(cursor, 1, 2, 3)
    cursor.take(page(last=2), NOW, NOW)
    cursor.take(page(last=2), NOW, NOW)
    assert cursor.is_in_doubt
    with pytest.raises(FeedRewound):
        cursor.take(page(last=2), NOW, NOW)


def test_a_feed_that_steps_back_for_a_moment_is_none() -> None:
    cursor = Cursor()
    take(cursor, 1, 2, 3)
    cursor.take(page(last=2), NOW, NOW)
    cursor.take(page(last=3), NOW, NOW)
    assert not cursor.is_in_doubt


def test_a_deleted_last_row_is_noticed_as_a_missing_anchor() -> None:
    cursor = Cursor()
    take(cursor, 1, 2, 3)
    assert not cursor.anchor_is_missing(page(3))
    assert cursor.anchor_is_missing(page(last=3))
    cursor.prune_tail(page(1, 2))
    assert cursor.since == 1


def test_near_gaps_are_read_again_together() -> None:
    cursor = Cursor()
    take(cursor, 1, 3, 5, 2000, 2002)
    assert cursor.gap_ranges() == [(2, 4), (6, 1999), (2001, 2001)]


@given(st.permutations(range(1, 30)), st.integers(1, 5))
def test_no_row_is_lost_or_taken_twice_in_whatever_order_rows_appear(order: list[int], step: int) -> None:
    cursor = Cursor()
    visible: set[int] = set()
    taken: list[int] = []
    for start in range(0, len(order), step):
        visible |= set(order[start : start + step])
        rows = [change(seq) for seq in sorted(visible)]
        new = cursor.take(
            ChangesPage([r for r in rows if r.seq > cursor.since], True, max(visible)), NOW, NOW
        )
        taken += [row.seq for row in new]
        taken += [row.seq for row in cursor.fill(rows, NOW)]
    assert sorted(taken) == sorted(order)
    assert cursor.position.low == cursor.position.high == max(order)
