"""What Orthanc's resources and change rows are made of, for the fake one."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

LEVELS = ("Patient", "Study", "Series", "Instance")
ROUTES = {"Patient": "patients", "Study": "studies", "Series": "series", "Instance": "instances"}
CHILDREN = {"Patient": "Studies", "Study": "Series", "Series": "Instances"}
UNIQUE_KEYS = {
    "Patient": "PatientID",
    "Study": "StudyInstanceUID",
    "Series": "SeriesInstanceUID",
    "Instance": "SOPInstanceUID",
}
# Orthanc's default "main DICOM tags" (1.10.1), as far as our tests send them
MAIN_TAGS = {
    "Patient": {"PatientID", "PatientName", "PatientBirthDate", "PatientSex", "OtherPatientIDs"},
    "Study": {
        "StudyInstanceUID", "StudyID", "StudyDate", "StudyTime", "StudyDescription", "AccessionNumber",
        "InstitutionName", "ReferringPhysicianName", "RequestingPhysician", "RequestedProcedureDescription",
    },
    "Series": {
        "SeriesInstanceUID", "SeriesNumber", "SeriesDate", "SeriesTime", "SeriesDescription", "Modality",
        "Manufacturer", "StationName", "BodyPartExamined", "ProtocolName", "SequenceName", "OperatorsName",
    },
    "Instance": {
        "SOPInstanceUID", "InstanceNumber", "NumberOfFrames", "AcquisitionNumber", "ImageIndex",
        "InstanceCreationDate", "InstanceCreationTime", "ImageComments", "ImagePositionPatient",
    },
}  # fmt: skip
LONGEST_VALUE = 256
"""Orthanc keeps no longer value among its main tags."""


@dataclass
class Row:
    """A change, as ``/changes`` shows it."""

    seq: int
    kind: str
    level: str
    orthanc_id: str
    date: str

    def as_json(self) -> dict[str, Any]:
        return {
            "Seq": self.seq,
            "ChangeType": self.kind,
            "ResourceType": self.level,
            "ID": self.orthanc_id,
            "Path": f"/{ROUTES[self.level]}/{self.orthanc_id}",
            "Date": self.date,
        }


@dataclass
class Node:
    """A patient, study, series or instance. ``tags`` may be made impossible by a test."""

    level: str
    orthanc_id: str
    parent_id: str
    tags: dict[str, str]
    metadata: dict[str, str] = field(default_factory=dict)
    children: dict[str, None] = field(default_factory=dict)
    file_size: int = 0
    file_uuid: str = ""
    is_stable: bool = False
    attributes: dict[str, str] = field(default_factory=dict)
    """An instance's whole data set by keyword."""


def orthanc_id(*keys: str) -> str:
    """Orthanc's own: SHA-1 of ``PatientID|StudyInstanceUID|…`` (Orthanc Book, "Identifiers")."""
    digest = hashlib.sha1("|".join(keys).encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
    return "-".join(digest[start : start + 8] for start in range(0, 40, 8))
