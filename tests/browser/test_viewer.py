"""The study page's pictures, by keyboard, mouse and touch, in a real browser with everything behind it."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, Route, ViewportSize, expect
from pydicom import Dataset
from pydicom.uid import generate_uid
from sqlalchemy import select

from database.models import Study
from emulator.studies import make_study
from tests.browser.conftest import Product, sign_in
from tests.waiting import wait_until

Point = tuple[float, float]
PHONE = ViewportSize(width=390, height=844)
WIDE = ViewportSize(width=2560, height=1300)


@pytest.fixture(autouse=True)
def _patience() -> None:
    expect.set_options(timeout=20_000)


@pytest.fixture
def complaining_page(browser: Browser, product: Product) -> Iterator[Page]:
    """Its console may report requests that failed: they are what the test is about."""
    with browser.new_context(base_url=product.url) as context:
        yield context.new_page()


@pytest.fixture
def phone(browser: Browser, product: Product) -> Iterator[Page]:
    with browser.new_context(base_url=product.url, viewport=PHONE, has_touch=True, is_mobile=True) as context:
        yield context.new_page()


def send(product: Product, *series: list[Dataset]) -> str:
    """As one study; its page's path."""
    datasets = [dataset for one in series for dataset in one]
    for number, one in enumerate(series, 1):
        series_instance_uid = generate_uid()
        for dataset in one:
            dataset.StudyInstanceUID = datasets[0].StudyInstanceUID
            dataset.PatientID = datasets[0].PatientID
            dataset.SeriesInstanceUID, dataset.SeriesNumber = series_instance_uid, number
    product.send(datasets)
    wait_until(lambda: product.has(datasets), "the study in the database")
    with product.database.read() as session:
        study = session.scalar(select(Study).where(Study.study_instance_uid == datasets[0].StudyInstanceUID))
    assert study is not None
    return f"/studies/{study.id}"


def series(modality: str = "CT", count: int = 3, **attributes: Any) -> list[Dataset]:
    """None as value drops the attribute."""
    datasets = make_study(modality=modality, instance_count=count, seed=generate_uid())
    for dataset in datasets:
        for keyword, value in attributes.items():
            setattr(dataset, keyword, value)
            if value is None:
                delattr(dataset, keyword)
    return datasets


def open_at(page: Page, path: str) -> None:
    sign_in(page)
    page.goto(path)
    expect(page.locator("#overlay-image")).to_contain_text("Image 1 of")
    expect(page.locator("#overlay-window")).not_to_be_empty()  # a picture is on the canvas


def picture(page: Page) -> str:
    return str(page.evaluate("document.getElementById('canvas').toDataURL()"))


def wait_for_another_picture(page: Page, before: str) -> str:
    page.wait_for_function("before => document.getElementById('canvas').toDataURL() !== before", arg=before)
    return picture(page)


def middle_of_stage(page: Page) -> Point:
    box = page.locator("#stage").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def touch(session: CDPSession, kind: str, *points: Point) -> None:
    fingers = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
    session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})


