"""DICOM values as people read them: names, ages, dates, sizes. Pure functions, also Jinja filters."""

import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from flask import Flask

from database.models import Study

_JOINERS = "\u200c\u200d"  # Persian and Indic scripts need them
_AGE_UNITS = {"D": "d", "W": "w", "M": "m", "Y": "y"}
_DAYS_OF_A_NEWBORN = 28
_OLDEST_YEARS = 150


def person_name(value: str) -> str:
    """All component groups of a PN: ``Yamada^Tarou=山田^太郎`` → ``Yamada, Tarou · 山田 太郎``.

    PS3.5 6.2: family^given^middle^prefix^suffix, in up to three groups (alphabetic, ideographic, phonetic).
    """
    groups = readable(value).split("=")[:3]
    shown = [_alphabetic(groups[0]), *(" ".join(_parts(group)) for group in groups[1:])]
    return " · ".join(group for group in shown if group)


def readable(text: str) -> str:
    """Without characters that turn the text around them or can't be seen: a name must not disguise itself."""
    return "".join(c for c in text if unicodedata.category(c) not in {"Cc", "Cf"} or c in _JOINERS)


def _parts(group: str) -> list[str]:
    return [" ".join(part.split()) for part in group.split("^") if part.strip()]


def _alphabetic(group: str) -> str:
    family, given, middle, prefix, *suffix = [*(part.strip() for part in group.split("^")), "", "", "", ""]
    first_names = " ".join(" ".join(part.split()) for part in (prefix, given, middle) if part)
    return ", ".join(" ".join(part.split()) for part in (family, first_names, *suffix) if part)


def age(study: Study) -> str:
    """When the study was made: ``45 y``; under 2 years ``14 m``, under 3 months ``9 w``, newborns ``5 d``."""
    if study.patient_birth_date is None:
        return _age_as_sent(study.patient_age)
    then = study.study_date or study.received_at.date()
    return _age_between(study.patient_birth_date, then)


def _age_between(birth: date, then: date) -> str:
    days = (then - birth).days
    months = (then.year - birth.year) * 12 + then.month - birth.month - (then.day < birth.day)
    if days < 0 or months > _OLDEST_YEARS * 12:
        return ""  # a wrong birth date says nothing about the patient
    if days < _DAYS_OF_A_NEWBORN:
        return f"{days} d"
    if months < 3:
        return f"{days // 7} w"
    return f"{months} m" if months < 24 else f"{months // 12} y"


def _age_as_sent(value: str) -> str:
    """VR AS: ``045Y``."""
    number, unit = value[:-1].strip(), value[-1:].upper()
    if not number.isascii() or not number.isdigit() or unit not in _AGE_UNITS:
        return ""
    return f"{int(number)} {_AGE_UNITS[unit]}"


def sex(value: str) -> str:
    """VM 1 of M, F, O; whatever else was sent is shown as sent."""
    return value.strip()[:8].upper()


def sex_and_age(study: Study) -> str:
    return " ".join(part for part in (sex(study.patient_sex), age(study)) if part)


def day(value: date | None) -> str:
    return value.isoformat() if value else ""


def clock(value: time | None) -> str:
    """Without seconds, which no reader asks for."""
    return value.strftime("%H:%M") if value else ""


def instant(value: datetime) -> str:
    """For a <time> element's ``datetime``; the page's script shows it in the viewer's zone."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def instant_in_utc(value: datetime) -> str:
    """What stands there until the script has run."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def file_size(value: int) -> str:
    if value < 1000:
        return f"{value} B"
    size, units = value / 1000, ["kB", "MB", "GB", "TB"]
    while size >= 999.5 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.1f} {units[0]}" if size < 9.95 else f"{size:.0f} {units[0]}"


@dataclass(frozen=True)
class Count:
    """A number of studies that nobody counts beyond a thousand."""

    number: int
    largest: int = 999

    def __str__(self) -> str:
        return f"{self.largest}+" if self.number > self.largest else str(self.number)


def init_app(app: Flask) -> None:
    for function in (
        readable,
        person_name,
        age,
        sex,
        sex_and_age,
        day,
        clock,
        instant,
        instant_in_utc,
        file_size,
    ):
        app.add_template_filter(function)
