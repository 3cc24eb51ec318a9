"""The one strict reading of what a browser or a program sends to be saved."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from database.models import Purpose
from webapp.reports.texts import (
    LARGEST_BODY,
    LONGEST_TEXT,
    SECTIONS,
    BadFieldError,
    Save,
    read_form,
    read_json,
)

TEXT_FIELDS = (*SECTIONS, "addendum")
FIELDS = (*TEXT_FIELDS, "based_on", "purpose", "token")
Sent = TypeVar("Sent")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
TOKENS = st.from_regex(r"[A-Za-z0-9_-]{0,60}", fullmatch=True)
REVISIONS = st.integers(0, 2**53 - 1)

SECTION_SAVES = st.fixed_dictionaries(
    {"based_on": REVISIONS},
    optional={
        **dict.fromkeys(SECTIONS, TEXTS),
        "purpose": st.sampled_from(["report", "amendment"]),
        "token": TOKENS,
    },
)
ADDENDUM_SAVES = st.fixed_dictionaries(
    {"based_on": REVISIONS, "purpose": st.just("addendum"), "addendum": TEXTS}, optional={"token": TOKENS}
)
SAVES = SECTION_SAVES | ADDENDUM_SAVES

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**300, 10**320)
    | st.floats()
    | st.text()
    | st.sampled_from(["false", "true", "0", "-1", "report", "\ud800", "\x00", "\r\n", "None", "NaN"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(FIELDS) | st.text(max_size=8) | st.sampled_from(["__class__", "csrf_token", "\udfff"])


def _as_json(content: object) -> bytes:
    return json.dumps(content).encode()


def _as_form(content: dict[str, Any], *, line_end: str = "\n") -> dict[str, str]:
    """As a browser sends it: everything is text, with line ends of its own."""
    texts = {name: str(value) for name, value in content.items()}
    return {name: text.replace("\n", line_end) for name, text in texts.items()} | {"csrf_token": "any"}


def _refused(content: object) -> BadFieldError:
    with pytest.raises(BadFieldError) as refused:
        read_json(_as_json(content))
    return refused.value


@given(content=SAVES)
def test_json_and_form_mean_the_same(content: dict[str, Any]) -> None:
    assert read_json(_as_json(content)) == read_form(_as_form(content))


@given(content=SAVES)
def test_a_browsers_line_ends_make_no_other_text(content: dict[str, Any]) -> None:
    plain = {
        name: value.replace("\r", "") if isinstance(value, str) else value for name, value in content.items()
    }
    assert read_form(_as_form(plain, line_end="\r\n")) == read_json(_as_json(plain))


@given(content=SAVES)
def test_what_is_read_can_be_kept_and_is_read_again_as_it_is(content: dict[str, Any]) -> None:
    change = read_json(_as_json(content))
    assert not any(character in text for text in change.texts.values() for character in "\r\0")
    again = {**change.texts, "based_on": change.based_on, "purpose": change.purpose, "token": change.token}
    assert read_json(_as_json(again)) == change
    assert set(change.texts) == set(content) - {"based_on", "purpose", "token"}


@given(body=st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
@example(body=b"[" * 100_000)
@example(body=b'{"a":' * 50_000)
@example(body=b"\xff\xfe")
@example(body=b"9" * 5000)
@example(body=b'{"based_on": ' + b"9" * 5000 + b"}")
def test_no_body_is_read_but_a_save(body: bytes) -> None:
    assert isinstance(_read_or_field(read_json, body), Save | str)


@given(content=st.dictionaries(NAMES, ANYTHING, max_size=6))
@example(content={"based_on": float("nan")})
@example(content={"based_on": float("inf")})
@example(content={"based_on": 1e3})
@example(content={"based_on": 10**400})
@example(content={"based_on": 0, "token": "\ud800"})
@example(content={"based_on": 0, "purpose": ["report"]})
@example(content={"based_on": 0, "\ud800": ""})
def test_whatever_json_holds_it_is_read_or_a_field_is_named(content: dict[str, Any]) -> None:
    found = _read_or_field(read_json, _as_json(content))
    if isinstance(found, str):
        assert found in {*(_shown(name) for name in content), "based_on", "addendum"}
        return
    assert type(found.based_on) is int
    assert found.texts == {name: _kept(content[name]) for name in content if name in TEXT_FIELDS}
    assert found.purpose == content.get("purpose", "report")


@given(form=st.dictionaries(NAMES, st.text(max_size=20), max_size=6))
@example(form={"based_on": "9" * 5000})
@example(form={"based_on": "٣"})
@example(form={"based_on": "1e3"})
@example(form={"based_on": " 1"})
@example(form={"based_on": ""})
def test_whatever_a_form_holds_it_is_read_or_a_field_is_named(form: dict[str, str]) -> None:
    found = _read_or_field(read_form, form)
    if isinstance(found, str):
        assert found in {*(_shown(name) for name in form), "based_on", "addendum"}
        return
    assert found.based_on == int(form["based_on"])
    assert found.texts == {name: _kept(form[name]) for name in form if name in TEXT_FIELDS}


def _read_or_field(read: Callable[[Sent], Save], sent: Sent) -> Save | str:
    """What was read, or the field that is named, and that can be sent back. Nothing else is ever raised."""
    try:
        return read(sent)
    except BadFieldError as refused:
        refused.field.encode()
        return refused.field


def _shown(name: str) -> str:
    return name.encode("utf-8", "replace").decode()


def _kept(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


@pytest.mark.parametrize(
    "value",
    [None, True, False, 0, 1.5, float("nan"), float("inf"), 10**400, [], ["No nodule."], {}, "\ud800"],
)
@pytest.mark.parametrize("name", [*SECTIONS, "addendum"])
def test_a_section_is_text_and_nothing_else(name: str, value: object) -> None:
    purpose = "addendum" if name == "addendum" else "report"
    assert _refused({"based_on": 0, "purpose": purpose, name: value}).field == name


@pytest.mark.parametrize(
    "value", [None, True, False, "0", "false", -1, 1.0, float("nan"), 2**53, 10**400, [0], {"a": 0}]
)
def test_the_revision_is_a_number_and_nothing_else(value: object) -> None:
    assert _refused({"based_on": value, "findings": "No nodule."}).field == "based_on"


def test_the_revision_must_be_there() -> None:
    assert _refused({"findings": "No nodule."}).field == "based_on"


@pytest.mark.parametrize("value", [None, True, 0, "", "REPORT", "final", "false", ["report"], {"report": 1}])
def test_the_purpose_is_one_of_three(value: object) -> None:
    assert _refused({"based_on": 0, "purpose": value}).field == "purpose"


@pytest.mark.parametrize("value", [None, True, 7, ["a"], "a" * 101, "\ud800", "a\x00", "a\n", "é"])
def test_the_token_is_short_and_plain(value: object) -> None:
    assert _refused({"based_on": 0, "token": value}).field == "token"


@pytest.mark.parametrize(
    "name", ["finding", "Findings", "state", "author_id", "version", "__proto__", "", "csrf_token"]
)
def test_an_unknown_field_is_named(name: str) -> None:
    assert _refused({"based_on": 0, "findings": "No nodule.", name: "false"}).field == name


def test_false_stays_the_word() -> None:
    change = read_json(_as_json({"based_on": 0, "findings": "false", "impression": "true"}))
    assert change.texts == {"findings": "false", "impression": "true"}
    assert read_form({"based_on": "0", "findings": "false"}).texts == {"findings": "false"}


def test_a_field_that_comes_twice_is_named() -> None:
    with pytest.raises(BadFieldError) as refused:
        read_json(b'{"based_on": 0, "findings": "One.", "findings": "Two."}')
    assert refused.value.field == "findings"


@pytest.mark.parametrize("content", [[], [{"based_on": 0}], "text", 7, None, True])
def test_a_body_is_an_object(content: object) -> None:
    assert _refused(content).field == "body"


def test_a_body_has_an_end() -> None:
    body = _as_json({"based_on": 0, "findings": "x"})
    assert read_json(body + b" " * (LARGEST_BODY - len(body))).based_on == 0
    with pytest.raises(BadFieldError) as refused:
        read_json(body + b" " * (LARGEST_BODY - len(body) + 1))
    assert refused.value.field == "body"


def test_a_text_is_as_long_in_a_form_as_in_json() -> None:
    longest = "x\n" * (LONGEST_TEXT // 2)
    form = _as_form({"based_on": 0, "findings": longest}, line_end="\r\n")
    assert read_form(form).texts["findings"] == longest
    assert _refused({"based_on": 0, "findings": longest + "x"}).field == "findings"
    with pytest.raises(BadFieldError):
        read_form({"based_on": "0", "findings": longest + "x"})


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"purpose": "addendum", "findings": "x"}, "addendum"),
        ({"purpose": "addendum", "addendum": "x", "findings": "x"}, "findings"),
        ({"purpose": "report", "addendum": "x"}, "addendum"),
        ({"purpose": "amendment", "addendum": "x"}, "addendum"),
    ],
)
def test_an_addendum_is_a_text_of_its_own(content: dict[str, str], field: str) -> None:
    assert _refused(content | {"based_on": 1}).field == field


@given(text=TEXTS)
def test_what_a_form_does_not_send_is_left_as_it_is(text: str) -> None:
    change = read_form({"based_on": "3", "findings": text, "csrf_token": "any"})
    assert (change.based_on, change.purpose, set(change.texts)) == (3, Purpose.REPORT, {"findings"})
