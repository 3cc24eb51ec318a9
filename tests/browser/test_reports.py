"""Writing reports in a real browser: nothing typed is lost, whatever happens to the server or to others."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from sqlalchemy import select

from database.models import Report, ReportRevision, ReportState, ReportTemplate, Role, Study, User
from database.session import Database
from emulator.studies import make_study
from tests.browser.conftest import PASSWORD, Product, sign_in
from tests.factories import LONG_AGO, create_study
from tests.waiting import wait_until
from tests.web_servers import WebServerProcess
from webapp.accounts import create_user

SAVED = re.compile(r"^Saved \d\d:\d\d:\d\d$")
NOT_SAVED = re.compile(r"^Not saved since \d\d:\d\d:\d\d: ")

Open = Callable[..., Page]


@pytest.fixture(autouse=True)
def _patience() -> None:
    expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServerProcess]:
    with WebServerProcess(tmp_path_factory.mktemp("reports")) as server:
        for name in ("reader", "colleague"):
            create_user(server.database, name, PASSWORD, Role.RADIOLOGIST)
        create_user(server.database, "technologist", PASSWORD, Role.TECHNOLOGIST)
        yield server


@pytest.fixture
def study(server: WebServerProcess) -> Study:
    """Without pictures: there is no Orthanc."""
    return create_study(server.database, series=[])


@pytest.fixture
def open_report(browser: Browser, server: WebServerProcess, study: Study) -> Iterator[Open]:
    """``open_report("reader")``: the report in a browser of its own. A script's error fails the test."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def open_page(username: str, *, has_scripts: bool = True) -> Page:
        context = browser.new_context(
            base_url=server.url,
            viewport={"width": 1920, "height": 1080},
            java_script_enabled=has_scripts,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        sign_in(page, username)
        page.goto(f"/studies/{study.id}/report")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


def newest(database: Database, study: Study) -> ReportRevision | None:
    with database.read() as session:
        return session.scalar(
            select(ReportRevision)
            .join(Report, Report.id == ReportRevision.report_id)
            .where(Report.study_id == study.id)
            .order_by(ReportRevision.number.desc())
            .limit(1)
        )


def wait_for_findings(server: WebServerProcess, study: Study, text: str) -> None:
    def is_there() -> bool:
        revision = newest(server.database, study)
        return revision is not None and revision.findings == text

    wait_until(is_there, f"{text!r} in the database")


def test_nothing_typed_is_lost_when_the_server_dies(
    server: WebServerProcess, study: Study, open_report: Open
) -> None:
    page = open_report("reader")
    findings = page.get_by_label("Findings")
    findings.press_sequentially("The heart is of normal size.")
    expect(page.locator("#save-state")).to_have_text(SAVED)
    wait_for_findings(server, study, "The heart is of normal size.")
    findings.press_sequentially(" No effusion.", delay=5)
    server.kill()
    findings.press_sequentially(" The lungs are clear.", delay=5)
    page.get_by_label("Impression").fill("Normal.")
    page.keyboard.press("Control+s")
    expect(page.locator("#save-state")).to_have_text(NOT_SAVED)
    expect(page.locator("#save-state")).to_contain_text("does not answer, retrying")
    findings.press_sequentially(" And more.")
    server.start()
    expect(page.locator("#save-state")).to_have_text(SAVED)
    wait_for_findings(
        server, study, "The heart is of normal size. No effusion. The lungs are clear. And more."
    )
    revision = newest(server.database, study)
    assert revision is not None
    assert revision.impression == "Normal."


def test_a_reload_finds_what_was_typed_while_the_server_was_down(
    server: WebServerProcess, study: Study, open_report: Open
) -> None:
    page = open_report("reader")
    page.on("dialog", lambda dialog: dialog.accept())
    server.kill()
    page.get_by_label("Findings").press_sequentially("Typed into the void.")
    page.keyboard.press("Control+s")
    expect(page.locator("#save-state")).to_have_text(NOT_SAVED)
    server.start()
    page.reload()
    expect(page.get_by_label("Findings")).to_have_value("Typed into the void.")
    expect(page.locator("#save-state")).to_have_text(SAVED)
    wait_for_findings(server, study, "Typed into the void.")


def test_leaving_the_page_saves(server: WebServerProcess, study: Study, open_report: Open) -> None:
    page = open_report("reader")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_label("Findings").press_sequentially("Last words.")
    page.goto("/worklist")
    wait_for_findings(server, study, "Last words.")
    other = open_report("colleague")
    expect(other.get_by_label("Findings")).to_be_editable()  # the lock went with the page


def test_what_was_saved_in_leaving_is_not_held_against_what_others_wrote_since(
    server: WebServerProcess, study: Study, open_report: Open
) -> None:
    page, other = open_report("reader"), open_report("colleague")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_label("Findings").press_sequentially("Last words.")
    page.goto("/worklist")
    wait_for_findings(server, study, "Last words.")
    expect(other.get_by_label("Findings")).to_have_value("Last words.")
    expect(other.get_by_label("Findings")).to_be_editable()
    other.get_by_label("Findings").fill("Better words.")
    other.keyboard.press("Control+s")
    expect(other.locator("#save-state")).to_have_text(SAVED)
    other.goto("/worklist")
    page.goto(f"/studies/{study.id}/report")
    expect(page.locator("#save-state")).to_have_text(SAVED)
    expect(page.get_by_label("Findings")).to_have_value("Better words.")
    expect(page.locator("#merge-dialog")).to_be_hidden()
    wait_for_findings(server, study, "Better words.")


def test_what_is_typed_before_the_script_runs_is_kept(
    server: WebServerProcess, study: Study, open_report: Open
) -> None:
    page = open_report("reader")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/report_editor.js", hold)
    page.reload(wait_until="commit")
    page.get_by_label("Findings").press_sequentially("Early words.")
    wait_until(lambda: page.evaluate("1") and held, "the script being asked for")
    held.pop().continue_()
    expect(page.locator("#save-state")).to_have_text(SAVED)
    wait_for_findings(server, study, "Early words.")


def test_signed_out_says_so_and_goes_on_after_signing_in(
    server: WebServerProcess, study: Study, open_report: Open
) -> None:
    page = open_report("reader")
    page.get_by_label("Findings").press_sequentially("Before.")
    page.keyboard.press("Control+s")
    expect(page.locator("#save-state")).to_have_text(SAVED)
    page.context.clear_cookies()
    page.get_by_label("Findings").press_sequentially(" After.")
    page.keyboard.press("Control+s")
    expect(page.locator("#save-state")).to_contain_text("you are signed out")
    tab = page.context.new_page()
    sign_in(tab, "reader")
    expect(page.locator("#save-state")).to_have_text(SAVED)
    wait_for_findings(server, study, "Before. After.")


def test_a_late_answer_changes_nothing_that_is_typed(
    server: WebServerProcess, study: Study, open_report: Open
) -> None:
    page = open_report("reader")
    findings = page.get_by_label("Findings")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(re.compile(r"/report$"), hold)
    findings.press_sequentially("One.")
    page.keyboard.press("Control+s")
    wait_until(lambda: page.evaluate("1") and held, "a save under way")
    findings.press_sequentially(" Two.")
    held.pop().continue_()
    expect(page.locator("#save-state")).to_have_text("Not saved yet")
    expect(findings).to_have_value("One. Two.")
    page.unroute(re.compile(r"/report$"))
    page.keyboard.press("Control+s")
    expect(page.locator("#save-state")).to_have_text(SAVED)
    wait_for_findings(server, study, "One. Two.")


def test_an_own_save_whose_answer_got_lost_is_no_conflict(
    server: WebServerProcess, study: Study, open_report: Open
) -> None:
    page = open_report("reader")
    lost: list[int] = []

    def lose_the_first(route: Route) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.fetch().status)
        route.abort()

    page.route(re.compile(r"/report$"), lose_the_first)
    page.get_by_label("Findings").press_sequentially("One.")
    page.keyboard.press("Control+s")
    expect(page.locator("#save-state")).to_have_text(NOT_SAVED)
    page.get_by_label("Findings").press_sequentially(" Two.")
    expect(page.locator("#save-state")).to_have_text(SAVED)
    expect(page.locator("#merge-dialog")).to_be_hidden()
    assert lost == [200]
    wait_for_findings(server, study, "One. Two.")


