"""The commands of ``python -m bridge`` that know the database and Orthanc's REST API: wiring only.

Exit codes: 0 done, 1 something is wrong, 2 wrong use, 3 Orthanc or the database doesn't answer.
"""

import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

import click
from sqlalchemy.exc import DBAPIError

from bridge.decisions import Decisions
from bridge.doctor import examine
from bridge.errors import CursorMoved, OrthancRefused, OrthancUnavailable
from bridge.feed import load_feed, request_sweep
from bridge.loop import Worker, run
from bridge.orthanc_client import OrthancClient
from bridge.priorities import Priorities
from bridge.registrations import Registrar
from bridge.status import read_status
from bridge.transfers.collector import collector_of
from bridge.transfers.transfer_log import TransferLog
from database.migrate import NotMigratedError, check_schema
from database.session import Database, make_engine
from settings import Settings, SettingsError, load_settings

_WRONG, _MISUSED, _UNREACHABLE = 1, 2, 3
_OTHER_BRIDGE_SECONDS = 0.2
_SECONDS_FOR_WORK, _SECONDS_FOR_PEOPLE = 60.0, 5.0


class Bridge:
    """What every command needs, made when it is first asked for."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(make_engine(settings.sqlalchemy_url, is_durable=False))
        self.client = self._client(_SECONDS_FOR_WORK)
        self._encryption_key = settings.secret("encryption_key")
        self._collector = collector_of(settings.transfer_collector)

    def client_for_people(self) -> OrthancClient:
        """For those who wait: what takes longer is said to be silent."""
        return self._client(_SECONDS_FOR_PEOPLE)

    def _client(self, seconds: float) -> OrthancClient:
        settings = self.settings
        password = settings.secret("orthanc_password")
        return OrthancClient(settings.orthanc_api_url, settings.orthanc_username, password, seconds=seconds)

    def worker(self) -> Worker:
        check_schema(self.database.engine)
        registrar = Registrar(self.database, self.client, self._encryption_key)
        decisions = Decisions(self.database, registrar)
        interval = timedelta(seconds=self.settings.sweep_interval)
        priorities = Priorities(self.database, self.client)
        return Worker(self.database, self.client, interval, decisions, priorities)

    def transfer_log(self) -> TransferLog:
        return TransferLog(self.database, self.client_for_people(), self.settings, self._collector)


@click.group()
@click.pass_context
def main(context: click.Context) -> None:
    """Keeps the reporting database true to Orthanc."""
    try:
        settings = load_settings()
        # Libraries keep to warnings at every level: their debug output quotes data sets and requests.
        logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # even its warnings do
        logging.getLogger("bridge").setLevel(settings.log_level.upper())
        context.obj = Bridge(settings)
    except SettingsError as error:
        click.echo(error, err=True)
        sys.exit(_MISUSED)


@main.command("run")
@click.pass_obj
def run_(bridge: Bridge) -> None:
    """Follow Orthanc until stopped. A second bridge stands by and takes over when this one dies."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    worker = _worker_when_reachable(bridge, stop)
    if worker is None:
        return
    log = bridge.transfer_log()
    beside = threading.Thread(target=run, args=(log, stop, "the transfer log"), name="transfers")
    beside.start()
    run(worker, stop)
    beside.join()
    log.close()
    worker.close()


@main.command()
@click.pass_obj
def once(bridge: Bridge) -> None:
    """Bring the database up to what Orthanc holds now; if another bridge works, wait until it has."""

    def work(worker: Worker) -> str:
        while not worker.lead():
            if load_feed(bridge.database).high >= bridge.client.last_change_seq():
                return "another bridge works, and is up to date"
            time.sleep(_OTHER_BRIDGE_SECONDS)
        count = worker.drain()
        with closing(bridge.transfer_log()) as log:
            log.drain()
        return f"{count} changes processed"

    _report(lambda: _with_worker(bridge, work))


@main.command()
@click.pass_obj
def sweep(bridge: Bridge) -> None:
    """Compare all of Orthanc with the database, now; if another bridge works, have it do so and wait."""

    def work(worker: Worker) -> str:
        requested_at = None
        while not worker.lead():
            bridge.client.system()  # while Orthanc doesn't answer, nobody can do it
            feed = load_feed(bridge.database)
            if requested_at is None:
                requested_at = request_sweep(bridge.database, feed.id)
            elif feed.sweep_requested_at != requested_at:
                return "done by the bridge that works"
            time.sleep(_OTHER_BRIDGE_SECONDS)
        findings = worker.sweep()
        return (
            f"{findings.studies} studies compared, {findings.added} resources written, "
            f"{findings.deleted} marked as gone"
        )

    _report(lambda: _with_worker(bridge, work))


@main.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.pass_obj
def status(bridge: Bridge, *, as_json: bool) -> None:
    """What is there and how far behind. Exit code 0 when both Orthanc and the database answered, else 3."""

    def work() -> str:
        check_schema(bridge.database.engine)
        found = read_status(bridge.database, bridge.client_for_people(), bridge.settings)
        click.echo(json.dumps(found.as_dict()) if as_json else "\n".join(found.lines()))
        if found.lag_changes is None:
            raise OrthancUnavailable(found.orthanc)
        return ""

    _report(work)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.option("--store", is_flag=True, help="Also store a test object by C-STORE, and remove it again.")
@click.pass_obj
def doctor(bridge: Bridge, *, as_json: bool, store: bool) -> None:
    """Check what goes wrong in practice. Exit code 0 when nothing is wrong, 1 when something is."""
    checks = []
    for check in examine(bridge.settings, bridge.database, bridge.client_for_people(), store=store):
        checks.append(check)
        if not as_json:
            click.echo(check.line())
    if as_json:
        click.echo(json.dumps({"ok": all(c.is_ok for c in checks), "checks": [c.as_dict() for c in checks]}))
    sys.exit(0 if all(check.is_ok for check in checks) else _WRONG)


def _report(work: Callable[[], str]) -> None:
    """Say what came of it, with the exit code that fits."""
    try:
        words = work()
    except NotMigratedError as error:
        click.echo(error, err=True)
        sys.exit(_WRONG)
    except CursorMoved:
        click.echo("Another bridge took over in the middle of it: run this again.", err=True)
        sys.exit(_WRONG)
    except (OrthancUnavailable, OrthancRefused) as error:
        click.echo(error, err=True)
        sys.exit(_UNREACHABLE)
    except DBAPIError as error:
        click.echo(f"The database doesn't answer ({type(error.orig).__name__}).", err=True)
        sys.exit(_UNREACHABLE)
    if words:
        click.echo(words)


def _with_worker(bridge: Bridge, work: Callable[[Worker], str]) -> str:
    worker = bridge.worker()
    try:
        return work(worker)
    finally:
        worker.close()


def _worker_when_reachable(bridge: Bridge, stop: threading.Event) -> Worker | None:
    """The database may start later than we do, and be migrated later still: wait for it."""
    waiting = ""
    while not stop.is_set():
        try:
            return bridge.worker()
        except NotMigratedError as error:
            reason = str(error)
        except DBAPIError as error:
            reason = f"the database doesn't answer ({type(error.orig).__name__})"
        if reason != waiting:
            logging.getLogger("bridge").warning("waiting: %s", reason)
            waiting = reason
        stop.wait(1)
    return None
