"""Every change of a report: one transaction that looks, decides and adds a revision. Not Flask's.

Whoever changes a report says on which revision that is based. When it isn't the newest any more, nothing is
changed and ConflictError brings the newest, so that both texts can be shown.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from database.models import (
    AuditAction,
    AuditEvent,
    Purpose,
    Report,
    ReportAction,
    ReportRevision,
    ReportState,
    Study,
    User,
)
from database.session import Database
from webapp.registry.decisions import decide
from webapp.reports import locks, states
from webapp.reports.chain import FIRST, hash_of
from webapp.reports.snapshots import facility_of, snapshot_of
from webapp.reports.states import NotAllowedError, Standing
from webapp.reports.texts import Save, Text

_LONGEST_REASON = 2000
_AUDITED = {
    ReportAction.SIGN: AuditAction.REPORT_SIGNED,
    ReportAction.COSIGN: AuditAction.REPORT_SIGNED,
    ReportAction.RETRACT: AuditAction.REPORT_RETRACTED,
    ReportAction.DISCARD: AuditAction.REPORT_DISCARDED,
}

Result = TypeVar("Result")


class ConflictError(Exception):
    """Somebody else has changed the report since; ``newest`` is what there is now."""

    def __init__(self, newest: ReportRevision) -> None:
        super().__init__(f"{newest.author_name} has changed this report meanwhile.")
        self.newest = newest


@dataclass(frozen=True, slots=True)
class Writer:
    """Who changes it, from which open page and from where."""

    user: User
    token: str = ""
    remote_ip: str = ""

    @property
    def name(self) -> str:
        return self.user.full_name or self.user.username


def standing_of(report: Report | None) -> Standing:
    if report is None:
        return Standing()
    return Standing(
        report.state, report.writing, report.version, report.addendum_count, report.first_signer_id
    )


def text_of(revision: ReportRevision | None) -> Text:
    if revision is None:
        return Text()
    return Text(**{name: getattr(revision, name) for name in Text().as_dict()})


def report_of(session: Session, study_id: int) -> Report | None:
    return session.scalar(select(Report).where(Report.study_id == study_id))


def newest_of(session: Session, report: Report | None) -> ReportRevision | None:
    return None if report is None else session.get_one(ReportRevision, (report.id, report.revision))


def save(database: Database, study_id: int, writer: Writer, change: Save) -> ReportRevision | None:
    """Add what was written. None when there is nothing to keep: no report, and no text.

    Answers the newest revision as it is when nothing differs. Raises NotAllowedError, LockedError and
    ConflictError; then nothing is saved.
    """

    def work(change_: "_Change") -> ReportRevision | None:
        standing = states.save(change_.standing, change.purpose)
        text = replace(change_.text_for(change.purpose), **change.texts)
        is_same = change_.newest is not None and text == text_of(change_.newest)
        # What is saved unchanged takes no first signature back
        if (
            is_same
            and replace(standing, first_signer_id=change_.standing.first_signer_id) == change_.standing
        ):
            return change_.newest
        if change_.newest is None and text.is_empty:
            return None
        return change_.add(ReportAction.SAVE, standing, change.purpose, text)

    return _change(database, study_id, writer, change.based_on, work, is_writing=True)


def release(database: Database, study_id: int, writer: Writer, based_on: int) -> ReportRevision:
    """As preliminary. Raises as ``save`` does."""

    def work(change: "_Change") -> ReportRevision:
        change.require_text()
        return change.add(ReportAction.RELEASE, states.release(change.standing), Purpose.REPORT, change.text)

    return _change(database, study_id, writer, based_on, work, is_writing=True)


def sign(
    database: Database, study_id: int, writer: Writer, based_on: int, reason: str = ""
) -> ReportRevision:
    """What is being written becomes final, or waits for the second signer. Raises as ``save`` does."""

    def work(change: "_Change") -> ReportRevision:
        change.require_text()
        facility = facility_of(change.session, study_id)
        needs_second = facility is not None and facility.needs_second_signer
        purpose = change.standing.writing or Purpose.REPORT
        standing, action = states.sign(change.standing, writer.user.id, needs_second=needs_second)
        if action is ReportAction.COSIGN and change.newest is not None:
            return change.add(action, standing, purpose, change.text, change.newest.reason, is_signed=True)
        return change.add(action, standing, purpose, change.text, reason, is_signed=True)

    return _change(database, study_id, writer, based_on, work, is_writing=True)


def retract(database: Database, study_id: int, writer: Writer, based_on: int, reason: str) -> ReportRevision:
    """A final report isn't valid any more. Raises NotAllowedError and ConflictError."""

    def work(change: "_Change") -> ReportRevision:
        standing = states.retract(change.standing)
        return change.add(ReportAction.RETRACT, standing, Purpose.REPORT, change.final_text(), reason)

    return _change(database, study_id, writer, based_on, work, is_writing=False)


def discard(database: Database, study_id: int, writer: Writer, based_on: int) -> ReportRevision:
    """What is being written isn't wanted; its revisions stay. Raises as ``save`` does."""

    def work(change: "_Change") -> ReportRevision:
        purpose = change.standing.writing or Purpose.REPORT
        standing = states.discard(change.standing)
        return change.add(ReportAction.DISCARD, standing, purpose, change.final_text())

    return _change(database, study_id, writer, based_on, work, is_writing=True)


