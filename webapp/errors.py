"""Errors in the user's words: a page for people, JSON for the pages' own scripts."""

import logging
from http import HTTPStatus

from flask import Flask, Response, jsonify, render_template, request
from flask_wtf.csrf import CSRFError  # type: ignore[import-untyped]
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException

from bridge.errors import OrthancRefused, OrthancUnavailable
from webapp.security import wants_page

_log = logging.getLogger(__name__)

_WORDS = {
    400: ("That can't be understood", "The address or the form doesn't make sense to this server."),
    401: ("Please sign in", "You are not signed in, or your session has ended."),
    403: ("Not for your role", "Your account may not open this page. An administrator can change that."),
    404: ("Not found", "There is nothing at this address, or nothing that your account may see."),
    405: ("That doesn't work here", "This address answers another kind of request."),
    413: ("Too large", "What was sent is larger than this server accepts."),
    500: ("Something went wrong here", "It is not your doing. The server has written down what happened."),
}
_FORM_EXPIRED = (
    "This form has expired",
    "The page was open while your session ended or another one began. Go back, reload it, and try again.",
)
_NO_ORTHANC = (
    "The image archive does not answer",
    "Pictures and documents can't be shown at the moment. The worklist works on; please try again shortly.",
)
_ORTHANC_REFUSED = (
    "The image archive could not do that",
    "It answered, but not with what was asked for. An administrator finds the reason in the server's log.",
)
_NO_DATABASE = (
    "The reporting database does not answer",
    "Nothing is lost: studies are still received and will appear. Please try again shortly.",
)


def init_app(app: Flask) -> None:
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(CSRFError, _form_expired)
    app.register_error_handler(OrthancUnavailable, _orthanc_unavailable)
    app.register_error_handler(OrthancRefused, _orthanc_refused)
    app.register_error_handler(DBAPIError, _database_error)
    app.register_error_handler(Exception, _unexpected)


def answer(status: int, title: str, message: str) -> Response:
    if wants_page():
        page = render_template("errors/error.html", status=status, title=title, message=message)
        return Response(page, status)
    response = jsonify(title=title, message=message)
    response.status_code = status
    return response


def _http_error(error: HTTPException) -> Response | HTTPException:
    status = error.code or 500
    if status < 400:
        return error
    return answer(status, *_WORDS.get(status, (HTTPStatus(status).phrase, error.description or "")))


def _form_expired(_error: CSRFError) -> Response:
    return answer(400, *_FORM_EXPIRED)


def _orthanc_unavailable(error: OrthancUnavailable) -> Response:
    _log.warning("%s: %s", request.endpoint, error)
    return answer(503, *_NO_ORTHANC)


def _orthanc_refused(error: OrthancRefused) -> Response:
    _log.error("%s: %s", request.endpoint, error)
    return answer(502, *_ORTHANC_REFUSED)


def _database_error(error: DBAPIError) -> Response:
    # Neither statement nor parameters nor the driver's text: they hold what was searched for.
    _log.error("%s: the database failed with %s", request.endpoint, type(error.orig).__name__)
    return answer(503, *_NO_DATABASE)


def _unexpected(error: Exception) -> Response:
    # The stack without the exception's text, which may quote a value.
    frames = []
    step = error.__traceback__
    while step is not None:
        frames.append(f"{step.tb_frame.f_code.co_filename}:{step.tb_lineno}")
        step = step.tb_next
    _log.error("%s: %s at %s", request.endpoint, type(error).__name__, " < ".join(reversed(frames)))
    return answer(500, *_WORDS[500])
