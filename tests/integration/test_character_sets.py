"""What docs/character-sets.md says of Orthanc, held to a real one."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
import requests
from pydicom import dcmread

from tests.dicom import CHARACTER_SETS, Spoken, spoken_instance
from tests.orthanc_process import OrthancProcess


class _Rest:
    def __init__(self, orthanc: OrthancProcess) -> None:
        self._url = orthanc.url
        self._auth = (orthanc.username, orthanc.password)

    def post(self, path: str, **options: Any) -> requests.Response:
        # Not a session: Orthanc closes a connection that idles, maybe just when it is asked again.
        answer = requests.post(self._url + path, auth=self._auth, timeout=60, **options)
        answer.raise_for_status()
        return answer


@pytest.fixture(scope="module")
def rest() -> Iterator[_Rest]:
    with OrthancProcess() as orthanc:
        yield _Rest(orthanc)


@pytest.mark.parametrize("spoken", CHARACTER_SETS, ids=lambda spoken: spoken.title)
def test_orthanc_reads_exactly_the_character_sets_that_we_rely_on(rest: _Rest, spoken: Spoken) -> None:
    stored = rest.post("/instances", data=spoken_instance(spoken)).json()

    bulk = {"Resources": [stored["ParentStudy"]], "Metadata": True}
    [study] = rest.post("/tools/bulk-content", json=bulk).json()

    name, description = (
        study["PatientMainDicomTags"]["PatientName"],
        study["MainDicomTags"]["StudyDescription"],
    )
    is_right = (name, description) == (spoken.patient_name, spoken.description)
    assert is_right == spoken.orthanc_is_right
    assert (study["MainDicomTags"]["InstitutionName"] == spoken.description) == (
        description == spoken.description
    )


@pytest.mark.parametrize("spoken", CHARACTER_SETS, ids=lambda spoken: spoken.title)
def test_the_header_comes_back_byte_by_byte_and_nothing_is_stored(rest: _Rest, spoken: Spoken) -> None:
    stored = rest.post("/instances", data=spoken_instance(spoken, pixel_byte_count=5_000)).json()
    wanted = {"Remove": ["PixelData"], "Keep": ["SOPInstanceUID"], "Force": True}

    answer = rest.post(f"/instances/{stored['ID']}/modify", json=wanted).content

    header = dcmread(BytesIO(answer))
    assert len(answer) < 2_000
    assert header.get_item("PatientName").value.rstrip(b" ") == spoken.name_bytes
    assert header.get_item("StudyDescription").value.rstrip(b" ") == spoken.description_bytes
    assert header.get("SpecificCharacterSet") == _as_pydicom(spoken.declared)


def _as_pydicom(declared: tuple[str, ...] | None) -> list[str] | str | None:
    return list(declared) if declared and len(declared) > 1 else declared[0] if declared else None
