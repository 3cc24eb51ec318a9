"""What a person enters about a facility, a node or a peer, and whether it can be used. Pure."""

import re
import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import urlsplit
from zoneinfo import available_timezones

LONGEST_NAME = 100
LONGEST_TEXT = 2000
LONGEST_CODE = 16
HIGHEST_PORT = 65534  # Orthanc takes no 65535
LONGEST_SILENCE = 24 * 366
PAPERS = ("A4", "Letter")
"""On which reports are printed."""
_LONGEST_PASSWORD = 1000

_CODE = re.compile(r"[A-Z0-9]([A-Z0-9-]*[A-Z0-9])?")


class RegistryError(Exception):
    """It can't be done so; the text says why and what to do, for the person who asked.

    ``field`` is the name of the form's field; empty when no field is to blame.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class StaleError(RegistryError):
    """Somebody else decided meanwhile; what there is now has to be looked at first."""

    def __init__(self) -> None:
        super().__init__(
            "",
            "Somebody changed this meanwhile, and nothing of yours is saved yet. What is there now stands "
            "beside what you typed: save again to put yours in its place.",
        )


@dataclass(frozen=True, slots=True)
class FacilityFields:
    name: str
    code: str = ""
    """Empty: generated from the name; on a change: as it is."""
    address: str = ""
    time_zone: str = "UTC"
    contact: str = ""
    letterhead: str = ""
    paper: str = "A4"
    has_preprinted_paper: bool = False
    needs_second_signer: bool = False
    silent_hours: int | None = None


@dataclass(frozen=True, slots=True)
class EntityFields:
    ae_title: str = ""
    """Empty: generated from the facility's name; on a change: as it is."""
    host: str = ""
    port: int | None = None
    """None: the next free one, unique; on a change: as it is."""
    description: str = ""
    local_ae_title: str = ""
    uses_tls: bool = False
    allowed_hosts: str = ""
    """From where it may associate: addresses, networks and names; empty: from anywhere."""
    may_echo: bool = True
    may_store: bool = True
    may_find: bool = False
    may_move: bool = False
    may_get: bool = False


@dataclass(frozen=True, slots=True)
class PeerFields:
    name: str
    url: str
    username: str = ""
    password: str = ""
    """Empty on a change: as it is."""


def check_facility(fields: FacilityFields) -> FacilityFields:
    """The same, tidied. Raises RegistryError."""
    return replace(
        fields,
        name=check_name(fields.name, "name"),
        code=check_code(fields.code),
        address=check_text(fields.address, "address"),
        time_zone=check_time_zone(fields.time_zone),
        contact=check_text(fields.contact, "contact"),
        letterhead=check_text(fields.letterhead, "letterhead"),
        paper=check_paper(fields.paper),
        silent_hours=check_silent_hours(fields.silent_hours),
    )


def check_peer(fields: PeerFields) -> PeerFields:
    """The same, tidied. Raises RegistryError."""
    if len(fields.password) > _LONGEST_PASSWORD or not _is_printable(fields.password):
        raise RegistryError("password", f"A password has at most {_LONGEST_PASSWORD} printable characters.")
    return replace(
        fields,
        name=check_name(fields.name, "name"),
        url=check_url(fields.url),
        username=check_line(fields.username, "username", LONGEST_NAME),
    )


def check_name(text: str, field: str) -> str:
    """One line that isn't empty. Raises RegistryError."""
    name = check_line(text, field, LONGEST_NAME)
    if not any(character.isprintable() for character in name):
        raise RegistryError(field, "Please enter a name.")
    return name


def check_line(text: str, field: str, longest: int) -> str:
    """One line, runs of blanks made one. Raises RegistryError."""
    line = " ".join(text.split())
    return _check_characters(line, field, longest)


def check_text(text: str, field: str, longest: int = LONGEST_TEXT) -> str:
    """Some lines. Raises RegistryError."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    return _check_characters(lines.strip(), field, longest)


def check_code(text: str) -> str:
    """In upper case; empty stays empty. Raises RegistryError."""
    code = text.strip().upper()
    if code and not (len(code) <= LONGEST_CODE and _CODE.fullmatch(code)):
        raise RegistryError(
            "code",
            f"A code has 1 to {LONGEST_CODE} letters A-Z, digits and hyphens, and begins and ends with "
            "a letter or digit. Leave it empty to have one made from the name.",
        )
    return code


def check_time_zone(text: str) -> str:
    """Empty is UTC. Raises RegistryError."""
    zone = text.strip() or "UTC"
    if zone not in _time_zones():
        raise RegistryError("time_zone", "Choose a time zone by its IANA name, such as Europe/Zurich or UTC.")
    return zone


@lru_cache(maxsize=1)
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones() | {"UTC"})


def check_paper(text: str) -> str:
    """Empty is A4. Raises RegistryError."""
    paper = text.strip().capitalize() or PAPERS[0]
    if paper not in PAPERS:
        raise RegistryError("paper", f"Reports are printed on {' or '.join(PAPERS)}.")
    return paper


def check_silent_hours(hours: int | None) -> int | None:
    """Raises RegistryError."""
    if hours is not None and not 1 <= hours <= LONGEST_SILENCE:
        raise RegistryError(
            "silent_hours", f"Give whole hours from 1 to {LONGEST_SILENCE}, or nothing for no warning."
        )
    return hours


def check_port(port: int) -> int:
    """Raises RegistryError."""
    if not 1 <= port <= HIGHEST_PORT:
        raise RegistryError("port", f"A port is a number from 1 to {HIGHEST_PORT}.")
    return port


def check_url(text: str) -> str:
    """``http`` or ``https``, without a password in it. Raises RegistryError."""
    url = text.strip()
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0 or not _is_url_text(url):
        raise RegistryError(
            "url", "Give the address of the other Orthanc, such as https://example.org:8042/."
        )
    if parts.username is not None or parts.password is not None:
        raise RegistryError("url", "User name and password have fields of their own: leave them out here.")
    if parts.query or parts.fragment:
        raise RegistryError("url", "The address must end before any ? or #.")
    return url


def _is_url_text(url: str) -> bool:
    return url.isascii() and url.isprintable() and " " not in url and len(url) <= LONGEST_TEXT


def _check_characters(text: str, field: str, longest: int) -> str:
    if len(text) > longest:
        raise RegistryError(field, f"This is too long: at most {longest} characters.")
    if not _is_printable(text.replace("\n", "")):
        raise RegistryError(field, "This contains a control character, which can't be shown: remove it.")
    return text


def _is_printable(text: str) -> bool:
    """Without control characters and halves of characters; joiners, which names need, are all right."""
    return not any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)
