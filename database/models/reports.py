"""Reports, who is writing them, what they are written from, and who did what with them.

A report is its revisions: each save, signature or retraction is a row that is only ever added, chained to the
one before it by SHA-256. ``report`` holds what follows from them, so that lists needn't read them.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from database.models.base import Base
from database.types import Plain, PrimaryKey


class ReportState(StrEnum):
    """What a report is worth to its readers. A study without a row in ``report`` is unread."""

    DRAFT = "draft"
    PRELIMINARY = "preliminary"
    FINAL = "final"
    RETRACTED = "retracted"
    """It was final, and isn't valid any more."""
    DISCARDED = "discarded"
    """A draft that nobody wants; the study is unread again."""


class Purpose(StrEnum):
    """What a text is written for."""

    REPORT = "report"
    ADDENDUM = "addendum"
    """Added to a final report, which stays as it is."""
    AMENDMENT = "amendment"
    """A new version of a final report."""


class ReportAction(StrEnum):
    """What a revision did."""

    SAVE = "save"
    RELEASE = "release"
    """As preliminary."""
    SIGN = "sign"
    COSIGN = "cosign"
    """By the second signer, where the facility wants one."""
    RETRACT = "retract"
    DISCARD = "discard"


class Priority(StrEnum):
    """How soon a study is to be read."""

    STAT = "stat"
    URGENT = "urgent"
    ROUTINE = "routine"


class AuditAction(StrEnum):
    """What is written down of what people did."""

    REPORT_PRINTED = "report-printed"
    REPORT_SIGNED = "report-signed"
    REPORT_RETRACTED = "report-retracted"
    REPORT_DISCARDED = "report-discarded"
    REPORT_TAKEN_OVER = "report-taken-over"


class Report(Base):
    """The one report of a study: where it stands. Writer: webapp."""

    __tablename__ = "report"
    __table_args__ = (
        Index(None, "state", "finalized_at"),
        Index(None, "author_id", "state"),
        Index(None, "updated_at"),
        Index(None, "first_signer_id"),
    )

    id: Mapped[PrimaryKey]
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), unique=True)
    revision: Mapped[int]
    """The newest one's number; every change says on which it is based."""
    state: Mapped[ReportState]
    writing: Mapped[Purpose | None]
    """What is being written: the report itself, or something on top of a final one."""
    version: Mapped[int] = mapped_column(default=0)
    """0 before the first signature; each amendment makes a new one."""
    addendum_count: Mapped[int] = mapped_column(default=0)
    """Of this version."""
    author_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    """Who wrote last, or signed."""
    first_signer_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    """It is signed once and waits for another signer."""
    final_revision: Mapped[int | None]
    """The revision whose text is the valid one."""
    finalized_at: Mapped[datetime | None]
    """When this version became final."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    """When anything of the above but ``revision`` last changed: open worklists ask for the newest."""


class ReportRevision(Base):
    """What somebody did to a report, with the whole text after it. Never changed or deleted. Writer: webapp.

    Triggers see to that, and on PostgreSQL the application's role doesn't own the table.
    """

    __tablename__ = "report_revision"
    __table_args__ = (Index(None, "action", "written_at"),)

    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    """From 1, without gaps."""
    action: Mapped[ReportAction]
    purpose: Mapped[Purpose]
    state: Mapped[ReportState]
    """The report's after this."""
    version: Mapped[int]
    clinical_information: Mapped[str] = mapped_column(default="")
    technique: Mapped[str] = mapped_column(default="")
    comparison: Mapped[str] = mapped_column(default="")
    findings: Mapped[str] = mapped_column(default="")
    impression: Mapped[str] = mapped_column(default="")
    recommendation: Mapped[str] = mapped_column(default="")
    addendum: Mapped[str] = mapped_column(default="")
    """The text of an addendum; the sections then are those of the report that it belongs to."""
    reason: Mapped[str] = mapped_column(default="")
    """For an amendment, a retraction, a discard."""
    author_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    author_name: Mapped[str]
    """As it was then."""
    written_at: Mapped[datetime]
    snapshot: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """With a signature: patient, study, facility and signers as they were (``webapp.reports.snapshots``)."""
    previous_hash: Mapped[str] = mapped_column(Plain)
    hash: Mapped[str] = mapped_column(Plain)
    """SHA-256, in hexadecimal, over all of the above (``webapp.reports.chain``)."""


