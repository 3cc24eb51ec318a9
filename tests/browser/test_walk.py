"""A radiologist's walk through the product, in a real browser with everything behind it."""

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Locator, Page, expect
from pydicom.uid import generate_uid
from sqlalchemy import update

from database.models import Feed, Study
from emulator.documents import encapsulated_pdf
from emulator.studies import make_study
from tests.browser.conftest import Product, sign_in
from tests.waiting import wait_until

HAS_PICTURE = """() => {
  const canvas = document.getElementById("canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.some((value, index) => index % 4 < 3 && value > 40);
}"""


@pytest.fixture(autouse=True)
def _patience() -> None:
    expect.set_options(timeout=20_000)


@pytest.fixture
def unwatched(browser: Browser, product: Product) -> Iterator[Page]:
    """A page on which requests may fail: the browser's console calls that an error."""
    with browser.new_context(base_url=product.url) as context:
        yield context.new_page()


def send_study(product: Product, name: str, **knobs: Any) -> None:
    """Send it, and wait until the bridge has it: the pages that follow are about what they show."""
    values: dict[str, Any] = {"modality": "CT", "instance_count": 6, "seed": name, "patient_id": name}
    datasets = make_study(patient_name=name, **values | knobs)
    product.send(datasets)
    wait_until(lambda: product.has(datasets), f"{name} in the database")


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has_text=name)


def picture(page: Page) -> str:
    """What the canvas shows, as text that two equal pictures share."""
    return str(page.evaluate("document.getElementById('canvas').toDataURL()"))


def wait_for_another_picture(page: Page, before: str) -> str:
    page.wait_for_function("before => document.getElementById('canvas').toDataURL() !== before", arg=before)
    return picture(page)


def open_study(page: Page, name: str) -> None:
    row(page, name).get_by_role("link").click()
    page.wait_for_url("**/studies/*")
    expect(page.locator("#overlay-image")).to_contain_text("Image 1 of")
    page.wait_for_function(HAS_PICTURE)


def test_sign_in_see_a_study_arrive_filter_open_and_scroll(product: Product, page: Page) -> None:
    send_study(product, "First^Patient")
    sign_in(page)
    expect(row(page, "First, Patient")).to_be_visible()

    send_study(product, "Yamada^Tarou=山田^太郎", instance_count=8)
    news = page.get_by_role("link", name="new stud")
    expect(news).to_be_visible()
    expect(row(page, "山田")).to_have_count(0)  # nothing moves under the reader's eyes
    news.click()
    expect(row(page, "Yamada, Tarou · 山田 太郎")).to_be_visible()
    expect(row(page, "山田").locator(".c-images")).to_have_text("8")

    page.wait_for_load_state()  # keys need the page's script
    page.keyboard.press("/")
    page.keyboard.type("yam 太")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=yam**")
    expect(page.locator("tr[data-study]")).to_have_count(1)

    open_study(page, "山田")
    expect(page.get_by_text("Not for diagnosis")).to_be_visible()
    first = picture(page)
    page.locator("#stage").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#overlay-image")).to_have_text("Image 2 of 8")
    second = wait_for_another_picture(page, first)
    page.locator("#stage").hover()
    page.mouse.wheel(0, 100)
    expect(page.locator("#overlay-image")).to_have_text("Image 3 of 8")
    wait_for_another_picture(page, second)
    page.keyboard.press("End")
    expect(page.locator("#overlay-image")).to_have_text("Image 8 of 8")


def test_a_study_that_grows_updates_its_row_in_place(product: Product, page: Page) -> None:
    send_study(product, "Growing^Study", instance_count=2)
    sign_in(page)
    page.get_by_role("searchbox").fill("growing")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=growing**")
    page.wait_for_function(
        "document.querySelector('tr[data-study]') || (location.reload(), false)", polling=1000
    )
    expect(row(page, "Growing").locator(".c-images")).to_have_text("2")
    expect(row(page, "Growing").get_by_text("receiving")).to_be_visible()
    send_study(product, "Growing^Study", instance_count=5)
    expect(row(page, "Growing").locator(".c-images")).to_have_text("5")


