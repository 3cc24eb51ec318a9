"""What a printed report says, for whoever may read it. Queries only.

What is signed is printed from the snapshots of its signatures, what isn't from the study as it is now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from database.models import Purpose, Report, ReportAction, ReportRevision, ReportState, Study, User
from webapp.registry.fields import PAPERS
from webapp.reports.chain import hash_of
from webapp.reports.reading import Reading, may_read_unsigned, read_report
from webapp.reports.snapshots import snapshot_of
from webapp.reports.texts import SECTION_NAMES
from webapp.reports.typesetting import local_moment
from webapp.reports.writing import report_of

_MARKS = {
    ReportState.DRAFT: "draft",
    ReportState.PRELIMINARY: "preliminary",
}


class DamagedError(Exception):
    """What is archived isn't what was signed; the text says so in the user's words."""


class Mark(StrEnum):
    """What a report is printed as: nothing across the pages of a valid one."""

    DRAFT = "draft"
    PRELIMINARY = "preliminary"
    FINAL = "final"
    RETRACTED = "retracted"


@dataclass(frozen=True, slots=True)
class Signature:
    name: str
    moment: str
    """With its time zone, the facility's."""


@dataclass(frozen=True, slots=True)
class Addendum:
    text: str
    signatures: Sequence[Signature]
    study: dict[str, Any] | None
    """The identifiers with which it was signed, where they aren't the report's any more."""


@dataclass(frozen=True, slots=True)
class Step:
    """How one version came after the one before it."""

    version: int
    before: int
    before_signed: str
    """When."""
    is_amendment: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Retraction:
    signature: Signature
    reason: str


@dataclass(frozen=True, slots=True)
class Printout:
    report_id: int
    study_id: int
    mark: Mark
    version: int
    revision: int
    """The one that made it what it is; its document is archived under it."""
    hash: str
    study: dict[str, Any]
    """As in a snapshot (``snapshots``); so is ``facility``."""
    facility: dict[str, Any] | None
    sections: Sequence[tuple[str, str]]
    """Title and text of those that aren't empty."""
    signatures: Sequence[Signature]
    written: Signature
    """By whom and when the text was saved last."""
    addenda: Sequence[Addendum]
    steps: Sequence[Step]
    """Newest first."""
    retraction: Retraction | None

    @property
    def is_signed(self) -> bool:
        """Everyone who may see the study may print it, and its document is archived."""
        return self.mark in {Mark.FINAL, Mark.RETRACTED}

    @property
    def paper(self) -> str:
        """The facility's."""
        paper = (self.facility or {}).get("paper")
        return paper if paper in PAPERS else PAPERS[0]

    @property
    def time_zone(self) -> str:
        return str((self.facility or {}).get("time_zone", "UTC"))


def mark_of(session: Session, study_id: int, user: User) -> Mark | None:
    """As what this user can print the study's report now; None: there is nothing for them."""
    return _mark(report_of(session, study_id), user)


def load_printout(session: Session, study: Study, user: User) -> Printout | None:
    """What this user may print; None: nothing. Raises DamagedError."""
    reading = read_report(session, study.id)
    if reading is None:
        return None
    mark = _mark(reading.report, user)
    if mark is None:
        return None
    if mark in {Mark.DRAFT, Mark.PRELIMINARY}:
        return _unsigned(session, study, reading, mark)
    return _signed(session, study, reading)


def _mark(report: Report | None, user: User) -> Mark | None:
    if report is None:
        return None
    if report.state in _MARKS and (may_read_unsigned(user) or report.author_id == user.id):
        return Mark(_MARKS[report.state])
    if report.final_revision is None:
        return None
    # A new draft after a retraction makes the retracted one no more valid for those who can't see the draft
    return Mark.FINAL if report.state is ReportState.FINAL else Mark.RETRACTED


def _unsigned(session: Session, study: Study, reading: Reading, mark: Mark) -> Printout:
    newest = reading.newest
    first = newest.snapshot.get("signers", []) if reading.report.first_signer_id is not None else []
    snapshot = snapshot_of(session, study, first)
    zone = _zone_of(snapshot)
    return Printout(
        report_id=reading.report.id,
        study_id=study.id,
        mark=mark,
        version=newest.version,
        revision=newest.number,
        hash=newest.hash,
        study=snapshot["study"],
        facility=snapshot["facility"],
        sections=_sections(newest),
        signatures=_signatures(snapshot, zone),
        written=_author(newest, zone),
        addenda=(),
        steps=(),
        retraction=None,
    )


