"""Studies as Orthanc holds them, the feed that tells of them, and whose they are."""

from datetime import date, datetime, time
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from database.models.base import Base
from database.types import Plain, PrimaryKey

FEED_NAME = "orthanc"
"""The feed of the Orthanc that stands behind the pages."""


class LinkSource(StrEnum):
    """Why a study belongs to a facility."""

    CALLING_AE_TITLE = "calling-ae-title"
    UPLOAD = "upload"
    ADMINISTRATOR = "administrator"


class ResourceLevel(StrEnum):
    """The levels of Orthanc's resources that we keep (its patients live on in their studies)."""

    STUDY = "study"
    SERIES = "series"
    INSTANCE = "instance"


class Feed(Base):
    """One Orthanc's change feed and how far it is processed. Writer: bridge.

    Everything numbered ``low`` or less is settled; everything up to ``high`` is processed, but for the gaps
    between them, which may still fill (orthanc-facts 1). ``revision`` is the compare-and-set: each commit of
    the bridge raises it by one and fails when another bridge did so first.
    """

    __tablename__ = "feed"

    id: Mapped[PrimaryKey]
    name: Mapped[str] = mapped_column(unique=True)
    low: Mapped[int] = mapped_column(BigInteger, default=0)
    high: Mapped[int] = mapped_column(BigInteger, default=0)
    tail: Mapped[list[list[Any]]] = mapped_column(default=list)
    """``[seq, fingerprint]`` of the last processed changes: tells a restored or replaced Orthanc."""
    epoch: Mapped[int] = mapped_column(default=0)
    """Counts how often the feed turned out to be another one (restored, replaced)."""
    revision: Mapped[int] = mapped_column(BigInteger, default=0)
    polled_at: Mapped[datetime | None]
    """When the leading bridge last read the feed successfully, to about five seconds."""
    swept_at: Mapped[datetime | None]
    sweep_requested_at: Mapped[datetime | None]


class Study(Base):
    """A study as Orthanc holds it. Writer: bridge.

    Patient data is the study's own: Orthanc keeps one patient node with the first name it saw. A study that
    left Orthanc keeps its row, with ``deleted_at``. The same StudyInstanceUID may occur under two patients.
    """

    __tablename__ = "study"
    __table_args__ = (
        UniqueConstraint("feed_id", "orthanc_id"),
        Index(None, "study_instance_uid"),
        Index(None, "received_at", "id"),
        Index(None, "study_date", "id"),
        Index(None, "updated_at"),
        Index(None, "requested_priority", "received_at"),
        Index(
            "ix_study_unread_requested_priority",
            "requested_priority",
            "id",
            sqlite_where=text("is_reported IS 0"),
            postgresql_where=text("is_reported IS false"),
        ),
        Index(
            "ix_study_unread",
            "received_at",
            "id",
            sqlite_where=text("is_reported IS 0"),
            postgresql_where=text("is_reported IS false"),
        ),
        Index(None, "patient_id", "patient_birth_date"),
        Index(None, "patient_birth_date"),
    )

    id: Mapped[PrimaryKey]
    feed_id: Mapped[int] = mapped_column(ForeignKey("feed.id"))
    orthanc_id: Mapped[str] = mapped_column(Plain)
    study_instance_uid: Mapped[str] = mapped_column(Plain)
    study_id: Mapped[str] = mapped_column(default="")
    study_date: Mapped[date | None]
    study_time: Mapped[time | None]
    study_description: Mapped[str] = mapped_column(default="")
    accession_number: Mapped[str] = mapped_column(default="")
    institution_name: Mapped[str] = mapped_column(default="")
    referring_physician_name: Mapped[str] = mapped_column(default="")
    patient_id: Mapped[str] = mapped_column(default="")
    patient_name: Mapped[str] = mapped_column(default="")
    """All component groups, as in DICOM: ``Yamada^Tarou=山田^太郎=やまだ^たろう``."""
    patient_birth_date: Mapped[date | None]
    patient_sex: Mapped[str] = mapped_column(default="")
    patient_age: Mapped[str] = mapped_column(default="")
    """(0010,1010) as sent, such as ``045Y``; read only where the birth date is missing."""
    requested_priority: Mapped[str | None] = mapped_column(Plain)
    """``stat``, ``urgent``, ``routine`` as an instance says; empty: it says nothing; None: not read yet."""
    is_reported: Mapped[bool] = mapped_column(default=False, server_default=false())
    """False: unread. A trigger on ``report`` keeps it, so that an index finds the unread among a million."""
    modalities: Mapped[str] = mapped_column(default="")
    """Distinct modalities of its series, sorted, with blanks between: ``CT SR``."""
    series_count: Mapped[int] = mapped_column(default=0)
    instance_count: Mapped[int] = mapped_column(default=0)
    received_at: Mapped[datetime]
    """When its first instance came (Orthanc's ReceptionDate, to the second)."""
    last_received_at: Mapped[datetime]
    """When its newest instance came: *receiving* until the stable age has passed, then *arrived*."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    """When the bridge last changed anything of it: the worklist's conditional polls read its maximum."""
    deleted_at: Mapped[datetime | None]


