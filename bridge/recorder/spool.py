"""The spool: append-only files of JSON lines, one a record, which survive the process that writes them.

One write a record, so that kill -9 loses none that was written; ``sync`` (every 200 ms, from a thread of its
own) brings them to the disk. A segment's name sorts after all before it; its first line says whose it is.
What can't be written (a full disk) is counted, and the gap is recorded as soon as writing works again.
"""

import errno
import fcntl
import json
import os
import re
import secrets
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bridge.recorder.records import Record, now

_LARGEST_SEGMENT = 8 * 2**20
_LONGEST_SEGMENT_SECONDS = 3600.0
_SYNC_SECONDS = 0.2
_BOOT_EPOCH_MS = 1_577_836_800_000  # 2020: leaves room for the random part in 63 bits
_BOOT_RANDOM_BITS = 20
_SEGMENT = re.compile(r"(\d{19})-\d{6}\.jsonl")
NAME_FILE = "name"
LOCK_FILE = "recorder.lock"

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class SpoolInUse(Exception):  # noqa: N818 - named by what to do: leave it to the other
    """Another recorder writes into this folder."""


class Spool:
    """One recorder's. ``write`` never raises; ``failure`` says in words why it can't write, if it can't."""

    def __init__(self, folder: Path) -> None:
        """Raises SpoolInUse, or OSError when the folder can't be used."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._lock_file = _lock(folder)
        self.boot = _next_boot(folder)
        self.open_numbers: Callable[[], list[int]] = list
        """Which associations and operations are open now; told after a gap."""
        self._index = 0
        self._file = -1
        self._size = 0
        self._is_torn = False
        self._opened_at = 0.0
        self._gap: dict[str, Any] | None = None
        self._sync_failure = ""
        self._is_dirty = False
        self._retired: list[int] = []
        self._guard = threading.Lock()
        self._stop = threading.Event()
        self._syncer = threading.Thread(target=self._sync_again_and_again, name="sync", daemon=True)
        self._heading = {
            "record": "boot",
            "boot": self.boot,
            "spool": _name(folder),
            "host": socket.gethostname(),
        }
        self._syncer.start()

    @property
    def failure(self) -> str:
        return self._gap["reason"] if self._gap is not None else self._sync_failure

    def write(self, record: Record) -> None:
        """Append one record. It is with the kernel when this returns, unless there is a gap."""
        if self._gap is not None and not self._end_gap():
            self._gap["record_count"] += 1
            return
        try:
            self._append(record)
        except OSError as error:
            self._begin_gap(error)

    def announce(self) -> None:
        """Begin the first segment: what earlier boots left open is interrupted."""
        try:
            self._roll()
        except OSError as error:
            self._begin_gap(error, record_count=0)

    def close(self) -> None:
        self._stop.set()
        self._syncer.join()
        self.sync()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        os.close(self._lock_file)

    def sync(self) -> None:
        """Bring what was written to the disk (power cuts; a killed process loses nothing anyway)."""
        with self._guard:
            retired, self._retired = self._retired, []
            current = [self._file] if self._is_dirty and self._file >= 0 else []
            self._is_dirty = False
        failure = ""
        for descriptor in [*retired, *current]:
            try:
                os.fdatasync(descriptor)
            except OSError as error:
                failure = _words(error)
        for descriptor in retired:
            os.close(descriptor)
        if retired or current:
            self._sync_failure = failure

    def _append(self, record: Record) -> None:
        is_old = time.monotonic() - self._opened_at > _LONGEST_SEGMENT_SECONDS
        if self._file < 0 or self._size > _LARGEST_SEGMENT or is_old:
            self._roll()
        self._put(record)

    def _put(self, record: Record) -> None:
        line = _line(record)
        if self._is_torn:
            line = b"\n" + line  # ends the half line: the reader passes over it
        if not _has_written(self._file, line):
            self._cut_back()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += len(line)
        self._is_torn = False
        self._is_dirty = True

    def _cut_back(self) -> None:
        """Take a half line away; where it can't be, it stays as the segment's end."""
        try:
            os.ftruncate(self._file, self._size)
        except OSError:
            self._is_torn = True
            self._size = os.fstat(self._file).st_size

    def _roll(self) -> None:
        """Begin a new segment. Raises OSError; the old one is then kept."""
        path = self._folder / f"{self.boot:019d}-{self._index + 1:06d}.jsonl"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        heading = _line(self._heading | {"written_at": now()})
        try:
            has_begun = _has_written(descriptor, heading)
        except OSError:
            has_begun = False
        if not has_begun:
            os.close(descriptor)
            path.unlink()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with self._guard:
            old, self._file = self._file, descriptor
            if old >= 0:
                self._retired.append(old)
        self._index += 1
        self._size, self._is_torn, self._opened_at = len(heading), False, time.monotonic()
        self._is_dirty = True

    def _begin_gap(self, error: OSError, record_count: int = 1) -> None:
        self._gap = {
            "record": "gap",
            "began_at": now(),
            "record_count": record_count,
            "reason": _words(error),
        }

    def _end_gap(self) -> bool:
        """Whether writing works again; the gap is then recorded."""
        assert self._gap is not None  # noqa: S101 - asked for before
        try:
            self._append(self._gap | {"ended_at": now(), "open_numbers": self.open_numbers()})
        except OSError:
            return False
        self._gap = None
        return True

    def try_again(self) -> None:
        """Asked about twice a second: a gap ends although nothing comes to be recorded."""
        if self._gap is not None:
            self._end_gap()

    def _sync_again_and_again(self) -> None:
        while not self._stop.wait(_SYNC_SECONDS):
            if self._is_dirty or self._retired:
                self.sync()


def _line(record: Record) -> bytes:
    return _encode(record).encode("ascii") + b"\n"


def _has_written(descriptor: int, line: bytes) -> bool:
    """False when only a part of it fits. Raises OSError."""
    return os.write(descriptor, line) == len(line)


def _words(error: OSError) -> str:
    return f"the spool can't be written ({error.strerror}); forwarding goes on"


def _lock(folder: Path) -> int:
    descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise SpoolInUse(f"another recorder writes into {folder}") from None
    return descriptor


def _name(folder: Path) -> str:
    """The spool's own, made once: the database knows by it how far the spool is read."""
    path = folder / NAME_FILE
    try:
        found = path.read_text().strip()
    except OSError:
        found = ""
    if found:
        return found
    name = secrets.token_hex(8)
    temporary = path.with_suffix(".new")
    temporary.write_text(f"{name}\n")
    temporary.replace(path)
    return name


def _next_boot(folder: Path) -> int:
    """Above all before it, whatever the clock says; random, as no two recorders may have the same."""
    fresh = max(0, time.time_ns() // 1_000_000 - _BOOT_EPOCH_MS) << _BOOT_RANDOM_BITS
    fresh += secrets.randbits(_BOOT_RANDOM_BITS)
    boots = [int(found[1]) for path in folder.iterdir() if (found := _SEGMENT.fullmatch(path.name))]
    return max([fresh, *(boot + 1 for boot in boots)])
