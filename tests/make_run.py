"""`make run` as a person starts it: in a terminal of its own, with its own ports and data folder."""

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from database.session import Database, make_engine
from tests.environment import clean_environment
from tests.orthanc_process import free_port
from tests.waiting import wait_until
from webapp import registry

ROOT = Path(__file__).parents[1]
_SECONDS_TO_START = 120.0
_SECONDS_TO_STOP = 90.0
_CTRL_C = b"\x03"


def free_ports() -> dict[str, int]:
    """One for each port of a whole Noctis, by the settings' names."""
    names = ("http_port", "dicom_port", "orthanc_dicom_port", "orthanc_http_port")
    return {name: free_port() for name in names}


class Noctis:
    """A whole Noctis. As a context manager it starts with ``make run`` and leaves nothing behind."""

    def __init__(self, data_dir: Path, **settings: object) -> None:
        self.data_dir = data_dir
        ports = free_ports()
        self.http_port, self.dicom_port = ports["http_port"], ports["dicom_port"]
        self.environment = clean_environment(data_dir=data_dir, **ports, **settings)
        self.output = ""
        self.everything: list[psutil.Process] = []
        self._terminal = -1
        self._make: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._clean_up()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clean_up()

    def start(self, target: str = "run") -> None:
        """Returns when the block is printed. An earlier one must have ended, or be about to."""
        self._forget_make()
        self._terminal, slave = pty.openpty()
        self.output = ""
        make = subprocess.Popen(  # setsid: the terminal's Ctrl-C reaches this session alone
            ["setsid", "--ctty", "make", target],
            cwd=ROOT,
            env=self.environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        self._make = make
        self.everything = [psutil.Process(make.pid)]
        deadline = time.monotonic() + _SECONDS_TO_START
        while "Stop with" not in self._read():
            assert make.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
        self.supervisor = psutil.Process(int((self.data_dir / "run" / "supervisord.pid").read_text()))
        self.everything += self.everything[0].children(recursive=True)

    def press_ctrl_c(self) -> None:
        os.write(self._terminal, _CTRL_C)

    def terminate_make(self) -> None:
        self.everything[0].terminate()

    def close_terminal(self) -> None:
        if self._terminal >= 0:
            os.close(self._terminal)
            self._terminal = -1

    def make_exit_code(self) -> int:
        """Waits for its end; negative: the signal that ended it."""
        assert self._make is not None
        return self._make.wait(_SECONDS_TO_STOP)

    def wait_until_nothing_is_left(self) -> None:
        wait_until(
            lambda: all(map(is_gone, self.everything)), "all processes ended", seconds=_SECONDS_TO_STOP
        )

    @property
    def web_address(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def password(self) -> str:
        """As printed."""
        found = re.search(r"Sign in as\s+admin with the password (\S+)", self.output)
        assert found, self.output
        return found[1]

    @property
    def everything_written(self) -> str:
        """The terminal's text and every log."""
        logs = [path.read_text(errors="replace") for path in (self.data_dir / "log").iterdir()]
        return "\n".join([self._read(), *logs])

    def programs(self) -> dict[str, psutil.Process]:
        """The supervisor's children, by what they run."""
        marks = {
            "orthanc": "Orthanc",
            "bridge": "bridge run",
            "recorder": "bridge recorder",
            "webapp": "gunicorn",
        }
        found: dict[str, psutil.Process] = {}
        for child in self.supervisor.children():
            line = command_line(child)
            found |= {name: child for name, mark in marks.items() if mark in line}
        return found

    def status(self) -> dict[str, Any]:
        """``python -m bridge status --json``."""
        return self.ask_bridge("status")

    def ask_bridge(self, *command: str) -> dict[str, Any]:
        """What ``python -m bridge … --json`` answers; empty when it can't."""
        done = subprocess.run(
            [sys.executable, "-m", "bridge", *command, "--json"],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        answer: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
        return answer

    def register(self, facility: str, ae_title: str) -> None:
        """Add a facility with one node as an administrator does; returns when Orthanc knows it."""
        engine = make_engine(f"sqlite:///{self.data_dir / 'noctis.sqlite'}")
        fields = registry.EntityFields(ae_title=ae_title)
        registry.create_facility(Database(engine), registry.FacilityFields(facility), fields, "NOCTIS")
        engine.dispose()
        wait_until(lambda: self.status()["registrations"]["registered"] == 1, "the registration")

    def _clean_up(self) -> None:
        # Children after their parent would be restarted by it
        for process in self.everything:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._forget_make()

    def _forget_make(self) -> None:
        if self._make is not None:
            self.make_exit_code()
        self._make = None
        self.close_terminal()

    def _read(self) -> str:
        while self._terminal >= 0 and select.select([self._terminal], [], [], 0.1)[0]:
            try:
                self.output += os.read(self._terminal, 4096).decode(errors="replace")
            except OSError:  # the other side is closed
                break
        return self.output


def command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""


def is_gone(process: psutil.Process) -> bool:
    """A zombie is gone, too: its parent has merely not looked yet."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def launch(**settings: object) -> subprocess.CompletedProcess[str]:
    """``python -m launch run`` where it can't start: what it says and its exit code."""
    return subprocess.run(
        [sys.executable, "-m", "launch", "run"],
        cwd=ROOT,
        env=clean_environment(**settings),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
