"""Certificates for DICOM over TLS, made by the test that needs them."""

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID


class Certificate(NamedTuple):
    """PEM files: a self-signed certificate for this machine, which is its own authority, and its key."""

    certificate: Path
    key: Path


def make_certificate(
    folder: Path,
    name: str = "noctis",
    *,
    subject: x509.Name | None = None,
    days: int = 365,
    passphrase: str = "",
) -> Certificate:
    """``NAME.crt`` and ``NAME.key``. It expires in so many days, or did when they are negative.

    Without a ``subject`` the name is its common name.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = subject or x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    expires_at = datetime.now(UTC) + timedelta(days=days)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(datetime.now(UTC), expires_at) - timedelta(days=1))
        .not_valid_after(expires_at)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, SHA256())
    )
    made = Certificate(folder / f"{name}.crt", folder / f"{name}.key")
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    made.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    made.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    return made
