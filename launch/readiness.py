"""Is Noctis up? Each process is asked something real; nothing counts as running because it has a PID."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import requests
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from bridge import scu
from database.models import FEED_NAME, ApplicationEntity, Feed, RegistrationKind, RegistrationState
from database.registrations import registrations_of, state_of
from database.session import Database
from launch.folders import DataFolder
from launch.recorder import has_dicom_port_here
from settings import PROBE_AE_TITLE, Settings

_SECONDS_PER_REQUEST = 5
_PAUSE = 0.2


class NotReady(Exception):  # noqa: N818 - a state, not an error
    """The process doesn't answer as it should yet; the text says what it did."""


@dataclass(frozen=True)
class Check:
    """``ask`` raises NotReady until the process answers; ``log`` is where it says why it doesn't."""

    name: str
    log: Path
    ask: Callable[[], None]


def checks(settings: Settings, database: Database, folder: DataFolder, since: datetime) -> list[Check]:
    """One for each process of this start; the bridge must have read Orthanc's feed after ``since``."""
    rest = Check("Orthanc's REST API", folder.log / "orthanc.log", lambda: ask_orthanc(settings))
    server = "recorder" if settings.has_recorder else "orthanc"
    dicom = Check("the DICOM port", folder.log / f"{server}.log", lambda: ask_dicom(settings))
    ours = [
        Check("the bridge", folder.log / "bridge.log", lambda: ask_bridge(database, since)),
        Check("the web pages", folder.log / "webapp.log", lambda: ask_webapp(settings)),
    ]
    orthanc = [] if settings.orthanc_url else [rest]
    return [*orthanc, *([dicom] if has_dicom_port_here(settings) else []), *ours]


def registrations(database: Database, folder: DataFolder, ae_titles: Collection[str]) -> Check:
    """For the demo: Orthanc lets nobody in whom it doesn't know."""
    return Check("the bridge", folder.log / "bridge.log", lambda: ask_registrations(database, ae_titles))


def wait_for(checks: Sequence[Check], seconds: float) -> list[tuple[Check, str]]:
    """Ask until all answered or the time is up; returns those that didn't answer, with what they did last."""
    deadline = time.monotonic() + seconds
    waiting = list(checks)
    while True:
        failures = [(check, text) for check in waiting if (text := _failure(check)) is not None]
        waiting = [check for check, _ in failures]
        if not failures or time.monotonic() >= deadline:
            return failures
        time.sleep(_PAUSE)


def _failure(check: Check) -> str | None:
    try:
        check.ask()
    except NotReady as error:
        return str(error)
    return None


def ask_orthanc(settings: Settings) -> None:
    """Its own description, with our password."""
    _get(
        f"{settings.orthanc_api_url}/system",
        auth=(settings.orthanc_username, settings.secret("orthanc_password")),
    )


def ask_dicom(settings: Settings) -> None:
    """A C-ECHO through the port that modalities use."""
    try:
        status = scu.echo("127.0.0.1", settings.dicom_port, PROBE_AE_TITLE, settings.ae_title)
    except scu.AssociationError as error:
        raise NotReady(str(error)) from error
    if status != 0x0000:
        raise NotReady(scu.words_of(status))


def ask_bridge(database: Database, since: datetime) -> None:
    """It keeps the time of its last successful reading in the database."""
    try:
        with database.read() as session:
            polled_at = session.scalar(select(func.max(Feed.polled_at)))
    except SQLAlchemyError as error:
        raise NotReady("the reporting database doesn't answer") from error
    if polled_at is None or polled_at < since - timedelta(seconds=1):
        raise NotReady("it has not read Orthanc's changes yet")


def ask_registrations(database: Database, ae_titles: Collection[str]) -> None:
    """Orthanc knows the nodes with these AE titles as decided."""
    kind = RegistrationKind.APPLICATION_ENTITY
    with database.read() as session:
        feed_id = session.scalars(select(Feed.id).where(Feed.name == FEED_NAME)).one()
        known = registrations_of(session, feed_id, kind)
        query = select(ApplicationEntity).where(ApplicationEntity.ae_title.in_(ae_titles))
        states = {one.ae_title: state_of(one, known.get(one.id)) for one in session.scalars(query)}
    waiting = [name for name, state in states.items() if state is not RegistrationState.REGISTERED]
    if waiting:
        raise NotReady(f"{', '.join(waiting)} not registered in Orthanc yet")


def ask_webapp(settings: Settings) -> None:
    """The page that everyone may see."""
    _get(f"{web_address(settings)}/sign-in")


def _get(url: str, auth: tuple[str, str] | None = None) -> None:
    session = requests.Session()
    session.trust_env = False  # no proxy stands between a machine and itself
    try:
        response = session.get(url, auth=auth, timeout=_SECONDS_PER_REQUEST, allow_redirects=False)
    except requests.RequestException as error:
        raise NotReady(f"no answer ({type(error).__name__})") from error
    if response.status_code != requests.codes.ok:
        raise NotReady(f"answered HTTP {response.status_code}")


def web_address(settings: Settings) -> str:
    """Where a browser on this machine finds the pages."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.http_host, settings.http_host)  # noqa: S104
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.http_port}"
