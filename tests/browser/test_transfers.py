"""The transfer log in a real browser: what comes is announced, what is open ends, keys lead through it."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import update

from database.models import Association, Role, Spool
from database.transfer_terms import AssociationOutcome, EndedBy, OperationKind, StatusClass
from tests.browser.conftest import PASSWORD, Product, sign_in
from tests.transfer_factories import (
    WRONG_CALLED,
    ago,
    create_association,
    create_dialogue,
    create_hour,
    create_operation,
    create_spool,
)
from webapp.accounts import create_user

CHIEF = "chief"
PAGES = ("/transfers", "/transfers?view=operations", "/transfers/figures", "/transfers/figures?period=month")


@pytest.fixture(autouse=True)
def _patience() -> None:
    expect.set_options(timeout=20_000)


@pytest.fixture(scope="module")
def spool(product: Product) -> Spool:
    """Read in an hour's time, as nobody reads it here: this product has no recorder."""
    create_user(product.database, CHIEF, PASSWORD, Role.ADMINISTRATOR)
    return create_spool(product.database, read_at=datetime.now(UTC) + timedelta(hours=1))


@pytest.fixture
def chief(page: Page, spool: Spool) -> Page:
    assert spool.id
    sign_in(page, CHIEF)
    return page


def row(page: Page, text: str) -> Locator:
    return page.get_by_role("row").filter(has_text=text)


def end(product: Product, association: Association, **values: Any) -> None:
    """As the bridge does."""
    with product.database.write() as session:
        session.execute(
            update(Association)
            .where(Association.boot == association.boot, Association.number == association.number)
            .values(ended_at=datetime.now(UTC), **values)
        )


def test_an_open_association_ends_before_ones_eyes_and_new_ones_are_announced(
    product: Product, chief: Page
) -> None:
    association = create_association(
        product.database,
        calling_ae_title="STILL_OPEN",
        outcome=AssociationOutcome.OPEN,
        started_at=ago(seconds=5),
    )
    chief.get_by_role("link", name="Transfers", exact=True).click()
    expect(row(chief, "STILL_OPEN")).to_contain_text("open")
    end(product, association, outcome=AssociationOutcome.ABORTED, ended_by=EndedBy.REMOTE)
    expect(row(chief, "STILL_OPEN")).to_contain_text("STILL_OPEN aborted it.")
    expect(row(chief, "STILL_OPEN")).to_contain_text(re.compile(r"\d\d:\d\d:\d\d"))

    create_association(product.database, calling_ae_title="NEW_ONE", started_at=ago(), **WRONG_CALLED)
    chief.get_by_role("link", name="1 new").click()
    expect(row(chief, "NEW_ONE")).to_contain_text("WRONG is not our AE title: this server is NOCTIS.")
    expect(chief.get_by_role("link", name=re.compile("new$"))).to_have_count(0)


def test_keys_lead_through_the_log_and_back(product: Product, chief: Page) -> None:
    find = {"kind": OperationKind.C_FIND, "status_class": StatusClass.FAILURE, "status": 0xC000}
    for title in ("KEYS_B", "KEYS_A"):
        create_dialogue(product.database, [{}, find], calling_ae_title=title, started_at=ago())
    chief.goto("/transfers")
    chief.keyboard.press("/")
    expect(chief.get_by_label("AE title of the other side")).to_be_focused()
    chief.keyboard.type("keys_b")
    chief.keyboard.press("Enter")
    chief.wait_for_url("**/transfers?ae=keys_b")
    chief.keyboard.press("j")
    expect(chief.get_by_role("link", name="KEYS_B")).to_be_focused()
    chief.keyboard.press("Enter")
    chief.wait_for_url("**/transfers/associations/*")
    expect(chief.get_by_role("heading", name="KEYS_B → NOCTIS")).to_be_visible()
    chief.keyboard.press("j")
    chief.keyboard.press("j")
    chief.keyboard.press("Enter")
    expect(chief.get_by_role("heading", name="C-FIND from KEYS_B")).to_be_visible()
    chief.get_by_role("link", name="Its association").click()
    chief.get_by_role("link", name="Transfers").last.click()
    chief.wait_for_url("**/transfers?ae=keys_b")
    expect(chief.get_by_role("link", name="KEYS_B")).to_be_focused()


