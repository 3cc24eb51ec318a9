"""A fake Orthanc 1.10.1 over real HTTP: the routes that the bridge uses, answered as a real one does.

The contract suite (``tests/integration/test_orthanc_contract.py``) holds it to the real one. ``archive`` does
what a real archive can't be made to do; ``FakeOrthanc`` itself is slow, broken or away on request.
``python -m tests.fake_orthanc CHANGE_COUNT`` serves a synthetic archive and prints its port.
"""

import base64
import codecs
import json
import socket
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import orjson

from bridge.orthanc_client import OrthancClient
from tests.fake_archive import FakeArchive
from tests.fake_routes import Refusal, Silence, Site, answer
from tests.synthetic_archive import SyntheticArchive

_IDLE_SECONDS = 1.0
_WORDS = {400: "Bad Request", 404: "Not Found", 500: "Internal Server Error"}
_PASSWORD = "orthanc's password"


@dataclass
class Faults:
    """What goes wrong from now on; change it at any time."""

    delay_seconds: float = 0.0
    status: int = 0
    """Answer everything with this status, unless 0."""
    cut_next: int = 0
    """Close the connection instead of answering, that many times."""


class FakeOrthanc(Site):
    """Serves ``archive`` on 127.0.0.1 while its block runs. ``requests`` lists the latest, oldest first."""

    def __init__(
        self,
        archive: FakeArchive | SyntheticArchive | None = None,
        *,
        username: str = "noctis",
        password: str = _PASSWORD,
        has_extended_find: bool = False,
        port: int = 0,
    ) -> None:
        super().__init__(archive or FakeArchive(), username, has_extended_find=has_extended_find)
        self.password = password
        self.faults = Faults()
        self.requests: deque[tuple[str, str]] = deque(maxlen=10_000)
        self.port = port
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, *, seconds: float = 60.0) -> OrthancClient:
        return OrthancClient(self.url, self.username, self.password, seconds=seconds)

    def start(self) -> None:
        """Listen; after ``stop`` on the same port again."""
        assert self._server is None
        self._server = _Server(("127.0.0.1", self.port), self)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on, and close those that are open."""
        if self._server is not None:
            server, self._server = self._server, None
            server.shutdown()
            server.server_close()
            server.close_connections()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], fake: FakeOrthanc) -> None:
        self.fake = fake
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is its own affair; anything else is a mistake in the fake."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def close_connections(self) -> None:
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one write an answer
    timeout = _IDLE_SECONDS  # as Orthanc closes idle connections

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Be silent."""

    def parse_request(self) -> bool:
        self.connection.settimeout(None)  # only idling is limited
        return super().parse_request()

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        fake, faults = self.server.fake, self.server.fake.faults
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fake.requests.append((self.command, self.path))
        if faults.delay_seconds:
            time.sleep(faults.delay_seconds)
        if faults.cut_next > 0:
            faults.cut_next -= 1
            self.close_connection = True
            return
        if not self._is_allowed(fake):
            self._send(401, b"", {"WWW-Authenticate": 'Basic realm="Orthanc Secure Area"'})
            return
        try:
            if faults.status:
                raise Refusal(faults.status, 1, "Internal error")
            content = answer(fake, self.command, self.path, body)
        except Refusal as refusal:
            self._send(refusal.status, _refusal_body(refusal, self.command, self.path), {})
            return
        except Silence:
            self.rfile.read(1)  # until the client hangs up
            self.close_connection = True
            return
        self._send(200, *_encode(content))
        self.connection.settimeout(self.timeout)

    def _is_allowed(self, fake: FakeOrthanc) -> bool:
        if not fake.username:
            return True
        wanted = base64.b64encode(f"{fake.username}:{fake.password}".encode()).decode()
        return self.headers.get("Authorization") == f"Basic {wanted}"

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        for name, value in {"Connection": "keep-alive", "Keep-Alive": "timeout=1", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


def _lone_surrogate(error: UnicodeError) -> tuple[bytes, int]:
    assert isinstance(error, UnicodeEncodeError)
    code = ord(error.object[error.start])
    is_raw_byte = 0xDC80 <= code <= 0xDCFF
    return bytes([code - 0xDC00]) if is_raw_byte else f"\\u{code:04x}".encode(), error.start + 1


codecs.register_error("orthanc", _lone_surrogate)


def _encode(answer: Any) -> tuple[bytes, dict[str, str]]:
    if isinstance(answer, str):
        return answer.encode(), {"Content-Type": "text/plain"}
    if isinstance(answer, bytes):
        return answer, {"Content-Type": "application/octet-stream"}
    headers = {"Content-Type": "application/json; charset=utf-8"}
    try:
        return orjson.dumps(answer), headers
    except TypeError:  # lone surrogates: see FakeArchive.spoil
        return json.dumps(answer, ensure_ascii=False).encode("utf-8", "orthanc"), headers


def _refusal_body(refusal: Refusal, method: str, path: str) -> bytes:
    if not refusal.message:
        return b""
    words = {
        "Details": refusal.details,
        "HttpError": _WORDS.get(refusal.status, ""),
        "HttpStatus": refusal.status,
        "Message": refusal.message,
        "Method": method,
        "OrthancError": refusal.message,
        "OrthancStatus": refusal.orthanc_status,
        "Uri": urlsplit(path).path,
    }
    return orjson.dumps({name: value for name, value in words.items() if value != ""})


def main() -> None:
    """Serve a synthetic archive until standard input ends, that is: as long as whoever started us lives."""
    with FakeOrthanc(SyntheticArchive(int(sys.argv[1]))) as fake:
        sys.stdout.write(f"{fake.port}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
