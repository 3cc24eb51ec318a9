"""What all tests share: real databases of both kinds, and a real Orthanc."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from database.migrate import upgrade
from database.session import Database, make_engine
from tests.orthanc_process import OrthancProcess
from tests.postgres_process import PostgresProcess

# No test asserts a time: a busy machine is no reason to fail.
settings.register_profile("noctis", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("noctis")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("NOCTIS_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresProcess]:
    with PostgresProcess() as process:
        yield process


@pytest.fixture(params=["sqlite", "postgresql"])
def database_urls(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """``(owner's, application's)`` URL of an empty database; every test that asks runs on both kinds."""
    if request.param == "postgresql":
        process: PostgresProcess = request.getfixturevalue("postgres")
        return process.database()
    url = f"sqlite:///{tmp_path / 'noctis.sqlite'}"
    return url, url


@pytest.fixture
def database_url(database_urls: tuple[str, str]) -> str:
    """The application's URL of a migrated database."""
    upgrade(*database_urls)
    return database_urls[1]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    engine = make_engine(database_url)
    yield Database(engine)
    engine.dispose()


@pytest.fixture
def orthanc() -> Iterator[OrthancProcess]:
    with OrthancProcess() as process:
        yield process
