"""A real Orthanc on ephemeral ports in its own folder, which tests start, stop, kill and start again."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bridge.errors import OrthancUnavailable
from bridge.orthanc_client import OrthancClient

AE_TITLE = "NOCTIS"
_PASSWORD = "orthanc's password"
_OURS = Path(__file__).parent.parent / "orthanc" / "orthanc.json"
_START_ATTEMPTS = 5
_SECONDS_TO_START = 60.0
_SECONDS_TO_STOP = 60.0


def free_port() -> int:
    """A port that nobody listens to at the moment; somebody else may still take it first."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class OrthancProcess:
    """Orthanc with the options of orthanc/orthanc.json. A context manager: it ends with its block.

    ``folder`` holds the configuration, the log and the storage, which survives ``stop``, ``kill`` and
    ``start``; without one it gets its own, removed at the block's end. ``overrides`` are options of Orthanc's
    configuration; None drops one. An empty ``username`` switches authentication off.
    """

    def __init__(
        self,
        folder: Path | None = None,
        overrides: dict[str, Any] | None = None,
        *,
        username: str = "noctis",
        password: str = _PASSWORD,
        environment: dict[str, str] | None = None,
    ) -> None:
        self._is_own_folder = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="orthanc-"))
        self.overrides = overrides or {}
        self.username = username
        self.password = password
        self.environment = {"TCP_NODELAY": "1"} if environment is None else environment
        self.http_port = free_port()
        self.dicom_port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self._clean_up()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clean_up()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def storage(self) -> Path:
        return self.folder / "storage"

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None, "Orthanc isn't running"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def client(self, *, seconds: float = 60.0) -> OrthancClient:
        return OrthancClient(self.url, self.username, self.password, seconds=seconds)

    def start(self) -> Self:
        """Start, and return when REST and DICOM answer. The ports stay the same over a restart."""
        for _ in range(_START_ATTEMPTS):
            self._launch()
            if self._becomes_ready():
                return self
            self.kill()
            if self.storage.exists():  # it once ran on these ports: others may rely on them
                continue
            self.http_port, self.dicom_port = free_port(), free_port()
        raise RuntimeError(f"Orthanc doesn't start:\n{self.log()[-2000:]}")

    def stop(self) -> None:
        """End it as its service manager does; Orthanc closes its database first."""
        self._end(lambda process: process.terminate())

    def kill(self) -> None:
        """``kill -9``."""
        self._end(lambda process: process.kill())

    def restart(self) -> Self:
        self.stop()
        return self.start()

    def wipe(self) -> None:
        """Forget every instance and change, as a replaced Orthanc has. Only while it doesn't run."""
        assert not self.is_running
        shutil.rmtree(self.storage, ignore_errors=True)

    def log(self) -> str:
        """What it printed since its folder was made. Not UTF-8 safe in itself: AE titles come out raw."""
        path = self.folder / "orthanc.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def configuration(self) -> dict[str, Any]:
        options: dict[str, Any] = json.loads(_OURS.read_text())
        options |= {
            "StorageDirectory": str(self.storage),
            "IndexDirectory": str(self.storage),
            "HttpPort": self.http_port,
            "DicomPort": self.dicom_port,
            "DicomAet": AE_TITLE,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": bool(self.username),
            "RegisteredUsers": {self.username: self.password} if self.username else {},
            "StableAge": 3,
        }
        options.update(self.overrides)
        return {name: value for name, value in options.items() if value is not None}

    def _launch(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "orthanc.json"
        path.write_text(json.dumps(self.configuration(), indent=2))
        with (self.folder / "orthanc.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["Orthanc", str(path)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=os.environ | self.environment,
                start_new_session=True,  # Ctrl-C on the tests is ours to handle
            )

    def _becomes_ready(self) -> bool:
        deadline = time.monotonic() + _SECONDS_TO_START
        with closing(self.client(seconds=5)) as client:
            while time.monotonic() < deadline and self.is_running:
                if self._answers(client):
                    return True
                time.sleep(0.02)
        return False

    def _answers(self, client: OrthancClient) -> bool:
        try:
            client.system()
            socket.create_connection(("127.0.0.1", self.dicom_port), timeout=5).close()
        except (OrthancUnavailable, OSError):
            return False
        # Another test's server may sit on our port while ours gave up
        return self.is_running

    def _end(self, how: Callable[[subprocess.Popen[bytes]], None]) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        how(process)
        try:
            process.wait(_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def _clean_up(self) -> None:
        self.kill()
        if self._is_own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)
