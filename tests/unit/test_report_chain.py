"""The chain of a report's revisions: whatever is changed in one of them is told."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from database.models import Purpose, ReportAction, ReportRevision, ReportState
from webapp.reports.chain import FIRST, breaks, hash_of

COLUMNS = list(ReportRevision.__mapper__.columns.keys())
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def _revision(number: int, previous_hash: str, **values: Any) -> ReportRevision:
    defaults: dict[str, Any] = {
        "report_id": 7,
        "number": number,
        "action": ReportAction.SAVE,
        "purpose": Purpose.REPORT,
        "state": ReportState.DRAFT,
        "version": 0,
        "clinical_information": "Cough.",
        "technique": "CT.",
        "comparison": "None.",
        "findings": f"Findings {number}.",
        "impression": "Normal.",
        "recommendation": "None.",
        "addendum": "",
        "reason": "",
        "author_id": 3,
        "author_name": "Dr. Anna Muster",
        "written_at": NOON + timedelta(minutes=number),
        "snapshot": {"study": {"patient_id": "123"}, "signers": [{"name": "Anna", "at": "2026-03-01"}]},
        "previous_hash": previous_hash,
    }
    revision = ReportRevision(**(defaults | values))
    revision.hash = hash_of(revision)
    return revision


def _chain(count: int = 3) -> list[ReportRevision]:
    chain: list[ReportRevision] = []
    for number in range(1, count + 1):
        chain.append(_revision(number, chain[-1].hash if chain else FIRST))
    return chain


def _other(value: Any) -> Any:
    """Another value of the same kind."""
    changes: dict[type, Callable[[Any], Any]] = {
        str: lambda text: f"{text}.",
        int: lambda number: number + 1,
        datetime: lambda at: at + timedelta(microseconds=1),
        dict: lambda content: content | {"signers": []},
    }
    if isinstance(value, Enum):
        return next(one for one in type(value) if one is not value)
    return changes[type(value)](value)


def test_a_chain_that_nobody_touched_is_whole() -> None:
    assert breaks(_chain()) == []
    assert breaks([]) == []


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("name", COLUMNS)
def test_a_change_of_any_column_of_any_revision_is_told(name: str, at: int) -> None:
    chain = _chain()
    setattr(chain[at], name, _other(getattr(chain[at], name)))
    assert any(
        f"revision {at + 1} " in text or f"revision {chain[at].number} " in text for text in breaks(chain)
    )


@pytest.mark.parametrize("name", [name for name in COLUMNS if name != "hash"])
def test_a_change_with_a_new_hash_breaks_what_follows(name: str) -> None:
    chain = _chain()
    setattr(chain[0], name, _other(getattr(chain[0], name)))
    chain[0].hash = hash_of(chain[0])
    assert breaks(chain)


def test_what_is_left_out_changes_places_or_comes_twice_is_told() -> None:
    first, second, third = _chain()
    assert "revision 2 is missing" in breaks([first, third])
    assert "revision 1 is missing" in breaks([second, third])
    assert breaks([first, third, second])
    assert breaks([first, second, second])
    assert breaks([third])


def test_a_revision_of_another_report_is_told() -> None:
    chain = _chain()
    chain[1] = _revision(2, chain[0].hash, report_id=8)
    assert breaks(chain)


def test_texts_cannot_move_between_columns_unseen() -> None:
    one, other = (
        _revision(1, FIRST, findings="a", impression=""),
        _revision(1, FIRST, findings="", impression="a"),
    )
    assert one.hash != other.hash


def test_a_moment_is_the_same_in_every_zone() -> None:
    zone = timezone(timedelta(hours=9))
    assert (
        _revision(1, FIRST, written_at=NOON).hash
        == _revision(1, FIRST, written_at=NOON.astimezone(zone)).hash
    )


@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), min_size=1, max_size=4))
def test_any_text_is_hashed_as_it_is(texts: list[str]) -> None:
    hashes = {text: _revision(1, FIRST, findings=text).hash for text in texts}
    assert len(set(hashes.values())) == len(set(texts))
