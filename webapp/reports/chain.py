"""The chain of a report's revisions: each one's hash covers all of it and the hash before it. Pure.

SHA-256 over canonical JSON (sorted names, no blanks, UTF-8): whoever changes a row must change all that
follow, and the newest hash stands in print.
"""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from database.models import ReportRevision

FIRST = "0" * 64
"""In place of the hash before the first revision."""
_UNCOVERED = {"hash"}


def hash_of(revision: ReportRevision) -> str:
    """Of its columns as they are now."""
    columns = ReportRevision.__table__.columns.keys()
    values = {name: _plain(getattr(revision, name)) for name in columns if name not in _UNCOVERED}
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def breaks(revisions: Iterable[ReportRevision]) -> list[str]:
    """What is wrong with one report's revisions, given in order; empty when nothing is."""
    found = []
    previous, number = FIRST, 0
    for revision in revisions:
        number += 1
        if revision.number != number:
            found.append(f"revision {number} is missing")
            number = revision.number
        elif revision.previous_hash != previous:
            found.append(f"revision {number} doesn't follow the one before it")
        if revision.hash != hash_of(revision):
            found.append(f"revision {number} was changed")
        previous = revision.hash
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value.value if isinstance(value, Enum) else value
