"""DICOM over TLS, which ends in the recorder: it records whose certificate it was, and every byte arrives."""

import random
import socket
import ssl
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from bridge.recorder.records import Record
from tests import conversations as say
from tests import messages
from tests.certificates import Certificate, make_certificate
from tests.orthanc_process import free_port
from tests.overhearing import assert_whole
from tests.sinks import SECONDS, accepted, exchange, read_all, read_exactly, send_until_it_blocks
from tests.sites import Site, site
from tests.waiting import wait_until

_MEGABYTE = 2**20
_SUBJECT = x509.Name(
    [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, 'Klinik "Süd", Haus 3 + 4'),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, " Radiologie "),
        x509.NameAttribute(NameOID.COMMON_NAME, "#ct1;<a\\b>"),
    ]
)


class TLSSite(NamedTuple):
    """A site whose recorder has a TLS port. It knows the client's certificate if it demands any."""

    site: Site
    port: int
    server: Certificate
    client: Certificate

    def context(self, certificate: Certificate | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.server.certificate))
        if certificate is not None:
            context.load_cert_chain(certificate.certificate, certificate.key)
        return context

    def connected(
        self,
        certificate: Certificate | None = None,
        version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
        ciphers: str = "DEFAULT",
    ) -> ssl.SSLSocket:
        context = self.context(certificate)
        context.minimum_version = context.maximum_version = version
        context.set_ciphers(ciphers)
        plain = socket.create_connection(("127.0.0.1", self.port), SECONDS)
        return context.wrap_socket(plain, server_hostname="127.0.0.1")

    def associated(self, **options: Any) -> tuple[ssl.SSLSocket, socket.socket]:
        remote = self.connected(self.client, **options)
        remote.sendall(say.request())
        orthanc = accepted(self.site.server)
        assert read_exactly(orthanc, len(say.request())) == say.request()
        return remote, orthanc

    def ended(self) -> list[Record]:
        return [one for one in self.site.recorder.records() if "outcome" in one]


@contextmanager
def tls_site(folder: Path, *, demands_certificates: bool) -> Iterator[TLSSite]:
    server, client = make_certificate(folder), make_certificate(folder, "client", subject=_SUBJECT)
    settings: dict[str, object] = {
        "dicom_tls_port": (port := free_port()),
        "dicom_tls_certificate": server.certificate,
        "dicom_tls_key": server.key,
        "dicom_tls_client_ca": client.certificate if demands_certificates else "",
    }
    with site(**settings) as one:
        yield TLSSite(one, port, server, client)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TLSSite]:
    """It demands the client's certificate."""
    with tls_site(tmp_path_factory.mktemp("tls"), demands_certificates=True) as one:
        yield one


