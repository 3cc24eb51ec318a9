"""Where lines of the transfer log go beside the database."""

import json
import socket

import pytest

from bridge.transfers.collector import collector_of
from bridge.transfers.rows import association_row, operation_row
from settings import SettingsError
from tests.spools import association, ended, store

_START = 1_795_618_168_767_032


def _rows() -> list[dict[str, object]]:
    rows = [
        association_row(ended(association(1, _START)), spool_id=1, boot=5),
        operation_row(ended(store(2, 1, _START)), spool_id=1, boot=5),
    ]
    return [row for row in rows if row is not None]


def _check(lines: list[str]) -> None:
    first, second = map(json.loads, lines)
    assert (first["log"], first["record"], first["outcome"]) == ("transfer", "association", "released")
    assert (second["record"], second["kind"], second["status_class"]) == ("operation", "c-store", "success")
    assert first["started_at"] == "2026-11-25T14:49:28.767032+00:00"
    assert second["sop_instance_uid"] == "1.2.3.2"
    assert "tls_subject" not in first  # what says nothing is left out
    assert second["status"] == 0


def test_lines_are_json_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    collector = collector_of("stdout")
    assert collector is not None
    collector.send(_rows())
    collector.close()
    _check(capsys.readouterr().out.splitlines())


def test_lines_are_json_in_syslog() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(30)
        collector = collector_of(f"syslog://127.0.0.1:{server.getsockname()[1]}")
        assert collector is not None
        collector.send(_rows())
        collector.close()
        received = [server.recv(65536).decode() for _ in range(2)]
    assert all(text.startswith("<30>noctis: {") for text in received)  # facility daemon, severity info
    _check([text.removeprefix("<30>noctis: ") for text in received])


def test_nothing_is_sent_unless_asked_for() -> None:
    assert collector_of("") is None


@pytest.mark.parametrize("target", ["stderr", "syslog://", "http://127.0.0.1:5", "syslog://127.0.0.1:x"])
def test_another_target_is_refused_in_words(target: str) -> None:
    with pytest.raises(SettingsError, match="NOCTIS_TRANSFER_COLLECTOR: must be stdout or"):
        collector_of(target)


def test_a_collector_whose_name_leads_nowhere_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    collector = collector_of("syslog://nobody.invalid:514")
    assert collector is not None
    collector.send(_rows())
    collector.close()
    assert "the collector can't be reached" in caplog.text
