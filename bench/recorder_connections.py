"""What an association costs the recorder while nothing happens in it: 500 of them, open and silent.

All begin with storescu's own words (``conversations.Opening``). A sink in Orthanc's place, a process of its
own, gives everybody the answer that Orthanc gave once, and then says nothing.

``kb_each`` is what the recorder's resident memory has grown by for each association, from when it had just
started: the median of several recorders. The kernel's buffers of sockets are no part of it.
"""

import multiprocessing
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Any

import psutil

from bench.conversations import Opening, ask, opening, read_pdu
from bench.measuring import say
from bench.servers import orthanc
from tests.recorders import RecorderProcess

_ASSOCIATION_COUNT = 500
_ROUND_COUNT = 5


def measure() -> Iterator[dict[str, Any]]:
    with orthanc() as source:
        words = opening(source)
    with _sink(words) as port:
        found = [_kb_each(port, words) for _ in range(_ROUND_COUNT)]
    say(f"kB for each association: {', '.join(f'{one:.1f}' for one in found)}")
    yield {"kb_each": round(median(found), 1), "associations": _ASSOCIATION_COUNT}


def _kb_each(sink_port: int, words: Opening) -> float:
    limits = {"max_associations": _ASSOCIATION_COUNT, "max_associations_per_address": _ASSOCIATION_COUNT}
    with RecorderProcess(sink_port, **limits) as recorder, ExitStack() as clients:
        process = psutil.Process(recorder.pid)
        before = process.memory_info().rss
        for _ in range(_ASSOCIATION_COUNT):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", recorder.port)))
            ask(client, words.request)
        return (process.memory_info().rss - before) / 1024 / _ASSOCIATION_COUNT


@contextmanager
def _sink(words: Opening) -> Iterator[int]:
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


def _answer_all(listener: socket.socket, words: Opening) -> None:
    silent = []
    while True:
        connection, _ = listener.accept()
        if read_pdu(connection) == words.request:
            connection.sendall(words.answer)
        silent.append(connection)
