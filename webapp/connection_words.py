"""What Orthanc says of a node or peer that it couldn't reach, in words that tell where to look. Pure.

Its texts are DCMTK's and libcurl's, measured with Orthanc 1.10.1; some differ with the version.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Node:
    """Whom we tried to reach. ``our_ae_title`` is how we called ourselves."""

    ae_title: str
    host: str
    port: int
    our_ae_title: str


_NODE_WORDS = (
    (("unknown host",), "unknown host: the name {host} leads to no address"),
    # Orthanc 1.13 says "Operation now in progress" where it was refused
    (
        ("connection refused", "operation now in progress"),
        "connection refused: nothing listens on {host}:{port}",
    ),
    (
        ("association rejected",),
        "rejected: they don't know our AE title {ours}, or don't answer to {theirs}",
    ),
    (
        ("no route to host", "network is unreachable"),
        "unreachable: no network leads from here to {host}",
    ),
    (("timeout", "timed out", "no data available"), "no answer in {seconds} s from {host}:{port}"),
    (
        ("unrecognized pdu",),
        "not a DICOM server: something else answers on {host}:{port}",
    ),
    (
        ("peer aborted", "aborted association"),
        "aborted: something listens on {host}:{port}, but it ended the connection",
    ),
    (("presentation context",), "connected, but they don't accept C-ECHO"),
    (
        ("dicom tls", "certificate"),
        "TLS isn't set up in our archive: give Orthanc a DicomTlsPrivateKey and DicomTlsCertificate first",
    ),
    (("internal server error",), "connected, but they answered the C-ECHO with a failure"),
)

_PEER_WORDS = (
    (("no peer with symbolic name",), "not registered yet: our archive doesn't know it so far"),
    (("resolve host",), "unknown host: its name leads to no address"),
    (("connect to server",), "connection refused or unreachable: nothing answers at this address"),
    (("timeout", "timed out"), "no answer in time"),
    (
        ("ssl ca cert",),
        "HTTPS isn't set up in our archive: Orthanc has no certificates to trust (HttpsCACertificates)",
    ),
    (("ssl", "tls", "certificate"), "its certificate isn't trusted, or it doesn't speak HTTPS"),
    (("user name or password",), "it doesn't accept this user name and password"),
    # Orthanc says so of 401, 404 and 503 alike
    (
        ("http status is not allowed",),
        "it doesn't accept this user name and password, or no Orthanc is at this address",
    ),
    (("receiving data", "server returned nothing"), "not an Orthanc: something else answers at this address"),
    (("bad request", "no json"), "not an Orthanc: this address answers, but not as Orthanc does"),
)


def node_words(details: str, node: Node, seconds: int) -> str:
    """Of a C-ECHO that failed. ``details`` are Orthanc's; it waited ``seconds``."""
    template = _look_up(_NODE_WORDS, details)
    if template is None:
        return f"failed: {_without_prefix(details)}" if details else "failed, and Orthanc doesn't say why"
    return template.format(
        host=node.host, port=node.port, ours=node.our_ae_title, theirs=node.ae_title, seconds=seconds
    )


def peer_words(details: str) -> str:
    """Of another Orthanc that couldn't be asked."""
    found = _look_up(_PEER_WORDS, details)
    return found or (f"failed: {details}" if details else "failed, and Orthanc doesn't say why")


def _look_up(table: tuple[tuple[tuple[str, ...], str], ...], details: str) -> str | None:
    text = _without_prefix(details).lower()
    return next((words for marks, words in table if any(mark in text for mark in marks)), None)


def _without_prefix(details: str) -> str:
    """The part that isn't a node's own: its AE title may read like an error."""
    return details.partition('": ')[2] or details
