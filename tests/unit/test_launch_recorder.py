"""What is wrong with the recorder's settings is said in a sentence, before anything starts."""

from pathlib import Path

import pytest

from launch import orthanc, recorder, start
from settings import Settings, SettingsError
from tests.certificates import make_certificate


@pytest.fixture
def pair(tmp_path: Path) -> dict[str, object]:
    """Settings with which DICOM over TLS can begin."""
    made = make_certificate(tmp_path)
    return {
        "dicom_tls_port": 2762,
        "dicom_tls_certificate": str(made.certificate),
        "dicom_tls_key": str(made.key),
        "dicom_tls_client_ca": str(made.certificate),
    }


def assert_refused(settings: dict[str, object], *parts: str) -> None:
    with pytest.raises(SettingsError) as refused:
        recorder.check(Settings.model_validate(settings))
    assert [part for part in parts if part not in str(refused.value)] == []


def test_the_defaults_and_a_certificate_with_its_key_are_fine(pair: dict[str, object]) -> None:
    recorder.check(Settings())
    recorder.check(Settings.model_validate(pair))


@pytest.mark.parametrize("missing", ["dicom_tls_certificate", "dicom_tls_key"])
def test_a_tls_port_needs_both_files(pair: dict[str, object], missing: str) -> None:
    assert_refused(pair | {missing: ""}, f"NOCTIS_{missing.upper()} isn't")


@pytest.mark.parametrize("name", ["dicom_tls_certificate", "dicom_tls_key", "dicom_tls_client_ca"])
def test_a_file_that_cannot_be_read_is_named_with_its_variable(
    pair: dict[str, object], name: str, tmp_path: Path
) -> None:
    missing = tmp_path / "missing.pem"

    assert_refused(pair | {name: str(missing)}, f"NOCTIS_{name.upper()}", str(missing), "can't be read")


def test_a_key_of_another_certificate_is_refused(pair: dict[str, object], tmp_path: Path) -> None:
    other = make_certificate(tmp_path, "other")

    assert_refused(
        pair | {"dicom_tls_key": str(other.key)},
        "NOCTIS_DICOM_TLS_CERTIFICATE and NOCTIS_DICOM_TLS_KEY can't be used together",
    )


def test_a_key_for_which_somebody_would_be_asked_is_refused(pair: dict[str, object], tmp_path: Path) -> None:
    other = make_certificate(tmp_path, "other", passphrase="open sesame")

    assert_refused(pair | {"dicom_tls_key": str(other.key)}, "NOCTIS_DICOM_TLS_KEY", "passphrase")


def test_authorities_that_are_none_are_refused(pair: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("ask the clinic for it")

    assert_refused(
        pair | {"dicom_tls_client_ca": str(tmp_path / "notes.txt")},
        "NOCTIS_DICOM_TLS_CLIENT_CA",
        "no certificates",
    )


def test_one_address_may_have_no_more_associations_than_all() -> None:
    assert_refused(
        {"max_associations": 10, "max_associations_per_address": 11},
        "NOCTIS_MAX_ASSOCIATIONS_PER_ADDRESS (11)",
        "NOCTIS_MAX_ASSOCIATIONS (10)",
    )


def test_orthanc_has_a_thread_for_each_association_that_the_recorder_lets_in() -> None:
    threads = orthanc.thread_count()

    recorder.check(Settings(max_associations=threads - 1))
    assert_refused({"max_associations": threads}, "NOCTIS_MAX_ASSOCIATIONS", str(threads))


def test_how_many_threads_an_orthanc_elsewhere_has_is_its_own_affair() -> None:
    recorder.check(Settings(max_associations=5000, orthanc_url="http://archive:8042"))


def test_a_recorder_that_would_forward_to_itself_is_refused() -> None:
    assert_refused(
        {"orthanc_url": "http://127.0.0.1:8042", "orthanc_dicom_port": 11112},
        "NOCTIS_DICOM_PORT",
        "NOCTIS_ORTHANC_DICOM_PORT",
    )


def test_without_a_recorder_nothing_of_it_is_asked(pair: dict[str, object]) -> None:
    recorder.check(Settings.model_validate(pair | {"dicom_tls_key": "", "recorder": "off"}))


def test_the_orthanc_of_a_container_is_ours_though_it_has_an_address(tmp_path: Path) -> None:
    settings = Settings(max_associations=5000, orthanc_url="http://orthanc:8042", orthanc_password="x")

    with pytest.raises(SettingsError, match="NOCTIS_MAX_ASSOCIATIONS"):
        start.write_container_configuration(settings, tmp_path / "orthanc.json", tmp_path, tmp_path)

    assert not (tmp_path / "orthanc.json").exists()
