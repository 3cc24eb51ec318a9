"""How Orthanc is asked: one way to call, which knows the login, time-outs and retries.

The only module that imports pyorthanc and httpx. pyorthanc is used for its routes alone, with raw responses:
it maps every failure to one bare exception and reads one property a request (orthanc-facts, 5). Here each
failure becomes OrthancUnavailable (wait) or OrthancRefused (report).
"""

import json
from collections.abc import Callable
from typing import Any, cast

import httpx
import orjson
from pyorthanc import Orthanc

from bridge.errors import OrthancRefused, OrthancTimeout, OrthancUnavailable, RemoteNodeFailed

CONNECT_SECONDS = 5.0
# Orthanc closes idle connections after one second; we do so first, or a request meets a closed one.
_KEEPALIVE_SECONDS = 0.8
# What a closed keep-alive connection looks like: nothing was done, the call may be repeated.
_CONNECTION_LOST = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)
# Orthanc's 500 for what went wrong at the other end: "network protocol", and a peer's HTTP status
_REMOTE_FAILED = {9, 2005}


class OrthancRequests:
    """One Orthanc. Safe to share between threads; ``seconds`` is how long one answer may take."""

    def __init__(self, url: str, username: str, password: str, *, seconds: float = 60.0) -> None:
        self._api = Orthanc(
            url.rstrip("/"),
            username,
            password,
            return_raw_response=True,
            timeout=httpx.Timeout(seconds, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=32, keepalive_expiry=_KEEPALIVE_SECONDS),
            headers={"Accept-Encoding": "identity"},  # on the same host, compressing costs Orthanc a third
            trust_env=False,  # patient data takes no proxy
        )
        self._url = url.rstrip("/")

    def close(self) -> None:
        self._api.close()

    def _json(self, call: Callable[..., Any], *args: Any) -> Any:
        content = self._call(call, *args).content
        try:
            return orjson.loads(content)
        except orjson.JSONDecodeError:
            # Bytes that no character set explains: keep all the rest.
            return _loads_leniently(content)

    def _call(self, call: Callable[..., Any], *args: Any) -> httpx.Response:
        """Do one request; once more when the connection turned out to be closed. All our calls may repeat."""
        try:
            try:
                response = call(*args)
            except _CONNECTION_LOST:
                response = call(*args)
        except httpx.ReadTimeout as error:
            raise OrthancTimeout(f"no answer from Orthanc at {self._url} in time") from error
        except httpx.TransportError as error:
            reason = type(error).__name__
            raise OrthancUnavailable(f"no answer from Orthanc at {self._url} ({reason})") from error
        if response.status_code >= 400:
            raise _refusal(response)
        return cast("httpx.Response", response)


def _loads_leniently(content: bytes) -> Any:
    try:
        return json.loads(content.decode("utf-8", "replace"), strict=False)
    except ValueError as error:
        raise OrthancRefused(200, "an answer that is no JSON") from error


def _refusal(response: httpx.Response) -> Exception:
    if response.status_code in {502, 503, 504}:
        return OrthancUnavailable(f"Orthanc answered {response.status_code}")
    if response.status_code in {401, 403}:
        return OrthancRefused(response.status_code, "user name or password not accepted")
    try:
        answer = response.json()
        details = str(answer.get("Details") or answer.get("Message") or "")
        is_remote = answer.get("OrthancStatus") in _REMOTE_FAILED
    except (ValueError, AttributeError):
        return OrthancRefused(response.status_code, response.reason_phrase)
    return (RemoteNodeFailed if is_remote else OrthancRefused)(response.status_code, details)