def test_a_correction_reaches_the_open_row_and_leaves_the_focus(product: Product, page: Page) -> None:
    for name in ("Wrong^Name", "Other^Name"):
        send_study(product, name)
    sign_in(page)
    page.goto("/worklist?q=name&sort=name")
    link = row(page, "Wrong, Name").get_by_role("link")
    link.focus()
    place = page.locator("tr[data-study]").all_inner_texts().index(row(page, "Wrong, Name").inner_text())
    with product.database.write() as session:  # as the bridge writes what Orthanc says now
        corrected = {"patient_name": "Right^<b>Name</b>", "patient_birth_date": date(1950, 1, 1)}
        session.execute(
            update(Study)
            .where(Study.patient_name == "Wrong^Name")
            .values(updated_at=datetime.now(UTC), study_description="MR knee", **corrected)
        )
    mended = row(page, "Right, <b>Name</b>")
    expect(mended).to_contain_text("MR knee")
    expect(mended.get_by_role("link")).to_be_focused()
    expect(page.locator("tr[data-study]").nth(place)).to_contain_text("Right")
    times = page.locator("tr[data-study] .c-received time").all_inner_texts()
    assert len(times) == 2
    assert not any("UTC" in text for text in times)


def test_a_study_that_was_deleted_and_sent_again_is_announced(product: Product, page: Page) -> None:
    send_study(product, "Deleted^Study")
    sign_in(page)
    page.goto("/worklist?q=deleted")
    with closing(product.orthanc.client()) as client:
        client.delete_study(product.orthanc_id("Deleted^Study"))
    with product.database.write() as session:  # as `python -m bridge sweep` asks for one
        session.execute(update(Feed).values(sweep_requested_at=datetime.now(UTC)))
    expect(row(page, "Deleted, Study").get_by_text("Gone")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="No study matches")).to_be_visible()
    send_study(product, "Deleted^Study")
    page.get_by_role("link", name="1 new study").click()
    expect(row(page, "Deleted, Study").locator(".c-images")).to_have_text("6")


def test_a_silent_server_is_told_and_heard_again(unwatched: Page) -> None:
    page = unwatched
    sign_in(page)
    page.route("**/worklist/news?*", lambda route: route.abort())
    expect(page.locator("#connection")).to_have_text(re.compile(r"^Not updated since \d\d:\d\d$"))
    page.unroute("**/worklist/news?*")
    expect(page.locator("#connection")).to_have_text("")
    page.context.clear_cookies()
    expect(page.locator("#connection")).to_have_text("Signed out: reload the page")


