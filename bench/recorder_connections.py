"""What an association costs the recorder while nothing happens in it: 500 of them, open and silent.

Both sides' words are real ones. The request is taken from DCMTK's ``storescu``, which proposes 64 storage SOP
classes in 128 presentation contexts, as many as an association can have: one half for lossless JPEG, the
other for the three uncompressed transfer syntaxes. The answer is what Orthanc said to it. A sink in Orthanc's
place, a process of its own, gives this answer to everybody and then says nothing.

``kb_each`` is what the recorder's resident memory has grown by for each association, from when it had just
started: the median of several recorders. The kernel's buffers of sockets are no part of it.
"""

import multiprocessing
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from bench.measuring import say
from bench.sending import SMALL, make_file, storescu
from bench.servers import orthanc
from bridge.recorder.associate import abort
from bridge.recorder.pdu import ASSOCIATE_AC, HEADER_LENGTH, PDU_HEADER
from tests.recorders import RecorderProcess

_ASSOCIATION_COUNT = 500
_ROUND_COUNT = 5


@dataclass(frozen=True)
class _Words:
    """How each association begins: two PDUs."""

    request: bytes
    answer: bytes


def measure() -> Iterator[dict[str, Any]]:
    request = _request_of_storescu()
    with orthanc() as source, socket.create_connection(("127.0.0.1", source.dicom_port)) as client:
        words = _Words(request, _ask(client, request))
        client.sendall(abort(0, 0))
    with _sink(words) as port:
        found = [_kb_each(port, words) for _ in range(_ROUND_COUNT)]
    say(f"kB for each association: {', '.join(f'{one:.1f}' for one in found)}")
    yield {
        "kb_each": round(median(found), 1),
        "associations": _ASSOCIATION_COUNT,
        "request_bytes": len(request),
    }


def _kb_each(sink_port: int, words: _Words) -> float:
    limits = {"max_associations": _ASSOCIATION_COUNT, "max_associations_per_address": _ASSOCIATION_COUNT}
    with RecorderProcess(sink_port, **limits) as recorder, ExitStack() as clients:
        process = psutil.Process(recorder.pid)
        before = process.memory_info().rss
        for _ in range(_ASSOCIATION_COUNT):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", recorder.port)))
            if _ask(client, words.request) != words.answer:
                raise RuntimeError("the recorder let somebody else answer")
        return (process.memory_info().rss - before) / 1024 / _ASSOCIATION_COUNT


def _request_of_storescu() -> bytes:
    with (
        tempfile.TemporaryDirectory(prefix="noctis-bench-") as folder,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        file = make_file(Path(folder), SMALL)
        with storescu("--propose-lossless", port=listener.getsockname()[1], file=file) as process:
            client, _ = listener.accept()
            with client:
                request = _read_pdu(client)
                process.kill()
    return request


def _ask(client: socket.socket, request: bytes) -> bytes:
    client.sendall(request)
    answer = _read_pdu(client)
    if answer[0] != ASSOCIATE_AC:
        raise RuntimeError("an association is refused")
    return answer


def _read_pdu(connection: socket.socket) -> bytes:
    header = connection.recv(HEADER_LENGTH, socket.MSG_WAITALL)
    _, length = PDU_HEADER.unpack(header)
    return header + connection.recv(length, socket.MSG_WAITALL)


@contextmanager
def _sink(words: _Words) -> Iterator[int]:
    """Its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=_ASSOCIATION_COUNT) as listener:
        process = multiprocessing.get_context("spawn").Process(
            target=_answer_all, args=(listener, words), daemon=True
        )
        process.start()
        try:
            yield listener.getsockname()[1]
        finally:
            process.terminate()
            process.join()


def _answer_all(listener: socket.socket, words: _Words) -> None:
    silent = []
    while True:
        connection, _ = listener.accept()
        if _read_pdu(connection) == words.request:
            connection.sendall(words.answer)
        silent.append(connection)
