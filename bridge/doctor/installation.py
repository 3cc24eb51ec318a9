"""What Noctis stands on: data folder, disk, database, the port of the web pages."""

import shutil
import socket
from pathlib import Path

import requests
from sqlalchemy.exc import DBAPIError

from bridge.doctor.check import Check
from database.migrate import schema_versions
from database.session import Database
from settings import Settings

_LITTLE_SPACE, _FAR_TOO_LITTLE_SPACE = 5 * 2**30, 2**29


def check_data_folder(settings: Settings) -> Check:
    folder = settings.data_dir.absolute()
    probe = folder / ".doctor"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        return Check.failed(
            "data folder",
            f"{folder} can't be written ({error.strerror})",
            "Give the user that runs Noctis this folder, or set NOCTIS_DATA_DIR.",
        )
    return Check.passed("data folder", f"{folder} is writable")


def check_disk(name: str, folder: Path, consequence: str) -> Check:
    """Of ``folder``; ``consequence`` is what happens when it is full."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Check.failed(
            name, f"{folder}: {error.strerror}", "Has Noctis been started? See NOCTIS_DATA_DIR."
        )
    finding = f"{free / 2**30:.1f} GB free"
    if free < _FAR_TOO_LITTLE_SPACE:
        return Check.failed(name, finding, f"Make room: {consequence}.")
    return Check.passed(name, finding, "Little: make room soon." if free < _LITTLE_SPACE else "")


def check_database(database: Database) -> Check:
    try:
        found, wanted = schema_versions(database.engine)
    except DBAPIError as error:
        return Check.failed(
            "database",
            f"doesn't answer ({type(error.orig).__name__})",
            "Is it running? See NOCTIS_DATABASE_URL.",
        )
    dialect = database.engine.dialect.name
    if found != wanted:
        return Check.failed(
            "database",
            f"{dialect}, schema {found or 'empty'} instead of {wanted}",
            "Run `python -m launch migrate`.",
        )
    return Check.passed("database", f"{dialect}, schema {found}")


def check_web_port(settings: Settings) -> Check:
    name, port = "web port", settings.http_port
    if not is_listened_on(_reachable(settings.http_host), port):
        return Check.passed(name, f"{port} is free", "Noctis isn't running.")
    if _is_our_web(settings):
        return Check.passed(name, f"{port} is served by Noctis")
    return Check.failed(
        name,
        f"{port} is used by another program",
        "Stop that program, or choose another port with NOCTIS_HTTP_PORT.",
    )


def is_listened_on(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=2):
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
