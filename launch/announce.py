"""The one-shot beside the servers: waits until each answers, says where Noctis is found, starts the demo."""

import os
import signal
import sys
from datetime import UTC, datetime

from database.session import Database, make_engine
from emulator.senders import INSTITUTIONS
from launch import announcement, readiness
from launch import demo as demonstration
from launch.folders import DataFolder
from settings import Settings

_SECONDS_TO_BE_READY = 60


def announce(settings: Settings, *, demo: bool) -> None:
    """Print the block; exit with 1 when something doesn't answer. With ``demo`` it becomes the emulator."""
    started_at = datetime.now(UTC)
    folder = DataFolder.of(settings)
    engine = make_engine(settings.sqlalchemy_url)
    database = Database(engine)
    checks = readiness.checks(settings, database, folder, since=started_at)
    _wait_for(checks)
    _say(announcement.ready(settings, database, folder))
    if demo:
        demonstration.register_senders(database, settings.ae_title)
        _wait_for([readiness.registrations(database, folder, INSTITUTIONS)])
    engine.dispose()
    if demo:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execv(sys.executable, [sys.executable, "-m", "emulator", "send"])  # noqa: S606


def _wait_for(checks: list[readiness.Check]) -> None:
    failures = readiness.wait_for(checks, _SECONDS_TO_BE_READY)
    if failures:
        _say(announcement.not_ready(failures, _SECONDS_TO_BE_READY), error=True)
        sys.exit(1)


def _say(text: str, *, error: bool = False) -> None:
    print(text, file=sys.stderr if error else sys.stdout, flush=True)
