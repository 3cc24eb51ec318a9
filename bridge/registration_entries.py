"""An application entity or a peer as an entry of Orthanc's lists, and what of it differs. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from database.encryption import decrypt
from database.models import ApplicationEntity, Peer, RegistrationKind
from database.registrations import Target
from settings import PROBE_AE_TITLE

Entry = dict[str, Any]
Drift = dict[str, list[Any]]
"""``{"Port": [ours, Orthanc's]}``."""

PROBE_NAME = "noctis-probe"
NO_HOST = "host-not-set.invalid"
"""Orthanc wants a host of nodes that only send. By RFC 2606 this one never resolves: nothing goes astray."""


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


def probe_entry(port: int) -> Entry:
    """The entry of our own checks, which come through the front door like everybody."""
    nothing = dict.fromkeys(
        ("AllowFind", "AllowFindWorklist", "AllowMove", "AllowGet", "AllowNAction"), False
    )
    return {
        "AET": PROBE_AE_TITLE,
        "Host": "127.0.0.1",
        "Port": port,
        "AllowEcho": True,
        "AllowStore": True,
        **nothing,
    }


def differences(ours: Entry, theirs: Mapping[str, Any] | None) -> Drift:
    """Of the fields that Orthanc shows; it never shows a password again. All is lost: null for each."""
    if theirs is None:
        return {name: [value, None] for name, value in ours.items() if name in {"AET", "Url"}}
    return {
        name: [value, theirs[name]]
        for name, value in ours.items()
        if name in theirs and name != "Password" and _plain(value) != _plain(theirs[name])
    }


def _plain(value: Any) -> Any:
    """Orthanc may end an address with a slash that we didn't give it, or have none."""
    return value.rstrip("/") if isinstance(value, str) else value


def foreign_rows(
    feed_id: int, kind: RegistrationKind, found: Mapping[str, Entry], wanted: Iterable[Target]
) -> list[dict[str, Any]]:
    """The entries of others. An AE title of ours is alarming: Orthanc then checks no sender's host."""
    ours = {one.ae_title_key for one in wanted if isinstance(one, ApplicationEntity)} | {PROBE_AE_TITLE}
    return [
        {
            "feed_id": feed_id,
            "kind": kind,
            "name": name,
            "ae_title": str(entry.get("AET", "")),
            "host": str(entry.get("Host", entry.get("Url", ""))),
            "port": entry.get("Port"),
            "is_alarming": str(entry.get("AET", "")).upper() in ours,
        }
        for name, entry in found.items()
        if not name.startswith(PREFIX)
    ]
