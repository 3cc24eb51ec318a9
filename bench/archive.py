"""Filling a real Orthanc quickly: small instances from one template, by ZIP files over REST."""

import io
import zipfile
from collections.abc import Iterator
from itertools import islice

import requests

from bench.measuring import say
from emulator.studies import make_study, part10_bytes
from tests.orthanc_process import OrthancProcess

SERIES_A_STUDY = 4
INSTANCES_A_SERIES = 25
_INSTANCES_A_ZIP = 1000
# All of one length, so that the template's bytes can be exchanged in place
_UID = "1.2.826.0.1.3680043.8.498.7"
_STUDY, _SERIES, _INSTANCE = f"{_UID}.100000", f"{_UID}.100000.10", f"{_UID}.100000.10.1000"
_PATIENT = "P100000"


def fill(orthanc: OrthancProcess, study_count: int) -> int:
    """Store ``study_count`` studies of 4 series with 25 instances each; answers how many instances."""
    say(f"storing {study_count * SERIES_A_STUDY * INSTANCES_A_SERIES} instances in Orthanc")
    files = _files(study_count)
    count = 0
    with requests.Session() as session:
        session.auth = (orthanc.username, orthanc.password)
        while batch := list(islice(files, _INSTANCES_A_ZIP)):
            answer = session.post(f"{orthanc.url}/instances", data=_zip(batch), timeout=300)
            answer.raise_for_status()
            count += len(batch)
    return count


def _files(study_count: int) -> Iterator[bytes]:
    (dataset,) = make_study(
        instance_count=1,
        pixel_byte_count=512,
        patient_id=_PATIENT,
        patient_name=f"Bench^{_PATIENT}",
        attributes={
            "StudyInstanceUID": _STUDY,
            "SeriesInstanceUID": _SERIES,
            "SOPInstanceUID": _INSTANCE,
            "AccessionNumber": f"A{_PATIENT}",
            "StudyDescription": "Benchmark",
            "SeriesDescription": "One of four",
        },
    )
    template = part10_bytes(dataset)
    for study in range(100_000, 100_000 + study_count):
        of_study = template.replace(_PATIENT.encode(), f"P{study}".encode())
        for series in range(10, 10 + SERIES_A_STUDY):
            for instance in range(1000, 1000 + INSTANCES_A_SERIES):
                uid = f"{_UID}.{study}.{series}.{instance}"
                # The longest first: each of these begins with the next
                yield (
                    of_study.replace(_INSTANCE.encode(), uid.encode())
                    .replace(_SERIES.encode(), uid[: len(_SERIES)].encode())
                    .replace(_STUDY.encode(), uid[: len(_STUDY)].encode())
                )


def _zip(files: list[bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for number, content in enumerate(files):
            archive.writestr(f"{number}.dcm", content)
    return buffer.getvalue()
