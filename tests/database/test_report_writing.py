"""Reports on both databases: nothing typed is lost, nothing final changes."""

from collections.abc import Callable

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError

from database.models import (
    AuditAction,
    AuditEvent,
    Facility,
    Purpose,
    Report,
    ReportAction,
    ReportRevision,
    ReportState,
    Role,
    Study,
)
from database.session import Database
from tests.factories import create_facility, create_member, create_study
from webapp.reports import locks, reading, writing
from webapp.reports.locks import LockedError
from webapp.reports.states import NotAllowedError
from webapp.reports.texts import Save
from webapp.reports.writing import ConflictError, Writer


@pytest.fixture
def study(database: Database) -> Study:
    return create_study(database)


@pytest.fixture
def writer(database: Database) -> Writer:
    return Writer(create_member(database), "page one")


def _save(database: Database, study: Study, writer: Writer, based_on: int, **texts: str) -> ReportRevision:
    purpose = Purpose.ADDENDUM if "addendum" in texts else Purpose.REPORT
    saved = writing.save(database, study.id, writer, Save(texts, based_on, purpose))
    assert saved is not None
    return saved


def _final(database: Database, study: Study, writer: Writer) -> ReportRevision:
    saved = _save(database, study, writer, 0, findings="No nodule.", impression="Normal.")
    return writing.sign(database, study.id, writer, saved.number)


def _report(database: Database) -> Report:
    with database.read() as session:
        return session.scalars(select(Report)).one()


def _breaks(database: Database) -> list[str]:
    with database.read() as session:
        return reading.find_breaks(session)


def test_a_report_goes_from_draft_to_final(database: Database, study: Study, writer: Writer) -> None:
    saved = _save(database, study, writer, 0, findings="No nodule.")
    assert (saved.number, saved.state) == (1, ReportState.DRAFT)
    saved = _save(database, study, writer, 1, impression="Normal.")
    assert (saved.findings, saved.impression) == ("No nodule.", "Normal.")
    released = writing.release(database, study.id, writer, saved.number)
    assert released.state == ReportState.PRELIMINARY
    signed = writing.sign(database, study.id, writer, released.number)
    assert (signed.action, signed.state, signed.version) == (ReportAction.SIGN, ReportState.FINAL, 1)
    assert signed.snapshot["study"]["patient_id"] == study.patient_id
    report = _report(database)
    assert (report.final_revision, report.finalized_at) == (signed.number, signed.written_at)
    assert _breaks(database) == []


def test_saving_the_same_again_adds_nothing(database: Database, study: Study, writer: Writer) -> None:
    first = _save(database, study, writer, 0, findings="No nodule.")
    assert _save(database, study, writer, 1, findings="No nodule.").number == first.number


def test_an_empty_page_begins_no_report(database: Database, study: Study, writer: Writer) -> None:
    assert writing.save(database, study.id, writer, Save({"findings": "  \n"}, 0)) is None


def test_what_is_based_on_an_older_revision_conflicts(
    database: Database, study: Study, writer: Writer
) -> None:
    _save(database, study, writer, 0, findings="One.")
    _save(database, study, writer, 1, findings="Two.")
    with pytest.raises(ConflictError) as conflict:
        _save(database, study, writer, 1, findings="Three.")
    assert conflict.value.newest.findings == "Two."
    assert _report(database).revision == 2


def test_another_page_must_take_over_first(database: Database, study: Study, writer: Writer) -> None:
    _save(database, study, writer, 0, findings="One.")
    other = Writer(create_member(database), "page two")
    with pytest.raises(LockedError) as locked:
        _save(database, study, other, 1, findings="Two.")
    assert locked.value.holder.user_id == writer.user.id
    locks.take_over(database, study.id, other.user, other.token, "192.0.2.1")
    _save(database, study, other, 1, findings="Two.")
    with pytest.raises(LockedError):
        _save(database, study, writer, 2, findings="Three.")
    with database.read() as session:
        event = session.scalars(select(AuditEvent)).one()
    assert (event.action, event.user_id) == (AuditAction.REPORT_TAKEN_OVER, other.user.id)
    locks.release(database, study.id, other.token)
    _save(database, study, writer, 2, findings="Three.")


def test_a_final_report_takes_no_more_text(database: Database, study: Study, writer: Writer) -> None:
    final = _final(database, study, writer)
    with pytest.raises(NotAllowedError, match="addendum or an amendment"):
        _save(database, study, writer, final.number, findings="Other.")


def test_addenda_and_amendments_leave_the_old_readable(
    database: Database, study: Study, writer: Writer
) -> None:
    final = _final(database, study, writer)
    saved = _save(database, study, writer, final.number, addendum="Compared with 2020: unchanged.")
    assert (saved.state, saved.findings) == (ReportState.FINAL, "No nodule.")
    added = writing.sign(database, study.id, writer, saved.number)
    change = Save({"findings": "One nodule."}, added.number, Purpose.AMENDMENT)
    amended = writing.save(database, study.id, writer, change)
    assert amended is not None
    with database.read() as session:
        before = reading.read_report(session, study.id)
    assert before is not None
    assert before.final is not None
    assert (before.final.number, [one.addendum for one in before.addenda]) == (
        final.number,
        ["Compared with 2020: unchanged."],
    )
    with pytest.raises(NotAllowedError, match="reason"):
        writing.sign(database, study.id, writer, amended.number)
    signed = writing.sign(database, study.id, writer, amended.number, "nodule overlooked")
    with database.read() as session:
        after = reading.read_report(session, study.id)
        assert after is not None
        history = reading.history_of(session, after.report)
    assert after.final is not None
    assert (after.final.number, after.final.version, after.addenda) == (signed.number, 2, [])
    assert next(one.findings for one in history if one.version == 1) == "No nodule."
    assert _breaks(database) == []