def test_filters_apply_themselves_and_times_are_the_viewers(product: Product, chief: Page) -> None:
    at = datetime.now(UTC).replace(second=30, microsecond=0) - timedelta(hours=3)
    create_association(product.database, calling_ae_title="FAILED_THEN", started_at=at, **WRONG_CALLED)
    create_association(product.database, calling_ae_title="WELL_THEN", started_at=at)
    chief.goto("/transfers")
    chief.get_by_label("Which associations").select_option("Problems only")
    chief.wait_for_url(re.compile("problems=1"))
    expect(chief.get_by_label("30 days")).to_be_checked()  # what no index finds is looked for in bounded time
    expect(row(chief, "FAILED_THEN")).to_be_visible()
    expect(row(chief, "WELL_THEN")).to_have_count(0)

    local = chief.evaluate("text => new Date(text)", at.isoformat())
    typed = local.astimezone().strftime("%Y-%m-%dT%H:%M")
    chief.get_by_label("From").fill(typed)
    chief.get_by_role("button", name="Apply").click()
    chief.wait_for_url(re.compile("from="))
    assert at.replace(second=0).strftime("from=%Y-%m-%dT%H%%3A%M%%3A00.000Z") in chief.url
    expect(chief.get_by_label("From")).to_have_value(typed)
    expect(row(chief, "FAILED_THEN")).to_be_visible()
    chief.get_by_role("link", name="Operations").click()
    expect(chief.get_by_label("From")).to_have_value(typed)


def test_an_open_associations_page_follows_it(product: Product, chief: Page) -> None:
    association = create_association(
        product.database, calling_ae_title="FOLLOWED", outcome=AssociationOutcome.OPEN, started_at=ago()
    )
    chief.goto("/transfers?ae=FOLLOWED")
    chief.get_by_role("link", name="FOLLOWED").click()
    expect(chief.get_by_text("Nothing has been asked in it yet.")).to_be_visible()
    create_operation(product.database, association)
    expect(row(chief, "C-STORE")).to_contain_text("CT Image")
    end(product, association, outcome=AssociationOutcome.RELEASED, operation_count=1)
    expect(chief.get_by_role("main")).to_contain_text("released")


def test_a_bridge_that_falls_silent_is_told_without_a_reload(
    product: Product, chief: Page, spool: Spool
) -> None:
    chief.goto("/transfers")
    expect(chief.get_by_text("The bridge doesn't read the log")).to_have_count(0)
    with product.database.write() as session:
        session.execute(update(Spool).where(Spool.id == spool.id).values(read_at=ago(minutes=3)))
    expect(chief.get_by_text("The bridge doesn't read the log")).to_be_visible()
    with product.database.write() as session:
        session.execute(
            update(Spool).where(Spool.id == spool.id).values(read_at=datetime.now(UTC) + timedelta(hours=1))
        )
    expect(chief.get_by_text("The bridge doesn't read the log")).to_have_count(0)


@pytest.mark.parametrize("width", [390, 800, 1920])
def test_no_page_is_wider_than_its_window(product: Product, chief: Page, width: int) -> None:
    long = "W" * 16
    operation = {"status_class": StatusClass.FAILURE, "status": 0xA700, "remote_ae_title": long}
    create_dialogue(product.database, [operation], calling_ae_title=long, remote_ip="2001:db8::dead:beef:1:2")
    create_hour(product.database, hour_at=datetime.now(UTC).replace(minute=0, second=0, microsecond=0),
                remote_ae_title_key=f"{width}{long}"[:16], status_class=StatusClass.FAILURE)  # fmt: skip
    chief.set_viewport_size({"width": width, "height": 900})
    for path in PAGES:
        chief.goto(path)
        assert chief.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    chief.goto(f"/transfers?view=operations&ae={long}")
    chief.locator("tr[data-key] a").first.click()
    expect(chief.get_by_role("heading", name="C-STORE from")).to_be_visible()
    assert chief.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_chart_has_its_numbers_for_the_keyboard(product: Product, chief: Page) -> None:
    this_hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    create_hour(product.database, hour_at=this_hour, remote_ae_title_key="CHARTED", operation_count=4321)
    chief.goto("/transfers/figures")
    expect(chief.get_by_role("img", name="Operations by hour")).to_be_visible()
    chief.get_by_text("The same numbers as a table").focus()
    chief.keyboard.press("Enter")
    expect(chief.get_by_role("cell", name=re.compile("^4,3"))).not_to_have_count(0)
    chief.get_by_role("link", name="Last hour").click()
    expect(chief.get_by_role("heading", name="Transfers")).to_be_visible()
