"""The DICOM client (SCU) of doctor, launcher and emulator: verifies, stores, and says what was answered.

The only module that imports pynetdicom.
"""

import socket
from collections.abc import Callable, Iterable, Sequence
from threading import Event
from typing import Final

from pydicom import Dataset
from pydicom.uid import UID
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext, build_context

NO_RESPONSE: Final = -1
"""In place of a status: the association ended before one came."""
NOT_NEGOTIATED: Final = 0x0122
"""In place of a status: no presentation context was accepted for it (PS3.7 C: SOP class not supported)."""

_VERIFICATION = "1.2.840.10008.1.1"
_MAX_CONTEXTS = 128  # PS3.8 9.3.2.2: odd numbers from 1 to 255
_MAX_PDU = 65536


class AssociationError(Exception):
    """No association came about; the text says why in words."""


def is_stored(status: int) -> bool:
    """Whether the SCP keeps the instance: success, or one of the warnings (PS3.4 B.2.3)."""
    return status == 0x0000 or status in {0x0001, 0x0107, 0x0116} or 0xB000 <= status <= 0xBFFF


def words_of(status: int) -> str:
    """A status for people, as far as this module gives it one."""
    if status == NO_RESPONSE:
        return "the association ended before the answer"
    if status == NOT_NEGOTIATED:
        return "this kind of object is not accepted"
    return f"answered with status 0x{status:04X}"


def echo(host: str, port: int, calling_ae_title: str, called_ae_title: str) -> int:
    """C-ECHO (PS3.4 A); answers its status, 0x0000 for success. Raises AssociationError."""
    contexts = [build_context(_VERIFICATION)]
    association = _associate(contexts, host, port, calling_ae_title, called_ae_title)
    try:
        answer = association.send_c_echo()
    except RuntimeError:  # pynetdicom: the association ended before the question
        return NO_RESPONSE
    finally:
        if association.is_established:
            association.release()
    return int(answer.Status) if "Status" in answer else NO_RESPONSE


def store(
    datasets: Sequence[Dataset],
    host: str,
    port: int,
    calling_ae_title: str,
    called_ae_title: str,
    on_answer: Callable[[Dataset, int], object] = lambda _dataset, _status: None,
) -> list[int]:
    """C-STORE all over one association; one status a data set, in their order.

    A status is the SCP's own (0x0000 is success), ``NOT_NEGOTIATED`` or ``NO_RESPONSE``. Each data set needs
    a ``file_meta`` with its transfer syntax, in which it is sent unchanged. ``on_answer`` hears each at once.
    Raises AssociationError when the SCP isn't there or rejects the association.
    """
    association = _associate(_contexts(datasets), host, port, calling_ae_title, called_ae_title)
    statuses: list[int] = []
    try:
        for dataset in datasets:
            is_lost = NO_RESPONSE in statuses[-1:]  # pynetdicom may not know yet, and would wait 30 s
            statuses.append(NO_RESPONSE if is_lost else _store_one(association, dataset))
            on_answer(dataset, statuses[-1])
    finally:
        if NO_RESPONSE in statuses[-1:]:
            association.abort()
        elif association.is_established:
            association.release()
    return statuses


def _store_one(association: Association, dataset: Dataset) -> int:
    wanted = _syntaxes(dataset)
    accepted = association.accepted_contexts
    if not any((context.abstract_syntax, context.transfer_syntax[0]) == wanted for context in accepted):
        return NOT_NEGOTIATED
    if not association.is_established:
        return NO_RESPONSE
    try:
        answer = association.send_c_store(dataset)
    except RuntimeError:  # pynetdicom: the association ended between our question and its
        return NO_RESPONSE
    return int(answer.Status) if "Status" in answer else NO_RESPONSE


def _associate(
    contexts: list[PresentationContext], host: str, port: int, calling_ae_title: str, called_ae_title: str
) -> Association:
    ae = AE(ae_title=calling_ae_title)
    ae.connection_timeout = 5
    ae.requested_contexts = contexts
    connected = Event()
    association = ae.associate(
        host,
        port,
        ae_title=called_ae_title,
        max_pdu=_MAX_PDU,
        evt_handlers=[(evt.EVT_CONN_OPEN, _on_connection, [connected])],
    )
    if association.is_established:
        _return_stolen_answers(association)
        return association
    if association.is_rejected:
        answer = association.acceptor.primitive
        raise AssociationError(f"{called_ae_title} rejects the association: {answer.reason_str}")
    if connected.is_set():
        raise AssociationError(f"{called_ae_title} ends the association before answering")
    raise AssociationError(f"No DICOM server answers at {host} port {port}")


def _on_connection(event: evt.Event, connected: Event) -> None:
    connected.set()
    # Nagle's algorithm would delay every small C-STORE by the other side's delayed ACK, 40 ms
    connection = event.assoc.dul.socket
    if connection is not None and connection.socket is not None:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _return_stolen_answers(association: Association) -> None:
    """Under load pynetdicom 3.0 loses answers: work around it.

    ``send_c_store`` pauses the association's own thread and waits for the answer, but may take the pause
    before it for its own. The thread then takes the answer away, finds that it is no request, and drops it.
    """

    def give_back(message: object, context_id: int) -> None:
        association.dimse.msg_queue.put((context_id, message))

    association._serve_request = give_back  # noqa: SLF001 - no public way; an SCU serves no requests


def _syntaxes(dataset: Dataset) -> tuple[UID, UID]:
    return dataset.SOPClassUID, dataset.file_meta.TransferSyntaxUID


def _contexts(datasets: Iterable[Dataset]) -> list[PresentationContext]:
    """One context for each pair of SOP class and transfer syntax, so that nothing has to be converted."""
    pairs = dict.fromkeys(_syntaxes(dataset) for dataset in datasets)
    if len(pairs) > _MAX_CONTEXTS:
        raise ValueError(
            f"{len(pairs)} kinds of instances: one association negotiates {_MAX_CONTEXTS} at most"
        )
    return [build_context(sop_class, transfer_syntax) for sop_class, transfer_syntax in pairs]
