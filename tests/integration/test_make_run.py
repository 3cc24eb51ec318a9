"""`make run` with real processes: it starts, says where it is, keeps all running, leaves nothing."""

import signal
import socket
import stat
from pathlib import Path

import psutil
import pytest
import requests

from bridge import scu
from emulator.studies import make_study
from settings import PROBE_AE_TITLE
from tests.make_run import Noctis, command_line, free_ports, is_gone, launch
from tests.orthanc_process import free_port
from tests.waiting import wait_until


def test_a_second_make_run_finds_the_study_and_the_password_of_the_first(tmp_path: Path) -> None:
    with Noctis(tmp_path / "var") as noctis:
        password = noctis.password
        send_a_study(noctis)
        wait_until(lambda: noctis.status().get("studies") == 1, "the study in the database")
        noctis.press_ctrl_c()
        noctis.wait_until_nothing_is_left()

        noctis.start()

        assert noctis.password == password
        assert noctis.status()["studies"] == 1
        assert requests.get(f"{noctis.web_address}/sign-in", timeout=60).status_code == 200
        noctis.press_ctrl_c()
        noctis.wait_until_nothing_is_left()
        assert "Traceback" not in noctis.everything_written


def test_the_block_says_where_everything_is(tmp_path: Path) -> None:
    with Noctis(tmp_path / "var", ae_title="RADIOLOGY") as noctis:
        assert noctis.web_address in noctis.output
        assert f"AE title RADIOLOGY, port {noctis.dicom_port}" in noctis.output
        assert str(tmp_path / "var") in noctis.output


def test_no_secret_is_on_a_command_line_or_readable_by_others(tmp_path: Path) -> None:
    with Noctis(tmp_path / "var") as noctis:
        secrets = [path.read_text().strip() for path in (tmp_path / "var" / "secrets").iterdir()]
        lines = [command_line(process) for process in noctis.everything]

        assert len(secrets) == 4
        assert not [secret for secret in secrets if any(secret in line for line in lines)]
        assert not [path for path in (tmp_path / "var").rglob("*") if is_open_to_others(path)]


def test_nobody_gets_in_before_an_administrator_added_their_facility(tmp_path: Path) -> None:
    with Noctis(tmp_path / "var") as noctis:
        with pytest.raises(scu.AssociationError, match="rejects"):
            scu.echo("127.0.0.1", noctis.dicom_port, "ANNA_CT", "NOCTIS")
        noctis.register("St. Anna", "ANNA_CT")
        assert scu.echo("127.0.0.1", noctis.dicom_port, "ANNA_CT", "NOCTIS") == 0


def test_the_doctor_comes_in_by_the_front_door_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with Noctis(tmp_path / "var") as noctis:
        report = noctis.ask_bridge("doctor", "--store")
        assert [check for check in report["checks"] if not check["ok"]] == []
        wait_until(lambda: noctis.status()["instances"] == 0, "the test object is gone")
        # Everybody may know the title of our own checks: it may echo, no more
        statuses = scu.store(make_study(), "127.0.0.1", noctis.dicom_port, PROBE_AE_TITLE, "NOCTIS")
        assert not any(map(scu.is_stored, statuses))


def test_each_process_that_is_killed_comes_back_alone(tmp_path: Path) -> None:
    with Noctis(tmp_path / "var") as noctis:
        for name in ("orthanc", "bridge", "recorder", "webapp"):
            before = noctis.programs()
            before[name].kill()
            after = programs_without(noctis, before[name])

            assert {other for other in after if after[other].pid != before[other].pid} == {name}


def test_a_recorder_that_was_killed_lets_senders_in_again(tmp_path: Path) -> None:
    with Noctis(tmp_path / "var") as noctis:
        noctis.register("St. Anna", "DEMO_CT")
        killed = noctis.programs()["recorder"]
        killed.kill()

        programs_without(noctis, killed)
        wait_until(lambda: is_listened_on(noctis.dicom_port), "the DICOM port")

        statuses = scu.store(make_study(), "127.0.0.1", noctis.dicom_port, "DEMO_CT", "NOCTIS")
        assert set(statuses) == {0}
        assert "Traceback" not in noctis.everything_written


def test_nothing_is_left_when_the_supervisor_is_killed_and_the_next_start_works(tmp_path: Path) -> None:
    with Noctis(tmp_path / "var") as noctis:
        first = noctis.everything
        noctis.supervisor.kill()

        noctis.start()  # at once: it waits for what is still ending

        assert all(map(is_gone, first))
        assert len(noctis.programs()) == 4