def test_two_who_write_take_over_and_keep_both_texts(
    server: WebServerProcess, study: Study, open_report: Open
) -> None:
    one, two = open_report("reader"), open_report("colleague")
    one.get_by_label("Findings").press_sequentially("From the reader.")
    one.keyboard.press("Control+s")
    expect(one.locator("#save-state")).to_have_text(SAVED)
    expect(two.locator("#lock-note")).to_contain_text("reader is writing this report since")
    expect(two.get_by_label("Findings")).not_to_be_editable()
    expect(two.get_by_label("Findings")).to_have_value("From the reader.")  # live
    one.get_by_label("Impression").press_sequentially("Unsaved")
    two.get_by_role("button", name="Take over").click()
    expect(two.get_by_label("Findings")).to_be_editable()
    two.get_by_label("Findings").fill("From the colleague.")
    two.get_by_label("Technique").fill("CT.")
    two.keyboard.press("Control+s")
    expect(two.locator("#save-state")).to_have_text(SAVED)
    expect(one.locator("#lock-note")).to_contain_text("colleague is writing this report since")
    expect(one.get_by_label("Impression")).to_have_value(re.compile("Unsaved"))
    one.get_by_role("button", name="Take over").click()
    merge = one.get_by_role("dialog", name="Changed by somebody else meanwhile")
    expect(merge).to_contain_text("From the colleague.")
    expect(merge).to_contain_text("Unsaved")
    expect(merge.get_by_role("group", name="Technique").get_by_label("Take theirs")).to_be_checked()
    expect(merge.get_by_role("group", name="Impression").get_by_label("Keep mine")).to_be_checked()
    merge.get_by_role("group", name="Findings").get_by_label("Both").check()
    merge.get_by_role("button", name="Save the chosen text").click()
    expect(one.locator("#save-state")).to_have_text(SAVED)
    wait_for_findings(server, study, "From the colleague.\n\nFrom the reader.")
    revision = newest(server.database, study)
    assert revision is not None
    assert (revision.technique, revision.impression) == ("CT.", "Unsaved")