def test_a_hidden_page_asks_nothing_and_asks_at_once_when_seen(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/news" in request.url else None)
    page.add_init_script("Object.defineProperty(document, 'hidden', { get: () => window.isAway === true })")
    sign_in(page)
    with page.expect_request("**/worklist/news?*"):
        pass
    page.evaluate("window.isAway = true")
    page.wait_for_timeout(1500)  # the last request may be under way
    asked.clear()
    page.wait_for_timeout(3000)
    assert asked == []
    with page.expect_request("**/worklist/news?*"):
        page.evaluate("isAway = false; document.dispatchEvent(new Event('visibilitychange'))")


def test_window_zoom_and_reset(product: Product, page: Page) -> None:
    send_study(product, "Window^Test")
    sign_in(page)
    open_study(page, "Window")
    as_in_file = picture(page)
    page.get_by_label("Window preset").select_option("Bone")
    expect(page.locator("#overlay-window")).to_have_text("C 450  W 1800")
    bone = wait_for_another_picture(page, as_in_file)
    stage = page.locator("#stage").bounding_box()
    assert stage is not None
    page.mouse.move(stage["x"] + 300, stage["y"] + 300)
    page.mouse.down()
    page.mouse.move(stage["x"] + 380, stage["y"] + 340, steps=4)
    page.mouse.up()
    expect(page.get_by_label("Window preset")).to_have_value("custom")
    by_hand = wait_for_another_picture(page, bone)
    page.get_by_role("button", name="Zoom in").click()
    wait_for_another_picture(page, by_hand)
    page.get_by_role("button", name="Reset").click()
    expect(page.get_by_label("Window preset")).to_have_value("")
    page.wait_for_function(
        "before => document.getElementById('canvas').toDataURL() === before", arg=as_in_file
    )


def test_an_open_study_tells_of_new_images_without_moving(product: Product, page: Page) -> None:
    send_study(product, "Late^Images", instance_count=2)
    sign_in(page)
    open_study(page, "Late")
    send_study(product, "Late^Images", instance_count=5)
    link = page.get_by_role("link", name="3 new images")
    expect(link).to_be_visible()
    expect(page.locator("#study-counts")).to_have_text("1, 5")
    expect(page.locator("#overlay-image")).to_have_text("Image 1 of 2")
    link.click()
    expect(page.locator("#overlay-image")).to_have_text("Image 1 of 5")


def test_a_document_opens_in_its_own_tab(product: Product, page: Page) -> None:
    document = encapsulated_pdf(generate_uid(), ["Referral"])
    study = make_study(modality="CR", instance_count=1, patient_name="Document^Owner", seed="document")[0]
    for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "StudyDate"):
        setattr(document, keyword, study[keyword].value)
    document.SeriesInstanceUID = generate_uid()
    document.Modality = "DOC"
    product.send([study, document])
    wait_until(lambda: product.has([study, document]), "the document in the database")
    sign_in(page)
    open_study(page, "Document")
    page.get_by_role("button", name="Encapsulated PDF").click()
    link = page.get_by_role("link", name="Open the PDF")
    expect(link).to_be_visible()
    answer = page.request.get(link.get_attribute("href") or "")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/pdf")


def test_the_keyboard_alone_leads_through_the_list(product: Product, page: Page) -> None:
    send_study(product, "Keyboard^One")
    send_study(product, "Keyboard^Two")
    sign_in(page)
    page.goto("/worklist?q=keyboard&sort=name")
    expect(page.locator("tr[data-study]")).to_have_count(2)
    page.keyboard.press("j")
    expect(row(page, "Keyboard, One").get_by_role("link")).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("j")
    expect(row(page, "Keyboard, Two").get_by_role("link")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    row(page, "Keyboard, Two").get_by_role("link").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/studies/*")
    expect(page.get_by_role("heading", name="Keyboard, Two")).to_be_visible()
    page.get_by_role("link", name="Worklist").first.click()
    page.wait_for_url("**q=keyboard**")


def test_shortcuts_never_fire_while_typing_and_can_be_switched_off(product: Product, page: Page) -> None:
    send_study(product, "Keyboard^One")
    sign_in(page)
    expect(page.locator("tr[data-study]").first).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("j/k?")
    expect(page.get_by_role("searchbox")).to_have_value("j/k?")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("button", name="Keyboard shortcuts").click()
    page.get_by_label("Single-key shortcuts are on").uncheck()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("j")
    expect(page.locator("tr[data-study]:focus-within")).to_have_count(0)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_hostile_names_run_nothing(product: Product, page: Page) -> None:
    dialogs: list[str] = []

    def note(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note)
    send_study(product, "<script>alert(1)</script>^<b>Bold</b>")
    sign_in(page)
    expect(row(page, "<script>alert(1)</script>, <b>Bold</b>").first).to_be_visible()
    open_study(page, "<script>")
    assert page.locator("main b").count() == 0
    assert dialogs == []


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1440, 900), (3840, 2160)])
def test_no_page_scrolls_sideways(product: Product, page: Page, width: int, height: int) -> None:
    send_study(product, "Maximiliana^Long Name That Goes On And On", instance_count=1)
    sign_in(page)
    page.set_viewport_size({"width": width, "height": height})
    for path in ("/worklist", "/studies/1", "/password"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
