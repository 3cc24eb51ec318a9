"""Starting: everything checked and prepared before the first process runs, then supervisord takes over."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from database.migrate import upgrade
from database.session import Database, make_engine
from launch import folders, orthanc, ports, recorder, supervisor_configuration
from launch.errors import LaunchError
from launch.folders import DataFolder
from launch.supervise import ENDING_SIGNALS
from settings import Settings, SettingsError
from webapp.accounts import AccountError, create_first_administrator

_SECONDS_FOR_A_KILLED_ONE_TO_END = 60


def run(settings: Settings, *, demo: bool) -> None:
    """Doesn't return: this process becomes supervisord. Raises LaunchError or SettingsError before that."""
    _check_foreign_orthanc(settings)
    recorder.check(settings)
    folder = DataFolder.of(settings)
    folders.prepare(folder)
    folders.lock(folder)
    was_killed = folder.supervisor_pid.exists()
    ports.check_ports(settings, wait_seconds=_SECONDS_FOR_A_KILLED_ONE_TO_END if was_killed else 0)
    supervisor_text = supervisor_configuration.text(settings, folder)
    prepare(settings)
    if not settings.orthanc_url:
        folders.write_private(folder.orthanc_configuration, orthanc.configuration_here(settings, folder))
    folders.write_private(folder.supervisor_configuration, supervisor_text)
    _become_supervisor(folder, demo=demo)


def _check_foreign_orthanc(settings: Settings) -> None:
    if settings.orthanc_url and not settings.orthanc_password:
        raise SettingsError(
            "NOCTIS_ORTHANC_URL names an Orthanc that isn't started here: "
            "set NOCTIS_ORTHANC_PASSWORD to its password."
        )


def prepare(settings: Settings) -> None:
    """Secrets, schema, first administrator; each made only where missing."""
    folder = DataFolder.of(settings)
    folders.prepare(folder)
    folders.generate_secrets(settings, folder)
    _prepare_database(settings)


def _prepare_database(settings: Settings) -> None:
    try:
        upgrade(settings.sqlalchemy_owner_url, settings.sqlalchemy_url)
    except DBAPIError as error:
        # The driver's first line: names host, port and role, never the password
        reason = (str(error.orig).splitlines() or ["no reason given"])[0]
        raise LaunchError(
            f"The reporting database can't be used ({reason}): check NOCTIS_DATABASE_URL"
            + (" and NOCTIS_DATABASE_OWNER_URL." if settings.database_owner_url else ".")
        ) from error
    except CommandError as error:
        raise LaunchError(
            f"The reporting database can't be migrated ({error}): it may belong to a newer Noctis; "
            "update this copy, or name another database with NOCTIS_DATABASE_URL."
        ) from error
    _make_first_administrator(settings)


def _make_first_administrator(settings: Settings) -> None:
    engine = make_engine(settings.sqlalchemy_url)
    try:
        create_first_administrator(
            Database(engine), settings.admin_username, settings.secret("admin_password")
        )
    except AccountError as error:
        raise SettingsError(
            "The first administrator can't be made from NOCTIS_ADMIN_USERNAME and NOCTIS_ADMIN_PASSWORD: "
            f"{error}"
        ) from error
    finally:
        engine.dispose()


def write_container_configuration(settings: Settings, output: Path, storage: Path, plugins: Path) -> None:
    """For docker-compose.yml. Raises LaunchError when ``output`` can't be written, and SettingsError."""
    if settings.has_recorder:
        recorder.check_limits(settings, is_orthanc_ours=True)
    options = orthanc.configuration(
        settings, storage=storage, plugins=orthanc.plugins_in(plugins), is_in_container=True
    )
    try:
        folders.write_private(output, json.dumps(options, indent=2) + "\n")
    except OSError as error:
        raise LaunchError(
            f"Orthanc's configuration can't be written to {output}: {error.strerror}."
        ) from error


def _become_supervisor(folder: DataFolder, *, demo: bool) -> None:
    announce = ["setpriv", "--pdeathsig", "TERM", "--", sys.executable, "-m", "launch", "announce"]
    # A child of supervisord-to-be, with the terminal's own standard output
    companion = subprocess.Popen([*announce, "--demo"] if demo else announce, stdin=subprocess.DEVNULL)
    # Until supervisord has its handlers; a signal that comes in between is kept for them
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING_SIGNALS)
    command = [
        sys.executable,
        "-m",
        "launch.supervise",
        str(folder.supervisor_configuration),
        str(companion.pid),
    ]
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606 - this process becomes supervisord
