"""``flask --app webapp facilities import`` and ``export``."""

from pathlib import Path

import pytest
from flask import Flask

from database.session import Database
from tests.facility_files import facilities


def run(app: Flask, *arguments: str) -> tuple[int, str, str]:
    result = app.test_cli_runner().invoke(args=["facilities", *arguments])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "facilities.csv"


def test_the_commands_import_and_export(app: Flask, site_database: Database, file: Path) -> None:
    file.write_text("name,ae_title\nKlinik Süd,CT1\n")

    code, output, _ = run(app, "import", str(file), "--dry-run")
    assert (code, facilities(site_database)) == (0, {})
    assert output.splitlines() == [
        "line 2: new facility Klinik Süd (code KLINIK-SUD); new AE title CT1, port 11113 (generated)",
        "1 of 1 lines would be changed.",
    ]

    code, output, _ = run(app, "import", str(file))
    assert (code, output.splitlines()[-1]) == (0, "1 of 1 lines changed.")

    code, output, _ = run(app, "export")
    assert code == 0
    file.write_text(output)
    assert output.splitlines()[1].startswith("Klinik Süd,KLINIK-SUD,CT1,,11113,")
    assert run(app, "import", str(file))[1].splitlines() == ["line 2: unchanged", "0 of 1 lines changed."]


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_the_command_fails_on_a_bad_file(
    app: Flask, site_database: Database, file: Path, options: list[str]
) -> None:
    file.write_text("name,port\nEast,104\nWest,x\n")

    code, output, errors = run(app, "import", str(file), *options)

    assert (code, output) == (1, "")
    assert errors.splitlines() == [
        "line 3, column port: x is no whole number.",
        "Error: Nothing was changed: correct these and import the whole file again.",
    ]
    assert facilities(site_database) == {}