def test_a_report_is_written_and_signed_by_keyboard_alone(study: Study, open_report: Open) -> None:
    page = open_report("reader")
    reading = open_report("technologist")
    page.goto(f"/studies/{study.id}")
    page.keyboard.press("r")
    page.wait_for_url("**/report")
    expect(page.locator("#save-state")).to_have_text("Nothing written yet")
    page.keyboard.press("e")
    expect(page.get_by_label("Findings")).to_be_focused()
    page.keyboard.type("No nodule.")
    page.keyboard.press("Tab")
    page.keyboard.type("Normal.")
    page.keyboard.press("Control+Enter")
    dialog = page.get_by_role("dialog", name="Sign the report")
    expect(dialog).to_contain_text("No nodule.")
    expect(dialog).to_contain_text("Normal.")
    expect(dialog.get_by_label("Your password")).to_be_focused()
    page.keyboard.type("not it")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("nothing was signed")
    expect(dialog.get_by_label("Your password")).to_be_focused()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Signed: it is final.")).to_be_visible()
    expect(page.get_by_role("article", name="Valid report")).to_contain_text("No nodule.")
    expect(page.locator("textarea:visible")).to_have_count(0)
    expect(reading.locator("#report-news")).to_contain_text("The report is now: Final")
    reading.get_by_role("link", name="Load it").click()
    expect(reading.get_by_role("article", name="Valid report")).to_contain_text("Normal.")


