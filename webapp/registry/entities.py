"""Application entities: the DICOM nodes of a facility, as Orthanc is to know them."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from database.models import ApplicationEntity, Facility, StudySender
from database.session import Database
from webapp.registry import ae_titles
from webapp.registry.decisions import (
    Taken,
    decide,
    find,
    load_taken,
    now,
    require_active,
    require_free_title,
)
from webapp.registry.fields import (
    LONGEST_TEXT,
    EntityFields,
    check_host,
    check_line,
    check_port,
)


def add_entity(
    database: Database, facility_id: int, fields: EntityFields, own_ae_title: str
) -> ApplicationEntity:
    """Raises RegistryError."""

    def add(session: Session) -> ApplicationEntity:
        taken = load_taken(session, own_ae_title)
        return insert_entity(session, taken, find(session, Facility, facility_id), fields, own_ae_title)

    return decide(database, add)


def change_entity(
    database: Database,
    entity_id: int,
    fields: EntityFields,
    own_ae_title: str,
    *,
    facility_id: int | None = None,
) -> ApplicationEntity:
    """``facility_id`` moves it to another facility; its studies follow. Raises RegistryError."""

    def change(session: Session) -> ApplicationEntity:
        entity = find(session, ApplicationEntity, entity_id)
        return update_entity(session, entity, fields, own_ae_title, facility_id=facility_id)

    return decide(database, change)


def retire_entity(database: Database, entity_id: int) -> None:
    """Orthanc forgets it; its AE title stays its own."""
    with database.write() as session:
        entity = find(session, ApplicationEntity, entity_id)
        if entity.retired_at is None:
            entity.retired_at = now()
            entity.revision += 1


def reactivate_entity(database: Database, entity_id: int) -> None:
    """Raises RegistryError when its facility is retired."""
    with database.write() as session:
        entity = find(session, ApplicationEntity, entity_id)
        require_active(find(session, Facility, entity.facility_id))
        if entity.retired_at is not None:
            entity.retired_at = None
            entity.revision += 1


def push_entity(database: Database, entity_id: int) -> None:
    """Have the bridge register it again."""
    with database.write() as session:
        find(session, ApplicationEntity, entity_id).revision += 1


def note_echo(database: Database, entity_id: int, finding: str, is_ok: bool, at: datetime) -> None:
    """What a test of the connection found, in words."""
    with database.write() as session:
        entity = find(session, ApplicationEntity, entity_id)
        entity.echoed_at, entity.echo_finding, entity.is_echo_ok = at, finding, is_ok


def fields_of(entity: ApplicationEntity) -> EntityFields:
    """What a person would have to enter for it to be as it is."""
    return EntityFields(**{name: getattr(entity, name) for name in EntityFields.__slots__})


def insert_entity(
    session: Session, taken: Taken, facility: Facility, fields: EntityFields, own_ae_title: str
) -> ApplicationEntity:
    """Inside a caller's transaction; notes in ``taken`` what it took. Raises RegistryError."""
    require_active(facility)
    checked = check_entity(fields)
    if checked.ae_title:
        require_free_title(session, checked.ae_title, own_ae_title)
    title = checked.ae_title or ae_titles.propose(facility.name, taken.titles)
    port = taken.next_port() if checked.port is None else checked.port
    entity = ApplicationEntity(facility_id=facility.id, created_at=now())
    entity.has_generated_port = checked.port is None
    _fill(entity, replace(checked, ae_title=title, port=port))
    session.add(entity)
    session.flush()
    taken.titles.add(entity.ae_title_key)
    taken.ports.add(entity.port)
    return entity


def update_entity(
    session: Session,
    entity: ApplicationEntity,
    fields: EntityFields,
    own_ae_title: str,
    *,
    facility_id: int | None = None,
) -> ApplicationEntity:
    """Inside a caller's transaction. Raises RegistryError.

    A former AE title that sent studies stays behind, retired: nobody else may take it, and them.
    """
    checked = check_entity(fields)
    title = checked.ae_title or entity.ae_title
    require_free_title(session, title, own_ae_title, besides=entity.id)
    port = entity.port if checked.port is None else checked.port
    former_title, former_key, former_facility = entity.ae_title, entity.ae_title_key, entity.facility_id
    if facility_id is not None and facility_id != entity.facility_id:
        require_active(find(session, Facility, facility_id))
        entity.facility_id = facility_id
    entity.has_generated_port = entity.has_generated_port and port == entity.port
    _fill(entity, replace(checked, ae_title=title, port=port))
    entity.revision += 1
    is_renamed = entity.ae_title_key != former_key
    if is_renamed or entity.facility_id != former_facility:
        entity.link_revision += 1
    session.flush()
    if is_renamed and _has_sent(session, former_key):
        _keep_title(session, entity, former_title)
    return entity


def check_entity(fields: EntityFields) -> EntityFields:
    """The same, tidied. Raises RegistryError."""
    title, local = fields.ae_title.strip(), fields.local_ae_title.strip()
    return replace(
        fields,
        ae_title=ae_titles.check(title) if title else "",
        host=check_host(fields.host),
        port=None if fields.port is None else check_port(fields.port),
        description=check_line(fields.description, "description", LONGEST_TEXT),
        local_ae_title=ae_titles.check(local, "local_ae_title") if local else "",
    )


def _has_sent(session: Session, ae_title_key: str) -> bool:
    return bool(session.scalar(select(exists().where(StudySender.ae_title_key == ae_title_key))))


def _keep_title(session: Session, entity: ApplicationEntity, title: str) -> None:
    former = ApplicationEntity(facility_id=entity.facility_id, created_at=now(), retired_at=now())
    _fill(former, replace(fields_of(entity), ae_title=title, description=f"Now {entity.ae_title}"))
    session.add(former)
    session.flush()


def _fill(entity: ApplicationEntity, fields: EntityFields) -> None:
    for name in EntityFields.__slots__:
        setattr(entity, name, getattr(fields, name))
    entity.ae_title_key = ae_titles.key_of(fields.ae_title)