class ReportDocument(Base):
    """A printed report's bytes, archived so that a reprint is identical. Never changed. Writer: webapp."""

    __tablename__ = "report_document"

    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    paper: Mapped[str] = mapped_column(Plain, primary_key=True)
    """``A4`` or ``Letter``."""
    content: Mapped[bytes] = mapped_column(LargeBinary)
    """PDF."""
    sha256: Mapped[str] = mapped_column(Plain)
    created_at: Mapped[datetime]


class ReportLock(Base):
    """Who is writing a study's report, as long as the heart beats. Writer: webapp."""

    __tablename__ = "report_lock"
    __table_args__ = (Index(None, "beats_until"),)

    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    token: Mapped[str] = mapped_column(Plain)
    """Of the open page: one user's two tabs are two writers."""
    acquired_at: Mapped[datetime]
    beats_until: Mapped[datetime]


class StudyFlag(Base):
    """What people say about a study's place in the worklist. Writer: webapp."""

    __tablename__ = "study_flag"
    __table_args__ = (Index(None, "assignee_id"), Index(None, "updated_at"), Index(None, "priority"))

    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), primary_key=True)
    priority: Mapped[Priority | None]
    """Set by a person; None: as the study itself asks (``study.requested_priority``)."""
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    updated_at: Mapped[datetime]


class ReportTemplate(Base):
    """A text to begin a report with, per modality and body part. Writer: webapp."""

    __tablename__ = "report_template"

    id: Mapped[PrimaryKey]
    name: Mapped[str]
    modality: Mapped[str] = mapped_column(Plain, default="")
    """Empty: any; so is ``body_part``."""
    body_part: Mapped[str] = mapped_column(default="")
    clinical_information: Mapped[str] = mapped_column(default="")
    technique: Mapped[str] = mapped_column(default="")
    comparison: Mapped[str] = mapped_column(default="")
    findings: Mapped[str] = mapped_column(default="")
    impression: Mapped[str] = mapped_column(default="")
    recommendation: Mapped[str] = mapped_column(default="")
    revision: Mapped[int] = mapped_column(default=1)
    updated_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    updated_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


class StandardText(Base):
    """What ``.alias`` and Tab expand to. Writer: webapp."""

    __tablename__ = "standard_text"

    id: Mapped[PrimaryKey]
    alias: Mapped[str] = mapped_column(Plain, unique=True)
    """Lower case, without the dot."""
    text: Mapped[str]
    modality: Mapped[str] = mapped_column(Plain, default="")
    body_part: Mapped[str] = mapped_column(default="")
    revision: Mapped[int] = mapped_column(default=1)
    updated_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    updated_at: Mapped[datetime]


class SavedFilter(Base):
    """A user's own view of the worklist. Writer: webapp."""

    __tablename__ = "saved_filter"

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    query: Mapped[str]
    """The worklist's own: ``modality=CT&status=unread``."""


class AuditEvent(Base):
    """Who did what, when, from where. Only added. Writer: webapp."""

    __tablename__ = "audit_event"
    __table_args__ = (Index(None, "study_id", "at"),)

    id: Mapped[PrimaryKey]
    at: Mapped[datetime]
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    action: Mapped[AuditAction]
    study_id: Mapped[int | None] = mapped_column(ForeignKey("study.id"))
    remote_ip: Mapped[str] = mapped_column(Plain, default="")
    detail: Mapped[str] = mapped_column(default="")
    """In words, without patient data."""
