"""How real associations begin: taken from ``storescu`` and Orthanc, for benchmarks that speak for both."""

import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.sending import SMALL, make_file, storescu
from bridge.recorder.associate import abort
from bridge.recorder.pdu import ASSOCIATE_AC, HEADER_LENGTH, PDU_HEADER
from tests.orthanc_process import OrthancProcess


@dataclass(frozen=True)
class Opening:
    """Two PDUs: an A-ASSOCIATE-RQ and its A-ASSOCIATE-AC.

    DCMTK's ``storescu`` proposes 64 storage SOP classes in 128 presentation contexts, as many as an
    association can have: one half for lossless JPEG, the other for the three uncompressed transfer syntaxes.
    """

    request: bytes
    answer: bytes


def opening(source: OrthancProcess) -> Opening:
    """As ``storescu`` and this Orthanc say it."""
    request = _request_of_storescu()
    with socket.create_connection(("127.0.0.1", source.dicom_port)) as client:
        answer = ask(client, request)
        client.sendall(abort(0, 0))
    return Opening(request, answer)


def ask(client: socket.socket, request: bytes) -> bytes:
    """The A-ASSOCIATE-AC to it."""
    client.sendall(request)
    answer = read_pdu(client)
    if answer[0] != ASSOCIATE_AC:
        raise RuntimeError("an association is refused")
    return answer


def read_pdu(connection: socket.socket) -> bytes:
    header = connection.recv(HEADER_LENGTH, socket.MSG_WAITALL)
    _, length = PDU_HEADER.unpack(header)
    return header + connection.recv(length, socket.MSG_WAITALL)


def _request_of_storescu() -> bytes:
    with (
        tempfile.TemporaryDirectory(prefix="noctis-bench-") as folder,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        file = make_file(Path(folder), SMALL)
        with storescu("--propose-lossless", port=listener.getsockname()[1], file=file) as process:
            client, _ = listener.accept()
            with client:
                request = read_pdu(client)
                process.kill()
    return request
