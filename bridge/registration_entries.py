"""An application entity or a peer as an entry of Orthanc's lists, and what of it differs. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from database.encryption import decrypt
from database.models import ApplicationEntity, Peer, RegistrationKind
from database.registrations import Target
from settings import PROBE_AE_TITLE

Entry = dict[str, Any]
Drift = dict[str, list[Any]]
"""``{"Port": [ours, Orthanc's]}``."""

NO_HOST = "host-not-set.invalid"
"""Orthanc wants a host of nodes that only send. By RFC 2606 this one never resolves: nothing goes astray."""


PROBE_NAME = "noctis-probe"
PROBE: Entry = {
    "AET": PROBE_AE_TITLE,
    "Host": NO_HOST,
    "Port": 104,
    "AllowEcho": True,
    "AllowStore": False,
    "AllowFind": False,
    "AllowFindWorklist": False,
    "AllowMove": False,
    "AllowGet": False,
    "AllowNAction": False,
    "AllowEventReport": False,
}
"""Our own checks come through the front door like everybody. No secret: it may only echo."""

_OURS = {
    RegistrationKind.APPLICATION_ENTITY: re.compile(r"noctis-(\d+|probe)"),
    RegistrationKind.PEER: re.compile(r"noctis-peer-\d+"),
}
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f]")


def is_ours(kind: RegistrationKind, name: str) -> bool:
    """Whether we made this entry, by its id: ``noctis-workstation`` was made by hand."""
    return _OURS[kind].fullmatch(name) is not None


def entry_of(target: Target, encryption_key: str) -> Entry:
    """All the fields that we manage. Raises WrongKeyError for a password that can't be read any more."""
    if isinstance(target, Peer):
        password = decrypt(encryption_key, target.encrypted_password) if target.encrypted_password else ""
        return {"Url": target.url, "Username": target.username, "Password": password}
    return {
        "AET": target.ae_title,
        "Host": target.host or NO_HOST,
        "Port": target.port,
        "LocalAet": target.local_ae_title,
        "UseDicomTls": target.uses_tls,
        "AllowEcho": target.may_echo,
        "AllowStore": target.may_store,
        "AllowFind": target.may_find,
        "AllowFindWorklist": target.may_find,
        "AllowMove": target.may_move,
        "AllowGet": target.may_get,
        "AllowNAction": target.may_store,  # storage commitment of what it stored
        "AllowEventReport": target.may_store,
    }


def merged(theirs: Mapping[str, Any] | None, ours: Entry) -> Entry:
    """What Orthanc is given: of an application entity, fields that we don't manage stay as they are there.

    Of a peer they can't: Orthanc doesn't show its headers and keys, only their names.
    """
    return {**theirs, **ours} if theirs is not None and "AET" in ours else ours


def differences(ours: Entry, theirs: Mapping[str, Any] | None) -> Drift:
    """Of what Orthanc shows. An entry that is gone differs in its name's field, from null."""
    if theirs is None:
        return {name: [value, None] for name, value in ours.items() if name in {"AET", "Url"}}
    shown = {name: value for name, value in ours.items() if name in theirs}
    if "Url" in ours:
        theirs = {"Username": "", **theirs}  # Orthanc omits an empty login
        shown |= {"Username": ours["Username"]}
    drift = {
        name: [value, _printable(theirs[name])]
        for name, value in shown.items()
        if name != "Password" and _plain(value) != _plain(theirs[name])
    }
    if ours.get("Password") and "Password" not in theirs:
        drift["Password"] = ["set", "none"]  # a changed one can't be seen: Orthanc shows none
    return drift


def _plain(value: Any) -> Any:
    """Orthanc may end an address with a slash that we didn't give it, or have none."""
    return value.rstrip("/") if isinstance(value, str) else value


def _printable(value: Any) -> Any:
    """Orthanc keeps any character; a database doesn't."""
    return _CONTROL_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", value) if isinstance(value, str) else value


def foreign_rows(
    feed_id: int, kind: RegistrationKind, found: Mapping[str, Entry], decided: Iterable[Target]
) -> list[dict[str, Any]]:
    """The entries of others. One with an AE title of ours, retired or not, is alarming.

    Of two entries with one AE title, Orthanc allows only what both allow, sends to either's host, and lets a
    retired one in again (measured on 1.10.1).
    """
    ours = {one.ae_title_key for one in decided if isinstance(one, ApplicationEntity)} | {PROBE_AE_TITLE}
    return [
        {
            "feed_id": feed_id,
            "kind": kind,
            "name": name,
            "ae_title": _printable(str(entry.get("AET", ""))),
            "host": _printable(str(entry.get("Host", entry.get("Url", "")))),
            "port": entry.get("Port"),
            "is_alarming": str(entry.get("AET", "")).upper() in ours,
        }
        for name, entry in found.items()
        if not is_ours(kind, name)
    ]
