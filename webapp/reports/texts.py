"""The text of a report, and the one strict reading of what a browser or a program sends. Pure.

JSON and form data mean the same: what is missing is left as it is, what is unknown is refused by name.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from database.models import Purpose

SECTIONS = (
    "clinical_information",
    "technique",
    "comparison",
    "findings",
    "impression",
    "recommendation",
)
"""In the order in which they are written and printed (ACR)."""
SECTION_NAMES = {name: name.replace("_", " ").capitalize() for name in SECTIONS}
LONGEST_TEXT = 200_000
"""Characters of a section: some sixty pages."""
LARGEST_BODY = 900_000
"""Bytes of a request."""
_LARGEST_REVISION = 2**53
_MOST_DIGITS = 16


class BadFieldError(Exception):
    """A field can't be used; ``field`` names it, the text says why in the user's words."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class Text:
    """What is written. ``addendum`` is empty unless one is being written or signed."""

    clinical_information: str = ""
    technique: str = ""
    comparison: str = ""
    findings: str = ""
    impression: str = ""
    recommendation: str = ""
    addendum: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)

    @property
    def is_empty(self) -> bool:
        return not any(value.strip() for value in self.as_dict().values())


@dataclass(frozen=True, slots=True)
class Save:
    """A request to save: texts by section (only those sent), on which revision they are based, and why."""

    texts: dict[str, str]
    based_on: int
    purpose: Purpose = Purpose.REPORT
    token: str = ""
    """Of the open page (``locks``)."""


_TEXT_FIELDS = tuple(field.name for field in fields(Text))
_CSRF = "csrf_token"


def read_json(body: bytes) -> Save:
    """Raises BadFieldError."""
    if len(body) > LARGEST_BODY:
        raise BadFieldError("body", f"The request is too large: at most {LARGEST_BODY} bytes.")
    try:
        content = json.loads(body, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise BadFieldError("body", "The request is no JSON.") from error
    if not isinstance(content, dict):
        raise BadFieldError("body", "The request must be a JSON object.")
    return _read(content)


def read_form(form: Mapping[str, str]) -> Save:
    """Numbers come as text; everything else is as in JSON. Raises BadFieldError."""
    content: dict[str, Any] = {name: value for name, value in form.items() if name != _CSRF}
    based_on = content.get("based_on", "")
    if based_on.isascii() and based_on.isdigit() and len(based_on) <= _MOST_DIGITS:
        content["based_on"] = int(based_on)
    return _read(content)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two values of one field, one would be lost."""
    content: dict[str, Any] = {}
    for name, value in pairs:
        if name in content:
            raise BadFieldError(_told(name), "Was sent more than once.")
        content[name] = value
    return content


def _read(content: Mapping[str, Any]) -> Save:
    known = {*_TEXT_FIELDS, "based_on", "purpose", "token"}
    for name in content:
        if name not in known:
            raise BadFieldError(_told(name), "There is no such field.")
    texts = {name: _text(name, content[name]) for name in _TEXT_FIELDS if name in content}
    purpose = content.get("purpose", Purpose.REPORT.value)
    if not isinstance(purpose, str) or purpose not in set(Purpose):
        raise BadFieldError("purpose", f"Must be one of {', '.join(Purpose)}.")
    if ("addendum" in texts) != (purpose == Purpose.ADDENDUM.value) and texts:
        raise BadFieldError("addendum", "An addendum, and only an addendum, has this field.")
    if purpose == Purpose.ADDENDUM.value and set(texts) - {"addendum"}:
        raise BadFieldError(min(set(texts) - {"addendum"}), "An addendum changes no section of the report.")
    token = content.get("token", "")
    if not isinstance(token, str) or len(token) > 100 or not (token.isascii() and token.isprintable()):
        raise BadFieldError("token", "Must be the token of the open page.")
    return Save(texts, _revision(content), Purpose(purpose), token)


def _revision(content: Mapping[str, Any]) -> int:
    value = content.get("based_on")
    # bool is an int to Python, not to whoever sends it
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _LARGEST_REVISION:
        raise BadFieldError("based_on", "Must be the number of the revision that was changed; 0 for none.")
    return value


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise BadFieldError(name, "Must be text.")
    # Browsers send CR LF in forms and LF in scripts: one text, one spelling. No database keeps NUL.
    text = value.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    if len(text) > LONGEST_TEXT:
        raise BadFieldError(name, f"Is too long: at most {LONGEST_TEXT} characters.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadFieldError(name, "Holds half a character.") from error
    return text


def _told(name: str) -> str:
    """A field's name as it can be sent back: whatever it was, and however long."""
    return name[:100].encode("utf-8", "replace").decode()
