"""Peers: facilities' own Orthancs, reached over HTTP. Their passwords are encrypted and never shown again."""

from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from database.encryption import encrypt
from database.models import Facility, Peer
from database.session import Database
from webapp.registry.decisions import decide, find, now, require_active, require_unchanged
from webapp.registry.fields import PeerFields, RegistryError, check_peer


def add_peer(database: Database, facility_id: int, fields: PeerFields, encryption_key: str) -> Peer:
    """Raises RegistryError."""
    checked = check_peer(fields)

    def add(session: Session) -> Peer:
        require_active(find(session, Facility, facility_id))
        peer = Peer(facility_id=facility_id, created_at=now())
        _fill(peer, checked)
        peer.encrypted_password = _encrypt(checked.password, encryption_key)
        session.add(peer)
        return peer

    return decide(database, add)


def change_peer(
    database: Database, peer_id: int, fields: PeerFields, encryption_key: str, *, revision: int | None = None
) -> Peer:
    """An empty password keeps the old one, but not for another server.

    ``revision`` is the one that the person saw. Raises RegistryError; StaleError when it is another now.
    """
    checked = check_peer(fields)

    def change(session: Session) -> Peer:
        peer = find(session, Peer, peer_id)
        require_unchanged(peer.revision, revision)
        keeps_password = bool(peer.encrypted_password and checked.username and not checked.password)
        if keeps_password and _server(checked.url) != _server(peer.url):
            raise RegistryError(
                "password", "This is another server: enter its password. The old one isn't given to it."
            )
        is_same = (peer.url, peer.username) == (checked.url, checked.username)
        if not is_same or checked.password:
            peer.tested_at, peer.test_finding, peer.is_test_ok = None, "", False
        _fill(peer, checked)
        if not keeps_password:
            peer.encrypted_password = _encrypt(checked.password, encryption_key)
        peer.revision += 1
        return peer

    return decide(database, change)


def _fill(peer: Peer, fields: PeerFields) -> None:
    peer.name, peer.url, peer.username = fields.name, fields.url, fields.username


def _encrypt(password: str, key: str) -> str:
    return encrypt(key, password) if password else ""


def _server(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port