def noise(length: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(length)  # noqa: S311 - no secrets


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_clients_certificate_is_recorded_with_what_it_did(tls: TLSSite, version: ssl.TLSVersion) -> None:
    count = len(tls.ended())
    remote, orthanc = tls.associated(version=version)
    with remote, orthanc:
        dialogue = [
            (orthanc, remote, say.acceptance()),
            (remote, orthanc, messages.store()),
            (orthanc, remote, messages.store_response()),
            (remote, orthanc, say.release_request()),
            (orthanc, remote, say.release_response()),
        ]
        for speaker, listener, said in dialogue:
            speaker.sendall(said)
            assert read_exactly(listener, len(said)) == said

    records = tls.site.ended_associations(count + 1)[-1]
    assert_whole(records)
    ended = records[-1]
    assert ended["is_tls"] is True
    assert ended["tls_subject"] == _SUBJECT.rfc4514_string()
    assert (ended["outcome"], ended["operation_count"]) == ("released", 1)


def test_without_authorities_nobody_needs_a_certificate(tmp_path: Path) -> None:
    with tls_site(tmp_path, demands_certificates=False) as one:
        for certificate in (None, one.client):
            with one.connected(certificate) as remote:
                remote.sendall(say.request())
                with accepted(one.site.server) as orthanc:
                    assert read_exactly(orthanc, len(say.request())) == say.request()
        associations = one.site.ended_associations(2)

    assert [(records[-1]["is_tls"], records[-1]["tls_subject"]) for records in associations] == [
        (True, "")
    ] * 2


def test_on_the_plain_port_nothing_of_tls_is_recorded(tls: TLSSite) -> None:
    count = len(tls.ended())
    remote, orthanc = tls.site.associated()
    remote.close()
    orthanc.close()

    assert "is_tls" not in tls.site.last_ended(count + 1)


def without_certificate(tls: TLSSite, _folder: Path) -> None:
    with tls.connected() as client:
        client.recv(1)


def with_a_strangers_certificate(tls: TLSSite, folder: Path) -> None:
    with tls.connected(make_certificate(folder, "stranger")) as client:
        client.recv(1)


def with_an_old_version(tls: TLSSite, _folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that it is old is the point
        tls.connected(tls.client, ssl.TLSVersion.TLSv1_1, ciphers="DEFAULT:@SECLEVEL=0").close()


def without_trust_in_us(tls: TLSSite, _folder: Path) -> None:
    with socket.create_connection(("127.0.0.1", tls.port), SECONDS) as plain:
        ssl.create_default_context().wrap_socket(plain, server_hostname="127.0.0.1")


@pytest.mark.parametrize(
    ("attempt", "reason"),
    [
        (without_certificate, "PEER_DID_NOT_RETURN_A_CERTIFICATE"),
        (with_a_strangers_certificate, "CERTIFICATE_VERIFY_FAILED"),
        (with_an_old_version, "UNSUPPORTED_PROTOCOL"),
        (without_trust_in_us, "UNKNOWN_CA"),
    ],
)
def test_a_handshake_that_fails_is_recorded_with_its_reason(
    tls: TLSSite, attempt: Callable[[TLSSite, Path], None], reason: str, tmp_path: Path
) -> None:
    count = len(tls.ended())
    with pytest.raises(ssl.SSLError):
        attempt(tls, tmp_path)
    assert_recorded_as_failed(tls, count, reason)


@pytest.mark.parametrize("said", [say.request(), b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01"])
def test_what_is_no_handshake_is_recorded_as_such(tls: TLSSite, said: bytes) -> None:
    count = len(tls.ended())
    with socket.create_connection(("127.0.0.1", tls.port), SECONDS) as client:
        client.sendall(said)
        with suppress(OSError):  # it may have been sent away already
            client.shutdown(socket.SHUT_WR)
        read_all(client)
    assert_recorded_as_failed(tls, count, "the TLS handshake")


def assert_recorded_as_failed(tls: TLSSite, count: int, reason: str) -> None:
    wait_until(lambda: len(tls.ended()) > count, "the handshake is recorded")
    ended = tls.ended()[count]
    assert (ended["outcome"], ended["ended_by"]) == ("not-dicom", "recorder")
    assert (ended["is_tls"], ended["tls_subject"]) == (True, "")
    assert reason in ended["opaque_reason"]


def test_whoever_only_looks_whether_the_port_is_open_leaves_no_trace(tls: TLSSite) -> None:
    before = tls.site.recorder.records()
    for port in (tls.port, tls.site.recorder.port):
        for _ in range(5):
            socket.create_connection(("127.0.0.1", port), SECONDS).close()
    with tls.connected(tls.client) as client:  # they have been seen when this one is
        client.sendall(b"garbage")
        read_all(client)

    assert len(tls.site.recorder.records()) == len(before) + 1


def test_everything_arrives_as_it_was_sent(tls: TLSSite) -> None:
    for seed in range(4):
        remote, orthanc = tls.associated()
        with remote, orthanc:
            said = noise(8 * _MEGABYTE, seed), noise(8 * _MEGABYTE, -seed)
            assert exchange(remote, orthanc, *said, random.Random(seed)) == said  # noqa: S311


def test_small_pieces_arrive_as_they_were_sent(tls: TLSSite) -> None:
    for seed in range(20):
        remote, orthanc = tls.associated()
        with remote, orthanc:
            said = noise(seed * 1000, seed), noise(20_000 - seed * 1000, -seed)
            assert exchange(remote, orthanc, *said, random.Random(seed)) == said  # noqa: S311


def test_what_comes_with_the_request_in_one_piece_comes_through(tls: TLSSite) -> None:
    said = say.request() + noise(200_000, 1)
    with tls.connected(tls.client) as remote:
        remote.sendall(said)
        with accepted(tls.site.server) as orthanc:
            assert read_exactly(orthanc, len(said)) == said


def test_who_does_not_read_takes_no_memory(tls: TLSSite) -> None:
    said = noise(24 * _MEGABYTE, 5)
    process = psutil.Process(tls.site.recorder.pid)
    remote, orthanc = tls.associated()
    with remote, orthanc:
        before = process.memory_info().rss
        sent = send_until_it_blocks(orthanc, said)
        assert sent < len(said)
        assert process.memory_info().rss - before < 4 * _MEGABYTE
        assert read_exactly(remote, sent) == said[:sent]


def test_a_client_that_ends_its_side_may_still_be_answered(tls: TLSSite) -> None:
    """By hand, as Python's own sockets under TLS can't end one side alone."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    answer = say.acceptance() + noise(_MEGABYTE, 8)
    with socket.create_connection(("127.0.0.1", tls.port), SECONDS) as plain:

        def done(step: Callable[[], object]) -> Any:
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    plain.sendall(outgoing.read())
                    incoming.write(plain.recv(65_536))

        client = tls.context(tls.client).wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
        done(client.do_handshake)
        client.write(say.request())
        with suppress(ssl.SSLWantReadError):  # its farewell is said, ours is yet to come
            client.unwrap()
        plain.sendall(outgoing.read())
        with accepted(tls.site.server) as orthanc:
            assert read_all(orthanc) == say.request()
            orthanc.sendall(answer)
        heard = b""
        while len(heard) < len(answer):
            heard += done(client.read)
    assert heard == answer


def test_last_words_reach_a_client_that_goes_on_talking(tls: TLSSite) -> None:
    said = noise(24 * _MEGABYTE, 5)
    remote, orthanc = tls.associated()
    with remote:
        sent = send_until_it_blocks(remote, said)
        orthanc.sendall(say.abort())
        orthanc.close()
        remote.sendall(said[sent:])  # an RST would end this, and could cost a client what it hasn't read yet
        assert read_all(remote) == say.abort()


def test_a_client_that_vanishes_without_a_farewell_is_seen(tls: TLSSite) -> None:
    count = len(tls.ended())
    remote, orthanc = tls.associated()
    with orthanc:
        remote.close()
        assert read_all(orthanc) == b""

    ended = tls.site.last_ended(count + 1)
    assert (ended["outcome"], ended["ended_by"]) == ("connection-lost", "remote")
