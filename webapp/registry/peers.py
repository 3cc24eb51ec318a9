"""Peers: facilities' own Orthancs, reached over HTTP. Their passwords are encrypted and never shown again."""

from datetime import datetime
from urllib.parse import urlsplit

from database.encryption import encrypt
from database.models import Facility, Peer
from database.session import Database
from webapp.registry.decisions import find, now, require_active
from webapp.registry.fields import PeerFields, RegistryError, check_peer


def add_peer(database: Database, facility_id: int, fields: PeerFields, encryption_key: str) -> Peer:
    """Raises RegistryError."""
    checked = check_peer(fields)
    with database.write() as session:
        require_active(find(session, Facility, facility_id))
        peer = Peer(facility_id=facility_id, created_at=now())
        _fill(peer, checked)
        peer.encrypted_password = _encrypt(checked.password, encryption_key)
        session.add(peer)
    return peer


def change_peer(database: Database, peer_id: int, fields: PeerFields, encryption_key: str) -> Peer:
    """An empty password keeps the old one, but not for another server. Raises RegistryError."""
    checked = check_peer(fields)
    with database.write() as session:
        peer = find(session, Peer, peer_id)
        keeps_password = bool(peer.encrypted_password and checked.username and not checked.password)
        if keeps_password and _server(checked.url) != _server(peer.url):
            raise RegistryError(
                "password", "This is another server: enter its password. The old one isn't given to it."
            )
        _fill(peer, checked)
        if not keeps_password:
            peer.encrypted_password = _encrypt(checked.password, encryption_key)
        peer.revision += 1
    return peer


def retire_peer(database: Database, peer_id: int) -> None:
    with database.write() as session:
        peer = find(session, Peer, peer_id)
        if peer.retired_at is None:
            peer.retired_at = now()
            peer.revision += 1


def reactivate_peer(database: Database, peer_id: int) -> None:
    """Raises RegistryError when its facility is retired."""
    with database.write() as session:
        peer = find(session, Peer, peer_id)
        require_active(find(session, Facility, peer.facility_id))
        if peer.retired_at is not None:
            peer.retired_at = None
            peer.revision += 1


def push_peer(database: Database, peer_id: int) -> None:
    """Have the bridge register it again."""
    with database.write() as session:
        find(session, Peer, peer_id).revision += 1


def note_peer_test(database: Database, peer_id: int, finding: str, is_ok: bool, at: datetime) -> None:
    """What a test of the connection found, in words."""
    with database.write() as session:
        peer = find(session, Peer, peer_id)
        peer.tested_at, peer.test_finding, peer.is_test_ok = at, finding, is_ok


def _fill(peer: Peer, fields: PeerFields) -> None:
    peer.name, peer.url, peer.username = fields.name, fields.url, fields.username


def _encrypt(password: str, key: str) -> str:
    return encrypt(key, password) if password else ""


def _server(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port
