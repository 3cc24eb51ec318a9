"""``{patient_age}`` in a prepared text becomes what the study says. Pure."""

import re
from collections.abc import Mapping

from webapp.presentation import readable

PLACEHOLDERS = {
    "patient_name": "The patient's name",
    "patient_id": "Patient ID",
    "patient_birth_date": "Birth date",
    "patient_sex": "M, F or O",
    "patient_age": "Age at the examination, such as 45 y",
    "study_date": "Date of the examination",
    "study_time": "Time of the examination",
    "study_description": "Study description",
    "modality": "Modality, such as CT",
    "body_part": "Body part examined",
    "accession_number": "Accession number",
    "referring_physician": "Referring physician",
    "facility": "The facility that sent the study",
    "prior_date": "Date of the newest prior study",
}
"""What may stand in braces, and what each is for people."""
BLANK = "___"
"""Where the study doesn't say: seen by whoever reads the text, and to be filled by hand."""

_BRACES = re.compile(r"\{([^{}\n]*)\}")


def unknown_in(text: str) -> list[str]:
    """What stands in braces and is no placeholder, with its braces, in order."""
    return [found[0] for found in _BRACES.finditer(text) if found[1] not in PLACEHOLDERS]


def fill(text: str, facts: Mapping[str, str]) -> str:
    """The text with every placeholder's fact, or a blank. What a fact holds is text, braces included."""

    def fact(found: re.Match[str]) -> str:
        if found[1] not in PLACEHOLDERS:
            return found[0]
        return " ".join(readable(facts.get(found[1], "")).split()) or BLANK

    return _BRACES.sub(fact, text)
