"""What may be done with a report, step by step and over everything that can be reached."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from database.models import Purpose, ReportAction, ReportState
from webapp.reports import states
from webapp.reports.states import NotAllowedError, Standing

ANNA, BERT = 1, 2
DRAFT = Standing(ReportState.DRAFT, Purpose.REPORT)
PRELIMINARY = Standing(ReportState.PRELIMINARY, Purpose.REPORT)
FINAL = Standing(ReportState.FINAL, None, 1)
RETRACTED = Standing(ReportState.RETRACTED, None, 1)
DISCARDED = Standing(ReportState.DISCARDED)

Act = Callable[[Standing], Standing]
ACTS: dict[str, Act] = {
    "save": lambda standing: states.save(standing, Purpose.REPORT),
    "save addendum": lambda standing: states.save(standing, Purpose.ADDENDUM),
    "save amendment": lambda standing: states.save(standing, Purpose.AMENDMENT),
    "release": states.release,
    "sign": lambda standing: states.sign(standing, ANNA, needs_second=False)[0],
    "sign first": lambda standing: states.sign(standing, ANNA, needs_second=True)[0],
    "sign second": lambda standing: states.sign(standing, BERT, needs_second=True)[0],
    "retract": states.retract,
    "discard": states.discard,
}


def _steps() -> Iterator[tuple[Standing, str, Standing]]:
    """Every step from everything that can be reached in two versions with two addenda."""
    seen, waiting = {Standing()}, [Standing()]
    while waiting:
        standing = waiting.pop()
        for name, act in ACTS.items():
            try:
                after = act(standing)
            except NotAllowedError:
                continue
            yield standing, name, after
            if after not in seen and after.version <= 2 and after.addendum_count <= 2:
                seen.add(after)
                waiting.append(after)


STEPS = list(_steps())


def _refused(act: str, standing: Standing) -> str:
    with pytest.raises(NotAllowedError) as refused:
        ACTS[act](standing)
    return str(refused.value)


@pytest.mark.parametrize(
    ("before", "act", "after"),
    [
        (Standing(), "save", DRAFT),
        (DRAFT, "save", DRAFT),
        (DRAFT, "release", PRELIMINARY),
        (DRAFT, "sign", FINAL),
        (DRAFT, "discard", DISCARDED),
        (DISCARDED, "save", DRAFT),
        (PRELIMINARY, "save", PRELIMINARY),
        (PRELIMINARY, "sign", FINAL),
        (FINAL, "save addendum", replace(FINAL, writing=Purpose.ADDENDUM)),
        (replace(FINAL, writing=Purpose.ADDENDUM), "sign", replace(FINAL, addendum_count=1)),
        (replace(FINAL, writing=Purpose.ADDENDUM), "discard", FINAL),
        (
            replace(FINAL, addendum_count=2),
            "save amendment",
            Standing(ReportState.FINAL, Purpose.AMENDMENT, 1, 2),
        ),
        (Standing(ReportState.FINAL, Purpose.AMENDMENT, 1, 2), "sign", replace(FINAL, version=2)),
        (Standing(ReportState.FINAL, Purpose.AMENDMENT, 1, 2), "discard", replace(FINAL, addendum_count=2)),
        (FINAL, "retract", RETRACTED),
        (replace(FINAL, writing=Purpose.AMENDMENT), "retract", RETRACTED),
        (RETRACTED, "save", Standing(ReportState.DRAFT, Purpose.REPORT, 1)),
        (Standing(ReportState.DRAFT, Purpose.REPORT, 1), "discard", RETRACTED),
        (Standing(ReportState.DRAFT, Purpose.REPORT, 1), "sign", replace(FINAL, version=2)),
    ],
)
def test_a_step_leads_where_it_should(before: Standing, act: str, after: Standing) -> None:
    assert ACTS[act](before) == after


@pytest.mark.parametrize(
    ("act", "standing", "words"),
    [
        ("save", FINAL, "addendum or an amendment"),
        ("save addendum", DRAFT, "Only a final report"),
        ("save amendment", RETRACTED, "Only a final report"),
        ("save amendment", replace(FINAL, writing=Purpose.ADDENDUM), "sign or discard that first"),
        ("release", Standing(), "Only a draft"),
        ("release", FINAL, "Only a draft"),
        ("sign", Standing(), "nothing to sign"),
        ("sign", FINAL, "nothing to sign"),
        ("retract", PRELIMINARY, "Only a final report"),
        ("retract", RETRACTED, "Only a final report"),
        ("discard", PRELIMINARY, "not thrown away"),
        ("discard", FINAL, "Only a draft"),
    ],
)
def test_what_is_refused_says_why(act: str, standing: Standing, words: str) -> None:
    assert words in _refused(act, standing)


def test_a_second_signature_is_somebody_elses_and_a_change_takes_the_first_back() -> None:
    once, action = states.sign(PRELIMINARY, ANNA, needs_second=True)
    assert (once, action) == (replace(PRELIMINARY, first_signer_id=ANNA), ReportAction.SIGN)
    assert "somebody else's" in _refused("sign first", once)
    assert states.sign(once, BERT, needs_second=True) == (FINAL, ReportAction.COSIGN)
    assert ACTS["save"](once) == PRELIMINARY


def test_a_rule_that_changes_meanwhile_spares_nobody_the_second_signature() -> None:
    once = replace(DRAFT, first_signer_id=ANNA)
    assert "somebody else's" in _refused("sign", once)


def test_a_final_state_is_left_by_a_retraction_alone() -> None:
    left = {(act, after.state) for before, act, after in STEPS if before.state is ReportState.FINAL}
    assert {act for act, state in left if state is not ReportState.FINAL} == {"retract"}
    assert ReportState.RETRACTED in {state for _, state in left}


def test_only_a_signature_makes_a_version_or_an_addendum() -> None:
    for before, act, after in STEPS:
        counts = (before.version, before.addendum_count), (after.version, after.addendum_count)
        if counts[0] != counts[1]:
            assert act.startswith("sign")
            assert after.state is ReportState.FINAL
            assert counts[1] in {(before.version + 1, 0), (before.version, before.addendum_count + 1)}


def test_only_what_is_written_waits_for_a_second_signature() -> None:
    for _, _, after in STEPS:
        assert after.writing is not None or not after.is_signed_once


def test_what_was_released_or_signed_is_never_unread_again() -> None:
    for before, _, after in STEPS:
        was_shown = before.state is ReportState.PRELIMINARY or before.version > 0
        assert not (was_shown and after.state in {None, ReportState.DISCARDED})


def test_everybody_reads_final_and_retracted_reports() -> None:
    reached = {after for _, _, after in STEPS}
    assert {one.state for one in reached if one.is_readable_by_all} == {
        ReportState.FINAL,
        ReportState.RETRACTED,
    }


def test_reasons_are_for_what_was_final() -> None:
    needed = {
        (action, purpose)
        for action in ReportAction
        for purpose in Purpose
        if states.needs_reason(action, purpose)
    }
    retractions = {(ReportAction.RETRACT, purpose) for purpose in Purpose}
    assert needed == retractions | {
        (ReportAction.SIGN, Purpose.AMENDMENT),
        (ReportAction.COSIGN, Purpose.AMENDMENT),
    }
