"""What one user finds on a study's report page: what is valid, what they may write, who writes. Queries only.

What isn't signed is for radiologists; everyone else gets the valid text, or how far it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from database.models import Purpose, Report, ReportAction, ReportRevision, ReportState, User
from webapp.report_status import StatusWords, status_words
from webapp.reports import states
from webapp.reports.locks import Holder, holder_of
from webapp.reports.reading import Reading, history_of, may_read_unsigned, read_report
from webapp.reports.states import Standing
from webapp.reports.texts import Text
from webapp.reports.writing import standing_of, text_of

_ON_FINAL = {Purpose.ADDENDUM, Purpose.AMENDMENT}


@dataclass(frozen=True, slots=True)
class Desk:
    """``purpose`` is what this user may write here now; None: they can only read."""

    standing: Standing
    reading: Reading | None
    purpose: Purpose | None
    text: Text
    """What a writer goes on from."""
    retraction: ReportRevision | None
    """Why the newest version isn't valid any more, when it isn't."""
    holder: Holder | None
    first_signer: str
    """Who signed what waits for a second signature; empty when nothing does."""
    is_first_signer: bool
    may_write: bool
    status: StatusWords

    @property
    def revision(self) -> int:
        return 0 if self.reading is None else self.reading.newest.number

    @property
    def is_final(self) -> bool:
        return self.standing.state is ReportState.FINAL

    @property
    def may_begin(self) -> bool:
        """Something further on top of what is final or retracted."""
        return self.may_write and self.standing.writing is None and self.standing.is_readable_by_all

    @property
    def may_release(self) -> bool:
        is_released = self.standing.state is ReportState.PRELIMINARY
        return self.purpose is Purpose.REPORT and not is_released

    @property
    def may_discard(self) -> bool:
        return self.standing.writing is not None and self.standing.state is not ReportState.PRELIMINARY


def load_desk(session: Session, user: User, study_id: int, wanted: Purpose | None = None) -> Desk:
    """``wanted`` is what the user asks to write, where there is a choice."""
    reading = read_report(session, study_id)
    standing = standing_of(None if reading is None else reading.report)
    may_write = user.role in states.WRITERS
    purpose = purpose_of(standing, wanted) if may_write else None
    signer = None if standing.first_signer_id is None else session.get_one(User, standing.first_signer_id)
    return Desk(
        standing,
        reading,
        purpose,
        Text() if purpose is None else _text_for(reading, purpose),
        _retraction(session, reading),
        holder_of(session, study_id),
        "" if signer is None else signer.full_name or signer.username,
        signer is not None and signer.id == user.id,
        may_write,
        status_words(standing, is_all_told=may_read_unsigned(user)),
    )


def purpose_of(standing: Standing, wanted: Purpose | None) -> Purpose | None:
    """What can be written now: what somebody has begun, else what is asked for, if it makes sense."""
    if standing.writing is not None:
        return standing.writing
    if standing.state is ReportState.FINAL:
        return wanted if wanted in _ON_FINAL else None
    if standing.state is ReportState.RETRACTED:
        return wanted if wanted is Purpose.REPORT else None
    return Purpose.REPORT


def readable_history(session: Session, user: User, report: Report) -> Sequence[ReportRevision]:
    """Newest first: all of it for radiologists, for others what was valid once, and its retraction."""
    revisions = list(reversed(history_of(session, report)))
    if may_read_unsigned(user):
        return revisions
    return [one for one in revisions if is_public(one)]


def is_public(revision: ReportRevision) -> bool:
    """Its text was valid, for everyone who may see the study."""
    return bool(revision.snapshot.get("is_valid")) or revision.action is ReportAction.RETRACT


def _text_for(reading: Reading | None, purpose: Purpose) -> Text:
    if reading is None:
        return Text()
    if reading.report.writing is purpose:
        return text_of(reading.newest)
    if purpose is Purpose.REPORT or reading.final is None:
        return Text()
    return replace(text_of(reading.final), addendum="")


def _retraction(session: Session, reading: Reading | None) -> ReportRevision | None:
    if reading is None or reading.final is None:
        return None
    return session.scalar(
        select(ReportRevision)
        .where(ReportRevision.report_id == reading.report.id, ReportRevision.action == ReportAction.RETRACT)
        .where(ReportRevision.number > reading.final.number)
        .limit(1)
    )
