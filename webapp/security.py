"""What holds for every route: a sign-in unless listed here, CSRF tokens, and the response headers."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import Flask, Response, abort, redirect, request, url_for
from flask_wtf.csrf import CSRFProtect  # type: ignore[import-untyped]
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response as AnyResponse

from database.models import Role
from settings import Settings
from webapp.sessions import current_user, load_user

PUBLIC_ENDPOINTS = frozenset({"static", "health.livez", "sessions.sign_in", "sessions.sign_in_submit"})
"""The routes that answer without a sign-in. Everything else is denied by default."""

_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # flask-wtf compares the referrer over HTTPS; nobody else sees it
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
_ONE_YEAR = 365 * 24 * 3600

P = ParamSpec("P")
R = TypeVar("R")

_csrf = CSRFProtect()


def init_app(app: Flask, settings: Settings) -> None:
    app.config.update(
        SESSION_COOKIE_NAME=f"noctis-{settings.http_port}",  # cookies ignore ports; copies run side by side
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.behind_https,
        WTF_CSRF_TIME_LIMIT=None,  # valid as long as the session: a page left open overnight still works
        MAX_CONTENT_LENGTH=1024 * 1024,
        MAX_FORM_MEMORY_SIZE=1024 * 1024,  # of one field: a report's section may fill the request
    )
    if settings.behind_https:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]
    app.before_request(require_sign_in)
    _csrf.init_app(app)

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if settings.behind_https:
            response.headers["Strict-Transport-Security"] = f"max-age={_ONE_YEAR}"
        return response


def require_sign_in() -> AnyResponse | None:
    """Runs before every request; an address that doesn't exist goes on to its 404."""
    if request.endpoint in PUBLIC_ENDPOINTS or load_user() is not None or request.endpoint is None:
        return None
    if request.method in {"GET", "HEAD"} and wants_page():
        target = request.full_path if request.query_string else request.path
        return redirect(url_for("sessions.sign_in", next=target), 303)
    return abort(401)


def wants_page() -> bool:
    """A person navigates, as opposed to a script or an <img> that fetches something for a page."""
    best = request.accept_mimetypes.best_match(["text/html", "application/json", "image/*"], "text/html")
    return best == "text/html"


def require_role(*roles: Role) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """For views of some roles only; others get a 403."""

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            if current_user().role not in roles:
                abort(403)
            return view(*args, **kwargs)

        return guarded

    return decorate
