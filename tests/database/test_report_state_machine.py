"""Whatever writers do with a report, in whatever order: what is signed stays, and all that follows is true.

What must hold is said here once more, from the revisions alone, and not by the code that makes them.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import Enum, auto
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError

from database.models import (
    AuditEvent,
    Facility,
    Purpose,
    Report,
    ReportAction,
    ReportLock,
    ReportRevision,
    ReportState,
    Role,
    StudyFacility,
    User,
)
from database.session import Database
from tests.factories import create_facility, create_member, create_study
from webapp.reports import locks, reading, writing
from webapp.reports.chain import breaks
from webapp.reports.locks import LockedError
from webapp.reports.states import NotAllowedError
from webapp.reports.texts import SECTIONS, Save, Text
from webapp.reports.writing import ConflictError, Writer, text_of

Row = dict[str, Any]
_REFUSALS = (NotAllowedError, LockedError, ConflictError)
_SIGNATURES = {ReportAction.SIGN, ReportAction.COSIGN}

# Where a report may stand after where it stood. FINAL is left by a retraction alone.
_FOLLOWS: dict[ReportState | None, set[ReportState]] = {
    None: {ReportState.DRAFT},
    ReportState.DRAFT: {*ReportState},
    ReportState.PRELIMINARY: {ReportState.PRELIMINARY, ReportState.FINAL},
    ReportState.FINAL: {ReportState.FINAL, ReportState.RETRACTED},
    ReportState.RETRACTED: {ReportState.DRAFT},
    ReportState.DISCARDED: {ReportState.DRAFT},
}

_WORDS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=12)
_SECTION_TEXTS = st.dictionaries(st.sampled_from(SECTIONS), _WORDS, max_size=3)
_WRITERS = st.integers(0, 1)
_REASONS = st.sampled_from(["nodule overlooked", "wrong side", "", " "])
_PURPOSES = st.sampled_from(Purpose)
_ACTIONS = st.sampled_from(ReportAction)
_BASES = st.sampled_from([0, -1, 1, -99])
"""How far from the newest revision the one is on which a writer's page is based."""


_FORGERIES = [update(ReportRevision).values(findings="Forged."), delete(ReportRevision)]


class Happening(Enum):
    TAKE_OVER = auto()
    CLOSE = auto()
    RULE = auto()
    """The facility wants a second signer from now on, or none."""
    LINK = auto()
    """The study goes to the other facility."""
    SQL = auto()
    STRANGER = auto()
    """Somebody who is no radiologist tries."""


@dataclass(frozen=True)
class Seen:
    """All that a step may change."""

    revisions: list[Row]
    report: Row | None
    audit_count: int
    lock: Row | None


