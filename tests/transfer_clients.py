"""DICOM clients that say what they saw: DCMTK's programs and pynetdicom, to compare with the transfer log.

What DCMTK saw is read from its own words, and what pynetdicom saw from its own answers: no code of the
recorder has a part in it.
"""

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from uuid import uuid4

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import encode
from pynetdicom.pdu import P_DATA_TF
from pynetdicom.sop_class import (
    CTImageStorage,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from emulator.studies import make_study, part10_bytes

AE_TITLE = "NOCTIS"
_DCMTK_STATUS = re.compile(r"DIMSE Status\s*: 0x([0-9a-f]{4})")
_PENDING = {0xFF00, 0xFF01}
_DCMTK_REASONS = {
    "Called AE Title Not Recognized": (1, 1, 7),
    "Calling AE Title Not Recognized": (1, 1, 3),
    "Temporary Congestion": (2, 3, 1),
}
_KINDS = {"echoscu": "c-echo", "storescu": "c-store", "findscu": "c-find", "movescu": "c-move"}


@dataclass(frozen=True)
class Seen:
    """One association as its client saw it: how it ended, and its operations with their statuses, in order.

    A status is None where no response came.
    """

    outcome: str
    codes: tuple[int, int, int] | None = None
    operations: tuple[tuple[str, int | None], ...] = ()


Client = Callable[[str, int], Seen]
"""With a calling AE title, to a port of this machine."""


def new_study(*, instance_count: int, pixel_byte_count: int | None = None) -> list[Dataset]:
    """One that was never sent before."""
    return make_study(seed=uuid4().hex, instance_count=instance_count, pixel_byte_count=pixel_byte_count)


# DCMTK


def dcmtk(program: str, *options: str | Path, called: str = AE_TITLE) -> Client:
    def run(ae_title: str, port: int) -> Seen:
        done = subprocess.run(
            [program, "-d", "-aet", ae_title, "-aec", called, "127.0.0.1", str(port), *map(str, options)],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=120,
            check=False,
        )
        return _read_dcmtk(_KINDS[program], done.stdout + done.stderr)

    return run


def _read_dcmtk(kind: str, said: str) -> Seen:
    for words, codes in _DCMTK_REASONS.items():
        if f"Reason: {words}" in said:
            return Seen("orthanc-unavailable" if codes == (2, 3, 1) else "rejected", codes)
    statuses = [int(text, 16) for text in _DCMTK_STATUS.findall(said)]
    statuses += [0x0000] * said.count("Received Echo Response (Success)")
    final = tuple((kind, status) for status in statuses if status not in _PENDING)
    if "Peer aborted Association" in said or "Peer Aborted Association" in said:
        return Seen("aborted", None, (*final, (kind, None)))
    assert "Releasing Association" in said, said
    return Seen("released", None, final)


def dcmtk_find() -> Client:
    return dcmtk(
        "findscu", "-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientID=", "-k", "StudyInstanceUID"
    )


def dcmtk_move(destination: str, study_instance_uid: str) -> Client:
    keys = ("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study_instance_uid}")
    return dcmtk("movescu", "-S", "-aem", destination, *keys)


def stored_by_dcmtk(ae_title: str, port: int, files: list[Path]) -> set[str]:
    """The names (without ending) of the files that storescu saw acknowledged, whatever happens on the way."""
    done = subprocess.run(
        ["storescu", "-v", "-aet", ae_title, "-aec", AE_TITLE, "127.0.0.1", str(port), *map(str, files)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    sent = ""
    stored = set()
    for line in (done.stdout + done.stderr).splitlines():
        if line.startswith("I: Sending file: "):
            sent = Path(line.removeprefix("I: Sending file: ")).stem
        elif line == "I: Received Store Response (Success)":
            stored.add(sent)
    return stored


# pynetdicom


@contextmanager
def associated(ae_title: str, port: int, called: str = AE_TITLE) -> Iterator[Association]:
    """Raises AssertionError when it isn't accepted."""
    association = _associate(ae_title, port, called)
    assert association.is_established, "the association isn't accepted"
    yield association
    if association.is_established:
        association.release()


def _associate(ae_title: str, port: int, called: str) -> Association:
    ae = AE(ae_title)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 60
    for context in (
        Verification,
        StudyRootQueryRetrieveInformationModelFind,
        StudyRootQueryRetrieveInformationModelMove,
        StudyRootQueryRetrieveInformationModelGet,
    ):
        ae.add_requested_context(context, ImplicitVRLittleEndian)
    ae.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
    association = ae.associate("127.0.0.1", port, ae_title=called)

    def give_back(message: object, context_id: int) -> None:
        association.dimse.msg_queue.put((context_id, message))  # see bridge.scu: pynetdicom loses answers

    association._serve_request = give_back
    return association


def pynetdicom_echo(ae_title: str, port: int) -> Seen:
    with associated(ae_title, port) as association:
        answers = [association.send_c_echo() for _ in range(3)]
    return Seen("released", None, tuple(("c-echo", answer.Status) for answer in answers))


def pynetdicom_store(count: int) -> Client:
    def run(ae_title: str, port: int) -> Seen:
        datasets = new_study(instance_count=count)
        with associated(ae_title, port) as association:
            answers = [association.send_c_store(dataset) for dataset in datasets]
        return Seen("released", None, tuple(("c-store", answer.get("Status")) for answer in answers))

    return run


def store_twice(ae_title: str, port: int) -> Seen:
    (dataset,) = new_study(instance_count=1)
    with associated(ae_title, port) as association:
        answers = [association.send_c_store(dataset) for _ in range(2)]
    return Seen("released", None, tuple(("c-store", answer.Status) for answer in answers))


def store_without_study(ae_title: str, port: int) -> Seen:
    (dataset,) = new_study(instance_count=1)
    del dataset.StudyInstanceUID
    with associated(ae_title, port) as association:
        answer = association.send_c_store(dataset)
    return Seen("released", None, (("c-store", answer.Status),))


def store_under_another_uid(ae_title: str, port: int) -> Seen:
    """The command names another SOP instance than the data set."""
    (dataset,) = new_study(instance_count=1)
    with associated(ae_title, port) as association:
        request, context_id = _store_request(association, dataset)
        request.AffectedSOPInstanceUID = generate_uid()
        association._reactor_checkpoint.clear()
        association.dimse.send_msg(request, context_id)
        _, answer = association.dimse.get_msg(block=True)
        association._reactor_checkpoint.set()
    return Seen("released", None, (("c-store", answer.Status),))


def store_half(ae_title: str, port: int) -> Seen:
    """The connection breaks in the middle of the data set."""
    (dataset,) = new_study(instance_count=1, pixel_byte_count=200_000)
    with associated(ae_title, port) as association:
        request, context_id = _store_request(association, dataset)
        message = C_STORE_RQ()
        message.primitive_to_message(request)
        sent = bytearray()
        for primitive in message.encode_msg(context_id, 16382):
            pdu = P_DATA_TF()
            pdu.from_primitive(primitive)
            sent += pdu.encode()
        connection = association.dul.socket.socket
        connection.sendall(sent[:100_000])
        connection.close()
        association.kill()
    return Seen("connection-lost", None, (("c-store", None),))


def _store_request(association: Association, dataset: Dataset) -> tuple[C_STORE, int]:
    request = C_STORE()
    request.MessageID = 7
    request.AffectedSOPClassUID = dataset.SOPClassUID
    request.AffectedSOPInstanceUID = dataset.SOPInstanceUID
    request.Priority = 2
    encoded = encode(dataset, is_implicit_vr=False, is_little_endian=True)
    assert encoded is not None
    request.DataSet = BytesIO(encoded)
    context = next(one for one in association.accepted_contexts if one.abstract_syntax == CTImageStorage)
    assert context.context_id is not None
    return request, context.context_id


def abort_after_echo(ae_title: str, port: int) -> Seen:
    with associated(ae_title, port) as association:
        answer = association.send_c_echo()
        association.abort()
    return Seen("aborted", None, (("c-echo", answer.Status),))


def pynetdicom_find(ae_title: str, port: int) -> Seen:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "STUDY"
    identifier.PatientName = "*"
    identifier.StudyInstanceUID = ""
    with associated(ae_title, port) as association:
        responses = association.send_c_find(identifier, StudyRootQueryRetrieveInformationModelFind)
        final = [status.get("Status") for status, _ in responses][-1]
    return Seen("released", None, (("c-find", final),))


def pynetdicom_move(destination: str, study_instance_uid: str) -> Client:
    def run(ae_title: str, port: int) -> Seen:
        identifier = Dataset()
        identifier.QueryRetrieveLevel = "STUDY"
        identifier.StudyInstanceUID = study_instance_uid
        with associated(ae_title, port) as association:
            responses = association.send_c_move(
                identifier, destination, StudyRootQueryRetrieveInformationModelMove
            )
            final = [status.get("Status") for status, _ in responses][-1]
        return Seen("released", None, (("c-move", final),))

    return run


def write_file(folder: Path, pixel_byte_count: int = 3000) -> Path:
    """A new instance for storescu."""
    (dataset,) = new_study(instance_count=1, pixel_byte_count=pixel_byte_count)
    path = folder / f"{dataset.SOPInstanceUID}.dcm"
    path.write_bytes(part10_bytes(dataset))
    return path


@contextmanager
def storage_node(ae_title: str) -> Iterator[int]:
    """A node that takes what a C-MOVE sends; its port."""
    ae = AE(ae_title)
    ae.add_supported_context(CTImageStorage, ExplicitVRLittleEndian)
    server = ae.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, lambda _event: 0x0000)]
    )
    assert server is not None
    yield server.socket.getsockname()[1]
    server.shutdown()
    server.server_close()
