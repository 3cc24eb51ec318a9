"""What may stand at the other end of a connection: DICOM nodes that answer as told, and what is no node."""

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Thread

from pynetdicom import AE, evt
from pynetdicom.sop_class import CTImageStorage, Verification

Talk = Callable[[socket.socket], None]
A_ABORT = bytes([7, 0, 0, 0, 0, 4, 0, 0, 2, 0])
"""PS3.8 9.3.8, by the service provider."""


@contextmanager
def dicom_node(
    ae_title: str,
    *,
    knows: Sequence[str] = (),
    status: int = 0x0000,
    knows_echo: bool = True,
    aborts: bool = False,
    port: int = 0,
) -> Iterator[int]:
    """A real SCP on loopback; its port. It answers those that it ``knows``, or all if none are given."""
    ae = AE(ae_title)
    ae.require_called_aet = True
    ae.require_calling_aet = list(knows)
    ae.add_supported_context(Verification if knows_echo else CTImageStorage)

    def answer(event: evt.Event) -> int:
        if aborts:
            event.assoc.abort()
        return status

    server = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_C_ECHO, answer)])
    assert server is not None
    yield server.socket.getsockname()[1]
    server.shutdown()


@contextmanager
def listener(talk: Talk) -> Iterator[int]:
    """A TCP server that talks with each client as told and then hangs up; its port."""
    server = socket.create_server(("127.0.0.1", 0))
    thread = Thread(target=_serve, args=(server, talk))
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        server.close()


def _serve(server: socket.socket, talk: Talk) -> None:
    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return
        with client:
            talk(client)


def says(answer: bytes) -> Talk:
    """Reads the request, answers, hangs up."""

    def talk(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(answer)

    return talk


def hangs_up(_client: socket.socket) -> None:
    """At once."""


def is_silent(client: socket.socket) -> None:
    """Until the other side gives up."""
    client.settimeout(60)
    while client.recv(65536):
        pass
