"""Facilities, what they send and are sent with, and how far Orthanc knows them.

What an administrator decides (desired) is the webapp's; what the bridge has done about it (applied) is the
bridge's. ``revision`` rises with every decision: *pending* is what is applied at an older one.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from database.models.base import Base
from database.types import Plain, PrimaryKey


class RegistrationKind(StrEnum):
    """What Orthanc calls a modality is an application entity here; a peer is another Orthanc."""

    APPLICATION_ENTITY = "application-entity"
    PEER = "peer"


class RegistrationState(StrEnum):
    """``pending`` is never stored: it is what ``revision`` says."""

    REGISTERED = "registered"
    PENDING = "pending"
    FAILED = "failed"
    DRIFTED = "drifted"


class Facility(Base):
    """A hospital or practice whose studies are read here. Writer: webapp.

    Retired, never deleted: its studies and reports stay.
    """

    __tablename__ = "facility"

    id: Mapped[PrimaryKey]
    name: Mapped[str]
    code: Mapped[str] = mapped_column(Plain, unique=True)
    """Short, upper case; stands in addresses and in imported files."""
    address: Mapped[str] = mapped_column(default="")
    time_zone: Mapped[str] = mapped_column(default="UTC")
    """A name of the IANA database: ``Europe/Zurich``."""
    contact: Mapped[str] = mapped_column(default="")
    letterhead: Mapped[str] = mapped_column(default="")
    """The text on top of its reports."""
    logo: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    """PNG or JPEG, on top of its reports."""
    has_preprinted_paper: Mapped[bool] = mapped_column(default=False)
    """Its reports leave room for a letterhead instead of printing one."""
    paper: Mapped[str] = mapped_column(Plain, default="A4")
    """``A4`` or ``Letter``."""
    needs_second_signer: Mapped[bool] = mapped_column(default=False)
    silent_hours: Mapped[int | None]
    """Warn when nothing came for so long; None: never."""
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


class ApplicationEntity(Base):
    """A DICOM node of a facility, as Orthanc is to know it. Writer: webapp.

    AE titles are unique without regard to case, among the retired ones too: an old study must not become
    somebody else's. Generated ports are unique; ports that people give may repeat, on other hosts.
    """

    __tablename__ = "application_entity"
    __table_args__ = (
        Index(
            "uq_application_entity_generated_port",
            "port",
            unique=True,
            sqlite_where=text("has_generated_port"),
            postgresql_where=text("has_generated_port"),
        ),
        Index(None, "facility_id"),
    )

    id: Mapped[PrimaryKey]
    facility_id: Mapped[int] = mapped_column(ForeignKey("facility.id"))
    ae_title: Mapped[str] = mapped_column(Plain)
    ae_title_key: Mapped[str] = mapped_column(Plain, unique=True)
    """In upper case, as Orthanc compares."""
    host: Mapped[str] = mapped_column(default="")
    """Where the node listens; empty for one that only sends."""
    port: Mapped[int]
    """On which the facility's own node listens: there Orthanc sends for C-MOVE, C-STORE and C-ECHO."""
    has_generated_port: Mapped[bool] = mapped_column(default=False)
    description: Mapped[str] = mapped_column(default="")
    local_ae_title: Mapped[str] = mapped_column(Plain, default="")
    """How we call ourselves towards it; empty: our AE title."""
    uses_tls: Mapped[bool] = mapped_column(default=False)
    allowed_hosts: Mapped[str] = mapped_column(default="")
    """From where it may associate: addresses, networks, names, with blanks between; empty: from anywhere."""
    may_echo: Mapped[bool] = mapped_column(default=True)
    may_store: Mapped[bool] = mapped_column(default=True)
    may_find: Mapped[bool] = mapped_column(default=False)
    may_move: Mapped[bool] = mapped_column(default=False)
    may_get: Mapped[bool] = mapped_column(default=False)
    revision: Mapped[int] = mapped_column(default=1)
    link_revision: Mapped[int] = mapped_column(default=1)
    """Rises when studies that already came belong elsewhere now: another facility or AE title."""
    successor_id: Mapped[int | None] = mapped_column(ForeignKey("application_entity.id"))
    """Of a former AE title: the node that has another one now. What was sent under this goes with that."""
    echoed_at: Mapped[datetime | None]
    echo_finding: Mapped[str] = mapped_column(default="")
    """What the last test of the connection found, in words."""
    is_echo_ok: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


