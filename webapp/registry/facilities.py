"""Facilities: created with what they need, changed, retired and re-activated."""

import hashlib
import re
from itertools import count

from anyascii import anyascii
from sqlalchemy import select
from sqlalchemy.orm import Session

from database.models import ApplicationEntity, Facility, Peer
from database.registrations import Target
from database.session import Database
from webapp.registry import ae_titles, entities
from webapp.registry.decisions import (
    Taken,
    decide,
    find,
    load_taken,
    now,
    require_free_code,
    require_unchanged,
    take_turn,
)
from webapp.registry.fields import (
    LONGEST_CODE,
    EntityFields,
    FacilityFields,
    RegistryError,
    check_facility,
)

LARGEST_LOGO = 1_000_000
_LOGO_BEGINNINGS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")


def propose(database: Database, name: str, own_ae_title: str) -> tuple[str, int]:
    """The AE title and port that would be generated now; somebody else may take them meanwhile."""
    with database.read() as session:
        taken = load_taken(session, own_ae_title)
    return ae_titles.propose(name, taken.titles), taken.next_port()


def create_facility(
    database: Database, fields: FacilityFields, entity_fields: EntityFields | None, own_ae_title: str
) -> Facility:
    """A new facility, with its first application entity unless that is None. Raises RegistryError."""

    def create(session: Session) -> Facility:
        take_turn(session)
        taken = load_taken(session, own_ae_title)
        facility = insert_facility(session, taken, fields)
        if entity_fields is not None:
            entities.insert_entity(session, taken, facility, entity_fields, own_ae_title)
        return facility

    return decide(database, create)


def change_facility(
    database: Database, facility_id: int, fields: FacilityFields, *, revision: str | None = None
) -> Facility:
    """``revision`` is the ``revision_of`` what the person saw.

    Raises RegistryError; StaleError when it is another now.
    """

    def change(session: Session) -> Facility:
        facility = find(session, Facility, facility_id)
        require_unchanged(revision_of(facility), revision)
        return update_facility(session, facility, fields)

    return decide(database, change)


def fields_of(facility: Facility) -> FacilityFields:
    """What a person would have to enter for it to be as it is."""
    return FacilityFields(**{name: getattr(facility, name) for name in FacilityFields.__slots__})


def revision_of(facility: Facility) -> str:
    """Another one whenever its fields are others; facilities don't count their decisions."""
    return hashlib.sha256(repr(fields_of(facility)).encode()).hexdigest()[:32]


def set_logo(database: Database, facility_id: int, logo: bytes | None) -> None:
    """PNG or JPEG; None removes it. Raises RegistryError."""
    check_logo(logo)

    def work(session: Session) -> None:
        find(session, Facility, facility_id).logo = logo

    decide(database, work)


def check_logo(logo: bytes | None) -> None:
    """Before the facility that it is for is there. Raises RegistryError."""
    if logo is not None and not logo.startswith(_LOGO_BEGINNINGS):
        raise RegistryError("logo", "The logo must be a PNG or JPEG file.")
    if logo is not None and len(logo) > LARGEST_LOGO:
        raise RegistryError("logo", f"The logo is too large: at most {LARGEST_LOGO // 1000} kB.")


def retire_facility(database: Database, facility_id: int) -> None:
    """Its entities and peers retire with it; its studies and reports stay."""

    def work(session: Session) -> None:
        facility = find(session, Facility, facility_id)
        if facility.retired_at is None:
            facility.retired_at = now()
            for target in _targets(session, facility_id):
                if target.retired_at is None:
                    target.retired_at = facility.retired_at
                    target.revision += 1

    decide(database, work)


def reactivate_facility(database: Database, facility_id: int) -> None:
    """With what retired together with it; what had been retired before stays so."""

    def work(session: Session) -> None:
        facility = find(session, Facility, facility_id)
        retired_at, facility.retired_at = facility.retired_at, None
        for target in _targets(session, facility_id):
            if retired_at is not None and target.retired_at == retired_at:
                target.retired_at = None
                target.revision += 1

    decide(database, work)


def insert_facility(session: Session, taken: Taken, fields: FacilityFields) -> Facility:
    """Inside a caller's transaction; notes in ``taken`` what it took. Raises RegistryError."""
    checked = check_facility(fields)
    if checked.code in taken.codes:
        require_free_code(session, checked.code)
    facility = Facility(created_at=now())
    _fill(facility, checked, checked.code or _propose_code(checked.name, taken.codes | taken.reserved_codes))
    session.add(facility)
    session.flush()
    taken.codes.add(facility.code)
    return facility


def update_facility(session: Session, facility: Facility, fields: FacilityFields) -> Facility:
    """Inside a caller's transaction. Raises RegistryError."""
    checked = check_facility(fields)
    if checked.code not in {"", facility.code}:
        require_free_code(session, checked.code, besides=facility.id)
    _fill(facility, checked, checked.code or facility.code)
    session.flush()
    return facility


def _fill(facility: Facility, fields: FacilityFields, code: str) -> None:
    facility.name = fields.name
    facility.code = code
    facility.address = fields.address
    facility.time_zone = fields.time_zone
    facility.contact = fields.contact
    facility.letterhead = fields.letterhead
    facility.paper = fields.paper
    facility.has_preprinted_paper = fields.has_preprinted_paper
    facility.needs_second_signer = fields.needs_second_signer
    facility.silent_hours = fields.silent_hours


def _targets(session: Session, facility_id: int) -> list[Target]:
    """Locked."""
    entity_rows = select(ApplicationEntity).where(ApplicationEntity.facility_id == facility_id)
    peers = select(Peer).where(Peer.facility_id == facility_id)
    return [
        *session.scalars(entity_rows.order_by(ApplicationEntity.id).with_for_update(key_share=True)),
        *session.scalars(peers.order_by(Peer.id).with_for_update(key_share=True)),
    ]


def _propose_code(name: str, taken: set[str]) -> str:
    words = re.sub(r"[^A-Z0-9]+", "-", anyascii(name).upper().replace("'", "")).strip("-")
    base = words[:LONGEST_CODE].rstrip("-") or "FACILITY"
    if base not in taken:
        return base
    suffixes = (f"-{number}" for number in count(2))
    codes = (base[: LONGEST_CODE - len(suffix)].rstrip("-") + suffix for suffix in suffixes)
    return next(code for code in codes if code not in taken)
