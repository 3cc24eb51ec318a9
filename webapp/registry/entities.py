"""Application entities: the DICOM nodes of a facility, as Orthanc is to know them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

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
    require_unchanged,
    take_turn,
)
from webapp.registry.fields import (
    LONGEST_TEXT,
    EntityFields,
    check_line,
    check_port,
)
from webapp.registry.hosts import check_allowed_hosts, check_host

# Where a test of the connection went
_ADDRESS = ("ae_title", "host", "port", "local_ae_title", "uses_tls")


def add_entity(
    database: Database, facility_id: int, fields: EntityFields, own_ae_title: str
) -> ApplicationEntity:
    """Raises RegistryError."""

    def add(session: Session) -> ApplicationEntity:
        take_turn(session)
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
    revision: int | None = None,
) -> ApplicationEntity:
    """``facility_id`` moves it to another facility; its studies follow.

    ``revision`` is the one that the person saw. Raises RegistryError; StaleError when it is another now.
    """

    def change(session: Session) -> ApplicationEntity:
        entity = find(session, ApplicationEntity, entity_id)
        require_unchanged(entity.revision, revision)
        return update_entity(session, entity, fields, own_ae_title, facility_id=facility_id)

    return decide(database, change)


def fields_of(entity: ApplicationEntity) -> EntityFields:
    """What a person would have to enter for it to be as it is."""
    return EntityFields(**{name: getattr(entity, name) for name in EntityFields.__slots__})


def insert_entity(
    session: Session, taken: Taken, facility: Facility, fields: EntityFields, own_ae_title: str
) -> ApplicationEntity:
    """Inside a caller's transaction; notes in ``taken`` what it took. Raises RegistryError."""
    require_active(facility)
    checked = check_entity(fields)
    if ae_titles.key_of(checked.ae_title) in taken.titles:
        require_free_title(session, checked.ae_title, own_ae_title)
    title = checked.ae_title or ae_titles.propose(facility.name, taken.titles | taken.reserved_titles)
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

    ``entity`` is locked. A former AE title that sent studies stays behind, retired: nobody else may take it,
    and them. The node itself may take it back.
    """
    checked = check_entity(fields)
    title = checked.ae_title or entity.ae_title
    is_renamed = ae_titles.key_of(title) != entity.ae_title_key
    is_moved = facility_id is not None and facility_id != entity.facility_id
    if is_renamed:
        take_turn(session)
        require_free_title(session, title, own_ae_title, besides=entity.id)
    former_titles = _former_titles(session, entity) if is_moved or is_renamed else []
    if facility_id is not None and is_moved:
        require_active(find(session, Facility, facility_id))
        entity.facility_id = facility_id
        for former in former_titles:
            former.facility_id = facility_id
            former.link_revision += 1
    port = entity.port if checked.port is None else checked.port
    after = replace(checked, ae_title=title, port=port)
    if any(getattr(after, name) != getattr(entity, name) for name in _ADDRESS):
        entity.echoed_at, entity.echo_finding, entity.is_echo_ok = None, "", False
    entity.has_generated_port = entity.has_generated_port and port == entity.port
    entity.revision += 1
    if is_moved or is_renamed:
        entity.link_revision += 1
    if is_renamed:
        _rename(session, entity, after, former_titles)
    else:
        _fill(entity, after)
    session.flush()
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
        allowed_hosts=check_allowed_hosts(fields.allowed_hosts),
    )


def _has_sent(session: Session, ae_title_key: str) -> bool:
    return bool(session.scalar(select(exists().where(StudySender.ae_title_key == ae_title_key))))


def _former_titles(session: Session, entity: ApplicationEntity) -> Sequence[ApplicationEntity]:
    query = select(ApplicationEntity).where(ApplicationEntity.successor_id == entity.id)
    return session.scalars(query.order_by(ApplicationEntity.id).with_for_update(key_share=True)).all()


def _rename(
    session: Session,
    entity: ApplicationEntity,
    after: EntityFields,
    former_titles: Iterable[ApplicationEntity],
) -> None:
    """To another AE title; what has the new one as a former title exchanges it for the present one."""
    before = fields_of(entity)
    key, former_key = ae_titles.key_of(after.ae_title), entity.ae_title_key
    former = next((one for one in former_titles if one.ae_title_key == key), None)
    if former is not None:
        former.ae_title_key = f"exchanged {former.id}"  # no title's key: those are upper case
        session.flush()
    _fill(entity, after)
    session.flush()
    if former is not None:
        _fill(former, before)
        former.link_revision += 1
    elif _has_sent(session, former_key):
        former = ApplicationEntity(
            facility_id=entity.facility_id, successor_id=entity.id, created_at=now(), retired_at=now()
        )
        _fill(former, before)
        session.add(former)


def _fill(entity: ApplicationEntity, fields: EntityFields) -> None:
    for name in EntityFields.__slots__:
        setattr(entity, name, getattr(fields, name))
    entity.ae_title_key = ae_titles.key_of(fields.ae_title)
