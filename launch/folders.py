"""The data folder: its parts, who may use it at the same time, and what is generated into it."""

import fcntl
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from launch.errors import LaunchError
from settings import SecretName, Settings

_SECRET_BYTES: dict[SecretName, int] = {
    "orthanc_password": 24,
    "secret_key": 32,
    "admin_password": 12,
    "encryption_key": 32,
}


@dataclass(frozen=True)
class DataFolder:
    """Absolute paths of everything the launcher puts into ``NOCTIS_DATA_DIR``."""

    root: Path

    @classmethod
    def of(cls, settings: Settings) -> "DataFolder":
        return cls(settings.data_dir.absolute())

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def run(self) -> Path:
        """Configurations that hold passwords, the control socket, the lock: for this user's eyes only."""
        return self.root / "run"

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def orthanc(self) -> Path:
        return self.root / "orthanc"

    @property
    def spool(self) -> Path:
        """What the recorder writes and the bridge reads (``settings.spool_dir``)."""
        return self.root / "spool"

    @property
    def orthanc_configuration(self) -> Path:
        return self.run / "orthanc.json"

    @property
    def supervisor_configuration(self) -> Path:
        return self.run / "supervisord.conf"

    @property
    def supervisor_pid(self) -> Path:
        """Left behind only by a supervisor that was killed."""
        return self.run / "supervisord.pid"


def prepare(folder: DataFolder) -> None:
    """Make the folder and its parts, for this user alone. Raises LaunchError when it can't be written."""
    try:
        folder.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in (folder.secrets, folder.run, folder.log, folder.orthanc, folder.spool):
            path.mkdir(exist_ok=True, mode=0o700)
            path.chmod(0o700)
            _try_writing(path)
    except OSError as error:
        raise LaunchError(
            f"The data folder {folder.root} can't be written ({error.strerror}): "
            "give this user the right to write there, or name another folder with NOCTIS_DATA_DIR."
        ) from error


def _try_writing(path: Path) -> None:
    probe = path / f".probe-{os.getpid()}"
    probe.write_bytes(b"")
    probe.unlink()


def lock(folder: DataFolder) -> int:
    """Take the folder for this process and what it execs; the lock ends with the process, however that ends.

    Returns the descriptor. Raises LaunchError when another Noctis has the folder.
    """
    descriptor = os.open(folder.run / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(descriptor, 20).decode(errors="replace").strip()
        os.close(descriptor)
        raise LaunchError(
            f"Noctis already runs on the data folder {folder.root} (process {owner or 'unknown'}): "
            "stop that one first, or give this copy its own NOCTIS_DATA_DIR and ports."
        ) from None
    os.set_inheritable(descriptor, True)
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


def generate_secrets(settings: Settings, folder: DataFolder) -> None:
    """Write a random value for each secret that neither a variable nor an earlier start gave."""
    for name in get_args(SecretName):
        path = folder.secrets / name
        if not getattr(settings, name) and not path.exists():
            write_private(path, secrets.token_urlsafe(_SECRET_BYTES[name]) + "\n")


def write_private(path: Path, text: str) -> None:
    """Replace the file in one step; at no moment can others read it, nor is half of it there."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
