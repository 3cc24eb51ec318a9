"""What goes wrong in practice, checked one by one, each with what to do about it."""

from collections.abc import Iterator
from datetime import UTC, datetime

from bridge.doctor.check import Check
from bridge.doctor.door import check_certificate, check_door
from bridge.doctor.following import check_feed, check_transfer_log
from bridge.doctor.front_door import check_echo, check_store
from bridge.doctor.installation import check_data_folder, check_database, check_disk, check_web_port
from bridge.doctor.orthanc import check_orthanc, check_own_dicom_port
from bridge.orthanc_client import OrthancClient
from database.session import Database
from settings import Settings


def examine(settings: Settings, database: Database, client: OrthancClient, *, store: bool) -> Iterator[Check]:
    """All checks in order, each made when it is asked for."""
    yield check_data_folder(settings)
    yield check_disk("disk space", settings.data_dir.absolute(), "images will be refused")
    yield check_database(database)
    yield from check_orthanc(settings, client)
    yield check_web_port(settings)
    yield check_own_dicom_port(settings)
    echoed_at = datetime.now(UTC)
    yield check_echo(settings)
    if store:
        yield check_store(settings, client)
    yield check_feed(database)
    yield from check_transfer_log(settings, database, echoed_at)
    yield from _check_recorder(settings, database)


def _check_recorder(settings: Settings, database: Database) -> Iterator[Check]:
    if settings.has_recorder:
        yield check_disk("spool", settings.spool_dir, "transfers will go unrecorded")
        if settings.dicom_tls_port is not None:
            yield check_certificate(settings)
    yield check_door(settings, database)