def test_two_copies_run_side_by_side_and_sigterm_to_make_stops_one(tmp_path: Path) -> None:
    with Noctis(tmp_path / "one") as one, Noctis(tmp_path / "two") as two:
        one.terminate_make()
        one.wait_until_nothing_is_left()

        assert len(two.programs()) == 4
        assert requests.get(f"{two.web_address}/sign-in", timeout=60).status_code == 200


def test_a_closed_terminal_ends_everything(tmp_path: Path) -> None:
    with Noctis(tmp_path / "var") as noctis:
        noctis.close_terminal()

        noctis.wait_until_nothing_is_left()


def test_the_supervisor_exits_with_0_when_it_is_told_to_end(tmp_path: Path) -> None:
    with Noctis(tmp_path / "var") as noctis:
        noctis.supervisor.send_signal(signal.SIGTERM)

        noctis.wait_until_nothing_is_left()
        assert noctis.make_exit_code() == 0


def test_another_copy_on_the_same_data_folder_is_refused(tmp_path: Path) -> None:
    with Noctis(tmp_path / "var") as noctis:
        done = launch(data_dir=tmp_path / "var", **free_ports())

        assert done.returncode == 1
        assert_is_one_sentence(done.stderr)
        assert f"already runs on the data folder {tmp_path / 'var'}" in done.stderr
        assert str(noctis.supervisor.pid) in done.stderr


@pytest.mark.parametrize("setting", ["http_port", "dicom_port", "orthanc_dicom_port", "orthanc_http_port"])
def test_a_port_in_use_is_named_with_the_variable_that_moves_it(tmp_path: Path, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        done = launch(data_dir=tmp_path / "var", **free_ports() | {setting: port})

    assert done.returncode == 1
    assert_is_one_sentence(done.stderr)
    assert f"Port {port}" in done.stderr
    assert f"NOCTIS_{setting.upper()}" in done.stderr


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    done = launch(data_dir=tmp_path / "file" / "var", **free_ports())

    assert done.returncode == 1
    assert_is_one_sentence(done.stderr)
    assert f"{tmp_path / 'file' / 'var'} can't be written" in done.stderr
    assert "NOCTIS_DATA_DIR" in done.stderr


def test_a_database_that_does_not_answer_is_said_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql://noctis_app:very-secret@127.0.0.1:{free_port()}/noctis"

    done = launch(data_dir=tmp_path / "var", database_url=url, **free_ports())

    assert done.returncode == 1
    assert "NOCTIS_DATABASE_URL" in done.stderr
    assert "very-secret" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_a_certificate_that_is_missing_is_said_before_anything_starts(tmp_path: Path) -> None:
    files = {"dicom_tls_certificate": tmp_path / "missing.crt", "dicom_tls_key": tmp_path / "missing.key"}

    done = launch(data_dir=tmp_path / "var", dicom_tls_port=free_port(), **files, **free_ports())

    assert done.returncode == 2
    assert_is_one_sentence(done.stderr)
    assert "NOCTIS_DICOM_TLS_CERTIFICATE" in done.stderr
    assert not (tmp_path / "var").exists()


def test_a_wrong_setting_is_said_before_anything_starts(tmp_path: Path) -> None:
    done = launch(data_dir=tmp_path / "var", http_port="eighty")

    assert done.returncode == 2
    assert "NOCTIS_HTTP_PORT" in done.stderr
    assert not (tmp_path / "var").exists()


def programs_without(noctis: Noctis, killed: psutil.Process) -> dict[str, psutil.Process]:
    """What runs as soon as there is another one for the killed process."""

    def is_complete() -> bool:
        programs = noctis.programs()
        return len(programs) == 4 and killed not in programs.values()

    wait_until(is_complete, "four programs again")
    noctis.everything += list(noctis.programs().values())
    return noctis.programs()


def send_a_study(noctis: Noctis) -> None:
    noctis.register("St. Anna", "DEMO_CT")
    statuses = scu.store(make_study(), "127.0.0.1", noctis.dicom_port, "DEMO_CT", "NOCTIS")
    assert set(statuses) == {0}


def is_listened_on(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_open_to_others(path: Path) -> bool:
    return bool(path.lstat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def assert_is_one_sentence(text: str) -> None:
    assert text.strip().count("\n") == 0
    assert text.strip().endswith(".")
