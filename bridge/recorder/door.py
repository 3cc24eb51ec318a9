"""Who is turned away before an association begins: by administrators' decisions, and to protect Orthanc.

The decisions come as a file that the bridge writes. Without it Orthanc decides; a broken one changes nothing.
"""

import ipaddress
import json
import logging
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge.recorder.pdu import title_of
from database.transfer_terms import DoorReason

logger = logging.getLogger(__name__)

DOOR_FILE = "door.json"
_VERSION = 1
# PS3.5 6.2, VR AE: no control characters, no backslash. Orthanc 1.13 never answers such callers, and
# keeps their sockets (measured). Bytes beyond ASCII are Orthanc's to judge; NUL pads as well as a blank.
_AE_TITLE = re.compile(rb"[ -\[\]-~\x80-\xff]{1,16}")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

CODES = {
    DoorReason.BLOCKED: (1, 1, 3),
    DoorReason.RETIRED: (1, 1, 3),
    DoorReason.HOST_NOT_ALLOWED: (1, 1, 3),
    DoorReason.MALFORMED_AE_TITLE: (1, 1, 3),
    DoorReason.TOO_MANY_ASSOCIATIONS: (2, 3, 2),
    DoorReason.TOO_MANY_FROM_ADDRESS: (2, 3, 2),
    DoorReason.ORTHANC_UNREACHABLE: (2, 3, 1),
    DoorReason.ENDING: (2, 3, 1),
}
"""Result, source, reason of the A-ASSOCIATE-RJ (PS3.8 9.3.4): (1, 1, 3) calling AE title not recognised,
for good; (2, 3, 1) temporary congestion; (2, 3, 2) a local limit. Senders try again after the last two."""
WRONG_CALLED_TITLE = (1, 1, 7)


@dataclass(frozen=True, slots=True)
class Policy:
    """What administrators decided, by AE titles in upper case. ``hosts`` has only those that are checked."""

    blocked: frozenset[str] = frozenset()
    retired: frozenset[str] = frozenset()
    hosts: dict[str, tuple[Network, ...]] = field(default_factory=dict)

    @classmethod
    def from_json(cls, content: Any) -> "Policy":
        """Raises ValueError, KeyError, TypeError or AttributeError for what the bridge doesn't write."""
        if content["version"] != _VERSION:
            raise ValueError("another version")
        hosts = {
            title: tuple(ipaddress.ip_network(one) for one in networks)
            for title, networks in content["hosts"].items()
        }
        return cls(frozenset(content["blocked"]), frozenset(content.get("retired", ())), hosts)

    def judge(self, title: str, ip: str) -> DoorReason | None:
        """``title`` in upper case."""
        if title in self.blocked:
            return DoorReason.BLOCKED
        if title in self.retired:
            return DoorReason.RETIRED
        networks = self.hosts.get(title)
        if networks is not None and not any(ipaddress.ip_address(ip) in one for one in networks):
            return DoorReason.HOST_NOT_ALLOWED
        return None


class Door:
    """Knows the policy and who is inside."""

    def __init__(self, folder: Path, most: int, most_from_address: int) -> None:
        self._path = folder / DOOR_FILE
        self._seen: tuple[int, int] | None = None
        self._policy = Policy()
        self._most, self._most_from_address = most, most_from_address
        self._inside: Counter[str] = Counter()
        self.look_at_policy()

    def look_at_policy(self) -> None:
        """Asked about twice a second; reads the file when it is another one."""
        try:
            found = self._path.stat()
            mark = (found.st_mtime_ns, found.st_ino)
            if mark == self._seen:
                return
            content = self._path.read_bytes()
        except OSError:  # there is none, or no descriptor left: the next look may find it
            return
        self._seen = mark
        try:
            self._policy = Policy.from_json(json.loads(content))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            logger.error(
                "the door file can't be read (%s): what was decided before goes on", type(error).__name__
            )

    def judge(self, calling: bytes, called: bytes, ip: str) -> DoorReason | None:
        """Why this one may not come in; None when it may. AE titles as sent, 16 bytes."""
        if not _is_ae_title(calling) or not _is_ae_title(called):
            return DoorReason.MALFORMED_AE_TITLE
        decided = self._policy.judge(title_of(calling).upper(), ip)
        if decided is not None:
            return decided
        if self._inside.total() >= self._most:
            return DoorReason.TOO_MANY_ASSOCIATIONS
        if self._inside[ip] >= self._most_from_address:
            return DoorReason.TOO_MANY_FROM_ADDRESS
        return None

    def enter(self, ip: str) -> None:
        self._inside[ip] += 1

    def leave(self, ip: str) -> None:
        self._inside[ip] -= 1
        if not self._inside[ip]:
            del self._inside[ip]


def codes_of(reason: DoorReason, calling: bytes) -> tuple[int, int, int]:
    """Of the A-ASSOCIATE-RJ; a malformed AE title is the called one's when the calling one is well."""
    if reason is DoorReason.MALFORMED_AE_TITLE and _is_ae_title(calling):
        return WRONG_CALLED_TITLE
    return CODES[reason]


def _is_ae_title(field_: bytes) -> bool:
    title = field_.rstrip(b"\0")
    return _AE_TITLE.fullmatch(title) is not None and title.strip(b" ") != b""