class Series(Base):
    """A series of a study. Writer: bridge."""

    __tablename__ = "series"
    __table_args__ = (
        UniqueConstraint("feed_id", "orthanc_id"),
        Index(None, "study_id", "modality"),
    )

    id: Mapped[PrimaryKey]
    feed_id: Mapped[int]
    """Its study's; a foreign key of its own would cost each row a look-up."""
    orthanc_id: Mapped[str] = mapped_column(Plain)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    series_instance_uid: Mapped[str] = mapped_column(Plain)
    modality: Mapped[str] = mapped_column(Plain, default="")
    series_number: Mapped[int | None]
    series_description: Mapped[str] = mapped_column(default="")
    body_part_examined: Mapped[str] = mapped_column(default="")
    protocol_name: Mapped[str] = mapped_column(default="")
    station_name: Mapped[str] = mapped_column(default="")
    instance_count: Mapped[int] = mapped_column(default=0)
    received_at: Mapped[datetime | None]
    last_received_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class Instance(Base):
    """A SOP instance, and how it came. Writer: bridge."""

    __tablename__ = "instance"
    __table_args__ = (
        UniqueConstraint("feed_id", "orthanc_id"),
        # Partial, so that counting a series' live instances reads nothing but the index.
        Index(
            None,
            "series_id",
            "received_at",
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index(None, "sop_instance_uid"),
        Index(
            "ix_instance_unaccounted",
            "received_at",
            sqlite_where=text("accounted_at IS NOT received_at"),
            postgresql_where=text("accounted_at IS DISTINCT FROM received_at"),
        ),
    )

    id: Mapped[PrimaryKey]
    feed_id: Mapped[int]
    orthanc_id: Mapped[str] = mapped_column(Plain)
    series_id: Mapped[int] = mapped_column(ForeignKey("series.id"))
    sop_instance_uid: Mapped[str] = mapped_column(Plain)
    sop_class_uid: Mapped[str] = mapped_column(Plain, default="")
    transfer_syntax_uid: Mapped[str] = mapped_column(Plain, default="")
    instance_number: Mapped[int | None]
    number_of_frames: Mapped[int] = mapped_column(default=1)
    file_size: Mapped[int] = mapped_column(BigInteger, default=0)
    """Bytes of the DICOM file as received."""
    calling_ae_title: Mapped[str] = mapped_column(default="")
    called_ae_title: Mapped[str] = mapped_column(default="")
    remote_ip: Mapped[str] = mapped_column(default="")
    """As Orthanc saw it: behind a recorder that is the recorder's, until ``accounted_at``."""
    origin: Mapped[str] = mapped_column(default="")
    """Orthanc's word for the way it came: ``DicomProtocol``, ``RestApi``, …"""
    received_at: Mapped[datetime]
    accounted_at: Mapped[datetime | None]
    """Equal to ``received_at`` when the transfer log has the operation that brought it."""
    deleted_at: Mapped[datetime | None]


class StudyWord(Base):
    """The words by which a study is found. Writer: bridge.

    They are those of its patient name, patient ID and accession number, folded by ``database.words``. One
    range scan answers a word prefix, on SQLite and PostgreSQL alike.
    """

    __tablename__ = "study_word"
    __table_args__ = (Index(None, "study_id"),)

    word: Mapped[str] = mapped_column(Plain, primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), primary_key=True)


class StudySender(Base):
    """An AE title that sent instances of a study: whose study it is follows from it. Writer: bridge.

    Orthanc compares AE titles without regard to case, and so does ``ae_title_key``, in upper case.
    """

    __tablename__ = "study_sender"
    __table_args__ = (Index(None, "ae_title_key", "last_received_at"),)

    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), primary_key=True)
    ae_title_key: Mapped[str] = mapped_column(Plain, primary_key=True)
    ae_title: Mapped[str] = mapped_column(Plain)
    """As it was spelled last."""
    remote_ip: Mapped[str]
    first_received_at: Mapped[datetime]
    last_received_at: Mapped[datetime]


class StudyFacility(Base):
    """A study belongs to a facility, and why; two hospitals may send the same study. Writer: bridge."""

    __tablename__ = "study_facility"
    __table_args__ = (Index(None, "facility_id", "study_id"),)

    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), primary_key=True)
    facility_id: Mapped[int] = mapped_column(ForeignKey("facility.id"), primary_key=True)
    source: Mapped[LinkSource] = mapped_column(primary_key=True)
    linked_at: Mapped[datetime]


class SyncProblem(Base):
    """A resource of Orthanc that couldn't be read or kept as it is, and why. Writer: bridge.

    Never holds patient data: ``reason`` names the attribute, not its value.
    """

    __tablename__ = "sync_problem"
    __table_args__ = (UniqueConstraint("feed_id", "orthanc_id"),)

    id: Mapped[PrimaryKey]
    feed_id: Mapped[int] = mapped_column(ForeignKey("feed.id"))
    orthanc_id: Mapped[str] = mapped_column(Plain)
    level: Mapped[ResourceLevel]
    reason: Mapped[str]
    is_kept: Mapped[bool]
    """Whether the resource is in the database all the same, with the value in question left empty."""
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    attempt_count: Mapped[int] = mapped_column(default=1)
