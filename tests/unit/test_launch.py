"""What the launcher writes and says, without starting anything."""

import os
import stat
from configparser import RawConfigParser
from datetime import UTC, datetime
from pathlib import Path

import pytest

from database.session import Database
from launch import announcement, folders, orthanc, ports, readiness, supervisor_configuration
from launch.errors import LaunchError
from launch.folders import DataFolder
from settings import Settings
from webapp.accounts import create_first_administrator, set_password

ORTHANC_README = (Path(__file__).parents[2] / "orthanc" / "README.md").read_text()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """With a data folder in which everything is generated."""
    made = Settings(data_dir=tmp_path / "var")
    folders.prepare(DataFolder.of(made))
    folders.generate_secrets(made, DataFolder.of(made))
    return made


@pytest.fixture
def folder(settings: Settings) -> DataFolder:
    return DataFolder.of(settings)


def elsewhere(data_dir: Path, **further: object) -> Settings:
    """With an Orthanc that isn't started here."""
    given = {"data_dir": data_dir, "orthanc_url": "http://archive:8042", "orthanc_password": "x"}
    return Settings.model_validate(given | further)


def program_names(settings: Settings) -> list[str]:
    return [program.name for program in supervisor_configuration.programs(settings, DataFolder.of(settings))]


def orthanc_options(settings: Settings) -> dict[str, object]:
    return orthanc.configuration(settings, storage=Path("/storage"), plugins=["/plugin.so"])


def test_secrets_are_generated_once_and_for_the_owner_alone(settings: Settings, folder: DataFolder) -> None:
    first = {path.name: path.read_text() for path in folder.secrets.iterdir()}

    folders.generate_secrets(settings, folder)

    assert set(first) == {"orthanc_password", "secret_key", "admin_password", "encryption_key"}
    assert {path.name: path.read_text() for path in folder.secrets.iterdir()} == first
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.secrets.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.secrets.stat().st_mode) == 0o700


def test_no_secret_is_generated_where_a_variable_gives_it(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, admin_password="given")
    folders.prepare(DataFolder.of(settings))

    folders.generate_secrets(settings, DataFolder.of(settings))

    assert not (tmp_path / "secrets" / "admin_password").exists()


def test_orthanc_s_options_follow_the_settings(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path,
        ae_title="X",
        orthanc_dicom_port=104,
        orthanc_http_port=8043,
        orthanc_password="secret",
    )

    options = orthanc_options(settings)

    assert (options["DicomAet"], options["DicomPort"], options["HttpPort"]) == ("X", 104, 8043)
    assert options["RegisteredUsers"] == {"noctis": "secret"}
    assert options["AuthenticationEnabled"] is True


def test_without_a_recorder_orthanc_takes_the_port_that_modalities_use(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, recorder="off", dicom_port=104, orthanc_password="secret")

    assert orthanc_options(settings)["DicomPort"] == 104
    assert [listener.variable for listener in ports.listeners(settings)] == [
        "NOCTIS_HTTP_PORT",
        "NOCTIS_DICOM_PORT",
        "NOCTIS_ORTHANC_HTTP_PORT",
    ]
    assert "recorder" not in program_names(settings)


@pytest.mark.parametrize(("unknown_senders", "may"), [("strict", False), ("open", True)])
def test_orthanc_turns_unknown_senders_away_unless_told_otherwise(
    tmp_path: Path, unknown_senders: str, may: bool
) -> None:
    given = {"data_dir": tmp_path, "orthanc_password": "secret", "unknown_senders": unknown_senders}
    options = orthanc_options(Settings.model_validate(given))
    assert (options["DicomAlwaysAllowEcho"], options["DicomAlwaysAllowStore"]) == (may, may)


def test_orthanc_answers_other_machines_only_in_a_container(settings: Settings) -> None:
    here = orthanc_options(settings)
    in_container = orthanc.configuration(settings, storage=Path("/storage"), plugins=[], is_in_container=True)

    assert (here["RemoteAccessAllowed"], here["HttpBindAddresses"]) == (False, ["127.0.0.1"])
    assert in_container["RemoteAccessAllowed"] is True


def test_every_option_of_orthanc_has_its_reason(settings: Settings) -> None:
    assert [name for name in orthanc_options(settings) if f"`{name}`" not in ORTHANC_README] == []


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_no_log_level_makes_orthanc_verbose(tmp_path: Path, level: str) -> None:
    """Its verbose DICOM log holds patient data."""
    settings = Settings.model_validate({"data_dir": tmp_path, "log_level": level})

    programs = supervisor_configuration.programs(settings, DataFolder.of(settings))

    commands = {program.name: program.command for program in programs}
    assert commands["orthanc"] == [orthanc.binary(), str(tmp_path / "run" / "orthanc.json")]


def test_the_supervisor_s_file_can_hold_any_path(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "a b%d;c")
    folders.prepare(DataFolder.of(settings))

    text = supervisor_configuration.text(settings, DataFolder.of(settings))

    parser = RawConfigParser(inline_comment_prefixes=(";",))
    parser.read_string(text.replace("%%", "%"))
    assert parser["program:bridge"]["stdout_logfile"] == str(tmp_path / "a b%d;c" / "log" / "bridge.log")


