"""``python -m bridge doctor`` with a recorder before Orthanc: who of them is at fault, in words."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bridge.feed import load_feed
from database.migrate import upgrade
from database.session import Database, make_engine
from tests.bridges import run_bridge, start_bridge
from tests.orthanc_process import OrthancProcess
from tests.recorders import RecorderProcess, environment_behind
from tests.waiting import wait_until

Checks = dict[str, dict[str, Any]]


class Installation:
    """Orthanc, recorder and bridge as real processes, on an SQLite file."""

    def __init__(self, orthanc: OrthancProcess, recorder: RecorderProcess, database_url: str) -> None:
        self.orthanc = orthanc
        self.recorder = recorder
        self.environment = environment_behind(recorder, orthanc, database_url)
        self.database = Database(make_engine(database_url))

    def start_bridge(self, stack: ExitStack) -> None:
        bridge = start_bridge(self.environment)
        stack.callback(bridge.communicate)
        stack.callback(bridge.kill)
        wait_until(lambda: load_feed(self.database).polled_at, "the bridge works")

    def examine(self, *options: str) -> Checks:
        answer = json.loads(run_bridge(self.environment, "doctor", "--json", *options).stdout)
        return {check["name"]: check for check in answer["checks"]}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def installation(orthanc: OrthancProcess, tmp_path: Path) -> Iterator[Installation]:
    url = f"sqlite:///{tmp_path / 'noctis.sqlite'}"
    upgrade(url, url)
    with RecorderProcess(orthanc.dicom_port, tmp_path / "var") as recorder:
        made = Installation(orthanc, recorder, url)
        yield made
        made.database.engine.dispose()


def _wrong(checks: Checks) -> set[str]:
    assert all(check["advice"] for check in checks.values() if not check["ok"])
    return {name for name, check in checks.items() if not check["ok"]}


def test_what_crosses_the_port_is_found_in_the_log(installation: Installation, stack: ExitStack) -> None:
    installation.start_bridge(stack)

    checks = installation.examine("--store")

    assert _wrong(checks) == set()
    assert checks["transfer log"]["finding"] == "the C-ECHO is recorded and read"
    status = json.loads(run_bridge(installation.environment, "status", "--json").stdout)["transfers"]
    assert status["has_recorder"]
    assert [spool["host"] != "" for spool in status["spools"]] == [True]
    assert status["open_associations"] == status["unrecorded_instances"] == 0


def test_a_recorder_that_is_down_is_told_from_an_orthanc_that_is(
    installation: Installation, stack: ExitStack
) -> None:
    installation.start_bridge(stack)
    installation.recorder.kill()

    checks = installation.examine()

    assert _wrong(checks) == {"C-ECHO", "transfer log"}
    assert "log/recorder.log" in checks["C-ECHO"]["advice"]


def test_an_orthanc_that_is_down_is_told_from_a_recorder_that_is(
    installation: Installation, stack: ExitStack
) -> None:
    installation.start_bridge(stack)
    installation.orthanc.kill()

    checks = installation.examine()

    assert _wrong(checks) == {"Orthanc", "Orthanc's DICOM port", "C-ECHO"}
    assert "The recorder answers and Orthanc doesn't" in checks["C-ECHO"]["advice"]


def test_a_spool_that_nobody_reads_is_the_bridge_s_fault(installation: Installation) -> None:
    checks = installation.examine()

    assert _wrong(checks) == {"change feed", "transfer log"}
    assert "recorded but not read" in checks["transfer log"]["finding"]
    assert "log/bridge.log" in checks["transfer log"]["advice"]
