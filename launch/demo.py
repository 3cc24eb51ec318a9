"""What the demo needs before its modalities send: their facilities."""

from sqlalchemy import select

from database.models import ApplicationEntity
from database.session import Database
from emulator.senders import INSTITUTIONS
from webapp import registry


def register_senders(database: Database, own_ae_title: str) -> None:
    """Add the emulated modalities' facilities, unless an earlier demo did."""
    with database.read() as session:
        known = set(session.scalars(select(ApplicationEntity.ae_title)))
    for ae_title, name in INSTITUTIONS.items():
        if ae_title not in known:
            entity = registry.EntityFields(ae_title=ae_title, description="Emulated modality of the demo")
            registry.create_facility(database, registry.FacilityFields(name), entity, own_ae_title)
