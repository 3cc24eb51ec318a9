"""The servers that benchmarks start: Orthanc as we configure it, both databases, the bridge, the fake."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from bridge.orthanc_client import OrthancClient
from database.migrate import upgrade
from tests.orthanc_process import OrthancProcess
from tests.postgres_process import PostgresProcess

_ROOT = Path(__file__).parent.parent
KINDS = ("sqlite", "postgresql")


class Orthanc(Protocol):
    """A real or fake one, seen from the bridge."""

    @property
    def url(self) -> str: ...

    username: str
    password: str


class RemoteFake:
    """A fake Orthanc in a process of its own: its memory and its time are not the bridge's."""

    username = "noctis"
    password = "orthanc's password"

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"


SENDERS = ("BENCH", "WARMUP", "SENDER1", "SENDER2")
"""The AE titles of all benchmarks' senders."""


class Databases:
    """Gives fresh, migrated reporting databases. PostgreSQL runs with fsync, SQLite as always."""

    def __init__(self, folder: Path, postgres: PostgresProcess) -> None:
        self._folder = folder
        self._postgres = postgres
        self._count = 0

    def fresh(self, kind: str) -> str:
        """The application's URL of a new database."""
        self._count += 1
        if kind == "postgresql":
            owner, application = self._postgres.database()
        else:
            owner = application = f"sqlite:///{self._folder / f'noctis-{self._count}.sqlite'}"
        upgrade(owner, application)
        return application


@contextmanager
def databases() -> Iterator[Databases]:
    with (
        tempfile.TemporaryDirectory(prefix="noctis-bench-") as folder,
        PostgresProcess(durable=True) as postgres,
    ):
        yield Databases(Path(folder), postgres)


@contextmanager
def orthanc(environment: dict[str, str] | None = None, **overrides: object) -> Iterator[OrthancProcess]:
    """Strict, as ``make run`` configures it: it lets in ``SENDERS``. ``overrides`` are options of its own."""
    strict = {"DicomAlwaysAllowEcho": False, "DicomAlwaysAllowStore": False}
    with OrthancProcess(overrides={**strict, **overrides}, environment=environment) as process:
        with client_of(process) as client:
            for ae_title in SENDERS:
                client.put_modality(ae_title, {"AET": ae_title, "Host": "127.0.0.1", "Port": 104})
        yield process


@contextmanager
def fake_orthanc(change_count: int) -> Iterator[RemoteFake]:
    """A synthetic archive with so many waiting changes."""
    command = [sys.executable, "-m", "tests.fake_orthanc", str(change_count)]
    with subprocess.Popen(
        command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield RemoteFake(int(process.stdout.readline()))
        finally:
            process.stdin.close()  # it ends with its standard input


@contextmanager
def bridge(source: Orthanc, database_url: str, command: str = "run") -> Iterator[subprocess.Popen[bytes]]:
    """``python -m bridge`` as its own process, ended with the block. Its log goes to standard error."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NOCTIS_")}
    with tempfile.TemporaryDirectory(prefix="noctis-bench-") as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "bridge", command],
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            env=kept
            | {
                "NOCTIS_DATA_DIR": folder,
                "NOCTIS_DATABASE_URL": database_url,
                "NOCTIS_ORTHANC_URL": source.url,
                "NOCTIS_ORTHANC_USERNAME": source.username,
                "NOCTIS_ORTHANC_PASSWORD": source.password,
                "NOCTIS_RECORDER": "off",
                "NOCTIS_ENCRYPTION_KEY": "of the benchmarks",
                "NOCTIS_LOG_LEVEL": "warning",
            },
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


@contextmanager
def client_of(source: Orthanc) -> Iterator[OrthancClient]:
    client = OrthancClient(source.url, source.username, source.password)
    try:
        yield client
    finally:
        client.close()
