"""What every form about a report says besides its text: which page sends it, and which revision it means."""

from flask import request

from webapp.reports.texts import BadFieldError
from webapp.reports.writing import Writer
from webapp.sessions import current_user

_LONGEST_TOKEN = 100
_MOST_DIGITS = 15


def writer_of_request(token: str) -> Writer:
    return Writer(current_user(), token, request.remote_addr or "")


def token_of_request() -> str:
    """Of the open page; empty when the form has none. Raises BadFieldError."""
    token = request.form.get("token", "")
    if len(token) > _LONGEST_TOKEN or not token.isascii() or (token and not token.isprintable()):
        raise BadFieldError("token", "Must be the token of the open page.")
    return token


def revision_of_request() -> int:
    """Raises BadFieldError."""
    sent = request.form.get("based_on", "")
    if not sent.isascii() or not sent.isdigit() or len(sent) > _MOST_DIGITS:
        raise BadFieldError("based_on", "Must be the number of the revision that is meant.")
    return int(sent)
