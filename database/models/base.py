"""What every table shares: names of constraints, and the column types of Python's types."""

from datetime import date, datetime, time
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Date, Enum, MetaData, Text, Time
from sqlalchemy.orm import DeclarativeBase

from database.types import BigId, UTCDateTime


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own declaration
        str: Text(),
        StrEnum: Enum(
            StrEnum,
            native_enum=False,
            create_constraint=False,
            length=32,
            values_callable=lambda members: [member.value for member in members],
        ),
        datetime: UTCDateTime(),
        date: Date(),
        time: Time(),
        int: BigId,
        dict[str, Any]: JSON(),
        list[list[Any]]: JSON(),
        list[Any]: JSON(),
        dict[str, list[Any]]: JSON(),
    }