def test_a_retracted_report_may_be_followed_by_a_new_one(
    database: Database, study: Study, writer: Writer
) -> None:
    final = _final(database, study, writer)
    with pytest.raises(NotAllowedError, match="reason"):
        writing.retract(database, study.id, writer, final.number, " ")
    gone = writing.retract(database, study.id, writer, final.number, "wrong patient")
    assert gone.state == ReportState.RETRACTED
    again = _save(database, study, writer, gone.number, findings="Another.")
    assert (again.state, again.impression) == (ReportState.DRAFT, "")
    back = writing.discard(database, study.id, writer, again.number)
    assert back.state == ReportState.RETRACTED


def test_a_discarded_draft_keeps_a_record(database: Database, study: Study, writer: Writer) -> None:
    saved = _save(database, study, writer, 0, findings="Nonsense.")
    gone = writing.discard(database, study.id, writer, saved.number)
    assert (gone.state, gone.findings) == (ReportState.DISCARDED, "")
    with database.read() as session:
        assert "Nonsense." in set(session.scalars(select(ReportRevision.findings)))


def test_a_second_signer_is_somebody_else(database: Database, writer: Writer) -> None:
    facility = create_facility(database, "St. Anna")
    with database.write() as session:
        session.execute(update(Facility).values(needs_second_signer=True))
    study = create_study(database, facilities=(facility.id,))
    saved = _save(database, study, writer, 0, findings="No nodule.")
    once = writing.sign(database, study.id, writer, saved.number)
    assert (once.state, once.snapshot["is_valid"]) == (ReportState.DRAFT, False)
    with pytest.raises(NotAllowedError, match="somebody else's"):
        writing.sign(database, study.id, writer, once.number)
    locks.release(database, study.id, writer.token)
    second = Writer(create_member(database), "page two")
    final = writing.sign(database, study.id, second, once.number)
    assert (final.action, final.state) == (ReportAction.COSIGN, ReportState.FINAL)
    assert [one["name"] for one in final.snapshot["signers"]] == [writer.name, second.name]


def test_only_another_text_takes_the_first_signature_back(database: Database, writer: Writer) -> None:
    facility = create_facility(database, "St. Anna")
    with database.write() as session:
        session.execute(update(Facility).values(needs_second_signer=True))
    study = create_study(database, facilities=(facility.id,))
    saved = _save(database, study, writer, 0, findings="No nodule.")
    once = writing.sign(database, study.id, writer, saved.number)
    assert _save(database, study, writer, once.number, findings="No nodule.").number == once.number
    assert _report(database).first_signer_id == writer.user.id
    _save(database, study, writer, once.number, findings="One nodule.")
    assert _report(database).first_signer_id is None


def test_only_radiologists_write(database: Database, study: Study) -> None:
    for role in set(Role) - {Role.RADIOLOGIST}:
        with pytest.raises(NotAllowedError, match="Only radiologists"):
            _save(database, study, Writer(create_member(database, role)), 0, findings="Mine.")


@pytest.mark.parametrize(
    "change",
    [
        lambda session: session.execute(update(ReportRevision).values(findings="Changed.")),
        lambda session: session.execute(delete(ReportRevision)),
        lambda session: session.execute(delete(AuditEvent)),
    ],
)
def test_not_even_sql_changes_what_was_written(
    database: Database, study: Study, writer: Writer, change: Callable[[object], object]
) -> None:
    _final(database, study, writer)
    with pytest.raises(DBAPIError), database.write() as session:
        change(session)
    assert _breaks(database) == []


def test_a_report_survives_its_study(database: Database, study: Study, writer: Writer) -> None:
    final = _final(database, study, writer)
    with database.write() as session:
        session.execute(update(Study).values(deleted_at=final.written_at, patient_id="OTHER"))
    with database.read() as session:
        found = reading.read_report(session, study.id)
    assert found is not None
    assert found.final is not None
    assert found.final.snapshot["study"]["patient_id"] == study.patient_id


def test_lists_are_told_of_what_they_show_and_not_of_every_save(
    database: Database, study: Study, writer: Writer
) -> None:
    _save(database, study, writer, 0, findings="No")
    begun = _report(database).updated_at
    saved = _save(database, study, writer, 1, findings="No nodule.")
    assert _report(database).updated_at == begun
    released = writing.release(database, study.id, writer, saved.number)
    assert _report(database).updated_at == released.written_at


def test_a_study_is_unread_until_it_has_a_report_and_again_when_that_is_discarded(
    database: Database, study: Study, writer: Writer
) -> None:
    def is_reported() -> bool:
        with database.read() as session:
            return session.get_one(Study, study.id).is_reported

    assert not is_reported()
    saved = _save(database, study, writer, 0, findings="Nonsense.")
    assert is_reported()
    gone = writing.discard(database, study.id, writer, saved.number)
    assert not is_reported()
    _save(database, study, writer, gone.number, findings="Sense.")
    assert is_reported()
