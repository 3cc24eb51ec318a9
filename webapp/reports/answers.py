"""What is answered when a report can't be changed as asked: one status and one JSON for each reason."""

from collections.abc import Mapping
from typing import Any

from flask import Response, jsonify

from database.models import ReportAction, ReportRevision
from webapp.presentation import instant
from webapp.reports.locks import Holder, LockedError
from webapp.reports.states import NotAllowedError
from webapp.reports.texts import BadFieldError
from webapp.reports.writing import ConflictError, text_of
from webapp.sessions import current_user

REFUSALS = (BadFieldError, ConflictError, LockedError, NotAllowedError)
"""What the views catch and answer by ``refusal``."""
Refusal = BadFieldError | ConflictError | LockedError | NotAllowedError


def status_of_refusal(error: Refusal) -> int:
    if isinstance(error, BadFieldError):
        return 400
    return 423 if isinstance(error, LockedError) else 409


def refusal(error: Refusal) -> Response:
    """JSON with ``kind`` and ``message``, and what a page needs to go on from there."""
    values: dict[str, Any] = {"kind": "not-allowed", "message": str(error)}
    if isinstance(error, BadFieldError):
        values |= {"kind": "field", "field": error.field}
    elif isinstance(error, LockedError):
        values |= {"kind": "locked", "holder": holder_as_json(error.holder)}
    elif isinstance(error, ConflictError):
        values |= {"kind": "conflict", "texts": text_of(error.newest).as_dict()}
        values |= revision_as_json(error.newest) | {"is_open": _is_open(error.newest)}
    return json_answer(values, status_of_refusal(error))


def revision_as_json(revision: ReportRevision | None) -> dict[str, Any]:
    """Where the report stands after it; None before the first."""
    if revision is None:
        return {"revision": 0, "state": None, "purpose": None, "author": "", "saved_at": None}
    return {
        "revision": revision.number,
        "state": revision.state,
        "purpose": revision.purpose,
        "author": revision.author_name,
        "saved_at": instant(revision.written_at),
    }


def _is_open(newest: ReportRevision) -> bool:
    """What was being written still is: another text can be merged with it."""
    if newest.action is ReportAction.SIGN:
        return not newest.snapshot.get("is_valid")
    return newest.action in {ReportAction.SAVE, ReportAction.RELEASE}


def holder_as_json(holder: Holder | None) -> dict[str, Any] | None:
    """Without the token, which is its page's alone."""
    if holder is None:
        return None
    return {
        "name": holder.name,
        "since": instant(holder.since),
        "is_me": holder.user_id == current_user().id,
    }


def json_answer(values: Mapping[str, Any], status: int = 200) -> Response:
    response = jsonify(values)
    response.status_code = status
    return response
