"""``python -m launch``: the commands behind ``make run``, ``make demo`` and docker-compose.yml. Wiring only.

Exit codes: 0 done or stopped by Ctrl-C; 1 something is in the way; 2 a setting is wrong (one sentence each).
"""

import os
import signal
import sys
from pathlib import Path

if __name__ == "__main__":
    # Before the slow imports: a Ctrl-C while there is nothing to stop just ends this process
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import click

from launch import announce as announcing
from launch import orthanc, settings_table, start
from launch.errors import LaunchError
from settings import SettingsError, load_settings


@click.group(help=__doc__.splitlines()[0] if __doc__ else None)
def main() -> None:
    """Everything is set by NOCTIS_ variables; there are hardly any options."""


@main.command()
@click.option("--demo", is_flag=True, help="When all answers, let emulated modalities send studies.")
def run(demo: bool) -> None:
    """Start Orthanc, recorder, bridge and webapp, and keep them running until Ctrl-C."""
    start.run(load_settings(), demo=demo)


@main.command()
@click.option("--demo", is_flag=True, help="Then let emulated modalities send studies.")
def announce(demo: bool) -> None:
    """Wait until each process answers and say where Noctis is found (`run` starts this)."""
    announcing.announce(load_settings(), demo=demo)


@main.command()
def migrate() -> None:
    """Generate missing secrets, bring the database to today's schema, make the first administrator."""
    start.prepare(load_settings())


@main.command()
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--storage", type=click.Path(path_type=Path), default=Path("/var/lib/orthanc/db"))
@click.option("--plugins", type=click.Path(path_type=Path), default=orthanc.DEBIAN_PLUGINS)
def orthanc_config(output: Path, storage: Path, plugins: Path) -> None:
    """Write the configuration for an Orthanc in a container: its REST API answers other containers."""
    start.write_container_configuration(load_settings(), output, storage, plugins)


@main.command("settings-table")
def print_settings_table() -> None:
    """Print the README's table of settings."""
    click.echo(settings_table.markdown(), nl=False)


def _main() -> None:
    os.umask(0o077)  # of everything that is started, too: what lies here is patient data
    try:
        main()
    except SettingsError as error:
        click.echo(error, err=True)
        sys.exit(2)
    except LaunchError as error:
        click.echo(error, err=True)
        sys.exit(1)


if __name__ == "__main__":
    _main()
