"""What goes wrong in practice, checked one by one, each with what to do about it."""

import secrets
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid
from sqlalchemy.exc import DBAPIError

from bridge import scu
from bridge.dicom_values import parse_orthanc_date
from bridge.errors import OrthancRefused, OrthancUnavailable
from bridge.feed import load_feed
from bridge.orthanc_client import OrthancClient
from bridge.registration_entries import NO_HOST
from database.migrate import schema_versions
from database.session import Database
from settings import PROBE_AE_TITLE, Settings

_SUCCESS = 0x0000
_SEE_ORTHANCS_LOG = "See log/orthanc.log in the data folder."
_LITTLE_SPACE, _FAR_TOO_LITTLE_SPACE = 5 * 2**30, 2**29
_STALE_POLL = timedelta(seconds=30)
_CLOCK_TOLERANCE = timedelta(seconds=5)
_OLDEST_ORTHANC = (1, 10)


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    is_ok: bool
    finding: str
    advice: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "ok": self.is_ok, "finding": self.finding, "advice": self.advice}

    def line(self) -> str:
        advice = f"\n           {self.advice}" if self.advice else ""
        return f"{'ok  ' if self.is_ok else 'FAIL'}  {self.name}: {self.finding}{advice}"


def examine(settings: Settings, database: Database, client: OrthancClient, *, store: bool) -> Iterator[Check]:
    """All checks in order, each made when it is asked for."""
    yield _check_data_folder(settings)
    yield _check_disk(settings)
    yield _check_database(database)
    yield from _check_orthanc(settings, client)
    yield _check_port(
        "web port", settings.http_host, settings.http_port, "NOCTIS_HTTP_PORT", lambda: _is_our_web(settings)
    )
    yield _check_dicom_port(settings)
    if store:
        yield _check_store(settings, client)
    yield _check_feed(database)


def _check_data_folder(settings: Settings) -> Check:
    folder = settings.data_dir.absolute()
    probe = folder / ".doctor"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        return Check(
            "data folder",
            is_ok=False,
            finding=f"{folder} can't be written ({error.strerror})",
            advice="Give the user that runs Noctis this folder, or set NOCTIS_DATA_DIR.",
        )
    return Check("data folder", is_ok=True, finding=f"{folder} is writable")


def _check_disk(settings: Settings) -> Check:
    try:
        free = shutil.disk_usage(settings.data_dir.absolute()).free
    except OSError as error:
        return Check("disk space", is_ok=False, finding=str(error.strerror), advice="Set NOCTIS_DATA_DIR.")
    finding = f"{free / 2**30:.1f} GB free"
    if free < _FAR_TOO_LITTLE_SPACE:
        return Check("disk space", is_ok=False, finding=finding, advice="Make room: images will be refused.")
    advice = "Little: make room soon." if free < _LITTLE_SPACE else ""
    return Check("disk space", is_ok=True, finding=finding, advice=advice)


def _check_database(database: Database) -> Check:
    try:
        found, wanted = schema_versions(database.engine)
    except DBAPIError as error:
        return Check(
            "database",
            is_ok=False,
            finding=f"doesn't answer ({type(error.orig).__name__})",
            advice="Is it running? See NOCTIS_DATABASE_URL.",
        )
    dialect = database.engine.dialect.name
    if found != wanted:
        return Check(
            "database",
            is_ok=False,
            finding=f"{dialect}, schema {found or 'empty'} instead of {wanted}",
            advice="Run `python -m launch migrate`.",
        )
    return Check("database", is_ok=True, finding=f"{dialect}, schema {found}")


def _check_orthanc(settings: Settings, client: OrthancClient) -> Iterator[Check]:
    url = settings.orthanc_api_url
    try:
        system = client.system()
        clock = parse_orthanc_date(client.now())
    except (OrthancUnavailable, OrthancRefused) as error:
        yield Check(
            "Orthanc",
            is_ok=False,
            finding=str(error),
            advice=f"Is Orthanc running at {url}, or does another program use that port "
            "(NOCTIS_ORTHANC_HTTP_PORT)? See log/orthanc.log in the data folder.",
        )
        return
    version = tuple(int(part) for part in system.version.split(".")[:2] if part.isdecimal())
    if version and version < _OLDEST_ORTHANC:
        yield Check(
            "Orthanc", is_ok=False, finding=f"version {system.version}", advice="Noctis needs 1.10 or newer."
        )
        return
    expected = (settings.ae_title, settings.orthanc_dicom_listener)
    is_ours = settings.orthanc_url != "" or (system.dicom_aet, system.dicom_port) == expected
    yield Check(
        "Orthanc",
        is_ok=is_ours,
        finding=f"version {system.version}, AE title {system.dicom_aet}, DICOM port {system.dicom_port}",
        advice="" if is_ours else f"Expected {expected[0]} on port {expected[1]}: restart Noctis.",
    )
    drift = abs(datetime.now(UTC) - clock)
    yield Check(
        "clock",
        is_ok=drift <= _CLOCK_TOLERANCE,
        finding=f"Orthanc's and ours are {drift.total_seconds():.0f} s apart",
        advice="" if drift <= _CLOCK_TOLERANCE else "Synchronise the hosts' clocks (NTP).",
    )


