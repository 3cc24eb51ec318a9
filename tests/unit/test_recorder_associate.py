"""Association requests and their answers: read as pynetdicom reads them, refused when they aren't any."""

from collections.abc import Callable
from contextlib import suppress
from struct import pack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.pdu import A_ABORT_RQ, A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    AsynchronousOperationsWindowNegotiation,
    SCP_SCU_RoleSelectionNegotiation,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityNegotiation,
)
from pynetdicom.sop_class import Verification

from bridge.recorder import associate
from bridge.recorder.associate import AssociationRequest, read_acceptance, read_request, request_in
from bridge.recorder.pdu import LONGEST_CONTROL_PDU, Unreadable
from tests import conversations as say

_HEADER_LENGTH = 6
_ONE_CONTEXT = say.request({1: (Verification, [say.IMPLICIT])})
_LETTERS = st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\\")


def uids() -> st.SearchStrategy[str]:
    return st.lists(st.integers(0, 10**9), min_size=1, max_size=6).map(
        lambda numbers: ".".join(map(str, [1, 2, *numbers]))
    )


def ae_titles() -> st.SearchStrategy[str]:
    return st.text(_LETTERS, min_size=1, max_size=16)


def presentation_contexts() -> st.SearchStrategy[dict[int, tuple[str, list[str]]]]:
    asked = st.tuples(uids(), st.lists(uids(), min_size=1, max_size=5, unique=True))
    ids = st.sampled_from(range(1, 256, 2))
    return st.dictionaries(ids, asked, min_size=1, max_size=20)


def _filled(item: Any, **values: object) -> Any:
    for name, value in values.items():
        setattr(item, name, value)
    return item


@st.composite
def user_information(draw: st.DrawFn) -> list[Any]:
    """Everything else that may be negotiated (PS3.7 D.3.3)."""
    identity = _filled(UserIdentityNegotiation(), user_identity_type=2, positive_response_requested=True)
    identity.primary_field = draw(st.binary(min_size=1, max_size=30))
    identity.secondary_field = draw(st.binary(min_size=1, max_size=30))
    window = _filled(
        AsynchronousOperationsWindowNegotiation(),
        maximum_number_operations_invoked=draw(st.integers(0, 65535)),
        maximum_number_operations_performed=draw(st.integers(0, 65535)),
    )
    roles = [
        _filled(
            SCP_SCU_RoleSelectionNegotiation(), sop_class_uid=uid, scu_role=True, scp_role=draw(st.booleans())
        )
        for uid in draw(st.lists(uids(), max_size=3, unique=True))
    ]
    extended = [
        _filled(
            SOPClassExtendedNegotiation(),
            sop_class_uid=uid,
            service_class_application_information=draw(st.binary(min_size=1, max_size=8)),
        )
        for uid in draw(st.lists(uids(), max_size=3, unique=True))
    ]
    common = [
        _filled(
            SOPClassCommonExtendedNegotiation(),
            sop_class_uid=uid,
            service_class_uid=draw(uids()),
            related_general_sop_class_identification=draw(st.lists(uids(), max_size=3)),
        )
        for uid in draw(st.lists(uids(), max_size=2, unique=True))
    ]
    items = [window, identity, *roles, *extended, *common]
    return draw(st.lists(st.sampled_from(items), unique_by=id))


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    return say.request(
        draw(presentation_contexts()),
        calling=draw(ae_titles()),
        called=draw(ae_titles()),
        user_information=draw(user_information()),
        version_name=draw(st.text(_LETTERS, min_size=1, max_size=16)),
    )


def decoded(kind: Any, pdu: bytes) -> Any:
    """By pynetdicom."""
    found = kind()
    found.decode(pdu)
    return found


@given(requests())
def test_a_request_is_read_as_pynetdicom_reads_it(pdu: bytes) -> None:
    wanted = decoded(A_ASSOCIATE_RQ, pdu)

    body = request_in(pdu)
    assert body is not None
    request = read_request(body)

    assert request.calling_ae_title.decode().strip() == wanted.calling_ae_title
    assert request.called_ae_title.decode().strip() == wanted.called_ae_title
    assert request.implementation_class_uid == wanted.user_information.implementation_class_uid
    assert request.implementation_version_name == wanted.user_information.implementation_version_name
    assert [context.as_json() for context in request.contexts.values()] == [
        [one.context_id, one.abstract_syntax, list(one.transfer_syntax), None, ""]
        for one in wanted.presentation_context
    ]


