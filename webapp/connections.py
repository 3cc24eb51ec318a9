"""Asks Orthanc to reach a node or a peer, while a person waits.

That the clinic can't be reached never looks like trouble of our own archive, nor the other way round. Each
C-ECHO is noted for the transfer log, which would else not know of it: what Orthanc asks passes no recorder.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from bridge.errors import OrthancRefused, OrthancUnavailable
from bridge.orthanc_client import ECHO_SECONDS, OrthancClient
from database.models import ConnectionTest
from webapp.connection_words import Node, node_words, peer_words
from webapp.services import current_database, current_orthanc
from webapp.sessions import current_user

_UNTESTED = "not tested: our own image archive (Orthanc) doesn't answer us. This says nothing about them"

_LONGEST_VERSION = 40


@dataclass(frozen=True, slots=True)
class Finding:
    outcome: Literal["ok", "failed", "untested"]
    """*untested*: nothing is known, as our own archive didn't answer."""
    text: str


def try_node(node: Node, *, local_ae_title: str, uses_tls: bool) -> Finding:
    """A C-ECHO from Orthanc, as the present user."""
    started_at = datetime.now(UTC)
    try:
        with current_orthanc() as orthanc:
            finding = _echo(orthanc, node, local_ae_title, uses_tls=uses_tls)
    except (OrthancUnavailable, OrthancRefused):
        return Finding("untested", _UNTESTED)
    _note(node, finding, started_at)
    return finding


def try_peer(name: str) -> Finding:
    """``name`` is Orthanc's id of the peer."""
    try:
        with current_orthanc() as orthanc:
            return _ask_peer(orthanc, name)
    except (OrthancUnavailable, OrthancRefused):
        return Finding("untested", _UNTESTED)


def _echo(orthanc: OrthancClient, node: Node, local_ae_title: str, *, uses_tls: bool) -> Finding:
    began = time.monotonic()
    try:
        orthanc.echo(node.ae_title, node.host, node.port, local_ae_title=local_ae_title, uses_tls=uses_tls)
    except OrthancRefused as refusal:
        return _if_orthanc_is_well(orthanc, node_words(refusal.details, node, ECHO_SECONDS))
    except OrthancUnavailable:
        return _if_orthanc_is_well(orthanc, f"no answer in time from {node.host}:{node.port}")
    return Finding("ok", f"answered in {_milliseconds(began)} ms")


def _note(node: Node, finding: Finding, started_at: datetime) -> None:
    with current_database().write() as session:
        session.add(
            ConnectionTest(
                started_at=started_at,
                ended_at=datetime.now(UTC),
                ae_title=node.ae_title,
                host=node.host,
                is_ok=finding.outcome == "ok",
                finding=finding.text,
                user_id=current_user().id,
            )
        )


def _ask_peer(orthanc: OrthancClient, name: str) -> Finding:
    began = time.monotonic()
    try:
        system: Any = orthanc.peer_system(name)  # whatever JSON is there
    except OrthancRefused as refusal:
        return _if_orthanc_is_well(orthanc, peer_words(refusal.details))
    except OrthancUnavailable:
        return _if_orthanc_is_well(orthanc, "no answer in time, or it says that it is unavailable")
    if not isinstance(system, dict) or "Version" not in system:
        return Finding("failed", "not an Orthanc: it answers, but doesn't say its version")
    version = "".join(filter(str.isprintable, str(system["Version"])))[:_LONGEST_VERSION]
    return Finding("ok", f"answered in {_milliseconds(began)} ms: Orthanc {version}")


def _if_orthanc_is_well(orthanc: OrthancClient, text: str) -> Finding:
    """It may be ours that fails: it is down, or refuses us. Raises OrthancUnavailable or OrthancRefused then.

    A slow look-up of a name or a slow peer looks as if ours were down, and a peer's 403 as if ours said it.
    """
    orthanc.system()
    return Finding("failed", text)


def _milliseconds(began: float) -> int:
    return max(1, round((time.monotonic() - began) * 1000))