def _change(
    database: Database,
    study_id: int,
    writer: Writer,
    based_on: int,
    work: Callable[["_Change"], Result],
    *,
    is_writing: bool,
) -> Result:
    if writer.user.role not in states.WRITERS:
        raise NotAllowedError("Only radiologists write reports.")

    def attempt(session: Session) -> Result:
        report = session.scalar(select(Report).where(Report.study_id == study_id).with_for_update())
        newest = newest_of(session, report)
        if newest is not None and newest.number != based_on:
            session.expunge(newest)  # it is still read when the transaction is rolled back
            raise ConflictError(newest)
        if newest is None and based_on:
            raise NotAllowedError("There is no such revision: reload the page.")
        if is_writing:
            locks.hold(session, study_id, writer.user, writer.token)
        return work(_Change(session, study_id, writer, report, newest))

    return decide(database, attempt)


class _Change:
    """A report inside the transaction that changes it."""

    def __init__(
        self,
        session: Session,
        study_id: int,
        writer: Writer,
        report: Report | None,
        newest: ReportRevision | None,
    ) -> None:
        self.session = session
        self.newest = newest
        self.standing = standing_of(report)
        self.text = text_of(newest)
        self._study_id = study_id
        self._writer = writer
        self._report = report

    def text_for(self, purpose: Purpose) -> Text:
        """What ``purpose`` goes on from: its own draft, the final text, or nothing."""
        if self.standing.writing is purpose and self.standing.state is not ReportState.DISCARDED:
            return self.text
        return Text() if purpose is Purpose.REPORT else self.final_text()

    def final_text(self) -> Text:
        """The valid one, without any addendum."""
        if self._report is None or self._report.final_revision is None:
            return Text()
        final = self.session.get_one(ReportRevision, (self._report.id, self._report.final_revision))
        return replace(text_of(final), addendum="")

    def require_text(self) -> None:
        is_addendum = self.standing.writing is Purpose.ADDENDUM
        if self.newest is None or (not self.text.addendum.strip() if is_addendum else self.text.is_empty):
            raise NotAllowedError("There is no text yet.")

    def add(
        self,
        action: ReportAction,
        standing: Standing,
        purpose: Purpose,
        text: Text,
        reason: str = "",
        *,
        is_signed: bool = False,
    ) -> ReportRevision:
        """One revision more, and the report's row as it follows from it."""
        reason = reason.strip()
        if states.needs_reason(action, purpose) and not reason:
            raise NotAllowedError("A reason is required.")
        if len(reason) > _LONGEST_REASON:
            raise NotAllowedError(f"The reason is too long: at most {_LONGEST_REASON} characters.")
        now = datetime.now(UTC)
        report = self._report or self._new_report(now)
        revision = ReportRevision(
            report_id=report.id,
            number=self.newest.number + 1 if self.newest is not None else 1,
            action=action,
            purpose=purpose,
            state=standing.state,
            version=standing.version,
            **text.as_dict(),
            reason=reason,
            author_id=self._writer.user.id,
            author_name=self._writer.name,
            written_at=now,
            snapshot=self._snapshot(now, is_valid=standing.writing is None) if is_signed else {},
            previous_hash=self.newest.hash if self.newest is not None else FIRST,
        )
        revision.hash = hash_of(revision)
        self.session.add(revision)
        _follow(report, revision, standing)
        self._audit(action, now, report)
        return revision

    def _snapshot(self, now: datetime, *, is_valid: bool) -> dict[str, object]:
        """With this signature, and the first one when this is the second; ``is_valid`` with the last one."""
        signers = []
        if self.standing.is_signed_once and self.newest is not None:
            signers = list(self.newest.snapshot.get("signers", []))
        signers.append({"name": self._writer.name, "at": now.isoformat()})
        study = self.session.get_one(Study, self._study_id)
        return snapshot_of(self.session, study, signers) | {"is_valid": is_valid}

    def _new_report(self, now: datetime) -> Report:
        report = Report(
            study_id=self._study_id,
            revision=0,
            state=ReportState.DRAFT,
            author_id=self._writer.user.id,
            created_at=now,
            updated_at=now,
        )
        self.session.add(report)
        self.session.flush()
        return report

    def _audit(self, action: ReportAction, now: datetime, report: Report) -> None:
        if action not in _AUDITED:
            return
        self.session.add(
            AuditEvent(
                at=now,
                user_id=self._writer.user.id,
                action=_AUDITED[action],
                study_id=self._study_id,
                remote_ip=self._writer.remote_ip,
                detail=f"revision {report.revision}",
            )
        )


def _follow(report: Report, revision: ReportRevision, standing: Standing) -> None:
    """The report's row after its newest revision."""
    before, was_final = _listed(report), report.version
    report.revision = revision.number
    report.state = revision.state
    report.writing = standing.writing
    report.version = standing.version
    report.addendum_count = standing.addendum_count
    report.first_signer_id = standing.first_signer_id
    report.author_id = revision.author_id
    if standing.version != was_final:
        report.final_revision = revision.number
        report.finalized_at = revision.written_at
    if _listed(report) != before:  # not with every save: each makes all open worklists ask again
        report.updated_at = revision.written_at


def _listed(report: Report) -> tuple[Standing, int]:
    """What lists show of it."""
    return standing_of(report), report.author_id
