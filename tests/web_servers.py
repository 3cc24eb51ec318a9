"""The real web server, gunicorn as it is started on hosts, which tests kill and start again."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from database.migrate import upgrade
from database.session import Database, make_engine
from settings import Settings
from tests.environment import clean_environment
from tests.orthanc_process import free_port
from tests.waiting import wait_until

ROOT = Path(__file__).parent.parent


class WebServerProcess:
    """A webapp on an SQLite database in ``folder``, without an Orthanc. A context manager."""

    def __init__(self, folder: Path) -> None:
        self._values: dict[str, object] = {
            "data_dir": folder,
            "http_port": free_port(),
            "orthanc_http_port": free_port(),
            "orthanc_password": "nobody's",
            "secret_key": "a key of the tests",
            "encryption_key": "a key of the tests",
        }
        self._log = folder / "webapp.log"
        self._process: subprocess.Popen[bytes] | None = None
        settings = Settings.model_validate(self._values)
        upgrade(settings.sqlalchemy_url, settings.sqlalchemy_url)
        self.database = Database(make_engine(settings.sqlalchemy_url))
        self.url = f"http://127.0.0.1:{settings.http_port}"
        self._port = settings.http_port

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self.database.engine.dispose()

    def start(self) -> None:
        """Returns when it answers."""
        command = [sys.executable, "-m", "gunicorn", "--config", "python:launch.gunicorn_settings"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "webapp:create_app()"],
                cwd=ROOT,
                env=clean_environment(**self._values),
                stdout=log,
                stderr=log,
                start_new_session=True,  # its workers end with it, at once
            )
        wait_until(self._answers, "the web server listening")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the web server ended: {self._log.read_text()[-2000:]}"
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=1):
            return True
        return False

    def kill(self) -> None:
        """It and its workers, without a last word."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
