"""The transfer log: associations and DICOM operations as they really ended, and how far spools are read.

What is in flight is a row, too: it has no end yet. A row is the latest record of it that was read, so that
reading a spool again changes nothing. Keys begin with the time, so that PostgreSQL can partition by month.
Never patient data: of what was asked for only the attributes' names are kept.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from database.models.base import Base
from database.transfer_terms import (
    AssociationOutcome,
    Direction,
    DoorReason,
    EndedBy,
    OperationKind,
    Source,
    StatusClass,
    Storage,
)
from database.types import Plain, PrimaryKey


class Spool(Base):
    """A recorder's spool, how far it is in the database, and how its recorder is. Writer: bridge."""

    __tablename__ = "spool"

    id: Mapped[PrimaryKey]
    name: Mapped[str] = mapped_column(Plain, unique=True)
    """From the spool's folder; it stays the same over restarts of the recorder."""
    host: Mapped[str] = mapped_column(default="")
    segment: Mapped[str] = mapped_column(Plain, default="")
    """The file being read; the ones before it are read to their end."""
    byte_offset: Mapped[int] = mapped_column(BigInteger, default=0)
    boot: Mapped[int] = mapped_column(BigInteger, default=0)
    """Of the recorder that wrote last."""
    recorded_at: Mapped[datetime | None]
    """When the newest record in the database was written, the probes' included."""
    read_at: Mapped[datetime | None]
    """When the bridge last had read all of it, to about two seconds."""
    damaged_count: Mapped[int] = mapped_column(default=0)
    """Lines that can't be read."""


class SpoolGap(Base):
    """Records that a recorder couldn't write (a full disk) while it went on forwarding. Writer: bridge."""

    __tablename__ = "spool_gap"

    spool_id: Mapped[int] = mapped_column(ForeignKey("spool.id"), primary_key=True)
    began_at: Mapped[datetime] = mapped_column(primary_key=True)
    ended_at: Mapped[datetime]
    record_count: Mapped[int]
    reason: Mapped[str]


class Association(Base):
    """An association, or the attempt to make one. Its totals stay for ever. Writer: bridge."""

    __tablename__ = "association"
    __table_args__ = (
        Index(None, "remote_ae_title_key", "started_at"),
        Index(
            "ix_association_open",
            "spool_id",
            sqlite_where=text("outcome = 'open'"),
            postgresql_where=text("outcome = 'open'"),
        ),
    )

    started_at: Mapped[datetime] = mapped_column(primary_key=True)
    boot: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    """Of the recorder: one number a start, of which none comes twice."""
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    """Ascends within a boot; associations and operations are counted together."""
    spool_id: Mapped[int]
    ended_at: Mapped[datetime | None]
    direction: Mapped[Direction]
    calling_ae_title: Mapped[str] = mapped_column(Plain, default="")
    called_ae_title: Mapped[str] = mapped_column(Plain, default="")
    remote_ae_title_key: Mapped[str] = mapped_column(Plain, default="")
    """Of the two the one that isn't ours, in upper case, as Orthanc compares."""
    remote_ip: Mapped[str] = mapped_column(Plain, default="")
    remote_port: Mapped[int] = mapped_column(default=0)
    tls_subject: Mapped[str] = mapped_column(default="")
    """Of the client's certificate (RFC 4514); empty without TLS or without a certificate."""
    is_tls: Mapped[bool] = mapped_column(default=False)
    implementation_class_uid: Mapped[str] = mapped_column(Plain, default="")
    implementation_version_name: Mapped[str] = mapped_column(default="")
    presentation_contexts: Mapped[list[list[Any]]] = mapped_column(default=list)
    """``[id, abstract syntax, [transfer syntaxes asked], result, transfer syntax accepted]``.

    ``result`` is that of PS3.8 9.3.3.2 (0 acceptance), None before the answer.
    """
    outcome: Mapped[AssociationOutcome]
    ended_by: Mapped[EndedBy | None]
    end_result: Mapped[int | None]
    """Of an A-ASSOCIATE-RJ (PS3.8 9.3.4): 1 permanent, 2 transient."""
    end_source: Mapped[int | None]
    """Of an A-ASSOCIATE-RJ (PS3.8 9.3.4) or A-ABORT (9.3.8)."""
    end_reason: Mapped[int | None]
    """As ``end_source``."""
    door_reason: Mapped[DoorReason | None]
    """Why, where the recorder ended it."""
    opaque_reason: Mapped[str] = mapped_column(default="")
    """Why it could be read no further; it was forwarded all the same. Empty: it was read to its end."""
    received_byte_count: Mapped[int] = mapped_column(BigInteger, default=0)
    """From the remote side, as on the wire without TLS."""
    sent_byte_count: Mapped[int] = mapped_column(BigInteger, default=0)
    operation_count: Mapped[int] = mapped_column(default=0)
    failure_count: Mapped[int] = mapped_column(default=0)
    """Of its operations, those without a response included."""
    warning_count: Mapped[int] = mapped_column(default=0)


