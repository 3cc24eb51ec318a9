"""Texts as they are set on paper: paragraphs with their direction, moments with their time zone. Pure."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from webapp.presentation import readable

_RIGHT_TO_LEFT = {"R", "AL"}
_TAB = " " * 4


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str
    direction: str
    """``ltr`` or ``rtl``: each paragraph's own, as in a browser with ``dir="auto"``."""


def paragraphs(text: str) -> list[Paragraph]:
    """Each line of what was written, an empty one where a line was left empty."""
    lines = (readable(line.replace("\t", _TAB)).rstrip() for line in text.strip("\n").splitlines())
    return [Paragraph(line, direction(line)) for line in lines]


def direction(text: str) -> str:
    """By the first letter that has one (UAX #9, P2 and P3): WeasyPrint doesn't know ``dir="auto"``."""
    for character in text:
        kind = unicodedata.bidirectional(character)
        if kind in _RIGHT_TO_LEFT:
            return "rtl"
        if kind == "L":
            break
    return "ltr"


def local_moment(at: datetime, time_zone: str) -> str:
    """``2026-03-01 14:05 CET (UTC+01:00)``: paper has no script that knows where its reader is."""
    local = at.astimezone(_zone(time_zone))
    name, offset = local.tzname() or "", local.isoformat(timespec="minutes")[16:]
    # Zones without a name of their own are called after their offset: +03
    zone = f"{name} (UTC{offset})" if name.isalpha() else f"UTC{offset}"
    return f"{local:%Y-%m-%d %H:%M} {name if name == 'UTC' else zone}"


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):  # a machine without that zone's data
        return ZoneInfo("UTC")
