"""The whole product for a browser: real Orthanc, recorder, bridge and webapp, and Debian's Chromium."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from pydicom import Dataset
from sqlalchemy import select
from werkzeug.serving import make_server

from bridge.scu import store
from database.migrate import upgrade
from database.models import Role, Study
from database.session import Database
from settings import Settings
from tests.bridges import start_bridge
from tests.orthanc_process import AE_TITLE, OrthancProcess
from tests.recorders import RecorderProcess, environment_behind
from webapp import create_app
from webapp.accounts import create_user
from webapp.services import Services

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
USERNAME, PASSWORD = "reader", "a reader's password"


@dataclass(frozen=True)
class Product:
    """A running Noctis with one radiologist."""

    url: str
    orthanc: OrthancProcess
    recorder: RecorderProcess
    database: Database

    def send(self, datasets: list[Dataset]) -> None:
        """As a modality does."""
        answers = store(datasets, "127.0.0.1", self.recorder.port, "CT_EAST", AE_TITLE)
        assert set(answers) == {0}

    def has(self, datasets: list[Dataset]) -> bool:
        """Whether the bridge has brought all of a study's instances to the database."""
        with self.database.read() as session:
            count = session.scalar(
                select(Study.instance_count).where(Study.study_instance_uid == datasets[0].StudyInstanceUID)
            )
        return count == len(datasets)

    def orthanc_id(self, patient_name: str) -> str:
        """Of the one study under this name."""
        with self.database.read() as session:
            return session.scalars(select(Study.orthanc_id).where(Study.patient_name == patient_name)).one()


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder: Path = tmp_path_factory.mktemp("product")
    with OrthancProcess() as orthanc, RecorderProcess(orthanc.dicom_port, folder) as recorder:
        settings = Settings.model_validate(
            recorder.settings
            | {
                "orthanc_http_port": orthanc.http_port,
                "orthanc_password": orthanc.password,
                "secret_key": "a key of the tests",
                "encryption_key": "a key of the tests",
            }
        )
        upgrade(settings.sqlalchemy_url, settings.sqlalchemy_url)
        bridge = start_bridge(environment_behind(recorder, orthanc, settings.sqlalchemy_url))
        try:
            yield from _serve(settings, orthanc, recorder)
        finally:
            _end(bridge)


def _serve(settings: Settings, orthanc: OrthancProcess, recorder: RecorderProcess) -> Iterator[Product]:
    app = create_app(settings)
    services: Services = app.extensions["noctis"]
    create_user(services.database, USERNAME, PASSWORD, Role.RADIOLOGIST)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Product(f"http://127.0.0.1:{server.port}", orthanc, recorder, services.database)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        services.close()


def _end(bridge: subprocess.Popen[str]) -> None:
    bridge.terminate()
    bridge.communicate(timeout=30)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, product: Product) -> Iterator[Page]:
    """A fresh browser profile. Whatever its console calls an error fails the test."""
    context = browser.new_context(base_url=product.url, viewport={"width": 1440, "height": 900})
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    assert [
        problem for problem in problems if "415" not in problem
    ] == []  # 415: an object that is no picture


def sign_in(page: Page, username: str = USERNAME) -> None:
    page.goto("/")
    page.get_by_label("User name").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/worklist")
