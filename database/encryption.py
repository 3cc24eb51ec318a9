"""Secrets that must be used again, such as a peer's password: their key lies outside the database."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken


class WrongKeyError(Exception):
    """The text was encrypted with another key, or isn't an encrypted text."""


def encrypt(key: str, text: str) -> str:
    """A Fernet token (AES-128-CBC with HMAC-SHA256)."""
    return _box(key).encrypt(text.encode()).decode()


def decrypt(key: str, token: str) -> str:
    """Raises WrongKeyError."""
    try:
        return _box(key).decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise WrongKeyError("a stored secret can't be decrypted: its key is another one") from error


def _box(key: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest()))