def _check_port(name: str, host: str, port: int, variable: str, is_ours: Callable[[], bool]) -> Check:
    if not _is_taken(host, port):
        return Check(name, is_ok=True, finding=f"{port} is free", advice="Noctis isn't running.")
    if is_ours():
        return Check(name, is_ok=True, finding=f"{port} is served by Noctis")
    return Check(
        name,
        is_ok=False,
        finding=f"{port} is used by another program",
        advice=f"Stop that program, or choose another port with {variable}.",
    )


def _is_taken(host: str, port: int) -> bool:
    try:
        with socket.create_connection((_reachable(host), port), timeout=2):
            return True
    except OSError:
        return False


def _reachable(host: str) -> str:
    return "127.0.0.1" if host in {"0.0.0.0", "::", ""} else host  # noqa: S104 - compared, not bound


def _is_our_web(settings: Settings) -> bool:
    try:
        url = f"http://{_reachable(settings.http_host)}:{settings.http_port}/livez"
        return bool(requests.get(url, timeout=5).json()["application"] == "noctis")
    except (requests.RequestException, ValueError, LookupError, TypeError):
        return False


def _check_dicom_port(settings: Settings) -> Check:
    port = settings.dicom_port
    if not _is_taken("127.0.0.1", port):
        return Check(
            "C-ECHO",
            is_ok=False,
            finding=f"nothing listens on DICOM port {port}",
            advice="Start Noctis with `make run`.",
        )
    advice = "Another program may use the port: stop it, or choose another with NOCTIS_DICOM_PORT."
    try:
        status = scu.echo("127.0.0.1", port, PROBE_AE_TITLE, settings.ae_title)
    except scu.AssociationError as error:
        return Check("C-ECHO", is_ok=False, finding=str(error), advice=advice)
    if status != _SUCCESS:
        return Check("C-ECHO", is_ok=False, finding=scu.words_of(status), advice=advice)
    return Check("C-ECHO", is_ok=True, finding=f"answered on DICOM port {port}")


def _check_store(settings: Settings, client: OrthancClient) -> Check:
    """A test object goes in by the front door, is seen in Orthanc, and is removed again."""
    dataset = _test_object()
    try:
        port, called = settings.dicom_port, settings.ae_title
        with _may_store(client) as calling:
            status = scu.store([dataset], "127.0.0.1", port, calling, called)[0]
        stored = client.lookup(dataset.StudyInstanceUID)
        for orthanc_id in stored:
            client.delete_study(orthanc_id)
    except (scu.AssociationError, OrthancUnavailable, OrthancRefused) as error:
        return Check("C-STORE", is_ok=False, finding=str(error), advice=_SEE_ORTHANCS_LOG)
    if status != _SUCCESS:
        return Check("C-STORE", is_ok=False, finding=scu.words_of(status), advice=_SEE_ORTHANCS_LOG)
    if not stored:
        return Check(
            "C-STORE",
            is_ok=False,
            finding="acknowledged, but Orthanc doesn't hold it",
            advice="Does the DICOM port lead to another server?",
        )
    return Check("C-STORE", is_ok=True, finding="a test object was stored and removed again")


@contextmanager
def _may_store(client: OrthancClient) -> Iterator[str]:
    """An AE title that nobody can know, let in for as long as it takes."""
    ae_title = f"DOCTOR_{secrets.token_hex(4).upper()}"
    name = ae_title.lower().replace("_", "-")
    client.put_modality(name, {"AET": ae_title, "Host": NO_HOST, "Port": 104})
    try:
        yield ae_title
    finally:
        client.delete_modality(name)


def _test_object() -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID = generate_uid()
    dataset.SeriesInstanceUID = generate_uid()
    dataset.PatientID = "NOCTIS-DOCTOR"
    dataset.PatientName = "Doctor^Noctis"
    dataset.Modality = "OT"
    return dataset


def _check_feed(database: Database) -> Check:
    advice = "Is the bridge running? See log/bridge.log in the data folder."
    try:
        polled_at = load_feed(database).polled_at
    except DBAPIError:
        return Check("change feed", is_ok=False, finding="unknown: the database doesn't answer")
    if polled_at is None:
        return Check("change feed", is_ok=False, finding="never read", advice=advice)
    age = abs(datetime.now(UTC) - polled_at)
    if age > _STALE_POLL:
        finding = f"last read {age.total_seconds():.0f} s ago"
        return Check("change feed", is_ok=False, finding=finding, advice=advice)
    return Check("change feed", is_ok=True, finding="followed")
