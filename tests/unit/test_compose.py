"""docker-compose.yml and the Dockerfile name nothing that the specification or the code doesn't have.

`make compose-check` runs this file. No Docker engine is needed.
"""

import importlib
import json
import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from bridge.__main__ import _RECORDER
from launch import folders, orthanc, supervisor_configuration
from settings import Settings

PROJECT = Path(__file__).parents[2]
COMPOSE_TEXT = (PROJECT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service["image"] == "noctis"]
DOCKERFILE = (PROJECT / "Dockerfile").read_text()
FIELDS = {f"NOCTIS_{name.upper()}": field for name, field in Settings.model_fields.items()}
COMMANDS = {"bridge": "bridge.commands", "launch": "launch.__main__"}
INTERPOLATION = re.compile(r"\$\{(\w+)(?::-([^}]*)|:\?[^}]*)?\}")


def interpolated(text: str) -> str:
    return INTERPOLATION.sub(lambda match: match[2] or "x", text)


def volumes(service: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for volume in service.get("volumes", []):
        source, target, *_ = volume.split(":")
        yield source, target


def published_ports(service: dict[str, Any]) -> Iterator[tuple[int, int]]:
    for port in service.get("ports", []):
        *_, host, container = interpolated(port).split(":")
        yield int(host), int(container)


def settings_of(name: str) -> Settings:
    """As the service's processes read their environment."""
    environment = SERVICES[name]["environment"]
    values = {key: interpolated(str(value)) for key, value in environment.items()}
    return Settings.model_validate(
        {
            field: values[key]
            for key in values
            if (field := key.removeprefix("NOCTIS_").lower()) and key in FIELDS
        }
    )


def copied_into_the_image() -> list[str]:
    return re.findall(r"^COPY (\S+) ", DOCKERFILE, flags=re.MULTILINE)


def test_the_file_follows_the_compose_specification() -> None:
    schema = json.loads((PROJECT / "tests" / "compose_spec" / "compose-spec.json").read_text())

    findings = [error.message for error in Draft202012Validator(schema).iter_errors(COMPOSE)]

    assert findings == []


def test_every_noctis_variable_is_a_setting() -> None:
    named = set(re.findall(r"\bNOCTIS_\w+", COMPOSE_TEXT + DOCKERFILE))

    assert named
    assert named <= set(FIELDS)


@pytest.mark.parametrize("name", OURS)
def test_every_value_is_one_that_the_settings_accept(name: str) -> None:
    assert settings_of(name).data_dir == Path("/var/lib/noctis")


def test_every_default_is_the_code_s_own() -> None:
    named = {key: text for key, text in INTERPOLATION.findall(COMPOSE_TEXT) if key in FIELDS}

    assert named == {key: str(FIELDS[key].default).replace("False", "false") for key in named}


def test_every_path_of_this_checkout_exists() -> None:
    mounted = [source for service in SERVICES.values() for source, _ in volumes(service)]
    paths = [source for source in mounted if source.startswith(".")] + copied_into_the_image()

    assert [path for path in paths if not (PROJECT / path).exists()] == []


def test_the_docker_build_gets_exactly_what_the_dockerfile_copies() -> None:
    ignore = (PROJECT / ".dockerignore").read_text().splitlines()

    assert sorted(line[1:] for line in ignore if line.startswith("!")) == sorted(copied_into_the_image())


def test_every_volume_and_service_named_is_declared() -> None:
    mounted = {source for service in SERVICES.values() for source, _ in volumes(service)}
    awaited = {other for service in SERVICES.values() for other in service.get("depends_on", {})}

    assert {source for source in mounted if not source.startswith(".")} == set(COMPOSE["volumes"])
    assert awaited <= set(SERVICES)


def test_the_image_owns_the_folders_that_its_volumes_cover() -> None:
    """A fresh volume takes its owner from the image's folder; else the unprivileged user couldn't write."""
    targets = {target for name in OURS for _, target in volumes(SERVICES[name])}
    made = re.search(r"install --directory --owner=noctis .*", DOCKERFILE)

    assert made
    assert targets <= set(made[0].split())


@pytest.mark.parametrize("name", OURS)
def test_every_address_names_a_service(name: str) -> None:
    settings = settings_of(name)
    urls = [settings.database_url, settings.database_owner_url, settings.orthanc_url]

    hosts = {urlsplit(url).hostname for url in urls if url} | {settings.orthanc_dicom_host}
    assert hosts <= set(SERVICES)


def test_every_published_port_is_the_one_listened_on() -> None:
    defaults = Settings.model_construct()

    assert list(published_ports(SERVICES["recorder"])) == [(defaults.dicom_port, defaults.dicom_port)]
    assert list(published_ports(SERVICES["webapp"])) == [(defaults.http_port, defaults.http_port)]
    assert urlsplit(settings_of("bridge").orthanc_url).port == defaults.orthanc_http_port


def test_orthanc_is_reached_through_the_recorder_alone() -> None:
    assert not list(published_ports(SERVICES["orthanc"]))
    written = orthanc.configuration(
        settings_of("orthanc-config").model_copy(update={"orthanc_password": "x"}),
        storage=Path("/storage"),
        plugins=[],
        is_in_container=True,
    )
    assert settings_of("recorder").orthanc_dicom_address == ("orthanc", written["DicomPort"])


def test_the_bridge_reads_the_spool_that_the_recorder_writes() -> None:
    spools = {settings_of(name).spool_dir for name in ("recorder", "bridge")}
    mounted = [dict(volumes(SERVICES[name])) for name in ("recorder", "bridge")]

    assert len(spools) == 1
    assert mounted[0] == mounted[1]
    assert Path(mounted[0]["noctis"]) in spools.pop().parents


def test_what_containers_write_and_read_is_the_same_file() -> None:
    command = SERVICES["orthanc-config"]["command"]
    written = Path(command[command.index("orthanc-config") + 1])
    storage = command[command.index("--storage") + 1]

    assert SERVICES["orthanc"]["entrypoint"] == ["Orthanc", str(written)]
    mounted = {target for _, target in volumes(SERVICES["orthanc"])}
    assert {str(written.parent), storage} <= mounted


@pytest.mark.parametrize("name", OURS)
def test_every_command_exists(name: str) -> None:
    command = SERVICES[name]["command"]

    if command[:2] == ["python", "-m"]:
        assert_click_accepts(command[2], command[3:])
    else:
        assert_gunicorn_finds(command)


def test_the_dockerfile_s_own_command_exists() -> None:
    found = re.search(r"^CMD (\[.*\])$", DOCKERFILE, flags=re.MULTILINE)

    assert found
    assert json.loads(found[1])[:3] == ["python", "-m", "launch"]


def assert_click_accepts(package: str, arguments: list[str]) -> None:
    if (package, arguments) == ("bridge", _RECORDER):
        return
    group = importlib.import_module(COMMANDS[package]).main
    assert isinstance(group, click.Group)
    command = group.commands[arguments[0]]
    command.make_context(arguments[0], list(arguments[1:]))  # raises on an unknown option


def assert_gunicorn_finds(command: list[str]) -> None:
    assert command[:2] == ["gunicorn", "--config"]
    assert find_spec(command[2].removeprefix("python:"))
    module, factory = command[3].removesuffix("()").split(":")
    assert callable(getattr(importlib.import_module(module), factory))


def test_both_ways_to_run_start_the_same_programs() -> None:
    settings = Settings(orthanc_url="http://elsewhere")
    programs = supervisor_configuration.programs(settings, folders.DataFolder.of(settings))
    here = {program.name: shlex.join(program.command) for program in programs}

    assert here["webapp"].endswith(shlex.join(SERVICES["webapp"]["command"]))
    for name in ("bridge", "recorder"):
        assert here[name].endswith(shlex.join(SERVICES[name]["command"][1:]))
