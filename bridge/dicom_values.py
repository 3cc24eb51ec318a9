"""DICOM's and Orthanc's texts as Python values. Pure parsing: no Orthanc, no SQL.

A value that can't be what its VR says becomes empty and leaves a *blemish*: a sentence that names the
attribute and never the value, for the table of problems. The study itself is shown all the same.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from functools import lru_cache

# PS3.5 6.2. The dotted and coloned forms are ACR-NEMA's, which old modalities still send.
_DATE = re.compile(r"(\d{4})\.?(\d\d)\.?(\d\d)")
_TIME = re.compile(r"(\d\d)(?::?(\d\d)(?::?(\d\d)(?:\.(\d{1,6}))?)?)?")
_INTEGER = re.compile(r"[+-]?[0-9]{1,12}")
_AGE = re.compile(r"\d{3}[DWMY]")
# NUL (PostgreSQL refuses it) and halves of surrogate pairs (no encoding has them).
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SMALLEST_INTEGER, _LARGEST_INTEGER = -(2**31), 2**31 - 1  # VR IS
_LONGEST_TEXT = 1024
"""PN allows 5 x 64 characters a group, LO 64: beyond this it's no name but an accident or an attack."""


@lru_cache(maxsize=4096)
def parse_orthanc_date(text: str) -> datetime:
    """``20261123T160748`` (UTC, seconds) as an aware timestamp. Raises ValueError."""
    return datetime.strptime(text[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)


def parse_date(text: str) -> date | None:
    """VR DA. None for an empty value; raises ValueError for anything that is no date."""
    if not text.strip():
        return None
    match = _DATE.fullmatch(text.strip())
    if match is None:
        raise ValueError("not a date")
    return date(*(int(part) for part in match.groups()))


def parse_time(text: str) -> time | None:
    """VR TM, which may stop after hours or minutes. None for an empty value; raises ValueError."""
    if not text.strip():
        return None
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError("not a time")
    hour, minute, second, fraction = match.groups()
    # PS3.5 6.2: seconds may be 60, for a leap second, which Python doesn't know
    return time(int(hour), int(minute or 0), min(int(second or 0), 59), int((fraction or "").ljust(6, "0")))


def parse_integer(text: str) -> int | None:
    """VR IS. None for an empty value; raises ValueError, also beyond 32 bits."""
    if not text.strip():
        return None
    if not _INTEGER.fullmatch(text.strip()):
        raise ValueError("not an integer")
    number = int(text.strip())
    if not _SMALLEST_INTEGER <= number <= _LARGEST_INTEGER:
        raise ValueError("out of range")
    return number


def undo_latin1(text: str) -> str:
    """UTF-8 that was taken for Latin-1 (``MÃ¼ller``), as Orthanc takes all text that declares no set."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


class Attributes:
    """Reads attributes by keyword and gathers the blemishes found on the way."""

    def __init__(self, tags: Mapping[str, str]) -> None:
        self._tags = tags
        self.blemishes: list[str] = []

    def text(self, keyword: str) -> str:
        value = self._tags.get(keyword, "")
        if value.isascii() and value.isprintable() and len(value) <= _LONGEST_TEXT:
            return value.strip(" ")  # nearly every value: the rest of this costs
        value = undo_latin1(value.rstrip(" \x00").lstrip(" "))
        if _UNSTORABLE.search(value):
            self.blemishes.append(f"{keyword} holds bytes that are no text")
            value = _UNSTORABLE.sub("\ufffd", value)
        if len(value) > _LONGEST_TEXT:
            self.blemishes.append(f"{keyword} is longer than {_LONGEST_TEXT} characters and was cut")
            value = value[:_LONGEST_TEXT] + "…"
        return value

    def date(self, keyword: str) -> date | None:
        try:
            return parse_date(self._tags.get(keyword, "").rstrip("\x00"))
        except ValueError:
            self.blemishes.append(f"{keyword} is no date")
            return None

    def time(self, keyword: str) -> time | None:
        try:
            return parse_time(self._tags.get(keyword, "").rstrip("\x00"))
        except ValueError:
            self.blemishes.append(f"{keyword} is no time")
            return None

    def integer(self, keyword: str) -> int | None:
        value = self._tags.get(keyword, "")
        if not value:
            return None
        if value.isascii() and value.isdecimal() and len(value) < 10:
            return int(value)
        try:
            return parse_integer(self._tags.get(keyword, "").rstrip("\x00"))
        except ValueError:
            self.blemishes.append(f"{keyword} is no integer")
            return None

    def age(self, keyword: str) -> str:
        value = self.text(keyword)
        if value and not _AGE.fullmatch(value):
            self.blemishes.append(f"{keyword} is no age")
            return ""
        return value
