"""What an object is, by its SOP class and transfer syntax: for people, and for how it can be shown."""

from enum import StrEnum

from pydicom.config import IGNORE
from pydicom.uid import UID


class Kind(StrEnum):
    """How an instance can be shown."""

    PICTURE = "picture"
    PDF = "pdf"
    REPORT = "report"
    OTHER = "other"
    """No pixels by its definition, such as a presentation state or a radiotherapy plan."""
    UNKNOWN = "unknown"
    """A private or unheard-of SOP class: it may well hold a picture, so it is tried."""


_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
_PIXELS_WITHOUT_IMAGE_IN_THE_NAME = {
    "RT Dose Storage",
    "Segmentation Storage",
    "Parametric Map Storage",
    "Ophthalmic Thickness Map Storage",
    "Corneal Topography Map Storage",
    "Enhanced US Volume Storage",
}


def kind(sop_class_uid: str) -> Kind:
    name = _uid_name(sop_class_uid)
    if sop_class_uid == _PDF:
        return Kind.PDF
    if name in {sop_class_uid, ""}:
        return Kind.UNKNOWN
    if "Image Storage" in name or name in _PIXELS_WITHOUT_IMAGE_IN_THE_NAME:
        return Kind.PICTURE
    if " SR Storage" in name or name.startswith(("Key Object", "Procedure Log")):
        return Kind.REPORT
    return Kind.OTHER


def sop_class_name(sop_class_uid: str) -> str:
    """``CT Image``, ``Basic Text SR``; a private one says so, with its UID."""
    if not sop_class_uid:
        return "Object of unknown SOP class"
    name = _uid_name(sop_class_uid)
    if name == sop_class_uid:
        return f"Private SOP class {sop_class_uid}"
    return name.removesuffix(" - For Presentation").removesuffix(" - For Processing").removesuffix(" Storage")


def transfer_syntax_name(transfer_syntax_uid: str) -> str:
    return _uid_name(transfer_syntax_uid)


def _uid_name(uid: str) -> str:
    """The standard's name, else the UID itself; what was sent need not be a valid one."""
    return UID(uid, IGNORE).name
