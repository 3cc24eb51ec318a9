"""The emulated modalities against a real Orthanc, and against peers that refuse, fail and vanish."""

import os
import pty
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from threading import Event
from typing import Any

import pytest
import requests
from pynetdicom import AE, evt

from bridge.scu import NO_RESPONSE, NOT_NEGOTIATED, AssociationError, store
from emulator.catalogue import STUDIES
from emulator.documents import private_object
from emulator.studies import StudyPlan, make_study
from tests.orthanc_process import AE_TITLE, OrthancProcess, free_port

_INSTANCE_COUNT = sum(study.instance_count for study in STUDIES)


def _send(orthanc_port: int, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "emulator", "send", "--port", str(orthanc_port), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@contextmanager
def _peer(answers: list[int]) -> Iterator[int]:
    """An SCP that gives these statuses in turn, and hangs up when it has none left. Yields its port."""
    statuses = iter(answers)

    def answer(event: evt.Event) -> int:
        status = next(statuses, None)
        if status is None:
            event.assoc.dul.socket.close()
        return status or 0

    ae = AE(ae_title="PEER")
    for dataset in make_study():
        ae.add_supported_context(dataset.SOPClassUID)
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, answer)])
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


def test_the_whole_demo_arrives_and_a_second_run_changes_nothing(orthanc: OrthancProcess) -> None:
    first, second = _send(orthanc.dicom_port), _send(orthanc.dicom_port)

    assert (first.returncode, first.stderr) == (0, "")
    assert (second.returncode, second.stderr) == (0, "")
    assert f"{AE_TITLE} has stored {_INSTANCE_COUNT} instances." in first.stdout
    statistics = _get(orthanc, "/statistics")
    assert (statistics["CountStudies"], statistics["CountInstances"]) == (len(STUDIES), _INSTANCE_COUNT)


def test_everything_is_kept_in_the_encoding_in_which_it_was_sent(orthanc: OrthancProcess) -> None:
    sent = [dataset for study in STUDIES for dataset in study.datasets(date(2026, 3, 1))]

    statuses = store(sent, "127.0.0.1", orthanc.dicom_port, "DEMO_CT", AE_TITLE)

    metadata = [_get(orthanc, f"/instances/{id_}/metadata?expand") for id_ in _get(orthanc, "/instances")]
    assert set(statuses) == {0x0000}
    assert Counter(row["TransferSyntax"] for row in metadata) == Counter(
        dataset.file_meta.TransferSyntaxUID for dataset in sent
    )
    assert {row["RemoteAET"] for row in metadata} == {"DEMO_CT"}


def test_a_terminal_shows_one_progress_bar(orthanc: OrthancProcess) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "emulator", "send", "--studies", "2", "--port", str(orthanc.dicom_port)]
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs)
    os.close(theirs)

    shown = _read_all(ours)

    assert process.wait(timeout=60) == 0
    assert "Sending studies" in shown
    assert "55/55" in shown
    assert shown.strip().endswith(f"{AE_TITLE} has stored 55 instances.")


def test_a_wrong_called_ae_title_fails_in_words(orthanc: OrthancProcess) -> None:
    answer = _send(orthanc.dicom_port, "--called", "WRONG", "--studies", "1")

    assert answer.returncode == 1
    assert answer.stderr.strip() == (
        "36 instances not stored. DEMO_CT: WRONG rejects the association: Called AE title not recognised"
    )


def test_nobody_listening_fails_in_words() -> None:
    port = free_port()

    answer = _send(port, "--studies", "1")

    assert answer.returncode == 1
    assert f"No DICOM server answers at 127.0.0.1 port {port}" in answer.stderr


def test_what_the_server_does_not_take_is_told_from_what_it_stores() -> None:
    image = make_study(instance_count=1)[0]
    unknown = private_object(StudyPlan().uid("private"))
    with OrthancProcess(overrides={"UnknownSopClassAccepted": False}) as orthanc:
        statuses = store([unknown, image], "127.0.0.1", orthanc.dicom_port, "DEMO_CT", AE_TITLE)

    assert statuses == [NOT_NEGOTIATED, 0x0000]


def test_each_status_is_the_servers_own() -> None:
    with _peer([0x0000, 0xA700, 0xB000]) as port:
        assert store(make_study(instance_count=3), "127.0.0.1", port, "DEMO_CT", "PEER") == [
            0,
            0xA700,
            0xB000,
        ]


def test_a_lost_connection_leaves_the_rest_without_answer() -> None:
    heard: list[int] = []
    with _peer([0x0000]) as port:
        statuses = store(
            make_study(instance_count=3),
            "127.0.0.1",
            port,
            "DEMO_CT",
            "PEER",
            on_answer=lambda _, status: heard.append(status),
        )

    assert statuses == [0x0000, NO_RESPONSE, NO_RESPONSE]
    assert heard == statuses


def test_no_answer_is_lost_while_the_machine_is_busy() -> None:
    is_over = Event()

    def keep_busy() -> None:
        while not is_over.is_set():
            sum(range(20_000))

    with _peer([0x0000] * 30) as port, ThreadPoolExecutor(3) as threads:
        for _ in range(3):
            threads.submit(keep_busy)
        try:
            statuses = store(make_study(instance_count=30), "127.0.0.1", port, "DEMO_CT", "PEER")
        finally:
            is_over.set()

    assert statuses == [0x0000] * 30


def test_a_rejection_says_why(orthanc: OrthancProcess) -> None:
    with pytest.raises(AssociationError, match="Called AE title not recognised"):
        store(make_study(), "127.0.0.1", orthanc.dicom_port, "DEMO_CT", "WRONG")


def _get(orthanc: OrthancProcess, path: str) -> Any:
    return requests.get(orthanc.url + path, auth=(orthanc.username, orthanc.password), timeout=60).json()


def _read_all(descriptor: int) -> str:
    chunks = []
    with os.fdopen(descriptor, "rb") as terminal:
        try:
            while chunk := terminal.read1(4096):
                chunks.append(chunk)
        except OSError:  # Linux's way to say that the other end was closed
            pass
    return b"".join(chunks).decode()
