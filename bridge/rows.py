"""From Orthanc's description of one resource to its row. Pure: no Orthanc, no SQL."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bridge.dicom_values import Attributes, parse_orthanc_date
from bridge.errors import BadResource
from bridge.orthanc_answers import Resource

Row = dict[str, Any]
UNINTELLIGIBLE = (AttributeError, KeyError, TypeError, ValueError)
"""What a description of another shape than Orthanc's raises, beside BadResource."""
_WORD_BEGINS = re.compile(r"(?<=[a-z])(?=[A-Z])")


def column_of(keyword: str) -> str:
    """``PatientID`` → ``patient_id``."""
    return _WORD_BEGINS.sub("_", keyword).lower()


def study_row(resource: Resource, attributes: Attributes) -> Row:
    """What Orthanc says of a study. Raises BadResource when it has no UID."""
    patient = Attributes(resource.patient_tags)
    row = {
        "orthanc_id": resource.orthanc_id,
        "study_instance_uid": _uid(attributes, "StudyInstanceUID"),
        "study_id": attributes.text("StudyID"),
        "study_date": attributes.date("StudyDate"),
        "study_time": attributes.time("StudyTime"),
        "study_description": attributes.text("StudyDescription"),
        "accession_number": attributes.text("AccessionNumber"),
        "institution_name": attributes.text("InstitutionName"),
        "referring_physician_name": attributes.text("ReferringPhysicianName"),
        "patient_id": patient.text("PatientID"),
        "patient_name": patient.text("PatientName"),
        "patient_birth_date": patient.date("PatientBirthDate"),
        "patient_sex": patient.text("PatientSex"),
        "patient_age": patient.age("PatientAge"),
        "deleted_at": None,
    }
    attributes.blemishes += patient.blemishes
    return row


def series_row(resource: Resource, attributes: Attributes) -> Row:
    """Raises BadResource when it has no UID."""
    return {
        "orthanc_id": resource.orthanc_id,
        "series_instance_uid": _uid(attributes, "SeriesInstanceUID"),
        "modality": attributes.text("Modality"),
        "series_number": attributes.integer("SeriesNumber"),
        "series_description": attributes.text("SeriesDescription"),
        "body_part_examined": attributes.text("BodyPartExamined"),
        "protocol_name": attributes.text("ProtocolName"),
        "station_name": attributes.text("StationName"),
        "deleted_at": None,
    }


def instance_row(resource: Resource, attributes: Attributes, now: datetime) -> Row:
    """``now`` stands for the time of reception where Orthanc doesn't tell. Raises BadResource."""
    metadata = resource.metadata
    return {
        "orthanc_id": resource.orthanc_id,
        "sop_instance_uid": _uid(attributes, "SOPInstanceUID"),
        "sop_class_uid": metadata.get("SopClassUid", ""),
        "transfer_syntax_uid": metadata.get("TransferSyntax", ""),
        "instance_number": attributes.integer("InstanceNumber"),
        "number_of_frames": attributes.integer("NumberOfFrames") or 1,
        "file_size": resource.file_size,
        "calling_ae_title": metadata.get("RemoteAET", ""),
        "called_ae_title": metadata.get("CalledAET", ""),
        "remote_ip": metadata.get("RemoteIP", ""),
        "origin": metadata.get("Origin", ""),
        "received_at": _received_at(metadata, now),
        "deleted_at": None,
    }


def _uid(attributes: Attributes, keyword: str) -> str:
    uid = attributes.text(keyword)
    if not uid:
        raise BadResource(f"{keyword} is missing")
    return uid


def _received_at(metadata: Mapping[str, str], now: datetime) -> datetime:
    try:
        return parse_orthanc_date(metadata["ReceptionDate"])
    except (KeyError, ValueError):
        return now