class ReportMachine(RuleBasedStateMachine):
    """One study's report, two radiologists, and everybody else. Subclasses set ``database``."""

    database: Database

    @initialize(needs_second_signer=st.booleans())
    def begin(self, needs_second_signer: bool) -> None:
        self.facility = create_facility(self.database, "East")
        self.other_facility = create_facility(self.database, "West")
        self.study = create_study(self.database, series=[], facilities=(self.facility.id,))
        self.writers = [Writer(create_member(self.database), f"page {number}") for number in (1, 2)]
        self.others = [create_member(self.database, role) for role in set(Role) - {Role.RADIOLOGIST}]
        self.written = Text()
        self.signed: dict[int, Text] = {}
        self.seen = self._look()
        self._set_rule(self.facility, needs_second_signer=needs_second_signer)

    # What people do

    @rule(number=_WRITERS, data=st.data())
    def somebody_goes_on(self, number: int, data: st.DataObject) -> None:
        """With what can be done next, on a page that is up to date: chance alone hardly signs anything."""
        writer = self.writers[number]
        self._take_over(writer)
        action, purpose = data.draw(st.sampled_from(_sensible(self.seen.report)))
        text = data.draw(_WORDS.filter(str.strip))
        texts = {data.draw(st.sampled_from(SECTIONS)) if purpose != "addendum" else "addendum": text}
        self._do(writer, action, Save(texts, self._base(0), purpose), data.draw(_REASONS))

    @rule(
        number=_WRITERS, off=_BASES, action=_ACTIONS, purpose=_PURPOSES, texts=_SECTION_TEXTS, reason=_REASONS
    )
    def somebody_does_anything(
        self,
        number: int,
        off: int,
        action: ReportAction,
        purpose: Purpose,
        texts: dict[str, str],
        reason: str,
    ) -> None:
        texts = {"addendum": "".join(texts.values())} if purpose is Purpose.ADDENDUM else texts
        self._do(self.writers[number], action, Save(texts, self._base(off), purpose), reason)

    def _do(self, writer: Writer, action: ReportAction, change: Save, reason: str) -> None:
        """What is refused changes nothing at all."""
        expected = replace(self._basis(change.purpose), **change.texts)
        try:
            done = self._act(writer, action, change, reason)
        except _REFUSALS:
            assert self._look() == self.seen
            return
        if action is ReportAction.SAVE:
            self.written = text_of(done)
            assert self.written == expected or (done is None and expected.is_empty)
        elif done is not None and done.action in _SIGNATURES:
            self.signed[done.number] = self.written

    def _basis(self, purpose: Purpose) -> Text:
        """From what somebody goes on who writes for this purpose."""
        report = self.seen.report
        if report is not None and report["writing"] is purpose:
            return self.written
        if purpose is Purpose.REPORT or report is None or report["final_revision"] is None:
            return Text()
        return replace(self.signed[report["final_revision"]], addendum="")

    def _act(self, writer: Writer, action: ReportAction, change: Save, reason: str) -> ReportRevision | None:
        place = (self.database, self.study.id, writer, change.based_on)
        if action is ReportAction.SAVE:
            return writing.save(self.database, self.study.id, writer, change)
        if action is ReportAction.RELEASE:
            return writing.release(*place)
        if action is ReportAction.RETRACT:
            return writing.retract(*place, reason)
        if action is ReportAction.DISCARD:
            return writing.discard(*place)
        return writing.sign(*place, reason)

    # What else happens: one rule, so that it doesn't crowd out the writing

    @rule(happening=st.sampled_from(Happening), number=_WRITERS, data=st.data())
    def something_happens(self, happening: Happening, number: int, data: st.DataObject) -> None:
        if happening is Happening.TAKE_OVER:
            self._take_over(self.writers[number])
        elif happening is Happening.CLOSE:
            locks.release(self.database, self.study.id, self.writers[number].token)
        elif happening is Happening.RULE:
            self._set_rule(self.facility, needs_second_signer=bool(number))
        elif happening is Happening.LINK:
            self._link_elsewhere()
        elif happening is Happening.SQL:
            self._try_sql(data.draw(st.sampled_from(_FORGERIES)))
        else:
            self._try_as_somebody_else(data.draw(st.sampled_from(self.others)), data.draw(_ACTIONS))

    def _take_over(self, writer: Writer) -> None:
        locks.take_over(self.database, self.study.id, writer.user, writer.token, "192.0.2.1")
        self.seen = self._look()

    def _set_rule(self, facility: Facility, *, needs_second_signer: bool) -> None:
        with self.database.write() as session:
            session.execute(
                update(Facility)
                .where(Facility.id == facility.id)
                .values(needs_second_signer=needs_second_signer)
            )

    def _link_elsewhere(self) -> None:
        self.facility, self.other_facility = self.other_facility, self.facility
        with self.database.write() as session:
            session.execute(
                update(StudyFacility)
                .where(StudyFacility.study_id == self.study.id)
                .values(facility_id=self.facility.id)
            )

    def _try_sql(self, forgery: Any) -> None:
        mine = select(Report.id).where(Report.study_id == self.study.id)
        if self.seen.revisions:
            with pytest.raises(DBAPIError), self.database.write() as session:
                session.execute(forgery.where(ReportRevision.report_id.in_(mine)))
        assert self._look() == self.seen

    def _try_as_somebody_else(self, user: User, action: ReportAction) -> None:
        change = Save({"findings": "Mine."}, self._base(0))
        with pytest.raises(NotAllowedError, match="Only radiologists"):
            self._act(Writer(user, "page 1"), action, change, "a reason")
        assert self._look() == self.seen

    def _base(self, off: int) -> int:
        return max(0, len(self.seen.revisions) + off)

    # What must hold

    def _look(self) -> Seen:
        with self.database.read() as session:
            report = session.scalar(select(Report).where(Report.study_id == self.study.id))
            revisions = reading.history_of(session, report) if report is not None else []
            found = session.scalars(select(AuditEvent.id).where(AuditEvent.study_id == self.study.id)).all()
            lock = session.get(ReportLock, self.study.id)
            return Seen(
                [_columns(one) for one in revisions],
                None if report is None else _columns(report),
                len(found),
                None if lock is None else _columns(lock),
            )

    @invariant()
    def all_that_must_hold_holds(self) -> None:
        self._no_revision_was_changed()
        self._the_chain_holds()
        self._the_report_is_what_follows_from_its_revisions()
        self._states_follow_in_order()
        self._whoever_signed_signed_what_was_written()
        self._a_change_of_what_was_final_says_why()
        self._readers_get_what_was_signed()

    def _no_revision_was_changed(self) -> None:
        now, before = self._look(), self.seen
        assert now.revisions[: len(before.revisions)] == before.revisions
        assert len(now.revisions) <= len(before.revisions) + 1
        self.seen = now

    def _the_chain_holds(self) -> None:
        with self.database.read() as session:
            report = session.scalar(select(Report).where(Report.study_id == self.study.id))
            assert report is None or breaks(reading.history_of(session, report)) == []

    def _the_report_is_what_follows_from_its_revisions(self) -> None:
        report, revisions = self.seen.report, self.seen.revisions
        assert (report is None) == (not revisions)
        if report is not None:
            followed = _followed(revisions)
            assert {name: report[name] for name in followed} == followed

    def _states_follow_in_order(self) -> None:
        state: ReportState | None = None
        for revision in self.seen.revisions:
            assert revision["state"] in _FOLLOWS[state]
            state = revision["state"]

    def _whoever_signed_signed_what_was_written(self) -> None:
        assert set(self.signed) == {
            one["number"] for one in self.seen.revisions if one["action"] in _SIGNATURES
        }
        for number, text in self.signed.items():
            revision, before = self.seen.revisions[number - 1], self.seen.revisions[number - 2]
            assert _text(revision) == _text(before) == text
            assert not text.is_empty
            assert revision["snapshot"]["study"]["patient_id"] == self.study.patient_id
            if revision["action"] is ReportAction.COSIGN:
                assert before["action"] is ReportAction.SIGN
                assert before["author_id"] != revision["author_id"]
                assert revision["snapshot"]["signers"][0] == before["snapshot"]["signers"][0]

    def _a_change_of_what_was_final_says_why(self) -> None:
        for one in self.seen.revisions:
            is_amendment = one["action"] in _SIGNATURES and one["purpose"] is Purpose.AMENDMENT
            if is_amendment or one["action"] is ReportAction.RETRACT:
                assert one["reason"].strip()

    def _readers_get_what_was_signed(self) -> None:
        with self.database.read() as session:
            found = reading.read_report(session, self.study.id)
        if found is None or found.report.state is not ReportState.FINAL:
            return
        assert found.final is not None
        assert text_of(found.final) == self.signed[found.final.number]
        assert found.final.snapshot["is_valid"]
        assert len(found.addenda) == found.report.addendum_count
        for addendum in found.addenda:
            assert addendum.addendum == self.signed[addendum.number].addendum != ""
            sections = {name: getattr(addendum, name) for name in SECTIONS}
            assert sections == {name: getattr(found.final, name) for name in SECTIONS}