def test_brackets_lead_through_the_series(product: Product, page: Page) -> None:
    open_at(page, send(product, series("CT", 4), series("MR", 2), series("CR", 1)))
    page.keyboard.press("]")
    expect(page.locator("#overlay-image")).to_have_text("Image 1 of 2")
    page.keyboard.press("]")
    page.keyboard.press("]")  # there is no fourth
    expect(page.locator("#overlay-image")).to_have_text("Image 1 of 1")
    expect(page.locator(".series-card").nth(2)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("[")
    page.keyboard.press("[")
    expect(page.locator("#overlay-image")).to_have_text("Image 1 of 4")


def test_shift_and_arrows_move_the_picture(product: Product, page: Page) -> None:
    open_at(page, send(product, series()))
    before = picture(page)
    page.keyboard.press("Shift+ArrowRight")
    moved = wait_for_another_picture(page, before)
    page.keyboard.press("Shift+ArrowDown")
    wait_for_another_picture(page, moved)
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Shift+ArrowUp")
    assert picture(page) == before
    expect(page.locator("#overlay-image")).to_have_text("Image 1 of 3")


def test_the_help_names_these_keys(product: Product, page: Page) -> None:
    open_at(page, send(product, series()))
    page.keyboard.press("?")
    help_text = page.get_by_role("dialog")
    expect(help_text).to_contain_text("Previous, next series")
    expect(help_text).to_contain_text("Move the picture")


def test_two_fingers_zoom_where_they_are(product: Product, phone: Page) -> None:
    open_at(phone, send(product, series()))
    before = picture(phone)
    session = phone.context.new_cdp_session(phone)
    x, y = middle_of_stage(phone)
    touch(session, "touchStart", (x, y - 40), (x, y + 40))
    for distance in (50, 60, 80):
        touch(session, "touchMove", (x, y - distance), (x, y + distance))
    touch(session, "touchEnd")
    expect(phone.locator("#overlay-window")).to_contain_text("200 %")
    wait_for_another_picture(phone, before)
    expect(phone.locator("#overlay-image")).to_have_text("Image 1 of 3")
    assert phone.evaluate("visualViewport.scale") == 1  # the page itself stays


def test_one_finger_scrolls_through_the_images(product: Product, phone: Page) -> None:
    open_at(phone, send(product, series(count=12)))
    session = phone.context.new_cdp_session(phone)
    x, y = middle_of_stage(phone)
    touch(session, "touchStart", (x, y))
    for step in range(1, 11):
        touch(session, "touchMove", (x, y + 12 * step))
    touch(session, "touchEnd")
    expect(phone.locator("#overlay-image")).not_to_have_text("Image 1 of 12")
    expect(phone.locator("#position")).not_to_have_text("1 / 12")
    assert phone.evaluate("scrollY") == 0


def test_a_file_without_a_window_says_in_which_it_opens(product: Product, page: Page) -> None:
    windowless = {"WindowCenter": None, "WindowWidth": None}
    open_at(page, send(product, series("MR", 3, BitsStored=16, HighBit=15, **windowless)))
    expect(page.locator("#overlay-window")).to_contain_text("W ")
    opened = page.locator("#overlay-window").inner_text()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#overlay-image")).to_have_text("Image 2 of 3")
    expect(page.locator("#overlay-window")).to_have_text(opened)  # one for the series, to compare
    x, y = middle_of_stage(page)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 90, y, steps=3)
    page.mouse.up()
    expect(page.get_by_label("Window preset")).to_have_value("custom")
    expect(page.locator("#overlay-window")).not_to_have_text(opened)


def test_values_too_small_for_a_window_say_so(product: Product, page: Page) -> None:
    small = {"RescaleSlope": "0.0001", "RescaleIntercept": "0", "WindowCenter": "0.1", "WindowWidth": "0.2"}
    open_at(page, send(product, series("MR", 1, **small)))
    expect(page.locator("#overlay-window")).to_have_text("All values")
    x, y = middle_of_stage(page)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 90, y, steps=3)
    page.mouse.up()
    expect(page.locator("#overlay-window")).to_contain_text("no window can be set")
    expect(page.get_by_label("Window preset")).to_have_value("")


def test_a_busy_server_is_asked_once_more(product: Product, complaining_page: Page) -> None:
    page, refused = complaining_page, []

    def refuse_once(route: Route) -> None:
        if route.request.url in refused:
            route.continue_()
            return
        refused.append(route.request.url)
        route.fulfill(status=503, json={"title": "The image archive does not answer", "message": ""})

    page.route("**/frames/*", refuse_once)
    open_at(page, send(product, series(count=1)))
    expect(page.locator("#stage-note")).to_be_hidden()
    assert len(refused) == 1


def test_a_lost_file_is_told_in_words(product: Product, complaining_page: Page) -> None:
    (dataset,) = series(count=1)
    path = send(product, [dataset])
    uid = str(dataset.SOPInstanceUID).encode()
    (file,) = [one for one in product.orthanc.storage.glob("*/*/*") if uid in one.read_bytes()[:2000]]
    file.unlink()
    product.orthanc.restart()  # it remembers recent files
    sign_in(complaining_page)
    complaining_page.goto(path)
    note = complaining_page.locator("#stage-note")
    expect(note).to_contain_text("The archive could not read this image")
    expect(note).to_contain_text("missing or damaged")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, WIDE], ids=["phone", "wide"])
def test_the_picture_is_large_and_never_without_its_warning(
    product: Product, browser: Browser, size: ViewportSize, scheme: Any
) -> None:
    path = send(product, series())
    with browser.new_context(base_url=product.url, viewport=size, color_scheme=scheme) as context:
        page = context.new_page()
        open_at(page, path)
        expect(page.get_by_text("Not for diagnosis")).to_be_in_viewport(ratio=1)
        box = page.locator("#stage").bounding_box()
        assert box is not None
        assert box["width"] * box["height"] > 0.55 * size["width"] * size["height"]
        for name in ("Window", "Scroll", "Move", "Fit to the window", "Reset"):
            expect(
                page.get_by_role("toolbar").get_by_role("button", name=name, exact=True)
            ).to_be_in_viewport()
