"""What every view needs from outside: settings, the reporting database, Orthanc. Made once an application."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app

from bridge.orthanc_client import OrthancClient
from database.migrate import check_schema
from database.session import Database, make_engine
from settings import Settings
from webapp.limits import OrthancGate, SignInPauses

# A person waits for these answers; what takes longer is told to them instead.
_ORTHANC_SECONDS = 10.0
# A third of a worker's threads at most, as many again may queue: the worklist still has threads that answer.
ORTHANC_PLACES = 10


@dataclass(frozen=True)
class Services:
    settings: Settings
    database: Database
    orthanc: OrthancClient
    orthanc_gate: OrthancGate
    sign_in_pauses: SignInPauses

    def close(self) -> None:
        """End all connections; for whoever makes more than one application in a process."""
        self.database.engine.dispose()
        self.orthanc.close()


def init_app(app: Flask, settings: Settings) -> None:
    """Raises NotMigratedError when the database isn't at this program's schema."""
    engine = make_engine(settings.sqlalchemy_url)
    check_schema(engine)
    orthanc = OrthancClient(
        settings.orthanc_api_url,
        settings.orthanc_username,
        settings.secret("orthanc_password"),
        seconds=_ORTHANC_SECONDS,
    )
    app.extensions["noctis"] = Services(
        settings, Database(engine), orthanc, OrthancGate(ORTHANC_PLACES), SignInPauses()
    )


def current_services() -> Services:
    return cast("Services", current_app.extensions["noctis"])


def current_database() -> Database:
    return current_services().database


@contextmanager
def current_orthanc() -> Iterator[OrthancClient]:
    """Orthanc, for one request; raises OrthancUnavailable when it is too busy or has just failed."""
    services = current_services()
    with services.orthanc_gate.enter():
        yield services.orthanc
