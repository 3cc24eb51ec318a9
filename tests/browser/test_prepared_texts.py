"""Templates, standard texts and prior studies in a real browser, as one meets them while writing a report."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from database.models import Role, User
from tests.browser.conftest import PASSWORD, sign_in
from tests.factories import SeriesPlan, create_facility, create_study
from tests.web_servers import WebServerProcess
from webapp.accounts import create_user
from webapp.prepared_texts import changes
from webapp.prepared_texts.fields import StandardTextFields
from webapp.reports import writing
from webapp.reports.texts import Save
from webapp.reports.writing import Writer


@pytest.fixture(autouse=True)
def _patience() -> None:
    expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServerProcess]:
    with WebServerProcess(tmp_path_factory.mktemp("prepared")) as server:
        yield server


@pytest.fixture(scope="module")
def author(server: WebServerProcess) -> User:
    """The radiologist who signs in, with some standard texts."""
    user = create_user(server.database, "reader", PASSWORD, Role.RADIOLOGIST)
    for alias, text in (
        ("lungs", "No nodule.\nNo effusion."),
        ("lungs-old", "Unchanged since {prior_date}."),
        ("størst", "Den største."),
    ):
        changes.add_standard_text(server.database, StandardTextFields(alias, text), user.id)
    return user


@pytest.fixture
def page(browser: Browser, server: WebServerProcess, author: User) -> Iterator[Page]:
    """Signed in. A script's error fails the test."""
    context = browser.new_context(base_url=server.url, viewport={"width": 1920, "height": 1080})
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    sign_in(page, author.username)
    yield page
    context.close()
    assert problems == []


@pytest.fixture
def report(page: Page, server: WebServerProcess) -> Page:
    """A new report, with its standard texts loaded."""
    study = create_study(server.database, series=[SeriesPlan(series={"body_part_examined": "CHEST"})])
    with page.expect_response("**/report/standard-texts"):
        page.goto(f"/studies/{study.id}/report")
    return page


def _type(page: Page, label: str, text: str) -> None:
    page.get_by_label(label, exact=True).focus()
    page.keyboard.type(text)


def test_an_alias_and_tab_become_its_text_and_undo_takes_it_back(report: Page) -> None:
    findings = report.get_by_label("Findings", exact=True)
    _type(report, "Findings", "Lungs: .lungs")
    report.keyboard.press("Tab")
    expect(findings).to_have_value("Lungs: No nodule.\nNo effusion.")
    expect(findings).to_be_focused()
    expect(report.get_by_text(".lungs is expanded.")).to_have_count(1)
    report.keyboard.press("Control+z")
    expect(findings).to_have_value("Lungs: .lungs")
    report.keyboard.press("End")
    report.keyboard.press("Tab")
    report.keyboard.type(" Heart normal.")
    expect(findings).to_have_value("Lungs: No nodule.\nNo effusion. Heart normal.")


def test_what_expands_in_the_middle_leaves_the_rest(report: Page) -> None:
    findings = report.get_by_label("Findings", exact=True)
    _type(report, "Findings", "(.LUNGS and more")
    for _ in " and more":
        report.keyboard.press("ArrowLeft")
    report.keyboard.press("Tab")
    expect(findings).to_have_value("(No nodule.\nNo effusion. and more")


def test_an_alias_may_have_any_letters(report: Page) -> None:
    _type(report, "Findings", ".STØRST")
    report.keyboard.press("Tab")
    expect(report.get_by_label("Findings", exact=True)).to_have_value("Den største.")


@pytest.mark.parametrize("text", [".unknown", "2.lungs", "e.g.lungs", "lungs", ".lungs ", ".lung", "..lungs"])
def test_tab_moves_on_after_anything_else(report: Page, text: str) -> None:
    _type(report, "Findings", text)
    report.keyboard.press("Tab")
    expect(report.get_by_label("Findings", exact=True)).to_have_value(text)
    expect(report.get_by_label("Impression", exact=True)).to_be_focused()


