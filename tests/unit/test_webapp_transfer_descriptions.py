"""What transfers were, in a few words and numbers."""

from collections import Counter
from typing import Any

import pytest

from database.models import Association, Operation
from database.transfer_terms import OperationKind
from tests.factories import CT_IMAGE
from tests.transfer_factories import VERIFICATION
from webapp.transfers import descriptions

C_ECHO, C_FIND, C_GET, C_MOVE, C_STORE = (
    OperationKind.C_ECHO,
    OperationKind.C_FIND,
    OperationKind.C_GET,
    OperationKind.C_MOVE,
    OperationKind.C_STORE,
)


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        (C_STORE, {"sop_class_uid": CT_IMAGE}, "CT Image"),
        (C_STORE, {"sop_class_uid": CT_IMAGE, "move_originator": "WS1"}, "CT Image, for a C-MOVE of WS1"),
        (C_STORE, {}, ""),
        (C_ECHO, {"sop_class_uid": VERIFICATION}, ""),
        (C_FIND, {"query_level": "STUDY", "match_count": 12}, "study level, 12 matches"),
        (C_FIND, {"query_level": "IMAGE", "match_count": 1}, "instance level, 1 match"),
        (
            C_FIND,
            {"sop_class_uid": "1.2.840.10008.5.1.4.31", "match_count": 0},
            "Modality Worklist, 0 matches",
        ),
        (C_FIND, {}, ""),
        (C_MOVE, {"query_level": "SERIES", "move_destination": "WS1"}, "series to WS1"),
        (C_MOVE, {}, "something to (no destination)"),
        (C_GET, {"query_level": "STUDY"}, "study"),
        (
            OperationKind.N_ACTION,
            {"sop_class_uid": "1.2.840.10008.1.20.1"},
            "Storage Commitment Push Model SOP Class",
        ),
    ],
)
def test_an_operation_says_what_it_was_about(kind: OperationKind, values: dict[str, Any], said: str) -> None:
    defaults = {"sop_class_uid": "", "query_level": "", "move_destination": "", "move_originator": ""}
    assert descriptions.subject_of(Operation(kind=kind, **{**defaults, **values})) == said


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({}, ""),
        ({"completed_count": 118, "failed_count": 0, "warned_count": 0}, "118 completed"),
        (
            {"completed_count": 1, "failed_count": 2, "warned_count": 3, "remaining_count": 4},
            "1 completed, 2 failed, 3 with a warning, 4 remaining",
        ),
    ],
)
def test_sub_operations_say_how_many(counts: dict[str, int], said: str) -> None:
    assert descriptions.sub_operations_of(Operation(**counts)) == said


@pytest.mark.parametrize(
    ("total", "counts", "said"),
    [
        (0, {}, ""),
        (3, {C_ECHO: 1, C_STORE: 2}, "2 C-STORE, 1 C-ECHO"),
        (2, {C_ECHO: 1, C_STORE: 1}, "1 C-ECHO, 1 C-STORE"),
        (500, {}, "500 operations"),
        (1, {}, "1 operation"),
        (5, {C_STORE: 2}, "5 operations"),
        (0, {C_STORE: 2}, "2 C-STORE"),
        (1, {OperationKind.OTHER: 1}, "1 other"),
    ],
)
def test_an_association_says_what_was_done_in_it(
    total: int, counts: dict[OperationKind, int], said: str
) -> None:
    assert descriptions.work_of(Association(operation_count=total), Counter(counts)) == said


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ([], ""),
        ([0], ""),
        ([3, 0], ""),
        ([None, 3], ""),
        ([3], "Orthanc refused the only presentation context"),
        ([3, 4], "Orthanc refused all 2 presentation contexts"),
    ],
)
def test_only_where_all_was_refused_nothing_could_be_done(results: list[int | None], said: str) -> None:
    contexts: list[list[Any]] = [[at, CT_IMAGE, [], result, ""] for at, result in enumerate(results)]
    sentence = descriptions.agreement_of(contexts)
    assert sentence.startswith(said)
    assert bool(sentence) == bool(said)


def test_what_was_refused_comes_first() -> None:
    contexts: list[list[Any]] = [
        [1, "", [], 0, ""],
        [3, "", [], None, ""],
        [5, "", [], 4, ""],
        [7, "", [], 0, ""],
    ]
    assert [one[0] for one in descriptions.refused_first(contexts)] == [3, 5, 1, 7]
    names = [descriptions.result_name(one) for one in (0, 3, 9, None)]
    assert names == ["accepted", "refused: abstract syntax not supported", "refused (result 9)", "no answer"]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0004, "0 ms"),
        (-1, "0 ms"),
        (0.0126, "13 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.94, "60 s"),
        (59.96, "1 min 0 s"),
        (184.4, "3 min 4 s"),
        (3599.6, "1 h 0 min"),
        (7500, "2 h 5 min"),
        (200_000, "55 h 33 min"),
    ],
)
def test_durations_have_two_or_three_digits(seconds: float, shown: str) -> None:
    assert descriptions.duration(seconds) == shown
