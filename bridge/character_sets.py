"""Texts that Orthanc decodes wrongly, and how they come out right. Measured: docs/character-sets.md.

Orthanc looks at the first value of SpecificCharacterSet alone. Most Japanese modalities declare two
(``ISO 2022 IR 13\\ISO 2022 IR 87``); their names come out as ``YAMADA^TAROU=;3ED^B@O:``. Such texts betray
themselves; then the attributes are read as bytes, in one call that leaves the pixels out.
"""

import re
import warnings
from dataclasses import replace
from io import BytesIO

from pydicom import dcmread
from pydicom.charset import convert_encodings, decode_bytes
from pydicom.config import IGNORE
from pydicom.dataset import Dataset
from pydicom.valuerep import PersonName

from bridge.dicom_values import undo_latin1
from bridge.orthanc_answers import Resource

_TEXTS = (
    "PatientName",
    "PatientID",
    "StudyDescription",
    "AccessionNumber",
    "InstitutionName",
    "ReferringPhysicianName",
)
_PERSON_NAMES = {"PatientName", "ReferringPhysicianName"}
_OF_PATIENT = {"PatientName", "PatientID", "PatientAge"}
# ISO 2022 escape sequences whose ESC was dropped, control characters, what no decoder could read
_RUINS = re.compile(r"\$[()]?[A-DB@]|\([BJI]|\)I|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]")
_NOT_DECODED_BY_PYDICOM = "ISO 2022 IR 58"


def unreliable(study: Resource) -> set[str]:
    """The keywords of what this description of a study doesn't tell, or not rightly.

    A name that is missing altogether may be longer than the 256 bytes which Orthanc's index keeps. The age
    isn't among its main attributes; it is wanted where there is no birth date to reckon from.
    """
    tags = study.tags | study.patient_tags
    found = {keyword for keyword in _TEXTS if _is_suspicious(keyword, tags.get(keyword, ""))}
    if "PatientName" not in tags:
        found.add("PatientName")
    if not tags.get("PatientBirthDate") and "PatientAge" not in tags:
        found.add("PatientAge")
    return found


def needs_header(study: Resource) -> bool:
    """Whether Orthanc's own description of a study doesn't do."""
    return bool(unreliable(study))


def _is_suspicious(keyword: str, text: str) -> bool:
    if _RUINS.search(undo_latin1(text)):
        return True
    groups = text.split("=")[1:] if keyword in _PERSON_NAMES else []
    # The ideographic and phonetic groups (PS3.5 6.2.1.1) are there for what isn't ASCII.
    return any(group.isascii() for group in groups)


def read_header(study: Resource, header: bytes) -> Resource:
    """The study with its texts decoded from ``header``, a DICOM file without its pixels."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are about values, and would quote them in the log
        texts = _texts_of(dcmread(BytesIO(header), stop_before_pixels=True, force=True))
    tags = {keyword: text for keyword, text in texts.items() if keyword not in _OF_PATIENT}
    patient_tags = {keyword: text for keyword, text in texts.items() if keyword in _OF_PATIENT}
    return replace(study, tags=study.tags | tags, patient_tags=study.patient_tags | patient_tags)


def _texts_of(dataset: Dataset) -> dict[str, str]:
    declared = _declared(dataset)
    texts = {}
    if _NOT_DECODED_BY_PYDICOM not in declared:
        for keyword in _TEXTS:
            raw = _raw(dataset, keyword)
            if raw is not None:
                texts[keyword] = decode(keyword, raw, declared)
    age = _raw(dataset, "PatientAge")
    if age is not None:
        texts["PatientAge"] = age.decode("latin-1").strip(" \0")
    return texts


def decode(keyword: str, raw: bytes, declared: list[str]) -> str:
    """An attribute's bytes as text: by what is declared, unless the bytes say that it isn't true."""
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii").rstrip(" \0")
    encodings = _encodings(declared)
    if any(name.startswith("ISO 2022") for name in declared) or b"\x1b" in raw:
        return _decode_with_escapes(keyword, raw, encodings)
    for encoding in ("utf-8", encodings[0], "latin-1"):
        try:
            return raw.decode(encoding).rstrip(" \0")
        except (UnicodeError, LookupError):
            continue
    raise AssertionError("latin-1 decodes everything")


def _decode_with_escapes(keyword: str, raw: bytes, encodings: list[str]) -> str:
    try:
        if keyword in _PERSON_NAMES:
            return str(PersonName(raw, encodings, validation_mode=IGNORE)).rstrip(" \0")
        return decode_bytes(raw, encodings, set()).rstrip(" \0")
    except (UnicodeError, LookupError, UserWarning):
        return raw.decode("latin-1").rstrip(" \0")


def _encodings(declared: list[str]) -> list[str]:
    """Python's names. Anything that the standard doesn't know counts as not declared."""
    try:
        return list(convert_encodings(declared or [""]))
    except (LookupError, UserWarning):
        return ["latin-1"]


def _declared(dataset: Dataset) -> list[str]:
    """SpecificCharacterSet's values; pydicom reads this one attribute at once."""
    value = dataset.get("SpecificCharacterSet") or []
    return [value.strip()] if isinstance(value, str) else [str(name).strip() for name in value]


def _raw(dataset: Dataset, keyword: str) -> bytes | None:
    if keyword not in dataset:
        return None
    value = dataset.get_item(keyword).value
    return value if isinstance(value, bytes) else None
