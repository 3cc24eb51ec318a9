"""The worklist's reports in a real browser: tabs, keys, the row's menu, rows that follow what others do."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from sqlalchemy import select

from database.models import Role, Study, User
from database.session import Database
from tests.browser.conftest import PASSWORD, sign_in
from tests.factories import create_study
from tests.web_servers import WebServerProcess
from tests.written_reports import Pen
from webapp.accounts import create_user
from webapp.reports import locks


@pytest.fixture(autouse=True)
def _patience() -> None:
    expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServerProcess]:
    with WebServerProcess(tmp_path_factory.mktemp("worklist")) as server:
        for name in ("reader", "colleague"):
            create_user(server.database, name, PASSWORD, Role.RADIOLOGIST)
        yield server


@pytest.fixture
def worklist(browser: Browser, server: WebServerProcess) -> Iterator[Page]:
    """The reader's. A script's error fails the test."""
    with browser.new_context(base_url=server.url, viewport={"width": 1920, "height": 1000}) as context:
        problems: list[str] = []
        page = watched(context, problems)
        sign_in(page, "reader")
        yield page
    assert problems == []


def watched(context: BrowserContext, problems: list[str]) -> Page:
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    return page


def pen_of(database: Database, username: str) -> Pen:
    with database.read() as session:
        return Pen(database, session.scalars(select(User).where(User.username == username)).one())


def row(page: Page, study: Study) -> Locator:
    return page.locator(f'tr[data-study="{study.id}"]')


def focus(page: Page, study: Study) -> None:
    row(page, study).get_by_role("link").first.focus()


def test_tabs_lead_to_what_they_count(worklist: Page, server: WebServerProcess) -> None:
    unread, draft = create_study(server.database, series=[]), create_study(server.database, series=[])
    pen_of(server.database, "colleague").draft(draft)
    worklist.goto("/worklist")
    tabs = worklist.get_by_role("navigation", name="Report status")
    tabs.get_by_role("link", name=re.compile("Unread")).click()
    worklist.wait_for_url("**status=unread**")
    expect(row(worklist, unread)).to_be_visible()
    expect(row(worklist, draft)).to_have_count(0)
    tabs.get_by_role("link", name=re.compile("Drafts")).click()
    worklist.wait_for_url("**status=draft**")
    expect(row(worklist, draft)).to_contain_text("colleague")
    expect(row(worklist, unread)).to_have_count(0)


def test_rows_follow_what_others_do(worklist: Page, server: WebServerProcess) -> None:
    study = create_study(server.database, series=[])
    colleague = pen_of(server.database, "colleague")
    worklist.goto("/worklist")
    person, status = row(worklist, study).locator(".c-person"), row(worklist, study).locator(".c-status")
    expect(status).to_have_text("Unread")
    token = colleague.open(study)
    expect(person.get_by_label("being written by")).to_be_visible()
    locks.release(server.database, study.id, token)
    expect(person).to_have_text("")
    colleague.draft(study)
    expect(status).to_have_text("Draft")
    expect(person).to_have_text("colleague")


def test_a_report_that_becomes_final_stops_the_clock(worklist: Page, server: WebServerProcess) -> None:
    study = create_study(server.database, series=[])
    colleague = pen_of(server.database, "colleague")
    worklist.goto("/worklist")
    tab = worklist.locator('[data-count="Final today"]')
    before = int(tab.inner_text())
    clock = row(worklist, study).locator(".turnaround")
    expect(clock).to_have_attribute("data-since", re.compile("T"))
    colleague.finalize(study)
    expect(row(worklist, study).locator(".c-status")).to_have_text("Final")
    expect(row(worklist, study).locator(".c-person")).to_have_text("colleague")
    expect(tab).to_have_text(str(before + 1))
    expect(clock).to_have_class(re.compile("is-done"))


def test_keys_assign_open_and_print(worklist: Page, server: WebServerProcess) -> None:
    study, final = create_study(server.database, series=[]), create_study(server.database, series=[])
    pen_of(server.database, "colleague").finalize(final)
    worklist.goto("/worklist")
    focus(worklist, study)
    worklist.keyboard.press("a")
    expect(row(worklist, study).locator(".c-person")).to_have_text("→ reader")
    expect(row(worklist, study).get_by_role("link").first).to_be_focused()
    worklist.keyboard.press("a")
    expect(row(worklist, study).locator(".c-person")).to_have_text("")
    worklist.keyboard.press("p")
    expect(worklist.get_by_text("There is no final report to print")).to_be_visible()
    worklist.keyboard.press("r")
    worklist.wait_for_url(f"**/studies/{study.id}/report")
    worklist.goto("/worklist")
    focus(worklist, final)
    worklist.keyboard.press("p")
    worklist.wait_for_url(f"**/studies/{final.id}/report/print")


def test_a_colleagues_study_is_taken_over_by_the_menu_alone(
    worklist: Page, browser: Browser, server: WebServerProcess
) -> None:
    study = create_study(server.database, series=[])
    worklist.goto("/worklist")
    focus(worklist, study)
    worklist.keyboard.press("a")
    expect(row(worklist, study).locator(".c-person")).to_have_text("→ reader")
    with browser.new_context(base_url=server.url, viewport={"width": 1440, "height": 900}) as context:
        problems: list[str] = []
        other = watched(context, problems)
        sign_in(other, "colleague")
        focus(other, study)
        other.keyboard.press("a")
        expect(other.get_by_text("Assigned to reader")).to_be_visible()
        row(other, study).get_by_role("button").click()
        other.get_by_role("button", name="Take over from reader").click()
        expect(row(other, study).locator(".c-person")).to_have_text("→ colleague")
        assert problems == []
    expect(row(worklist, study).locator(".c-person")).to_have_text("→ colleague")


def test_the_menu_sets_a_priority_and_the_order_follows(worklist: Page, server: WebServerProcess) -> None:
    study = create_study(server.database, series=[])
    create_study(server.database, series=[], requested_priority="urgent")
    worklist.goto("/worklist")
    row(worklist, study).get_by_role("button", name="Report, priority, assignment").click()
    worklist.get_by_role("button", name="STAT", exact=True).click()
    expect(row(worklist, study).locator(".priority-stat")).to_be_visible()
    expect(worklist.locator("#row-menu")).to_be_hidden()
    worklist.get_by_role("columnheader", name="Report").get_by_role("link").click()
    worklist.wait_for_url("**sort=priority**")
    expect(worklist.locator("tr[data-study]").first).to_have_attribute("data-study", str(study.id))


def test_a_view_is_kept_and_found_again(worklist: Page) -> None:
    worklist.goto("/worklist?status=draft&sort=priority")
    worklist.get_by_text("Views").click()
    worklist.get_by_label("Name of this view").fill("My drafts")
    worklist.get_by_role("button", name="Save").click()
    expect(worklist.get_by_text("This view is kept as My drafts.")).to_be_visible()
    worklist.goto("/worklist")
    worklist.get_by_text("Views").click()
    worklist.get_by_role("link", name="My drafts").click()
    worklist.wait_for_url("**status=draft&sort=priority")
    worklist.get_by_text("Views").click()
    worklist.get_by_role("button", name="Delete My drafts").click()
    worklist.get_by_text("Views").click()
    expect(worklist.get_by_role("link", name="My drafts")).to_have_count(0)


def test_a_phone_has_tabs_and_the_menu(browser: Browser, server: WebServerProcess) -> None:
    study = create_study(server.database, series=[])
    with browser.new_context(
        base_url=server.url, viewport={"width": 390, "height": 844}, has_touch=True
    ) as context:
        problems: list[str] = []
        page = watched(context, problems)
        sign_in(page, "reader")
        row(page, study).get_by_role("button").tap()
        page.get_by_role("button", name="Assign to me").tap()
        expect(row(page, study).locator(".c-person")).to_have_text("→ reader")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert problems == []


def test_figures_are_drawn_without_a_script(worklist: Page, server: WebServerProcess) -> None:
    study = create_study(server.database, series=[])
    pen_of(server.database, "colleague").finalize(study)
    worklist.goto("/worklist")
    worklist.get_by_role("link", name="Figures").click()
    worklist.wait_for_url("**/figures")
    expect(worklist.get_by_role("img", name="Reports by day")).to_be_visible()
    expect(worklist.get_by_role("row").filter(has_text="colleague")).to_be_visible()
