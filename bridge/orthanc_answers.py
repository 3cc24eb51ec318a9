"""What Orthanc answers, as plain dataclasses. Pure: no HTTP; ``orthanc_client`` asks."""

from dataclasses import dataclass, field
from typing import Any

_DICOM_FILE = 1  # Orthanc's FileContentType_Dicom


@dataclass(frozen=True, slots=True)
class Change:
    """A row of ``/changes``. ``level`` is ``Patient``, ``Study``, ``Series`` or ``Instance``."""

    seq: int
    kind: str
    level: str
    orthanc_id: str
    date: str
    """Orthanc's clock, UTC, to the second: ``20261123T160748``."""


@dataclass(frozen=True, slots=True)
class ChangesPage:
    changes: list[Change]
    is_done: bool
    last: int
    """The feed's last index. On an empty page it says nothing about ``since``: never use it as a cursor."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A study, series or instance as Orthanc describes it; every value still is Orthanc's text."""

    orthanc_id: str
    parent_id: str
    tags: dict[str, str]
    patient_tags: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    children: tuple[str, ...] = ()
    file_size: int = 0
    blemish: str = ""
    """What couldn't be read of it, in words; empty when nothing."""


@dataclass(frozen=True, slots=True)
class System:
    version: str
    dicom_aet: str
    dicom_port: int
    has_extended_find: bool


@dataclass(frozen=True, slots=True)
class Statistics:
    study_count: int
    series_count: int
    instance_count: int


@dataclass(frozen=True, slots=True)
class Picture:
    content: bytes
    media_type: str


def parse_resource(row: dict[str, Any]) -> Resource:
    """A row of a bulk answer or of an extended find."""
    children = row.get("Series") if row["Type"] == "Study" else row.get("Instances")
    parent = row.get("ParentSeries") or row.get("ParentStudy") or row.get("ParentPatient") or ""
    return Resource(
        row["ID"],
        parent,
        row.get("MainDicomTags") or {},
        row.get("PatientMainDicomTags") or {},
        row.get("Metadata") or {},
        tuple(children or ()),
        _file_size(row),
    )


def _file_size(row: dict[str, Any]) -> int:
    """Bytes of the DICOM file. Extended finds list attachments instead of naming its size."""
    if "FileSize" in row:
        return int(row["FileSize"] or 0)
    attachments = row.get("Attachments") or []
    return sum(int(one["UncompressedSize"]) for one in attachments if one.get("ContentType") == _DICOM_FILE)
