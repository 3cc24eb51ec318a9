"""What names a row of the log in an address: when it began, which recorder's start, which number. Pure."""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from database.models import Association, Operation

_KEY = re.compile(r"([0-9]{1,16})-([0-9]{1,19})-([0-9]{1,19})")
_EPOCH = datetime.fromtimestamp(0, UTC)
_MICROSECOND = timedelta(microseconds=1)
_LARGEST = 2**63 - 1


class RowKey(NamedTuple):
    """The primary key of an association or operation; keys sort as the log does."""

    started_at: datetime
    boot: int
    number: int

    @classmethod
    def of(cls, row: Association | Operation) -> "RowKey":
        return cls(row.started_at, row.boot, row.number)

    @classmethod
    def of_association(cls, operation: Operation) -> "RowKey | None":
        """None where no recorder saw one."""
        if operation.association_started_at is None or operation.association_number is None:
            return None
        return cls(operation.association_started_at, operation.boot, operation.association_number)

    @classmethod
    def parse(cls, text: str) -> "RowKey | None":
        """None for whatever isn't a key."""
        found = _KEY.fullmatch(text)
        if found is None:
            return None
        microseconds, boot, number = (int(part) for part in found.groups())
        try:
            started_at = _EPOCH + timedelta(microseconds=microseconds)
        except OverflowError:
            return None
        return cls(started_at, boot, number) if max(boot, number) <= _LARGEST else None

    def __str__(self) -> str:
        return f"{(self.started_at - _EPOCH) // _MICROSECOND}-{self.boot}-{self.number}"
