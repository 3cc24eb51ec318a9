"""Orthanc's texts in words: every one here was measured (Orthanc 1.10.1, one of 1.13.0)."""

import pytest

from webapp.connection_words import Node, node_words, peer_words

NODE = Node("CLINIC02", "192.0.2.7", 104, "NOCTIS")
CONNECTING = 'DicomAssociation - connecting to AET "CLINIC02": '
ECHOING = 'DicomAssociation - C-ECHO to AET "CLINIC02": '


@pytest.mark.parametrize(
    ("details", "words"),
    [
        (f"{CONNECTING}Attempt to connect to unknown host: 192.0.2.7", "unknown host: the name 192.0.2.7"),
        (
            f"{CONNECTING}TCP Initialization Error: Connection refused",
            "connection refused: nothing listens on 192.0.2.7:104",
        ),
        (
            f"{CONNECTING}TCP Initialization Error: Operation now in progress",  # 1.13.0
            "connection refused: nothing listens on 192.0.2.7:104",
        ),
        (
            f"{CONNECTING}DUL Association Rejected",
            "rejected: they don't know our AE title NOCTIS, or don't answer to CLINIC02",
        ),
        (f"{CONNECTING}DUL network read timeout", "no answer in 5 s from 192.0.2.7:104"),
        (
            f"{ECHOING}DIMSE No data available (timeout in non-blocking mode)",
            "no answer in 5 s from 192.0.2.7:104",
        ),
        (f"{CONNECTING}Unrecognized PDU type: 48", "not a DICOM server"),
        (f"{CONNECTING}Peer aborted Association (or never connected)", "aborted: something listens on"),
        (f"{ECHOING}Peer aborted Association (or never connected)", "aborted: something listens on"),
        ('Unable to negotiate a presentation context with AET "CLINIC02"', "they don't accept C-ECHO"),
        (
            "DICOM TLS - No path to the private key of the local certificate was provided",
            "TLS isn't set up in our archive",
        ),
        ("Internal Server Error", "answered the C-ECHO with a failure"),
    ],
)
def test_what_a_node_answers_is_said_in_words(details: str, words: str) -> None:
    assert words in node_words(details, NODE, 5)


def test_what_nobody_foresaw_is_said_in_orthancs_own_words() -> None:
    assert node_words(f"{CONNECTING}The moon is full", NODE, 5) == "failed: The moon is full"
    assert node_words("", NODE, 5) == "failed, and Orthanc doesn't say why"


def test_an_ae_title_that_reads_like_an_error_misleads_nobody() -> None:
    details = 'DicomAssociation - connecting to AET "TIMEOUT": DUL Association Rejected'
    assert node_words(details, NODE, 5).startswith("rejected:")


@pytest.mark.parametrize(
    ("details", "words"),
    [
        ("libCURL error: Couldn't connect to server", "connection refused or unreachable"),
        ("libCURL error: Couldn't resolve host name", "unknown host"),
        ("libCURL error: Timeout was reached", "no answer in time"),
        ("libCURL error: Failure when receiving data from the peer", "not an Orthanc"),
        ("libCURL error: Problem with the SSL CA cert (path? access rights?)", "no certificates to trust"),
        ("This HTTP status is not allowed in a REST API", "user name and password, or no Orthanc"),
        ("an answer that is no JSON", "not an Orthanc"),
        ("user name or password not accepted", "user name and password"),
        ("No peer with symbolic name: noctis-peer-3", "not registered yet"),
        ("Bad Request", "not an Orthanc"),
        ("", "failed, and Orthanc doesn't say why"),
        ("Something new", "failed: Something new"),
    ],
)
def test_what_a_peer_answers_is_said_in_words(details: str, words: str) -> None:
    assert words in peer_words(details)