def test_an_orthanc_elsewhere_is_not_started_and_needs_no_port(tmp_path: Path) -> None:
    settings = elsewhere(tmp_path, recorder="off")

    assert program_names(settings) == ["bridge", "webapp"]
    assert [listener.variable for listener in ports.listeners(settings)] == ["NOCTIS_HTTP_PORT"]


def test_before_an_orthanc_elsewhere_the_recorder_runs_here(
    tmp_path: Path, folder: DataFolder, database: Database
) -> None:
    settings = elsewhere(tmp_path, dicom_tls_port=2762)

    assert program_names(settings) == ["bridge", "recorder", "webapp"]
    assert settings.orthanc_dicom_address == ("archive", 4242)
    assert [listener.variable for listener in ports.listeners(settings)] == [
        "NOCTIS_HTTP_PORT",
        "NOCTIS_DICOM_PORT",
        "NOCTIS_DICOM_TLS_PORT",
    ]
    asked = readiness.checks(settings, database, folder, since=datetime.now(UTC))
    assert {check.name: check.log.name for check in asked} == {
        "the DICOM port": "recorder.log",
        "the bridge": "bridge.log",
        "the web pages": "webapp.log",
    }


def test_who_asks_ends_before_who_answers(settings: Settings, folder: DataFolder) -> None:
    """The recorder before the bridge, which reads what it wrote last."""
    programs = supervisor_configuration.programs(settings, folder)

    ending = sorted(programs, key=lambda program: program.rank, reverse=True)

    assert [program.name for program in ending] == ["webapp", "recorder", "bridge", "orthanc"]


def test_the_spool_lies_in_the_data_folder_for_its_owner_alone(
    settings: Settings, folder: DataFolder
) -> None:
    assert folder.spool == settings.spool_dir
    assert stat.S_IMODE(folder.spool.stat().st_mode) == 0o700


def test_a_long_path_gets_its_socket_in_a_private_folder_elsewhere(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / ("x" * 100))
    folders.prepare(DataFolder.of(settings))

    text = supervisor_configuration.text(settings, DataFolder.of(settings))

    parser = RawConfigParser()
    parser.read_string(text)
    socket_path = Path(parser["unix_http_server"]["file"])
    assert len(os.fsencode(socket_path)) < 100
    assert stat.S_IMODE(socket_path.parent.stat().st_mode) == 0o700
    socket_path.parent.rmdir()


def test_one_port_for_two_purposes_names_both_variables() -> None:
    settings = Settings(http_port=5000, dicom_port=5000)

    with pytest.raises(LaunchError, match=r"5000.*NOCTIS_HTTP_PORT or NOCTIS_DICOM_PORT"):
        ports.check_ports(settings)


@pytest.mark.parametrize(
    ("ports_set", "variables"),
    [
        ({"dicom_port": 4242}, "NOCTIS_DICOM_PORT or NOCTIS_ORTHANC_DICOM_PORT"),
        ({"dicom_tls_port": 11112}, "NOCTIS_DICOM_PORT or NOCTIS_DICOM_TLS_PORT"),
        ({"dicom_tls_port": 4242}, "NOCTIS_DICOM_TLS_PORT or NOCTIS_ORTHANC_DICOM_PORT"),
    ],
)
def test_the_recorder_s_ports_are_none_of_orthanc_s(ports_set: dict[str, int], variables: str) -> None:
    with pytest.raises(LaunchError, match=variables):
        ports.check_ports(Settings.model_validate(ports_set))


def test_an_address_of_another_machine_is_refused_in_words() -> None:
    with pytest.raises(LaunchError, match=r"192\.0\.2\.1.*NOCTIS_HTTP_HOST"):
        ports.check_ports(Settings(http_host="192.0.2.1"))


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),  # noqa: S104
        ("::", "http://[::1]:8000"),
        ("reading.example", "http://reading.example:8000"),
    ],
)
def test_the_web_address_is_one_that_a_browser_here_can_open(host: str, address: str) -> None:
    assert readiness.web_address(Settings(http_host=host)) == address


def test_the_generated_password_is_printed_as_long_as_it_works(
    settings: Settings, folder: DataFolder, database: Database
) -> None:
    password = settings.secret("admin_password")
    create_first_administrator(database, "admin", password)
    before = announcement.ready(settings, database, folder)
    with database.read() as session:
        user_id = session.connection().exec_driver_sql('SELECT id FROM "user"').scalar_one()
    set_password(database, user_id, "another password")

    after = announcement.ready(settings, database, folder)

    assert f"admin with the password {password}" in before
    assert password not in after


def test_a_password_from_a_variable_is_never_printed(tmp_path: Path, database: Database) -> None:
    settings = Settings(data_dir=tmp_path, admin_password="from the variable")
    create_first_administrator(database, "admin", "from the variable")

    text = announcement.ready(settings, database, DataFolder.of(settings))

    assert "from the variable" not in text
    assert "NOCTIS_ADMIN_PASSWORD" in text


def test_what_does_not_answer_is_named_with_its_log(
    settings: Settings, folder: DataFolder, database: Database
) -> None:
    folder.log.joinpath("bridge.log").touch()
    checks = readiness.checks(settings, database, folder, since=datetime.now(UTC))
    bridge = [check for check in checks if check.name == "the bridge"]

    failures = readiness.wait_for(bridge, seconds=0)

    text = announcement.not_ready(failures, 60)
    assert "the bridge: it has not read Orthanc's changes yet." in text
    assert str(folder.log / "bridge.log") in text