def test_a_request_may_ask_for_as_much_as_ids_allow() -> None:
    syntaxes = [f"1.2.840.10008.1.2.4.{number}" for number in range(40)]
    pdu = say.request({id_: (f"1.2.840.10008.5.1.4.1.1.{id_}", syntaxes) for id_ in range(1, 256, 2)})

    contexts = read_request(pdu[_HEADER_LENGTH:]).contexts

    assert list(contexts) == list(range(1, 256, 2))
    assert {tuple(context.transfer_syntaxes) for context in contexts.values()} == {tuple(syntaxes)}


@given(presentation_contexts(), st.data())
def test_an_acceptance_is_read_as_pynetdicom_reads_it(
    asked: dict[int, tuple[str, list[str]]], data: st.DataObject
) -> None:
    answers = {
        id_: (data.draw(st.sampled_from([0, 0, 1, 2, 3, 4])), data.draw(st.sampled_from(syntaxes)))
        for id_, (_, syntaxes) in asked.items()
        if data.draw(st.booleans())
    }
    pdu = say.acceptance(answers)
    request = read_request(say.request(asked)[_HEADER_LENGTH:])

    read_acceptance(pdu[_HEADER_LENGTH:], request.contexts)

    wanted = {one.context_id: one for one in decoded(A_ASSOCIATE_AC, pdu).presentation_context}
    assert wanted.keys() == answers.keys()
    results = {id_: one.result for id_, one in wanted.items()}
    accepted = {id_: one.transfer_syntax for id_, one in wanted.items() if one.result == 0}
    for id_, context in request.contexts.items():
        assert context.result == results.get(id_)
        assert context.accepted_syntax == accepted.get(id_, "")


@given(requests())
def test_a_request_is_awaited_until_it_is_whole_and_what_follows_is_left(pdu: bytes) -> None:
    assert {request_in(pdu[:length]) for length in range(1, len(pdu), 7)} == {None}
    assert request_in(pdu[:-1]) is None
    assert request_in(pdu + b"more") == pdu[_HEADER_LENGTH:]


@pytest.mark.parametrize(
    "received",
    [
        pytest.param(b"GET / HTTP/1.1\r\n", id="HTTP"),
        pytest.param(b"\x16\x03\x01", id="TLS"),
        pytest.param(say.release_request(), id="another PDU"),
        pytest.param(b"\0", id="a byte"),
        pytest.param(pack(">BxI", 1, LONGEST_CONTROL_PDU + 1), id="no end"),
        pytest.param(pack(">BxI", 1, 2**32 - 1), id="four gigabytes"),
    ],
)
def test_what_is_no_request_is_known_at_once(received: bytes) -> None:
    with pytest.raises(Unreadable):
        request_in(received)


@pytest.mark.parametrize("length", [0, 1, 67])
def test_a_request_without_its_fixed_fields_has_no_ae_titles(length: int) -> None:
    with pytest.raises(Unreadable, match="without AE titles"):
        associate.read_titles(bytes(length))


def test_a_request_may_ask_for_nothing_at_all() -> None:
    assert read_request(bytes(68)) == AssociationRequest(bytes(16), bytes(16))


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_request_that_ends_within_an_item_is_unreadable(cut: int) -> None:
    with pytest.raises(Unreadable):
        read_request(_ONE_CONTEXT[_HEADER_LENGTH:-cut])


def test_an_answer_to_what_was_not_asked_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="wasn't asked for"):
        read_acceptance(say.acceptance({3: (0, say.IMPLICIT)})[_HEADER_LENGTH:], {})


@given(st.sampled_from([say.request(), say.acceptance()]), st.data())
def test_no_bytes_raise_anything_but_unreadable(pdu: bytes, data: st.DataObject) -> None:
    mutated = bytearray(pdu[_HEADER_LENGTH:])
    for at in data.draw(st.lists(st.integers(0, len(mutated) - 1), min_size=1, max_size=8)):
        mutated[at] = data.draw(st.integers(0, 255))
    contexts = read_request(say.request()[_HEADER_LENGTH:]).contexts
    body = bytes(mutated[: data.draw(st.integers(0, len(mutated)))])
    readings: list[Callable[[], object]] = [
        lambda: read_request(body),
        lambda: read_acceptance(body, contexts),
        lambda: request_in(body or b"\0"),
    ]
    for read in readings:
        with suppress(Unreadable):
            read()


@pytest.mark.parametrize("codes", [(1, 1, 3), (1, 1, 7), (2, 3, 1), (2, 3, 2)])
def test_our_rejections_say_their_codes_to_pynetdicom(codes: tuple[int, int, int]) -> None:
    pdu = decoded(A_ASSOCIATE_RJ, associate.rejection(*codes))

    assert (pdu.result, pdu.source, pdu.reason_diagnostic) == codes


def test_our_abort_says_its_codes_to_pynetdicom() -> None:
    pdu = decoded(A_ABORT_RQ, associate.abort(2, 0))

    assert (pdu.source, pdu.reason_diagnostic) == (2, 0)
