"""House rules beyond import-linter: one writer a table, one place for engines and for the environment."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from database.models import Base

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("bridge", "database", "webapp", "launch", "emulator")
MODELS = {mapper.class_.__name__: mapper.class_ for mapper in Base.registry.mappers}
_WRITES = {"insert", "update", "delete", "upsert"}


def _sources(*packages: str) -> Iterator[tuple[Path, ast.Module]]:
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path, ast.parse(path.read_text())


def _written_models(tree: ast.Module) -> set[str]:
    """Models that a module makes, or hands to a statement that writes."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            names = {node.func.id}
            if node.func.id in _WRITES:
                names |= {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
            found |= names & set(MODELS)
    return found


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_table_names_its_one_writer(name: str) -> None:
    assert re.search(r"Writer: (bridge|webapp)\.", inspect.getdoc(MODELS[name]) or "")


@pytest.mark.parametrize("package", ["bridge", "webapp"])
def test_only_its_writer_writes_a_table(package: str) -> None:
    for path, tree in _sources(package):
        for name in _written_models(tree):
            assert f"Writer: {package}." in (inspect.getdoc(MODELS[name]) or ""), f"{path.name} writes {name}"


def test_the_rule_finds_writers_at_all() -> None:
    written = {name for _, tree in _sources("bridge", "webapp") for name in _written_models(tree)}
    assert {"Study", "StudyWord", "Feed", "SyncProblem", "User"} <= written


@pytest.mark.parametrize(
    ("forbidden", "home"),
    [("create_engine", "database/session.py"), ("environ", "settings.py"), ("getenv", "settings.py")],
)
def test_there_is_one_place_for_it(forbidden: str, home: str) -> None:
    for path, tree in _sources(*PACKAGES):
        names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert forbidden not in names or path == ROOT / home
