"""Rows as the bridge would write them, for tests that need studies without an Orthanc."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from database.models import (
    ApplicationEntity,
    Facility,
    Feed,
    Instance,
    LinkSource,
    Role,
    Series,
    Study,
    StudyFacility,
    StudyWord,
    User,
    UserFacility,
)
from database.session import Database
from database.words import words_of

_numbers = count(1)
_id_parts = count(1)
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
LONG_AGO = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def orthanc_id() -> str:
    """In Orthanc's form, never used before."""
    return "-".join(f"{next(_id_parts):040x}"[at : at + 8] for at in range(0, 40, 8))


@dataclass
class SeriesPlan:
    """A series to insert: what differs from a CT of three instances."""

    modality: str = "CT"
    instance_count: int = 3
    sop_class_uid: str = CT_IMAGE
    number_of_frames: int = 1
    series: dict[str, Any] = field(default_factory=dict)
    instance: dict[str, Any] = field(default_factory=dict)


def create_study(
    database: Database,
    *,
    series: list[SeriesPlan] | None = None,
    facilities: tuple[int, ...] = (),
    **values: Any,
) -> Study:
    """A study with its series, instances, words and facilities; ``values`` are columns of ``study``."""
    with database.write() as session:
        study = add_study(session, [SeriesPlan()] if series is None else series, **values)
        for facility_id in facilities:
            session.add(
                StudyFacility(
                    study_id=study.id,
                    facility_id=facility_id,
                    source=LinkSource.ADMINISTRATOR,
                    linked_at=study.received_at,
                )
            )
    return study


def add_study(session: Session, plans: list[SeriesPlan], **values: Any) -> Study:
    number = next(_numbers)
    received_at = values.get("received_at", LONG_AGO + timedelta(seconds=number))
    defaults: dict[str, Any] = {
        "feed_id": _feed_id(session),
        "orthanc_id": orthanc_id(),
        "study_instance_uid": f"1.2.826.0.1.3680043.8.498.{number}",
        "study_date": date(2026, 3, 1),
        "study_time": time(11, 30),
        "study_description": "CT chest",
        "accession_number": f"A{number:06}",
        "patient_id": f"P{number:06}",
        "patient_name": f"Doe^Jane {number}",
        "patient_birth_date": date(1970, 5, 17),
        "patient_sex": "F",
        "modalities": " ".join(sorted({plan.modality for plan in plans})),
        "series_count": len(plans),
        "instance_count": sum(plan.instance_count for plan in plans),
        "received_at": received_at,
        "last_received_at": received_at,
        "created_at": received_at,
        "updated_at": received_at,
    }
    study = Study(**{**defaults, **values})
    session.add(study)
    session.flush()
    words = words_of(study.patient_name, study.patient_id, study.accession_number)
    session.add_all(StudyWord(word=word, study_id=study.id) for word in words)
    for at, plan in enumerate(plans, 1):
        _add_series(session, study, plan, at)
    return study


def _add_series(session: Session, study: Study, plan: SeriesPlan, at: int) -> None:
    values: dict[str, Any] = {
        "feed_id": study.feed_id,
        "orthanc_id": orthanc_id(),
        "study_id": study.id,
        "series_instance_uid": f"{study.study_instance_uid}.{at}",
        "modality": plan.modality,
        "series_number": at,
        "series_description": f"Series {at}",
        "instance_count": plan.instance_count,
        "received_at": study.received_at,
        "last_received_at": study.last_received_at,
        **plan.series,
    }
    series = Series(**values)
    session.add(series)
    session.flush()
    session.add_all(_instance(series, plan, number) for number in range(1, plan.instance_count + 1))
    session.flush()


def _instance(series: Series, plan: SeriesPlan, number: int) -> Instance:
    values: dict[str, Any] = {
        "feed_id": series.feed_id,
        "orthanc_id": orthanc_id(),
        "series_id": series.id,
        "sop_instance_uid": f"{series.series_instance_uid}.{number}",
        "sop_class_uid": plan.sop_class_uid,
        "transfer_syntax_uid": EXPLICIT_LITTLE,
        "instance_number": number,
        "number_of_frames": plan.number_of_frames,
        "file_size": 524_288,
        "calling_ae_title": "CT_EAST",
        "called_ae_title": "NOCTIS",
        "remote_ip": "192.0.2.10",
        "origin": "DicomProtocol",
        "received_at": series.received_at,
    }
    return Instance(**{**values, **plan.instance})


def _feed_id(session: Session) -> int:
    feed = session.scalar(select(Feed).where(Feed.name == "factory"))
    if feed is None:
        feed = Feed(name="factory")
        session.add(feed)
        session.flush()
    return feed.id


def create_facility(database: Database, name: str) -> Facility:
    with database.write() as session:
        facility = Facility(name=name, code=f"F{next(_numbers)}", created_at=LONG_AGO)
        session.add(facility)
    return facility


def create_member(
    database: Database, role: Role = Role.RADIOLOGIST, facilities: tuple[int, ...] = ()
) -> User:
    """A user without a usable password: hashing one costs more than most tests."""
    with database.write() as session:
        user = User(
            username=f"user{next(_numbers)}",
            password_hash="!",
            role=role,
            is_active=True,
            created_at=LONG_AGO,
        )
        session.add(user)
        session.flush()
        session.add_all(UserFacility(user_id=user.id, facility_id=one) for one in facilities)
    return user


def create_application_entity(database: Database, facility_id: int, **values: Any) -> ApplicationEntity:
    """A node of a facility that may echo and store; ``values`` are columns."""
    number = next(_numbers)
    ae_title = values.get("ae_title", f"NODE{number}")
    defaults: dict[str, Any] = {
        "facility_id": facility_id,
        "ae_title": ae_title,
        "ae_title_key": ae_title.upper(),
        "port": 11113,
        "created_at": LONG_AGO,
    }
    entity = ApplicationEntity(**{**defaults, **values})
    with database.write() as session:
        session.add(entity)
    return entity
