"""What ``make run`` prints: one short block when everything answers, or what doesn't and where to look."""

import socket
from pathlib import Path

from database.session import Database
from launch.folders import DataFolder
from launch.readiness import Check, web_address
from launch.recorder import has_dicom_port_here
from settings import Settings
from webapp.accounts import authenticate


def ready(settings: Settings, database: Database, folder: DataFolder) -> str:
    """Names the generated password only as long as it opens the door."""
    lines = [
        ("Web pages", _addresses(settings)),
        ("DICOM", f"AE title {settings.ae_title}, port {settings.dicom_port}"),
        ("Data", str(folder.root)),
        ("Sign in as", _first_administrator(settings, database)),
        ("Stop with", "Ctrl-C"),
    ]
    if not has_dicom_port_here(settings):
        lines[1] = ("DICOM", f"the Orthanc at {settings.orthanc_url}")
    return "\n".join(["", "Noctis is running.", *(f"  {name:<12}{value}" for name, value in lines), ""])


def _addresses(settings: Settings) -> str:
    here = web_address(settings)
    if settings.http_host in ("0.0.0.0", "::"):  # noqa: S104 - asked about, not bound
        return f"{here} (from other machines: http://{socket.gethostname()}:{settings.http_port})"
    return here


def _first_administrator(settings: Settings, database: Database) -> str:
    password = settings.secret("admin_password")
    if authenticate(database, settings.admin_username, password) is None:
        return "a user of yours (the first administrator's password was changed)"
    if settings.admin_password:
        return f"{settings.admin_username} with the password in NOCTIS_ADMIN_PASSWORD"
    return f"{settings.admin_username} with the password {password}"


def not_ready(failures: list[tuple[Check, str]], seconds: int) -> str:
    lines = [f"Noctis is not up after {seconds} seconds:"]
    for check, text in failures:
        lines.append(f"  {check.name}: {text}. Its log: {_shown(check.log)}")
    lines.append("What is running keeps trying; Ctrl-C stops it.")
    return "\n".join(["", *lines, ""])


def _shown(log: Path) -> str:
    return f"{log}" if log.exists() else f"{log} (nothing written yet)"
