"""What two application entities say to each other, byte by byte, encoded by pynetdicom.

Its encoder is the oracle of our reading: nothing here is made with code of the recorder.
"""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

from pydicom import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_context, dimse_messages, dimse_primitives
from pynetdicom.dsutils import encode
from pynetdicom.pdu import (
    A_ABORT_RQ,
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RJ,
    A_ASSOCIATE_RQ,
    A_RELEASE_RP,
    A_RELEASE_RQ,
    P_DATA_TF,
)
from pynetdicom.pdu_primitives import (
    A_ABORT,
    A_ASSOCIATE,
    A_P_ABORT,
    P_DATA,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
)
from pynetdicom.sop_class import (
    CTImageStorage,
    ModalityWorklistInformationFind,
    StorageCommitmentPushModel,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME = "1.2.826.0.1.3680043.9.7433.9", "MODALITY_1"
IMPLICIT, EXPLICIT, BIG_ENDIAN = ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian
ECHO, STORE, FIND, MOVE, GET, COMMITMENT, WORKLIST, BIG_ENDIAN_FIND = range(1, 17, 2)
CONTEXTS: dict[int, tuple[str, str]] = {
    ECHO: (Verification, IMPLICIT),
    STORE: (CTImageStorage, EXPLICIT),
    FIND: (StudyRootQueryRetrieveInformationModelFind, EXPLICIT),
    MOVE: (StudyRootQueryRetrieveInformationModelMove, IMPLICIT),
    GET: (StudyRootQueryRetrieveInformationModelGet, IMPLICIT),
    COMMITMENT: (StorageCommitmentPushModel, IMPLICIT),
    WORKLIST: (ModalityWorklistInformationFind, IMPLICIT),
    BIG_ENDIAN_FIND: (StudyRootQueryRetrieveInformationModelFind, BIG_ENDIAN),
}
"""Ids of presentation contexts, their abstract syntaxes and the transfer syntaxes agreed on."""
_LONGEST_PDU = 16_382
_BY_USER, _NO_REASON = 0, 0


def request(
    contexts: Mapping[int, tuple[str, Sequence[str]]] | None = None,
    *,
    calling: str = "MODALITY",
    called: str = "NOCTIS",
    user_information: Sequence[Any] = (),
    version_name: str = IMPLEMENTATION_VERSION_NAME,
) -> bytes:
    """An A-ASSOCIATE-RQ. ``user_information`` is what comes beside the three items that always do."""
    primitive = _association(calling, called, user_information, version_name)
    primitive.presentation_context_definition_list = [
        _context(id_, abstract_syntax, syntaxes)
        for id_, (abstract_syntax, syntaxes) in (_asked() if contexts is None else contexts).items()
    ]
    return _encoded(A_ASSOCIATE_RQ, primitive)


def acceptance(answers: Mapping[int, tuple[int, str]] | None = None) -> bytes:
    """An A-ASSOCIATE-AC. ``answers``: result and transfer syntax by id; all are accepted without them."""
    primitive = _association("MODALITY", "NOCTIS", (), IMPLEMENTATION_VERSION_NAME)
    if answers is None:
        answers = {id_: (0, syntax) for id_, (_, syntax) in CONTEXTS.items()}
    contexts = []
    for id_, (result, syntax) in answers.items():
        contexts.append(_context(id_, "", [syntax]))
        contexts[-1].result = result
    primitive.presentation_context_definition_results_list = contexts
    return _encoded(A_ASSOCIATE_AC, primitive)


def rejection(result: int, source: int, reason: int) -> bytes:
    primitive = A_ASSOCIATE()
    primitive.result, primitive.result_source, primitive.diagnostic = result, source, reason
    return _encoded(A_ASSOCIATE_RJ, primitive)


def release_request() -> bytes:
    return bytes(A_RELEASE_RQ().encode())


def release_response() -> bytes:
    return bytes(A_RELEASE_RP().encode())


def abort() -> bytes:
    """By an application entity itself."""
    primitive = A_ABORT()
    primitive.abort_source = _BY_USER
    return _encoded(A_ABORT_RQ, primitive)


def provider_abort(reason: int) -> bytes:
    primitive = A_P_ABORT()
    primitive.provider_reason = reason
    return _encoded(A_ABORT_RQ, primitive)


def p_data(values: Sequence[tuple[int, bytes]]) -> bytes:
    """A P-DATA-TF; each of its values is ``(context, message control header and fragment)``."""
    primitive = P_DATA()
    primitive.presentation_data_value_list = [list(value) for value in values]
    return _encoded(P_DATA_TF, primitive)


def message(name: str, context_id: int, *, longest_pdu: int = _LONGEST_PDU, **parameters: Any) -> bytes:
    """A DIMSE message such as ``C_STORE_RQ`` in P-DATA-TF PDUs; data sets are given as bytes."""
    return b"".join(
        _encoded(P_DATA_TF, primitive)
        for primitive in _made(name, parameters).encode_msg(context_id, longest_pdu)
    )


def pdus_of(said: bytes) -> list[bytes]:
    pdus = []
    while said:
        end = 6 + int.from_bytes(said[2:6], "big")
        pdus.append(said[:end])
        said = said[end:]
    return pdus


def parts_of_message(name: str, **parameters: Any) -> tuple[bytes, bytes]:
    """Its command set, and its data set: empty when it has none."""
    made = _made(name, parameters)
    data_set = made.data_set.getvalue() if made.data_set else b""
    return encoded(made.command_set), data_set


def encoded(data_set: Dataset, syntax: str = IMPLICIT) -> bytes:
    found = encode(data_set, syntax == IMPLICIT, syntax != BIG_ENDIAN)
    assert found is not None
    return bytes(found)


def identifier(**elements: Any) -> Dataset:
    """A data set of these keywords."""
    data_set = Dataset()
    for keyword, value in elements.items():
        setattr(data_set, keyword, value)
    return data_set


def _made(name: str, parameters: Mapping[str, Any]) -> Any:
    primitive = getattr(dimse_primitives, name.removesuffix("_RQ").removesuffix("_RSP"))()
    for parameter, value in parameters.items():
        setattr(primitive, parameter, BytesIO(value) if isinstance(value, bytes) else value)
    made = getattr(dimse_messages, name)()
    made.primitive_to_message(primitive)
    return made


def _asked() -> dict[int, tuple[str, Sequence[str]]]:
    return {id_: (abstract, [syntax]) for id_, (abstract, syntax) in CONTEXTS.items()}


def _association(calling: str, called: str, items: Sequence[Any], version_name: str) -> Any:
    primitive = A_ASSOCIATE()
    primitive.application_context_name = "1.2.840.10008.3.1.1.1"
    primitive.calling_ae_title, primitive.called_ae_title = calling, called
    length, class_uid = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received = _LONGEST_PDU
    class_uid.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    version = ImplementationVersionNameNotification()
    version.implementation_version_name = version_name
    primitive.user_information = [length, class_uid, version, *items]
    return primitive


def _context(id_: int, abstract_syntax: str, syntaxes: Sequence[str]) -> Any:
    context = build_context(abstract_syntax or Verification, list(syntaxes))
    context.context_id = id_
    return context


def _encoded(kind: Any, primitive: Any) -> bytes:
    pdu = kind()
    pdu.from_primitive(primitive)
    return bytes(pdu.encode())