def _signed(session: Session, study: Study, reading: Reading) -> Printout:
    final = reading.final
    signed = _milestones(session, reading.report)
    retracted = signed[-1] if signed and signed[-1].action is ReportAction.RETRACT else None
    if final is None or not _is_valid(final):
        raise DamagedError("This report can't be printed: what is kept as final was never signed.")
    newest = retracted or (reading.addenda[-1] if reading.addenda else final)
    for revision in (final, *reading.addenda, newest):
        if revision.hash != hash_of(revision):
            raise DamagedError(
                f"This report can't be printed: its revision {revision.number} isn't what was signed."
            )
    zone = _zone_of(final.snapshot)
    return Printout(
        report_id=reading.report.id,
        study_id=study.id,
        mark=Mark.RETRACTED if retracted else Mark.FINAL,
        version=final.version,
        revision=newest.number,
        hash=newest.hash,
        study=final.snapshot["study"],
        facility=final.snapshot["facility"],
        sections=_sections(final),
        signatures=_signatures(final.snapshot, zone),
        written=_author(final, zone),
        addenda=[_addendum(one, final, zone) for one in reading.addenda],
        steps=_steps(signed, zone),
        retraction=Retraction(_author(retracted, zone), retracted.reason) if retracted else None,
    )


def _milestones(session: Session, report: Report) -> list[ReportRevision]:
    """What made a version, or ended it; oldest first."""
    found = session.scalars(
        select(ReportRevision)
        .where(ReportRevision.report_id == report.id, ReportRevision.purpose != Purpose.ADDENDUM)
        .where(ReportRevision.action.in_((ReportAction.SIGN, ReportAction.COSIGN, ReportAction.RETRACT)))
        .order_by(ReportRevision.number)
    )
    return [one for one in found if one.action is ReportAction.RETRACT or one.snapshot.get("is_valid")]


def _is_valid(revision: ReportRevision) -> bool:
    return revision.state is ReportState.FINAL and bool(revision.snapshot.get("is_valid"))


def _steps(milestones: Sequence[ReportRevision], zone: str) -> list[Step]:
    signed = {one.version: one for one in milestones if one.action is not ReportAction.RETRACT}
    retracted = {one.version: one.reason for one in milestones if one.action is ReportAction.RETRACT}
    steps = []
    for version, revision in sorted(signed.items(), reverse=True):
        before = signed.get(version - 1)
        if before is not None:
            is_amendment = revision.purpose is Purpose.AMENDMENT
            reason = revision.reason if is_amendment else retracted.get(before.version, "")
            moment = local_moment(before.written_at, zone)
            steps.append(Step(version, before.version, moment, is_amendment, reason))
    return steps


def _addendum(revision: ReportRevision, final: ReportRevision, zone: str) -> Addendum:
    study = revision.snapshot["study"]
    names = ("patient_name", "patient_id", "patient_birth_date", "patient_sex", "accession_number")
    is_same = all(study[name] == final.snapshot["study"][name] for name in names)
    return Addendum(revision.addendum, _signatures(revision.snapshot, zone), None if is_same else study)


def _sections(revision: ReportRevision) -> list[tuple[str, str]]:
    texts = ((title, getattr(revision, name)) for name, title in SECTION_NAMES.items())
    return [(title, text) for title, text in texts if text.strip()]


def _signatures(snapshot: dict[str, Any], zone: str) -> list[Signature]:
    signers = snapshot["signers"]
    return [Signature(one["name"], local_moment(datetime.fromisoformat(one["at"]), zone)) for one in signers]


def _author(revision: ReportRevision, zone: str) -> Signature:
    return Signature(revision.author_name, local_moment(revision.written_at, zone))


def _zone_of(snapshot: dict[str, Any]) -> str:
    return str((snapshot["facility"] or {}).get("time_zone", "UTC"))
