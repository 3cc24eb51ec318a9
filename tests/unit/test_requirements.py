"""The lock files are complete: every package of ours and below, one version, its hashes."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


def pins(name: str) -> list[str]:
    """The logical lines of a lock file, without comments."""
    text = (PROJECT / name).read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def wanted(name: str) -> set[str]:
    lines = (PROJECT / name).read_text().splitlines()
    names = [re.match(r"[A-Za-z0-9_.-]+", line) for line in lines if not line.startswith(("#", "-"))]
    return {normal(found[0]) for found in names if found}


def normal(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_package_has_one_version_and_hashes(name: str) -> None:
    form = re.compile(r"[A-Za-z0-9_.-]+(\[[a-z,]+\])?==\S+( ; .+?)?\s+(--hash=sha256:[0-9a-f]{64}\s*)+")

    assert [line for line in pins(name) if not form.fullmatch(line)] == []


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_everything_asked_for_is_locked(name: str) -> None:
    locked = {normal(re.split(r"[\[=]", line)[0]) for line in pins(f"{name}.txt")}

    assert wanted(f"{name}.in") - locked == set()
