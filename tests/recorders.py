"""The real ``python -m bridge recorder`` before an Orthanc, which tests start, stop, kill and start again."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from tests.environment import clean_environment
from tests.orthanc_process import OrthancProcess, free_port

ROOT = Path(__file__).parent.parent
_START_ATTEMPTS = 5
_SECONDS_TO_START = 60.0
_SECONDS_TO_STOP = 60.0


class RecorderProcess:
    """A recorder that forwards to a port of this machine. A context manager: it ends with its block.

    Behind it stands an Orthanc, or whatever else listens on ``orthanc_dicom_port``. ``data_dir`` holds the
    spool and the log, which survive ``terminate``, ``kill`` and ``start``; without one it gets its own,
    removed at the block's end. ``settings`` are further ones by their names: ``max_associations=5``.
    """

    def __init__(self, orthanc_dicom_port: int, data_dir: Path | None = None, /, **settings: object) -> None:
        self._is_own_folder = data_dir is None
        self.data_dir = data_dir or Path(tempfile.mkdtemp(prefix="recorder-"))
        self.orthanc_dicom_port = orthanc_dicom_port
        self.port = free_port()
        self._settings = settings
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
    def spool_dir(self) -> Path:
        return self.data_dir / "spool"

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None, "the recorder isn't running"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def settings(self) -> dict[str, object]:
        """What a bridge needs, too, to read this spool and to ask this recorder."""
        return {
            "data_dir": self.data_dir,
            "recorder": "on",
            "dicom_port": self.port,
            "orthanc_dicom_host": "127.0.0.1",
            "orthanc_dicom_port": self.orthanc_dicom_port,
            **self._settings,
        }

    def start(self) -> Self:
        """Start, and return when it listens. The port stays the same over a restart."""
        is_first = not self._log.exists()
        for _ in range(_START_ATTEMPTS):
            self._launch()
            if self._becomes_ready():
                return self
            self.kill()
            if is_first:  # somebody else may have taken the port
                self.port = free_port()
        raise RuntimeError(f"the recorder doesn't start:\n{self.log()[-2000:]}")

    def terminate(self) -> int:
        """End it as its supervisor does; its exit code."""
        process = self._forget()
        process.terminate()
        return process.wait(_SECONDS_TO_STOP)

    def kill(self) -> None:
        """``kill -9``."""
        process = self._forget()
        process.kill()
        process.wait()

    def restart(self) -> Self:
        self.terminate()
        return self.start()

    def log(self) -> str:
        """What it printed since its folder was made."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def records(self) -> list[dict[str, Any]]:
        """Everything in the spool, in order; a line that is still being written is left out."""
        texts = [path.read_text() for path in sorted(self.spool_dir.glob("*.jsonl"))]
        return [
            json.loads(line) for text in texts for line in text.splitlines(keepends=True) if line[-1] == "\n"
        ]

    @property
    def _log(self) -> Path:
        return self.data_dir / "recorder.log"

    def _launch(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bridge", "recorder"],
                cwd=ROOT,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=clean_environment(**self.settings),
                start_new_session=True,  # Ctrl-C on the tests is ours to handle
            )

    def _becomes_ready(self) -> bool:
        """Seen from outside: a connection to it would stand in its spool."""
        deadline = time.monotonic() + _SECONDS_TO_START
        while time.monotonic() < deadline and self.is_running:
            if self.port in _ports_listened_on(self.pid):
                return True
            time.sleep(0.02)
        return False

    def _forget(self) -> subprocess.Popen[bytes]:
        process, self._process = self._process, None
        assert process is not None, "the recorder isn't running"
        return process

    def _clean_up(self) -> None:
        if self._process is not None:
            self.kill()
        if self._is_own_folder:
            shutil.rmtree(self.data_dir, ignore_errors=True)


def _ports_listened_on(pid: int) -> set[int]:
    try:
        found = psutil.Process(pid).net_connections("tcp")
    except psutil.NoSuchProcess:
        return set()
    return {one.laddr.port for one in found if one.status == psutil.CONN_LISTEN}


def environment_behind(
    recorder: RecorderProcess, orthanc: OrthancProcess, database_url: str
) -> dict[str, str]:
    """The environment of a bridge that reads this recorder's spool and follows the Orthanc behind it."""
    return clean_environment(
        database_url=database_url,
        http_port=free_port(),
        orthanc_http_port=orthanc.http_port,
        orthanc_username=orthanc.username,
        orthanc_password=orthanc.password,
        encryption_key="a key of the tests",
        **recorder.settings,
    )
