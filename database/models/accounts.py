"""People who sign in."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from database.models.base import Base
from database.types import Plain, PrimaryKey


class Role(StrEnum):
    """What a person is to Noctis."""

    ADMINISTRATOR = "administrator"
    RADIOLOGIST = "radiologist"
    TECHNOLOGIST = "technologist"
    FACILITY_STAFF = "facility-staff"
    READ_ONLY = "read-only"


class User(Base):
    """A person who signs in. Writer: webapp."""

    __tablename__ = "user"

    id: Mapped[PrimaryKey]
    username: Mapped[str] = mapped_column(Plain, unique=True)
    """Lower case: people are not asked to remember which letters they capitalised."""
    full_name: Mapped[str] = mapped_column(default="")
    """As it stands under a report: ``Dr. med. Anna Muster``; empty: the user name."""
    password_hash: Mapped[str]
    role: Mapped[Role]
    is_active: Mapped[bool] = mapped_column(default=True)
    session_epoch: Mapped[int] = mapped_column(default=0)
    """Raised at sign-out: sessions of an earlier epoch are void."""
    created_at: Mapped[datetime]


class UserFacility(Base):
    """The facilities whose studies a member of a facility's staff may see. Writer: webapp."""

    __tablename__ = "user_facility"

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), primary_key=True)
    facility_id: Mapped[int] = mapped_column(ForeignKey("facility.id"), primary_key=True)