class Peer(Base):
    """A facility's own Orthanc, reached over HTTP. Writer: webapp."""

    __tablename__ = "peer"
    __table_args__ = (Index(None, "facility_id"),)

    id: Mapped[PrimaryKey]
    facility_id: Mapped[int] = mapped_column(ForeignKey("facility.id"))
    name: Mapped[str]
    url: Mapped[str] = mapped_column(Plain)
    username: Mapped[str] = mapped_column(Plain, default="")
    encrypted_password: Mapped[str] = mapped_column(Plain, default="")
    """A Fernet token of ``secrets/encryption_key``; never shown again."""
    revision: Mapped[int] = mapped_column(default=1)
    tested_at: Mapped[datetime | None]
    test_finding: Mapped[str] = mapped_column(default="")
    is_test_ok: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


class Registration(Base):
    """How far Orthanc knows an application entity or a peer. Writer: bridge.

    Without a row it was never registered; the row goes when a retired one has left Orthanc's list.
    """

    __tablename__ = "registration"
    __table_args__ = (UniqueConstraint("feed_id", "kind", "target_id"),)

    id: Mapped[PrimaryKey]
    feed_id: Mapped[int] = mapped_column(ForeignKey("feed.id"))
    kind: Mapped[RegistrationKind]
    target_id: Mapped[int]
    """Of the application entity or peer."""
    applied_revision: Mapped[int]
    state: Mapped[RegistrationState]
    reason: Mapped[str] = mapped_column(default="")
    """Why it failed, in words."""
    registered_at: Mapped[datetime | None]
    """When Orthanc last took it from us."""
    drift: Mapped[dict[str, list[Any]]] = mapped_column(default=dict)
    """What the last drift was: ``{"Port": [ours, Orthanc's]}``; Orthanc's is null where it had lost all."""
    drifted_at: Mapped[datetime | None]


class ForeignRegistration(Base):
    """An entry of Orthanc's lists that isn't ours: shown, never touched. Writer: bridge."""

    __tablename__ = "foreign_registration"
    __table_args__ = (UniqueConstraint("feed_id", "kind", "name"),)

    id: Mapped[PrimaryKey]
    feed_id: Mapped[int] = mapped_column(ForeignKey("feed.id"))
    kind: Mapped[RegistrationKind]
    name: Mapped[str] = mapped_column(Plain)
    """Orthanc's id of it."""
    ae_title: Mapped[str] = mapped_column(Plain, default="")
    host: Mapped[str] = mapped_column(default="")
    """A peer's is its URL."""
    port: Mapped[int | None]
    is_alarming: Mapped[bool]
    """It uses an AE title of ours again: Orthanc then checks no sender's host (orthanc-facts 4)."""
    seen_at: Mapped[datetime]


class StudyLink(Base):
    """An administrator's decision that a study belongs to a further facility. Writer: webapp.

    The bridge carries it out, as a ``study_facility``.
    """

    __tablename__ = "study_link"

    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), primary_key=True)
    facility_id: Mapped[int] = mapped_column(ForeignKey("facility.id"), primary_key=True)
    linked_at: Mapped[datetime]
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))


class LinkRun(Base):
    """How far the studies that an entity has sent are linked to its facility. Writer: bridge."""

    __tablename__ = "link_run"

    application_entity_id: Mapped[int] = mapped_column(ForeignKey("application_entity.id"), primary_key=True)
    link_revision: Mapped[int]
    """The decision that is being carried out, or was."""
    last_study_id: Mapped[int] = mapped_column(default=0)
    """Studies up to this one are linked."""
    study_count: Mapped[int] = mapped_column(default=0)
    done_at: Mapped[datetime | None]
