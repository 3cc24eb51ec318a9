"""What administrators decided about who may come in, written down for the recorder, which knows no database.

Names are looked up here, in a thread of its own: that may take long, and the recorder waits for nobody.
"""

import ipaddress
import json
import logging
import os
import socket
import threading
import time
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from bridge.recorder.door import DOOR_FILE
from database.models import ApplicationEntity, BlockedSender
from database.session import Database

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_RESOLVE_SECONDS = 60.0


# A strict Orthanc doesn't know them any more; an open one would let them in as strangers
_RETIRED = select(ApplicationEntity.ae_title_key).where(
    ApplicationEntity.retired_at.is_not(None), ApplicationEntity.successor_id.is_(None)
)


class DoorFile:
    """One spool's. ``step`` writes the file when what is decided, or where names lead, has changed."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._path = folder / DOOR_FILE
        self._addresses: dict[str, list[str]] = {}
        self._resolve_at = 0.0
        self._written = ""

    def run(self, stop: threading.Event) -> None:
        """Until ``stop``; the database may be away meanwhile."""
        while not stop.wait(_LOOK_SECONDS):
            try:
                self.step()
            except (DBAPIError, OSError) as error:
                logger.warning("the door file is put off (%s)", type(error).__name__)

    def step(self) -> None:
        """Raises SQLAlchemy's errors, and OSError when the file can't be written."""
        turned_away, hosts = self._decided()
        self._resolve({one for words in hosts.values() for one in words if not is_network(one)})
        networks = {
            title: sorted({network for word in words for network in self._networks(word)})
            for title, words in hosts.items()
        }
        content = {"version": 1, **turned_away, "hosts": networks}
        text = json.dumps(content, indent=1, sort_keys=True)
        if text != self._written or not self._path.exists():
            self._write(text)
            self._written = text

    def _decided(self) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """AE titles that are turned away, by reason; and the words from where the others may come."""
        with self._database.read() as session:
            blocked = session.scalars(select(BlockedSender.ae_title_key)).all()
            retired = session.scalars(_RETIRED).all()
            query = select(ApplicationEntity.ae_title_key, ApplicationEntity.allowed_hosts).where(
                ApplicationEntity.retired_at.is_(None), ApplicationEntity.allowed_hosts != ""
            )
            hosts = {title: words.split() for title, words in session.execute(query)}
        return {"blocked": sorted(blocked), "retired": sorted(retired)}, hosts

    def _networks(self, word: str) -> list[str]:
        """Of a name that was never found there are none: it lets nobody in, and the log says so."""
        if is_network(word):
            return [str(ipaddress.ip_network(word, strict=False))]
        return self._addresses.get(word, [])

    def _resolve(self, names: set[str]) -> None:
        """New names at once, all of them once a minute. What can't be found keeps its last addresses."""
        if time.monotonic() < self._resolve_at:
            names -= self._addresses.keys()
        else:
            self._resolve_at = time.monotonic() + _RESOLVE_SECONDS
        for name in sorted(names):
            try:
                found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
            except (OSError, UnicodeError):
                logger.warning("the host %s can't be found", name)
                self._addresses.setdefault(name, [])
                continue
            self._addresses[name] = sorted({str(ipaddress.ip_network(str(one[4][0]))) for one in found})

    def _write(self, text: str) -> None:
        """In one step: the recorder reads the old file or the new one."""
        temporary = self._path.with_suffix(f".{os.getpid()}")
        with temporary.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)


def is_network(word: str) -> bool:
    try:
        ipaddress.ip_network(word, strict=False)
    except ValueError:
        return False
    return True
