"""``python -m emulator send``: fills a running Noctis with synthetic studies."""

import sys
from datetime import date, datetime
from functools import partial
from ipaddress import IPv4Address, IPv4Network
from threading import Lock

import click

from emulator.catalogue import STUDIES
from emulator.demo import DemoStudy
from emulator.sending import Outcome, Server, send
from settings import SettingsError, load_settings

_LOOPBACK = IPv4Network("127.0.0.0/8")


@click.group()
def cli() -> None:
    """Emulated modalities with synthetic studies."""


def _check_host(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    try:
        is_loopback = IPv4Address(value) in _LOOPBACK
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise click.BadParameter("demo data never leaves this machine: give an address in 127.0.0.0/8")
    return value


@cli.command("send")
@click.option("--host", default="127.0.0.1", show_default=True, callback=_check_host)
@click.option("--port", type=click.IntRange(1, 65535), help="Default: NOCTIS_DICOM_PORT.")
@click.option("--called", help="Called AE title. Default: NOCTIS_AE_TITLE.")
@click.option(
    "--studies",
    "study_count",
    type=click.IntRange(1, len(STUDIES)),
    default=len(STUDIES),
    show_default=True,
    help="How many studies of the demo to send.",
)
def send_command(host: str, port: int | None, called: str | None, study_count: int) -> None:
    """Send the demo's studies by three modalities at once. Sending them again changes nothing."""
    try:
        settings = load_settings()
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    server = Server(host, port or settings.dicom_port, called or settings.ae_title)
    today = datetime.now().astimezone().date()
    outcome = _send_with_progress(STUDIES[:study_count], server, today)
    for reason, count in sorted(outcome.failures.items()):
        click.echo(f"{_instances(count)} not stored. {reason}", err=True)
    click.echo(f"{server.called_ae_title} has stored {_instances(outcome.stored_count)}.")
    sys.exit(1 if outcome.failures else 0)


def _send_with_progress(studies: tuple[DemoStudy, ...], server: Server, today: date) -> Outcome:
    total = sum(study.instance_count for study in studies)
    lock = Lock()  # the modalities' threads share one line of progress
    if not sys.stdout.isatty():
        return send(studies, server, today, lambda: None, partial(_print_study, lock))
    with click.progressbar(length=total, label="Sending studies", show_pos=True) as bar:

        def advance() -> None:
            with lock:
                bar.update(1)

        return send(studies, server, today, advance, lambda _study, _stored_count: None)


def _print_study(lock: Lock, study: DemoStudy, stored_count: int) -> None:
    with lock:
        click.echo(f"{study.calling_ae_title}: {stored_count} of {_instances(study.instance_count)} stored")


def _instances(count: int) -> str:
    return "1 instance" if count == 1 else f"{count} instances"


if __name__ == "__main__":
    cli(prog_name="python -m emulator")
