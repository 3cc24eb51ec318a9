"""How a demo study becomes data sets: who, when, where, and the series that it is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Protocol

from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import PYDICOM_ROOT_UID, UID, generate_uid

from emulator.documents import encapsulated_pdf, private_object
from emulator.senders import INSTITUTIONS
from emulator.studies import CHARACTER_SET, StudyPlan, make_study


@dataclass(frozen=True, kw_only=True)
class Patient:
    """An invented person."""

    name: str
    patient_id: str
    sex: str = "O"
    birth_date: str | None = None
    age: str | None = None
    """(0010,1010), which modalities send where nobody entered the birth date."""
    character_set: str | list[str] = CHARACTER_SET


@dataclass(frozen=True, kw_only=True)
class DemoStudy:
    calling_ae_title: str
    patient: Patient
    accession_number: str
    description: str
    days_ago: int
    time: str
    """VR TM; whoever leaves out seconds, leaves them out here."""
    referring_physician: str = ""
    series: "tuple[DemoSeries, ...]"

    @property
    def instance_count(self) -> int:
        return sum(series.instance_count for series in self.series)

    def uid(self, *names: object) -> UID:
        entropy = ["Noctis demo", self.accession_number, *map(str, names)]
        return generate_uid(prefix=PYDICOM_ROOT_UID, entropy_srcs=entropy)

    def datasets(self, today: date) -> list[Dataset]:
        """The objects, the same in every call but for the dates, which follow ``today``."""
        return [
            dataset
            for number, series in enumerate(self.series, 1)
            for dataset in series.datasets(self, number, self._attributes(series, number, today))
        ]

    def _attributes(self, series: "DemoSeries", number: int, today: date) -> dict[str, Any]:
        study_date = f"{today - timedelta(days=self.days_ago):%Y%m%d}"
        return {
            "SpecificCharacterSet": self.patient.character_set,
            "PatientName": self.patient.name,
            "PatientID": self.patient.patient_id,
            "PatientSex": self.patient.sex,
            "PatientBirthDate": self.patient.birth_date or "",
            "PatientAge": self.patient.age,
            "StudyInstanceUID": self.uid("study"),
            "StudyID": self.accession_number[-4:],
            "StudyDate": study_date,
            "SeriesDate": study_date,
            "StudyTime": self.time,
            "StudyDescription": self.description,
            "AccessionNumber": self.accession_number,
            "InstitutionName": INSTITUTIONS[self.calling_ae_title],
            "ReferringPhysicianName": self.referring_physician,
            "StationName": self.calling_ae_title,
            "SeriesInstanceUID": self.uid("series", number),
            "SeriesNumber": number,
            "SeriesDescription": series.description,
        }


class DemoSeries(Protocol):
    @property
    def description(self) -> str: ...

    @property
    def instance_count(self) -> int: ...

    def datasets(self, study: DemoStudy, number: int, attributes: Mapping[str, Any]) -> list[Dataset]: ...


@dataclass(frozen=True)
class Drawn:
    """A series with pictures by ``emulator.phantoms``."""

    modality: str
    description: str
    instance_count: int
    rows: int
    columns: int
    frame_count: int = 1
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def datasets(self, study: DemoStudy, number: int, attributes: Mapping[str, Any]) -> list[Dataset]:
        plan = StudyPlan(
            modality=self.modality,
            seed=study.uid("drawn", number),
            instance_count=self.instance_count,
            frame_count=self.frame_count,
            rows=self.rows,
            columns=self.columns,
            attributes={**attributes, **self.attributes},
        )
        return make_study(plan)


@dataclass(frozen=True)
class Bundled:
    """A series of one of pydicom's own sample files, as it is but for patient, study and UIDs."""

    file_name: str
    description: str
    instance_count: int = 1

    def datasets(self, study: DemoStudy, number: int, attributes: Mapping[str, Any]) -> list[Dataset]:
        path = get_testdata_file(self.file_name, download=False)
        if not isinstance(path, str):
            raise FileNotFoundError(f"pydicom's sample {self.file_name} is not installed")
        dataset = dcmread(path)
        dataset.SOPInstanceUID = study.uid("bundled", number)
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.InstanceNumber = 1
        return [_identified(dataset, attributes)]


@dataclass(frozen=True)
class Pdf:
    description: str
    lines: tuple[str, ...]
    instance_count: int = 1

    def datasets(self, study: DemoStudy, number: int, attributes: Mapping[str, Any]) -> list[Dataset]:
        dataset = encapsulated_pdf(study.uid("pdf", number), list(self.lines))
        dataset.InstanceNumber = 1
        return [_identified(dataset, attributes)]


@dataclass(frozen=True)
class PrivateObject:
    description: str
    instance_count: int = 1

    def datasets(self, study: DemoStudy, number: int, attributes: Mapping[str, Any]) -> list[Dataset]:
        dataset = private_object(study.uid("private", number))
        dataset.InstanceNumber = 1
        return [_identified(dataset, attributes)]


def _identified(dataset: Dataset, attributes: Mapping[str, Any]) -> Dataset:
    for keyword, value in attributes.items():
        if value is None:
            dataset.pop(keyword, None)
        else:
            setattr(dataset, keyword, value)
    return dataset
