"""What a radiologist enters as a template or a standard text, and whether it can be used. Pure."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace

from webapp.prepared_texts.placeholders import PLACEHOLDERS, unknown_in
from webapp.registry.fields import RegistryError, check_line, check_name, check_text
from webapp.reports.texts import SECTIONS

LONGEST_TEXT = 20_000
"""Characters of a section: what is longer is a report, not a template."""
LONGEST_ALIAS = 32
LONGEST_BODY_PART = 64

_MODALITY = re.compile(r"[A-Z0-9_]{1,16}")  # VR CS (PS3.5 6.2), as all defined terms are written
_ALIAS = re.compile(r"[\w-]+")


@dataclass(frozen=True, slots=True)
class TemplateFields:
    name: str
    sections: Mapping[str, str]
    """Text by section; what isn't there is empty."""
    modality: str = ""
    """Empty: any; the same below."""
    body_part: str = ""


@dataclass(frozen=True, slots=True)
class StandardTextFields:
    alias: str
    text: str
    modality: str = ""
    body_part: str = ""


def check_template(fields: TemplateFields) -> TemplateFields:
    """The same, tidied. Raises RegistryError."""
    sections = {name: check_prepared(fields.sections.get(name, ""), name) for name in SECTIONS}
    checked = replace(
        fields,
        name=check_name(fields.name, "name"),
        modality=check_modality(fields.modality),
        body_part=check_line(fields.body_part, "body_part", LONGEST_BODY_PART),
        sections=sections,
    )
    if not any(sections.values()):
        raise RegistryError("findings", "Please write at least one section.")
    return checked


def check_standard_text(fields: StandardTextFields) -> StandardTextFields:
    """The same, tidied. Raises RegistryError."""
    checked = replace(
        fields,
        alias=check_alias(fields.alias),
        text=check_prepared(fields.text, "text"),
        modality=check_modality(fields.modality),
        body_part=check_line(fields.body_part, "body_part", LONGEST_BODY_PART),
    )
    if not checked.text:
        raise RegistryError("text", "Please write the text.")
    return checked


def check_alias(text: str) -> str:
    """Lower case, without the dot. Raises RegistryError."""
    alias = unicodedata.normalize("NFC", text.strip().removeprefix(".").lower())
    if len(alias) > LONGEST_ALIAS or not _ALIAS.fullmatch(alias):
        raise RegistryError(
            "alias",
            f"An alias has 1 to {LONGEST_ALIAS} letters, digits, hyphens and underscores, and no blanks.",
        )
    return alias


def check_modality(text: str) -> str:
    """In upper case; empty stays empty. Raises RegistryError."""
    modality = text.strip().upper()
    if modality and not _MODALITY.fullmatch(modality):
        raise RegistryError("modality", "Give one modality by its DICOM code, such as CT, or none for any.")
    return modality


def check_prepared(text: str, field: str) -> str:
    """Some lines with known placeholders. Raises RegistryError."""
    lines = check_text(text, field, LONGEST_TEXT)
    unknown = unknown_in(lines)
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise RegistryError(
            field, f"{unknown[0][:60]} can't be filled in. What can stand in braces: {known}."
        )
    return lines