class Operation(Base):
    """A DICOM operation: a request and its answer. Successes go when their retention ends. Writer: bridge."""

    __tablename__ = "operation"
    __table_args__ = (
        Index(None, "boot", "association_number", "number"),
        Index(None, "remote_ae_title_key", "started_at"),
        Index(None, "status_class", "started_at"),
        # When a node last did what: of C-STOREs to us, the many, study_sender tells
        Index(
            "ix_operation_no_store_to_us",
            "remote_ae_title_key",
            "direction",
            "kind",
            "started_at",
            sqlite_where=text("kind <> 'c-store' OR direction = 'out'"),
            postgresql_where=text("kind <> 'c-store' OR direction = 'out'"),
        ),
        Index(
            "ix_operation_study",
            "study_id",
            "started_at",
            sqlite_where=text("study_id IS NOT NULL"),
            postgresql_where=text("study_id IS NOT NULL"),
        ),
        Index(
            "ix_operation_stored",
            "sop_instance_uid",
            sqlite_where=text("storage IS NOT NULL"),
            postgresql_where=text("storage IS NOT NULL"),
        ),
        Index(
            "ix_operation_awaited",
            "started_at",
            sqlite_where=text("storage = 'awaited'"),
            postgresql_where=text("storage = 'awaited'"),
        ),
    )

    started_at: Mapped[datetime] = mapped_column(primary_key=True)
    boot: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    spool_id: Mapped[int | None]
    association_started_at: Mapped[datetime | None]
    """With ``boot`` and ``association_number`` the key of its association; None where no recorder saw one."""
    association_number: Mapped[int | None] = mapped_column(BigInteger)
    source: Mapped[Source]
    direction: Mapped[Direction]
    kind: Mapped[OperationKind]
    message_id: Mapped[int | None]
    remote_ae_title: Mapped[str] = mapped_column(Plain, default="")
    remote_ae_title_key: Mapped[str] = mapped_column(Plain, default="")
    remote_ip: Mapped[str] = mapped_column(Plain, default="")
    ended_at: Mapped[datetime | None]
    status: Mapped[int | None]
    """Of the final response (0000,0900); None without one."""
    status_class: Mapped[StatusClass]
    reason: Mapped[str] = mapped_column(default="")
    """What else is known of why it failed, in words."""
    is_cancel_requested: Mapped[bool] = mapped_column(default=False)
    """A C-CANCEL came for it."""
    request_byte_count: Mapped[int] = mapped_column(BigInteger, default=0)
    """Command and data set, without the PDUs' headers."""
    response_byte_count: Mapped[int] = mapped_column(BigInteger, default=0)
    sop_class_uid: Mapped[str] = mapped_column(Plain, default="")
    sop_instance_uid: Mapped[str] = mapped_column(Plain, default="")
    transfer_syntax_uid: Mapped[str] = mapped_column(Plain, default="")
    query_level: Mapped[str] = mapped_column(Plain, default="")
    """(0008,0052) of a C-FIND, C-MOVE or C-GET."""
    query_keys: Mapped[list[Any]] = mapped_column(default=list)
    """Keywords of the attributes asked for, never their values."""
    match_count: Mapped[int | None]
    move_destination: Mapped[str] = mapped_column(Plain, default="")
    move_originator: Mapped[str] = mapped_column(Plain, default="")
    """The AE title whose C-MOVE caused this C-STORE (0000,1030)."""
    remaining_count: Mapped[int | None]
    """Of a C-MOVE's or C-GET's sub-operations, as the last response says; the same below."""
    completed_count: Mapped[int | None]
    failed_count: Mapped[int | None]
    warned_count: Mapped[int | None]
    failed_sop_instance_uids: Mapped[list[Any]] = mapped_column(default=list)
    storage: Mapped[Storage | None]
    study_id: Mapped[int | None]
    """Of the study that the instance belongs to."""


class TransferHour(Base):
    """What ended in an hour, for figures over weeks. Writer: bridge.

    ``duration_step``: of durations between 2^(step/4) and 2^((step+1)/4) milliseconds.
    """

    __tablename__ = "transfer_hour"

    hour_at: Mapped[datetime] = mapped_column(primary_key=True)
    remote_ae_title_key: Mapped[str] = mapped_column(Plain, primary_key=True)
    direction: Mapped[Direction] = mapped_column(primary_key=True)
    kind: Mapped[OperationKind] = mapped_column(primary_key=True)
    status_class: Mapped[StatusClass] = mapped_column(primary_key=True)
    duration_step: Mapped[int] = mapped_column(primary_key=True)
    operation_count: Mapped[int]
    byte_count: Mapped[int] = mapped_column(BigInteger)
    """Of requests and responses."""


class Sender(Base):
    """An AE title that came to the DICOM port, admitted or not. Writer: bridge."""

    __tablename__ = "sender"
    __table_args__ = (Index(None, "last_seen_at"),)

    ae_title_key: Mapped[str] = mapped_column(Plain, primary_key=True)
    ae_title: Mapped[str] = mapped_column(Plain)
    """As it was spelled last."""
    called_ae_title: Mapped[str] = mapped_column(Plain)
    """Whom it asked for last."""
    remote_ip: Mapped[str] = mapped_column(Plain)
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    outcome: Mapped[AssociationOutcome]
    """Of its last association, and why below."""
    ended_by: Mapped[EndedBy | None]
    end_result: Mapped[int | None]
    end_source: Mapped[int | None]
    end_reason: Mapped[int | None]
    door_reason: Mapped[DoorReason | None]


class BlockedSender(Base):
    """An AE title that an administrator doesn't want at the door. Writer: webapp."""

    __tablename__ = "blocked_sender"

    ae_title_key: Mapped[str] = mapped_column(Plain, primary_key=True)
    ae_title: Mapped[str] = mapped_column(Plain)
    blocked_at: Mapped[datetime]
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))


class ConnectionTest(Base):
    """A C-ECHO that the webapp had Orthanc do; the bridge enters it in the transfer log. Writer: webapp."""

    __tablename__ = "connection_test"

    id: Mapped[PrimaryKey]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    ae_title: Mapped[str] = mapped_column(Plain)
    host: Mapped[str]
    is_ok: Mapped[bool]
    finding: Mapped[str] = mapped_column(default="")
    """In words."""
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