def _sensible(report: Row | None) -> list[tuple[ReportAction, Purpose]]:
    """What can be done with a report that stands there."""
    saving = [(ReportAction.SAVE, Purpose.REPORT)]
    if report is None or report["state"] in {ReportState.RETRACTED, ReportState.DISCARDED}:
        return saving
    purpose = report["writing"]
    ending = [(ReportAction.SAVE, purpose), (ReportAction.SIGN, purpose), (ReportAction.DISCARD, purpose)]
    if report["state"] is not ReportState.FINAL:
        return [*ending, (ReportAction.SIGN, purpose), (ReportAction.RELEASE, purpose)]
    saving = [(ReportAction.SAVE, Purpose.ADDENDUM), (ReportAction.SAVE, Purpose.AMENDMENT)]
    return [*(ending if purpose else saving), (ReportAction.RETRACT, Purpose.REPORT)]


def _columns(row: Report | ReportRevision | ReportLock) -> Row:
    return {name: getattr(row, name) for name in row.__mapper__.columns.keys()}  # noqa: SIM118 - no dict


def _text(revision: Row) -> Text:
    return Text(**{name: revision[name] for name in asdict(Text())})


def _followed(revisions: Sequence[Row]) -> Row:
    """The report's row, from its revisions alone. It is newer when it tells lists something new."""
    told: Row = {}
    for count, revision in enumerate(revisions, 1):
        now = _told(revisions[:count])
        if now != told:
            told, updated_at = now, revision["written_at"]
    return told | {"revision": len(revisions), "updated_at": updated_at}


def _told(revisions: Sequence[Row]) -> Row:
    newest = revisions[-1]
    is_waiting = newest["action"] is ReportAction.SIGN and not newest["snapshot"]["is_valid"]
    is_writing = newest["action"] in {ReportAction.SAVE, ReportAction.RELEASE} or is_waiting
    versions = [0, *(one["version"] for one in revisions)]
    raised = [one for one, before in zip(revisions, versions, strict=False) if one["version"] != before]
    final = raised[-1] if raised else None
    return {
        "state": newest["state"],
        "writing": newest["purpose"] if is_writing else None,
        "version": len(raised),
        "addendum_count": sum(_is_valid_addendum(one) for one in revisions[final["number"] :])
        if final
        else 0,
        "author_id": newest["author_id"],
        "first_signer_id": newest["author_id"] if is_waiting else None,
        "final_revision": final["number"] if final else None,
        "finalized_at": final["written_at"] if final else None,
        "created_at": revisions[0]["written_at"],
    }


def _is_valid_addendum(revision: Row) -> bool:
    is_signed = revision["action"] in _SIGNATURES and bool(revision["snapshot"]["is_valid"])
    return is_signed and revision["purpose"] is Purpose.ADDENDUM


def test_whatever_is_done_what_is_signed_stays(database: Database) -> None:
    machine = type("Machine", (ReportMachine,), {"database": database})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
    with database.read() as session:
        assert reading.find_breaks(session) == []
