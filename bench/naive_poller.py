"""What the bridge is compared to: the poller that one writes first, kept simple and honest.

It asks pyorthanc for the next changes and handles them one by one. It reads the changed resource by GET
requests of its own, with the parents that its row refers to; it finds or makes each row with the ORM, in the
same models and with the same columns as the bridge, counts and search words included. The connection is kept
alive, and one commit for each page of a hundred changes, with the position in it, spares it the disk. It has
none of the bridge's care for gaps, restored archives, deletions and bad data.
"""

from datetime import UTC, datetime
from typing import Any, TypeVar

from pyorthanc import Orthanc
from sqlalchemy import select
from sqlalchemy.orm import Session

from bench.servers import Orthanc as Source
from bridge.dicom_values import parse_date, parse_integer, parse_orthanc_date, parse_time
from database.models import Feed, Instance, Series, Study, StudyWord
from database.session import Database
from database.words import words_of

_PAGE = 100  # Orthanc's default
Row = TypeVar("Row", Study, Series, Instance)


class NaivePoller:
    def __init__(self, source: Source, database: Database) -> None:
        self._orthanc = Orthanc(source.url, source.username, source.password)
        self._database = database
        with database.write() as session:
            feed = Feed(name="naive", low=0, high=0, tail=[], epoch=0, revision=0)
            session.add(feed)
        self._feed_id = feed.id

    def close(self) -> None:
        self._orthanc.close()

    def poll(self, change_count: int) -> int:
        """Process so many changes from the feed's beginning; answers how many were instances."""
        since = instance_count = 0
        while since < change_count:
            page: Any = self._orthanc.get_changes(params={"since": since, "limit": _PAGE})
            with self._database.write() as session:
                for change in page["Changes"]:
                    self._process(session, change["ChangeType"], change["ID"])
                    since = change["Seq"]
                    instance_count += change["ChangeType"] == "NewInstance"
                session.get_one(Feed, self._feed_id).low = since
            if page["Done"]:
                break
        return instance_count

    def _process(self, session: Session, kind: str, orthanc_id: str) -> None:
        if kind == "NewInstance":
            self._keep_instance(session, orthanc_id)
        elif kind == "NewSeries":
            self._keep_series(session, orthanc_id)
        elif kind == "NewStudy":
            self._keep_study(session, orthanc_id)

    def _keep_instance(self, session: Session, orthanc_id: str) -> None:
        described: Any = self._orthanc.get_instances_id(orthanc_id)
        metadata: Any = self._orthanc.get_instances_id_metadata(orthanc_id, params={"expand": ""})
        tags = described["MainDicomTags"]
        series = self._keep_series(session, described["ParentSeries"])
        instance, is_new = self._find_or_make(session, Instance, orthanc_id)
        instance.series_id = series.id
        instance.sop_instance_uid = tags["SOPInstanceUID"]
        instance.sop_class_uid = metadata.get("SopClassUid", "")
        instance.transfer_syntax_uid = metadata.get("TransferSyntax", "")
        instance.instance_number = parse_integer(tags.get("InstanceNumber", ""))
        instance.number_of_frames = parse_integer(tags.get("NumberOfFrames", "")) or 1
        instance.file_size = described["FileSize"]
        instance.calling_ae_title = metadata.get("RemoteAET", "")
        instance.called_ae_title = metadata.get("CalledAET", "")
        instance.remote_ip = metadata.get("RemoteIP", "")
        instance.origin = metadata.get("Origin", "")
        instance.received_at = parse_orthanc_date(metadata["ReceptionDate"])
        if is_new:
            study = session.get_one(Study, series.study_id)
            series.instance_count += 1
            series.last_received_at = instance.received_at
            study.instance_count += 1
            study.last_received_at = instance.received_at

    def _keep_series(self, session: Session, orthanc_id: str) -> Series:
        described: Any = self._orthanc.get_series_id(orthanc_id)
        tags = described["MainDicomTags"]
        study = self._keep_study(session, described["ParentStudy"])
        series, is_new = self._find_or_make(session, Series, orthanc_id)
        series.study_id = study.id
        series.series_instance_uid = tags["SeriesInstanceUID"]
        series.modality = tags.get("Modality", "")
        series.series_number = parse_integer(tags.get("SeriesNumber", ""))
        series.series_description = tags.get("SeriesDescription", "")
        series.body_part_examined = tags.get("BodyPartExamined", "")
        series.protocol_name = tags.get("ProtocolName", "")
        series.station_name = tags.get("StationName", "")
        if is_new:
            series.instance_count = 0
            series.received_at = datetime.now(UTC)
            study.series_count += 1
            study.modalities = " ".join(sorted({*study.modalities.split(), series.modality}))
        session.flush()
        return series

    def _keep_study(self, session: Session, orthanc_id: str) -> Study:
        described: Any = self._orthanc.get_studies_id(orthanc_id)
        study, is_new = self._find_or_make(session, Study, orthanc_id)
        _describe_study(study, described["MainDicomTags"], described["PatientMainDicomTags"])
        study.updated_at = datetime.now(UTC)
        if is_new:
            study.modalities = ""
            study.series_count = study.instance_count = 0
            study.created_at = study.received_at = study.last_received_at = study.updated_at
            session.flush()
            words = words_of(study.patient_name, study.patient_id, study.accession_number)
            session.add_all(StudyWord(word=word, study_id=study.id) for word in words)
        return study

    def _find_or_make(self, session: Session, model: type[Row], orthanc_id: str) -> tuple[Row, bool]:
        """The row, and whether it is new."""
        query = select(model).where(model.feed_id == self._feed_id, model.orthanc_id == orthanc_id)
        with session.no_autoflush:
            row = session.scalar(query)
        if row is not None:
            return row, False
        row = model(feed_id=self._feed_id, orthanc_id=orthanc_id)
        session.add(row)
        return row, True


def _describe_study(study: Study, tags: dict[str, str], patient: dict[str, str]) -> None:
    study.study_instance_uid = tags["StudyInstanceUID"]
    study.study_id = tags.get("StudyID", "")
    study.study_date = parse_date(tags.get("StudyDate", ""))
    study.study_time = parse_time(tags.get("StudyTime", ""))
    study.study_description = tags.get("StudyDescription", "")
    study.accession_number = tags.get("AccessionNumber", "")
    study.institution_name = tags.get("InstitutionName", "")
    study.referring_physician_name = tags.get("ReferringPhysicianName", "")
    study.patient_id = patient.get("PatientID", "")
    study.patient_name = patient.get("PatientName", "")
    study.patient_birth_date = parse_date(patient.get("PatientBirthDate", ""))
    study.patient_sex = patient.get("PatientSex", "")
