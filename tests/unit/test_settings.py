"""Settings come from NOCTIS_ variables, are refused in words, and the README lists them as they are."""

from pathlib import Path

import pytest

from launch import settings_table
from settings import Settings, SettingsError, load_settings

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture(autouse=True)
def _read_the_environment_anew() -> None:
    load_settings.cache_clear()


def test_the_readme_has_the_code_s_table_of_settings() -> None:
    assert settings_table.markdown() in README.read_text()


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOCTIS_HTTP_PORT", "")

    assert load_settings().http_port == 8000


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("NOCTIS_HTTP_PORT", "eighty"),
        ("NOCTIS_DICOM_PORT", "0"),
        ("NOCTIS_ORTHANC_HTTP_PORT", "65536"),
        ("NOCTIS_AE_TITLE", "SEVENTEEN_LETTERS"),
        ("NOCTIS_AE_TITLE", "BACK\\SLASH"),
        ("NOCTIS_AE_TITLE", "RÖNTGEN"),
        ("NOCTIS_RECORDER", "maybe"),
        ("NOCTIS_DICOM_TLS_PORT", "0"),
        ("NOCTIS_MAX_ASSOCIATIONS", "0"),
        ("NOCTIS_TRANSFER_RETENTION_DAYS", "0"),
        ("NOCTIS_LOG_LEVEL", "loud"),
        ("NOCTIS_STABLE_SECONDS", "0"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_its_variable_s_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(SettingsError, match=variable):
        load_settings()


def test_a_refused_value_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOCTIS_BEHIND_HTTPS", "very-secret")

    with pytest.raises(SettingsError) as refused:
        load_settings()

    assert "very-secret" not in str(refused.value)


def test_an_ae_title_loses_the_blanks_around_it() -> None:
    assert Settings(ae_title="  NOCTIS ").ae_title == "NOCTIS"


def test_the_database_is_a_file_in_the_data_folder_unless_named(tmp_path: Path) -> None:
    assert Settings(data_dir=tmp_path).sqlalchemy_url == f"sqlite:///{tmp_path}/noctis.sqlite"
    assert Settings(database_url="postgresql://h/n").sqlalchemy_owner_url == "postgresql://h/n"


def test_the_recorder_finds_orthanc_where_its_rest_api_is_unless_told_otherwise() -> None:
    assert Settings().orthanc_dicom_address == ("127.0.0.1", 4242)
    assert Settings(orthanc_url="https://archive:8443").orthanc_dicom_address == ("archive", 4242)
    named = Settings(orthanc_url="https://proxy", orthanc_dicom_host="pacs", orthanc_dicom_port=104)
    assert named.orthanc_dicom_address == ("pacs", 104)


def test_orthanc_has_a_port_of_its_own_only_behind_a_recorder() -> None:
    assert Settings().orthanc_dicom_listener == 4242
    assert Settings(recorder="off").orthanc_dicom_listener == 11112


def test_a_secret_is_the_variable_s_or_the_generated_one(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "secret_key").write_text("generated\n")

    assert Settings(data_dir=tmp_path).secret("secret_key") == "generated"
    assert Settings(data_dir=tmp_path, secret_key="set").secret("secret_key") == "set"


def test_a_missing_secret_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"NOCTIS_SECRET_KEY.*make run"):
        Settings(data_dir=tmp_path).secret("secret_key")