def test_without_scripts_the_page_is_a_form(
    server: WebServerProcess, study: Study, open_report: Open
) -> None:
    page = open_report("reader", has_scripts=False)
    page.get_by_label("Findings").fill("No nodule.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
    page.get_by_label("Impression").fill("Normal.")
    page.get_by_role("button", name="Sign").click()
    expect(page.get_by_text("Normal.")).to_be_visible()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Sign").click()
    expect(page.get_by_text("Signed: it is final.")).to_be_visible()
    revision = newest(server.database, study)
    assert revision is not None
    assert (revision.state, revision.findings) == (ReportState.FINAL, "No nodule.")


def test_what_cannot_be_saved_any_more_is_shown_to_be_copied(study: Study, open_report: Open) -> None:
    page, other = open_report("reader"), open_report("colleague")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_label("Findings").press_sequentially("No nodule.")
    page.keyboard.press("Control+s")
    expect(page.locator("#save-state")).to_have_text(SAVED)
    page.route(re.compile(r"/report$"), lambda route: route.abort())
    page.get_by_label("Impression").press_sequentially("Too late.")
    other.get_by_role("button", name="Take over").click()
    expect(other.get_by_label("Findings")).to_be_editable()
    other.keyboard.press("Control+Enter")
    other.get_by_label("Your password").fill(PASSWORD)
    other.keyboard.press("Enter")
    expect(other.get_by_text("Signed: it is final.")).to_be_visible()
    page.unroute(re.compile(r"/report$"))
    expect(page.locator("#save-state")).to_contain_text("can't be added to it any more")
    page.goto(f"/studies/{study.id}/report")
    expect(page.locator("#leftover")).to_contain_text("Too late.")
    page.get_by_role("link", name="Addendum").click()
    page.get_by_label("Addendum", exact=True).fill("Besides.")
    page.keyboard.press("Control+s")
    expect(page.locator("#save-state")).to_have_text(SAVED)
    expect(page.locator("#leftover")).to_have_text(re.compile(r"Too late\.\s+I don't need it any more\s*$"))
    page.get_by_role("button", name="I don't need it any more").click()
    page.reload()
    expect(page.locator("#leftover")).to_be_hidden()


def test_a_template_fills_what_is_empty_and_keeps_what_is_there(
    server: WebServerProcess, open_report: Open
) -> None:
    with server.database.write() as session:
        author = session.scalars(select(User.id).where(User.username == "reader")).one()
        session.add(
            ReportTemplate(
                name="CT chest",
                technique="CT of the chest.",
                findings="Lungs: clear.",
                updated_by_id=author,
                updated_at=LONG_AGO,
            )
        )
    page = open_report("reader")
    page.get_by_label("Findings").fill("Seen already.")
    page.get_by_label("Template").select_option("CT chest")
    expect(page.get_by_label("Findings")).to_have_value("Seen already.\n\nLungs: clear.")
    expect(page.get_by_label("Technique")).to_have_value("CT of the chest.")
    expect(page.get_by_label("Findings")).to_be_focused()


def test_images_and_text_are_seen_side_by_side(product: Product, page: Page) -> None:
    datasets = make_study(modality="CT", instance_count=3, seed="reports")
    product.send(datasets)
    wait_until(lambda: product.has(datasets), "the study in the database")
    with product.database.read() as session:
        query = select(Study.id).where(Study.study_instance_uid == datasets[0].StudyInstanceUID)
        study_id = session.scalars(query).one()
    page.set_viewport_size({"width": 1920, "height": 1080})
    sign_in(page)
    page.goto(f"/studies/{study_id}/report")
    expect(page.locator("#overlay-window")).not_to_be_empty()  # a picture is on the canvas
    expect(page.locator("#stage")).to_be_in_viewport(ratio=1)
    for label in ("Clinical information", "Findings", "Recommendation"):
        expect(page.get_by_label(label)).to_be_in_viewport(ratio=1)
    stage, text = page.locator("#stage").bounding_box(), page.get_by_label("Findings").bounding_box()
    assert stage is not None
    assert text is not None
    assert stage["x"] + stage["width"] <= text["x"]
    page.get_by_label("Findings").press("ArrowDown")  # typing moves no image
    expect(page.locator("#overlay-image")).to_have_text("Image 1 of 3")
    page.get_by_label("Findings").press("Escape")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#overlay-image")).to_have_text("Image 2 of 3")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("F2 is left to dictation")
