"""The print view on a browser's own printer: the same paper as the PDF."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from database.models import Role
from tests.browser.conftest import PASSWORD, sign_in
from tests.factories import create_member, create_study
from tests.printed import Printed
from tests.web_servers import WebServerProcess
from webapp.accounts import create_user
from webapp.reports import writing
from webapp.reports.texts import Save
from webapp.reports.writing import Writer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServerProcess]:
    with WebServerProcess(tmp_path_factory.mktemp("printing")) as server:
        create_user(server.database, "referrer", PASSWORD, Role.READ_ONLY)
        yield server


@pytest.fixture
def page(browser: Browser, server: WebServerProcess) -> Iterator[Page]:
    """Of somebody who only reads. Whatever its console calls an error fails the test."""
    context = browser.new_context(base_url=server.url)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    sign_in(page, "referrer")
    yield page
    context.close()
    assert problems == []


def test_a_final_report_is_found_and_printed(page: Page, server: WebServerProcess) -> None:
    study = create_study(server.database, series=[], patient_name="Yamada^Tarou=山田^太郎")
    writer = Writer(create_member(server.database), "page one")
    findings = "\n".join(f"Line{number} of the findings." for number in range(200))
    saved = writing.save(server.database, study.id, writer, Save({"findings": findings}, 0))
    assert saved is not None
    writing.sign(server.database, study.id, writer, saved.number)
    page.goto(f"/studies/{study.id}")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Print the report").click()
    view = opened.value
    view.evaluate("window.print = () => { document.title = 'printing'; }")
    view.get_by_role("button", name="Print").click()
    assert view.title() == "printing"
    paper = Printed(view.pdf(prefer_css_page_size=True))
    count = len(paper.pages)
    assert count > 3
    for number, text in enumerate(paper.pages, 1):
        assert f"ID {study.patient_id}" in text
        assert "山田 太郎" in text
        assert f"Page {number} of {count}" in text
    assert [word for word in paper.text.split() if word.startswith("Line")] == [
        f"Line{number}" for number in range(200)
    ]
    assert "Printed by referrer, 20" in paper.text
    answer = view.request.get(view.get_by_role("link", name="PDF, Letter").get_attribute("href") or "")
    assert Printed(answer.body()).paper == "612 x 792"