def test_shift_tab_moves_back_and_a_selection_stays(report: Page) -> None:
    findings = report.get_by_label("Findings", exact=True)
    _type(report, "Findings", ".lungs")
    report.keyboard.press("Shift+Tab")
    expect(findings).not_to_be_focused()
    findings.focus()
    report.keyboard.press("Control+a")
    report.keyboard.press("Tab")
    expect(findings).to_have_value(".lungs")


def test_the_first_blank_is_where_one_writes_on(report: Page) -> None:
    _type(report, "Impression", ".lungs-old")
    report.keyboard.press("Tab")
    report.keyboard.type("2019")
    expect(report.get_by_label("Impression", exact=True)).to_have_value("Unchanged since 2019.")


def test_what_begins_so_is_listed_and_a_click_takes_it(report: Page) -> None:
    findings = report.get_by_label("Findings", exact=True)
    _type(report, "Findings", ".lun")
    items = report.locator(".alias-list li")
    expect(items).to_have_count(2)
    expect(report.get_by_text("Standard texts: lungs, lungs-old.")).to_have_count(1)
    report.keyboard.press("Escape")
    expect(items.first).to_be_hidden()
    report.keyboard.type("g")
    items.filter(has_text="No nodule").click()
    expect(findings).to_have_value("No nodule.\nNo effusion.")
    expect(findings).to_be_focused()
    expect(items.first).to_be_hidden()


def test_what_is_expanded_is_saved(report: Page) -> None:
    _type(report, "Findings", ".lungs")
    report.keyboard.press("Tab")
    report.get_by_label("Impression", exact=True).focus()
    expect(report.get_by_text(re.compile(r"^Saved \d\d:\d\d:\d\d$"))).to_be_visible()
    report.reload()
    expect(report.get_by_label("Findings", exact=True)).to_have_value("No nodule.\nNo effusion.")


def test_a_template_is_written_with_placeholders_by_a_click(page: Page) -> None:
    page.goto("/templates/new")
    page.get_by_label("Name").fill("CT chest")
    page.get_by_label("Technique").fill("CT of the ")
    page.get_by_role("button", name="{body_part}").click()
    page.keyboard.type(".")
    expect(page.get_by_label("Technique")).to_have_value("CT of the {body_part}.")
    page.get_by_role("button", name="Save template").click()
    page.wait_for_url("**/templates")
    expect(page.get_by_role("link", name="CT chest")).to_be_visible()


def test_leaving_a_changed_template_asks_first(page: Page) -> None:
    page.goto("/templates/new")
    page.get_by_label("Findings").fill("Lungs: ")
    asked: list[str] = []

    def stay(dialog: object) -> None:
        asked.append(getattr(dialog, "type", ""))
        getattr(dialog, "dismiss")()  # noqa: B009 - Playwright types it later

    page.on("dialog", stay)
    page.get_by_role("link", name="Cancel").click()
    page.wait_for_timeout(500)
    assert asked == ["beforeunload"]
    expect(page.get_by_label("Findings")).to_have_value("Lungs: ")


def test_a_priors_report_opens_beside_and_possibly_another_patients_does_not(
    page: Page, server: WebServerProcess, author: User
) -> None:
    database = server.database
    east, west = create_facility(database, "East"), create_facility(database, "West")
    here, prior = (create_study(database, facilities=(east.id,), patient_id="123") for _ in range(2))
    other = create_study(database, facilities=(west.id,), patient_id="123", patient_name="Roe^Richard")
    writer = Writer(author, "another page")
    for study, text in ((prior, "A nodule of 4 mm."), (other, "Of somebody else.")):
        writing.save(database, study.id, writer, Save({"findings": text}, 0))
        writing.sign(database, study.id, writer, 1)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"/studies/{here.id}/report")
    side = page.get_by_role("region", name="Prior studies")
    side.locator("details.prior summary").click()
    expect(side.get_by_text("A nodule of 4 mm.")).to_be_visible()
    side.get_by_text("Possibly another patient: 1").click()
    expect(side.get_by_text("Same patient ID, but without a common facility.")).to_be_visible()
    expect(side.get_by_text("Roe, Richard")).to_be_visible()
    expect(side.get_by_text("Of somebody else.")).to_have_count(0)
    assert [url for url in asked if "/report/priors/" in url] == [
        f"{server.url}/studies/{here.id}/report/priors/{prior.id}"
    ]
