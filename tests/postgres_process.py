"""A real PostgreSQL cluster of the tests' own: loopback or socket only, thrown away at the end."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import URL, Connection, create_engine, text
from sqlalchemy.exc import OperationalError

from tests.waiting import wait_until

_OWNER, _APPLICATION = "noctis_owner", "noctis_app"


def _binaries() -> Path:
    candidates = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    if not candidates:
        raise RuntimeError("PostgreSQL isn't installed: `make test` installs it")
    return candidates[-1].parent


class PostgresProcess:
    """``database()`` gives a fresh database, owned by one role and used by another, as in production."""

    def __init__(self, *, durable: bool = False) -> None:
        self._durable = durable
        self._count = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="noctis-pg-", dir="/tmp"))
        self._user = pwd.getpwnam("postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name)

    def __enter__(self) -> Self:
        shutil.chown(self._folder, self._user.pw_name)
        arguments = ["-D", str(self._folder / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        self._run("initdb", *arguments, "--locale=C.UTF-8", "--no-sync")
        self.start()
        with self._connect("postgres") as connection:
            connection.execute(text(f"CREATE ROLE {_OWNER} LOGIN"))
            connection.execute(text(f"CREATE ROLE {_APPLICATION} LOGIN"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def start(self) -> None:
        fsync = "on" if self._durable else "off"
        options = {"listen_addresses": "", "unix_socket_directories": self._folder, "fsync": fsync}
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [_binaries() / "postgres", "-D", self._folder / "data", *arguments],
                stdout=subprocess.DEVNULL,
                stderr=log,
                user=self._user.pw_uid,
                group=self._user.pw_gid,
                cwd="/",
            )
        wait_until(self._answers, "PostgreSQL answers")

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(2)  # "fast": open connections are ended
            self._process.wait()
            self._process = None

    def database(self) -> tuple[str, str]:
        """``(owner's URL, application's URL)`` of a new, empty database."""
        self._count += 1
        name = f"noctis_{self._count}"
        with self._connect("postgres") as connection:
            connection.execute(text(f"CREATE DATABASE {name} OWNER {_OWNER}"))
        return self._url(name, _OWNER), self._url(name, _APPLICATION)

    def _url(self, name: str, role: str) -> str:
        url = URL.create("postgresql", username=role, database=name, query={"host": str(self._folder)})
        return url.render_as_string()

    def _answers(self) -> bool:
        try:
            with self._connect("postgres") as connection:
                return bool(connection.scalar(text("SELECT 1")))
        except OperationalError:
            return False

    @contextmanager
    def _connect(self, name: str) -> Iterator[Connection]:
        engine = create_engine(self._url(name, "postgres"), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [_binaries() / program, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            user=self._user.pw_uid,
            group=self._user.pw_gid,
            cwd="/",
        )
