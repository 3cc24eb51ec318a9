"""Who is let in at the recorder's door: its TLS certificate, host checks, blocked senders."""

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from bridge.doctor.check import Check
from database.models import ApplicationEntity, BlockedSender
from database.session import Database
from settings import Settings

_SOON = timedelta(days=30)
_MOST_NAMED = 5


def check_certificate(settings: Settings) -> Check:
    """Of the TLS port; of a chain, the certificate that ends first."""
    name = "TLS certificate"
    path = Path(settings.dicom_tls_certificate)
    try:
        chain = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        return Check.failed(name, f"{path} can't be read ({error})", "See NOCTIS_DICOM_TLS_CERTIFICATE.")
    expires_at = min(certificate.not_valid_after_utc for certificate in chain)
    rest = expires_at - datetime.now(UTC)
    finding = f"valid until {expires_at:%Y-%m-%d}"
    if rest > _SOON:
        return Check.passed(name, finding)
    return Check.failed(
        name,
        f"expired on {expires_at:%Y-%m-%d}" if rest < timedelta(0) else finding,
        f"Put a new one into {path} and restart the recorder, which reads it when it starts.",
    )


def check_door(settings: Settings, database: Database) -> Check:
    """Host checks and blocked senders, as far as administrators set any."""
    name = "host checks"
    try:
        checked, blocked_count = _decided(database)
    except DBAPIError:
        return Check.failed(name, "unknown: the database doesn't answer", "See the database above.")
    decided = f"{len(checked)} nodes with host checks, {blocked_count} blocked senders"
    if not settings.has_recorder:
        if not checked and not blocked_count:
            return Check.passed(name, "NOCTIS_RECORDER=off: nobody could make any, and none are set")
        return Check.failed(
            name,
            f"NOCTIS_RECORDER=off: nobody makes them ({decided})",
            "Only the recorder knows from where a sender comes: switch it on.",
        )
    lost = [f"{word} ({title})" for title, words in checked.items() for word in words if not _is_found(word)]
    if lost:
        return Check.failed(
            name,
            f"not found: {', '.join(lost[:_MOST_NAMED])}{', …' if len(lost) > _MOST_NAMED else ''}",
            "From a host that has no address a node isn't let in: correct its name, or its entry in the DNS.",
        )
    return Check.passed(name, decided)


def _decided(database: Database) -> tuple[dict[str, list[str]], int]:
    """Allowed hosts by AE title, and how many senders are blocked."""
    with database.read() as session:
        nodes = session.execute(
            select(ApplicationEntity.ae_title, ApplicationEntity.allowed_hosts)
            .where(ApplicationEntity.retired_at.is_(None), ApplicationEntity.allowed_hosts != "")
            .order_by(ApplicationEntity.ae_title)
        )
        hosts = {ae_title: allowed_hosts.split() for ae_title, allowed_hosts in nodes}
        return hosts, session.scalar(select(func.count()).select_from(BlockedSender)) or 0


def _is_found(word: str) -> bool:
    if "/" in word:  # a network
        return True
    try:
        return bool(socket.getaddrinfo(word, None))
    except (OSError, UnicodeError):
        return False
