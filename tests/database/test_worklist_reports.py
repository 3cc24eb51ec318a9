"""Reports, priorities and assignments on the worklist: filters, order and rows, on both databases."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from database.models import Facility, Priority, Report, ReportLock, Role, Study, User
from database.session import Database
from tests.factories import LONG_AGO, create_facility, create_member, create_study
from tests.written_reports import Pen, flag, receive_more
from webapp.newest import Newest, read_row, user_and_newest
from webapp.paging import Cursor, fetch_page
from webapp.report_filters import Assignment, ReportStatus, midnight
from webapp.report_status import Turnaround, priority_of, waiting_time
from webapp.reports import locks
from webapp.sorting import Sort
from webapp.worklist_filters import Filters
from webapp.worklist_rows import WorklistRow, load_rows

STABLE_SECONDS = 60


@pytest.fixture
def pen(database: Database) -> Pen:
    return Pen.of_somebody(database)


def matches(database: Database, filters: Filters, reader_id: int = 0) -> set[str]:
    """The patient IDs that are found."""
    with database.read() as session:
        found = session.scalars(
            filters.apply(select(Study), select(Facility), STABLE_SECONDS, reader_id)
        ).all()
    return {study.patient_id for study in found}


def row_of(database: Database, study: Study, reader: User | None = None) -> WorklistRow:
    reader = reader or create_member(database)
    with database.read() as session:
        [row] = load_rows(session, reader, [session.get_one(Study, study.id)], STABLE_SECONDS)
    return row


def create_in_every_state(database: Database, pen: Pen) -> dict[str, Study]:
    names = (
        *("untouched", "discarded", "draft", "preliminary", "awaiting"),
        *("final", "yesterday", "added", "amended", "adding", "retracted", "again"),
    )
    studies = {name: create_study(database, series=[], patient_id=name) for name in names}
    pen.draft(studies["discarded"])
    pen.discard(studies["discarded"])
    pen.draft(studies["draft"])
    pen.release(studies["preliminary"])
    for name in ("final", "yesterday", "added", "amended", "adding", "retracted", "again"):
        pen.finalize(studies[name])
    pen.add(studies["added"])
    pen.amend(studies["amended"])
    pen.begin_addendum(studies["adding"])
    pen.retract(studies["retracted"])
    pen.retract(studies["again"])
    pen.draft(studies["again"])
    facility = create_facility(database, "Two signatures")
    with database.write() as session:
        session.execute(update(Facility).values(needs_second_signer=True))
        ago = midnight() - timedelta(seconds=1)
        session.execute(
            update(Report).where(Report.study_id == studies["yesterday"].id).values(finalized_at=ago)
        )
    studies["awaiting"] = create_study(
        database, series=[], patient_id="awaiting two", facilities=(facility.id,)
    )
    pen.finalize(studies["awaiting"])
    return studies


def test_every_state_is_found_and_named(database: Database, pen: Pen) -> None:
    studies = create_in_every_state(database, pen)
    found = {status: matches(database, Filters(status=status)) for status in ReportStatus}
    assert found == {
        ReportStatus.UNREAD: {"untouched", "discarded", "awaiting"},
        ReportStatus.DRAFT: {"draft", "again", "awaiting two"},
        ReportStatus.PRELIMINARY: {"preliminary"},
        ReportStatus.AWAITING: {"awaiting two"},
        ReportStatus.FINAL: {"final", "yesterday", "added", "amended", "adding"},
        ReportStatus.FINAL_TODAY: {"final", "added", "amended", "adding"},
        ReportStatus.RETRACTED: {"retracted"},
    }
    reader = create_member(database)
    words = {name: row_of(database, study, reader).status for name, study in studies.items()}
    assert {name: one.text for name, one in words.items()} == {
        "untouched": "Unread",
        "discarded": "Unread",
        "draft": "Draft",
        "preliminary": "Preliminary",
        "awaiting": "2nd signature",
        "final": "Final",
        "yesterday": "Final",
        "added": "Final +1",
        "amended": "Amended",
        "adding": "Final …",
        "retracted": "Retracted",
        "again": "Draft",
    }
    assert (words["added"].title, words["amended"].title) == ("1 addendum", "Version 2")
    assert words["adding"].title == "an addendum is being written"
    assert words["again"].title == "After a retraction"


def test_facility_staff_learn_the_status_and_not_who_is_at_work(database: Database, pen: Pen) -> None:
    facility = create_facility(database, "East")
    staff = create_member(database, Role.FACILITY_STAFF, (facility.id,))
    studies = {
        name: create_study(database, series=[], facilities=(facility.id,))
        for name in ("draft", "final", "adding")
    }
    pen.draft(studies["draft"])
    for name in ("final", "adding"):
        pen.finalize(studies[name])
    pen.begin_addendum(studies["adding"])
    for study in studies.values():
        pen.open(study)
        flag(database, study, assignee=pen.user)
    rows = {name: row_of(database, study, staff) for name, study in studies.items()}
    assert [(row.status.text, row.author) for row in rows.values()] == [
        ("Draft", ""),
        ("Final", pen.user.username),
        ("Final", ""),
    ]
    assert {row.writer or row.assignee or row.assignee_id for row in rows.values()} == {None}
    assert {one.title for one in (row.status for row in rows.values())} == {""}
    seen = row_of(database, studies["adding"])
    assert (seen.author, seen.writer, seen.assignee) == (pen.user.username,) * 3


def test_a_lock_is_shown_while_its_heart_beats(database: Database, pen: Pen) -> None:
    study = create_study(database, series=[])
    pen.open(study)
    assert row_of(database, study).writer == pen.user.username
    with database.write() as session:
        session.execute(update(ReportLock).values(beats_until=datetime.now(UTC)))
    assert row_of(database, study).writer == ""


def test_priorities_come_from_people_or_else_from_the_study(database: Database) -> None:
    def create(name: str, requested: str | None, decided: Priority | None = None) -> None:
        study = create_study(database, series=[], patient_id=name, requested_priority=requested)
        if decided is not None:
            flag(database, study, priority=decided)
        assert row_of(database, study).priority == (decided or priority_of(None, requested))

    create("requested", "stat")
    create("lowered", "stat", Priority.ROUTINE)
    create("raised", "", Priority.STAT)
    create("urgent", "urgent")
    create("silent", "")
    create("unread", None)
    flag(database, create_study(database, series=[], patient_id="flagged", requested_priority="urgent"))
    found = {one: matches(database, Filters(priority=one)) for one in Priority}
    unread = ReportStatus.UNREAD
    assert {one: matches(database, Filters(priority=one, status=unread)) for one in Priority} == found
    assert found == {
        Priority.STAT: {"requested", "raised"},
        Priority.URGENT: {"urgent", "flagged"},
        Priority.ROUTINE: {"lowered", "silent", "unread"},
    }


def test_assignments_and_authors_are_found(database: Database, pen: Pen) -> None:
    mine, theirs, free, released = (
        create_study(database, series=[], patient_id=name) for name in ("mine", "theirs", "free", "released")
    )
    other = Pen.of_somebody(database)
    flag(database, mine, assignee=pen.user)
    flag(database, theirs, assignee=other.user)
    flag(database, free, priority=Priority.STAT)
    assert matches(database, Filters(assigned=Assignment.MINE), pen.user.id) == {"mine"}
    assert matches(database, Filters(assigned=Assignment.NOBODY), pen.user.id) == {"free", "released"}
    pen.release(released)
    other.finalize(theirs)
    other.draft(free)
    other.discard(free)
    assert matches(database, Filters(author=pen.user.username)) == {"released"}
    assert matches(database, Filters(author=other.user.username)) == {"theirs"}
    assert matches(database, Filters(author="nobody")) == set()


@pytest.mark.parametrize("is_unread", [False, True])
@pytest.mark.parametrize("is_descending", [False, True])
def test_stat_comes_first_whatever_the_direction(
    database: Database, is_descending: bool, is_unread: bool
) -> None:
    for at, priority in enumerate(["", "stat", "urgent", None, "stat", "routine", "urgent"]):
        create_study(
            database,
            series=[],
            patient_id=f"{priority or 'routine'} {at}",
            requested_priority=priority,
            received_at=LONG_AGO + timedelta(minutes=at),
        )
    sort, found, cursor = Sort("priority", is_descending), [], ""
    while True:
        with database.read() as session:
            begin = Cursor.decode(cursor, sort)
            page = fetch_page(session, select(Study), sort, begin, 2, is_unread=is_unread)
        found += [study.patient_id for study in page.studies]
        if page.next is None:
            break
        cursor = page.next
    ordered = [["stat 1", "stat 4"], ["urgent 2", "urgent 6"], ["routine 0", "routine 3", "routine 5"]]
    assert found == [one for group in ordered for one in (group[::-1] if is_descending else group)]


def test_images_after_the_last_signature_raise_a_flag(database: Database, pen: Pen) -> None:
    study = create_study(database, series=[])
    receive_more(database, study)
    assert not row_of(database, study).has_late_images
    pen.finalize(study)
    assert not row_of(database, study).has_late_images
    receive_more(database, study)
    assert row_of(database, study).has_late_images
    pen.begin_addendum(study)
    assert row_of(database, study).has_late_images
    pen.sign(study)
    assert not row_of(database, study).has_late_images
    receive_more(database, study)
    assert row_of(database, study).has_late_images
    pen.amend(study)
    assert not row_of(database, study).has_late_images


def test_the_clock_stops_at_the_first_final_report(database: Database, pen: Pen) -> None:
    received_at = datetime.now(UTC) - timedelta(hours=5)
    study = create_study(database, series=[], received_at=received_at)
    assert row_of(database, study).turnaround == Turnaround(received_at, None, timedelta(hours=24))
    flag(database, study, priority=Priority.URGENT)
    assert row_of(database, study).turnaround.is_late
    first = pen.finalize(study)
    pen.add(study)
    pen.amend(study)
    stopped = Turnaround(received_at, first.written_at, timedelta(hours=4))
    assert row_of(database, study).turnaround == stopped
    pen.retract(study)
    assert row_of(database, study).turnaround.is_running


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 min"),
        (59, "0 min"),
        (3599, "59 min"),
        (3600, "1 h 0 min"),
        (47 * 3600 + 120, "47 h 2 min"),
        (48 * 3600, "2 d 0 h"),
        (100 * 3600, "4 d 4 h"),
    ],
)
def test_waiting_times_read_well(seconds: int, text: str) -> None:
    assert waiting_time(seconds) == text


def newest(database: Database, user: User) -> Newest:
    with database.read() as session:
        return read_row(session.execute(user_and_newest(user.id)).one())[1]


Act = Callable[[Database, Pen, Study], Any]
ACTS: dict[str, Act] = {
    "a draft": lambda _, pen, study: pen.draft(study),
    "a preliminary report": lambda _, pen, study: pen.release(study),
    "a final report": lambda _, pen, study: pen.finalize(study),
    "a page that is opened": lambda _, pen, study: pen.open(study),
    "a priority": lambda database, _, study: flag(database, study, priority=Priority.STAT),
    "an assignment": lambda database, pen, study: flag(database, study, assignee=pen.user),
    "images": lambda database, _, study: receive_more(database, study),
}


@pytest.mark.parametrize("act", ACTS)
def test_what_a_row_shows_cannot_change_unnoticed(database: Database, pen: Pen, act: str) -> None:
    study = create_study(database, series=[])
    before = newest(database, pen.user)
    assert newest(database, pen.user) == before
    ACTS[act](database, pen, study)
    after = newest(database, pen.user)
    assert after.digest(pen.user.id) != before.digest(pen.user.id)


def test_the_end_of_a_lock_is_noticed(database: Database, pen: Pen) -> None:
    first, second = create_study(database, series=[]), create_study(database, series=[])
    pen.open(first)
    token = pen.open(second)
    both = newest(database, pen.user)
    with database.write() as session:
        late = update(ReportLock).where(ReportLock.study_id == first.id)
        session.execute(late.values(beats_until=datetime.now(UTC)))
    one = newest(database, pen.user)
    locks.release(database, second.id, token)
    none = newest(database, pen.user)
    assert len({state.digest(1) for state in (both, one, none)}) == 3


def test_a_heart_that_beats_is_no_news(database: Database, pen: Pen) -> None:
    study = create_study(database, series=[])
    token = pen.open(study)
    before = newest(database, pen.user)
    from_then_on = datetime.now(UTC) + timedelta(seconds=90)
    with database.write() as session:
        session.execute(update(ReportLock).where(ReportLock.token == token).values(beats_until=from_then_on))
    assert newest(database, pen.user) == before


def test_a_change_that_is_seen_late_is_noticed(database: Database, pen: Pen) -> None:
    """On PostgreSQL what began earlier may be committed later."""
    early, late = create_study(database, series=[]), create_study(database, series=[])
    pen.draft(early)
    pen.draft(late)
    before = newest(database, pen.user)
    third = create_study(database, series=[])
    pen.draft(third)
    with database.write() as session:
        session.execute(update(Report).where(Report.study_id == third.id).values(updated_at=LONG_AGO))
    after = newest(database, pen.user)
    assert (after.report_at, after.digest(1) == before.digest(1)) == (before.report_at, False)
