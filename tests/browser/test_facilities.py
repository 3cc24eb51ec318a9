"""An administrator's path in a real browser, from the empty list to a registered node and its sheet."""

import re
from contextlib import closing

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from bridge.scu import AssociationError, echo
from database.models import ApplicationEntity, Role, Sender
from emulator.studies import make_study
from tests.browser.conftest import PASSWORD, Product, sign_in
from tests.orthanc_process import AE_TITLE, free_port
from tests.remote_nodes import dicom_node
from tests.waiting import wait_until
from webapp.accounts import create_user
from webapp.registry import EntityFields, FacilityFields, create_facility

CHIEF = "chief"
CLOCK = re.compile(r"registered (\d{4}-\d\d-\d\d )?\d\d:\d\d\s*$")  # the date too, once it is past midnight


@pytest.fixture(autouse=True)
def _patience() -> None:
    expect.set_options(timeout=20_000)


@pytest.fixture(scope="module")
def chief(product: Product) -> str:
    create_user(product.database, CHIEF, PASSWORD, Role.ADMINISTRATOR)
    return CHIEF


@pytest.fixture
def admin(page: Page, chief: str) -> Page:
    sign_in(page, chief)
    return page


def card(page: Page, title: str) -> Locator:
    return page.get_by_role("article").filter(has_text=title)


def add_facility(product: Product, name: str, host: str = "") -> ApplicationEntity:
    facility = create_facility(product.database, FacilityFields(name), EntityFields(host=host), "NOCTIS")
    with product.database.read() as session:
        return session.scalars(
            select(ApplicationEntity).where(ApplicationEntity.facility_id == facility.id)
        ).one()


def test_from_the_empty_list_to_a_registered_node_and_its_printed_sheet(
    product: Product, admin: Page
) -> None:
    admin.get_by_role("link", name="Facilities").click()
    expect(admin.get_by_role("heading", name="No facilities yet")).to_be_visible()
    admin.get_by_role("main").get_by_role("link", name="New facility").click()

    port = free_port()
    expect(admin.get_by_label("Name", exact=True)).to_be_focused()
    admin.keyboard.type("Spital Zürich 2")
    expect(admin.get_by_label("AE title", exact=True)).to_have_value("SPITAL_ZURICH2")
    expect(admin.get_by_label("Port", exact=True)).to_have_value("11113")
    admin.get_by_label("Port", exact=True).fill(str(port))
    admin.get_by_label("Host", exact=True).fill("127.0.0.1")

    admin.get_by_role("button", name="Test connection").click()
    finding = admin.locator("#finding")
    expect(finding).to_have_text(f"connection refused: nothing listens on 127.0.0.1:{port}")
    with dicom_node("SPITAL_ZURICH2", knows=["NOCTIS"], port=port):
        admin.get_by_role("button", name="Test connection").click()
        expect(finding).to_have_text(re.compile(r"^answered in \d+ ms$"))
        admin.get_by_role("button", name="Save facility").click()
        admin.wait_for_url(re.compile(r"/facilities/\d+$"))
        expect(card(admin, "SPITAL_ZURICH2").locator(".card-state")).to_have_text(CLOCK)
        card(admin, "SPITAL_ZURICH2").get_by_role("button", name="Test connection").click()
        expect(card(admin, "SPITAL_ZURICH2")).to_contain_text(re.compile(r"answered in \d+ ms"))
    with closing(product.orthanc.client()) as api:
        assert "SPITAL_ZURICH2" in {one["AET"] for one in api.modalities().values()}

    admin.get_by_role("link", name="Connection sheet").click()
    expect(admin.get_by_role("button", name="Print")).to_be_visible()
    paper = admin.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) == 1
    assert re.search(rb"/MediaBox\s*\[0 0 59[45][.\d]* 84[12][.\d]*\]", paper), "not A4"
    admin.emulate_media(media="print")
    expect(admin.get_by_role("banner")).to_be_hidden()
    expect(admin.get_by_role("button", name="Print")).to_be_hidden()
    expect(admin.get_by_text("echoscu -v -aet SPITAL_ZURICH2 -aec NOCTIS")).to_be_visible()


def test_what_was_typed_is_never_overwritten_by_a_proposal(admin: Page) -> None:
    admin.goto("/facilities/new")
    title, port = admin.get_by_label("AE title", exact=True), admin.get_by_label("Port", exact=True)
    name = admin.get_by_label("Name", exact=True)
    name.press_sequentially("North")
    expect(title).to_have_value("NORTH")
    title.fill("MY_OWN")
    name.press("End")
    name.press_sequentially(" West")
    expect(admin.locator("[name=proposed_ae_title]")).to_have_value("NORTH_WEST")
    expect(title).to_have_value("MY_OWN")
    expect(port).not_to_have_value("")
    title.fill("")
    name.focus()
    expect(title).to_have_value("NORTH_WEST")
    admin.get_by_label("Register a DICOM node for it now").uncheck()
    expect(title).to_be_hidden()


def test_what_somebody_changed_in_orthanc_is_shown_repaired_and_can_be_adopted(
    product: Product, admin: Page
) -> None:
    entity = add_facility(product, "Drifting", host="192.0.2.1")
    admin.goto(f"/facilities/{entity.facility_id}")
    expect(card(admin, "DRIFTING").locator(".card-state")).to_have_text(CLOCK)
    with closing(product.orthanc.client()) as api:
        name = f"noctis-{entity.id}"
        api.put_modality(name, {**api.modalities()[name], "Port": 104})
    story = f"Orthanc's list said port 104 instead of {entity.port}"
    expect(card(admin, "DRIFTING")).to_contain_text(story)  # without a reload
    expect(card(admin, "DRIFTING")).to_contain_text("repaired")
    admin.get_by_role("button", name="Adopt what Orthanc had").click()
    expect(card(admin, "DRIFTING")).to_contain_text("192.0.2.1:104")
    expect(card(admin, "DRIFTING").locator(".card-state")).to_have_text(CLOCK)
    expect(admin.get_by_role("button", name="Adopt what Orthanc had")).to_have_count(0)


def test_an_unknown_sender_becomes_a_facility_with_one_click(product: Product, admin: Page) -> None:
    datasets = make_study(patient_name="Unknown^Sender", modality="CT", instance_count=3, seed="unknown")
    product.send(datasets)
    wait_until(lambda: product.has(datasets), "the study in the database")
    admin.goto("/facilities")
    admin.get_by_role("link", name="Look at it").click()
    admin.get_by_role("button", name="New facility for CT_EAST").click()
    admin.wait_for_url(re.compile(r"/facilities/\d+$"))
    expect(card(admin, "CT_EAST")).to_contain_text("1 study linked, done")
    admin.get_by_role("link", name="Its studies").click()
    expect(admin.get_by_role("row").filter(has_text="Unknown, Sender")).to_be_visible()


def test_an_archive_that_is_down_is_not_taken_for_the_clinic(product: Product, admin: Page) -> None:
    entity = add_facility(product, "Somewhere", host="192.0.2.1")
    admin.goto(f"/facilities/{entity.facility_id}")
    expect(card(admin, "SOMEWHERE").locator(".card-state")).to_have_text(CLOCK)
    product.orthanc.stop()
    card(admin, "SOMEWHERE").get_by_role("button", name="Test connection").click()
    expect(card(admin, "SOMEWHERE")).to_contain_text("our own image archive (Orthanc) doesn't answer us")
    card(admin, "SOMEWHERE").get_by_role("button", name="Push again").click()
    expect(card(admin, "SOMEWHERE").locator(".card-state")).to_have_text("pending")
    expect(admin.get_by_text("The bridge hasn't heard our image archive")).to_be_visible(timeout=60_000)
    product.orthanc.start()
    expect(card(admin, "SOMEWHERE").locator(".card-state")).to_have_text(CLOCK, timeout=60_000)
    expect(admin.get_by_text("The bridge hasn't heard our image archive")).to_have_count(0)


def is_admitted(product: Product, ae_title: str, called: str = AE_TITLE) -> bool:
    """Whether a C-ECHO under this AE title, from this machine, gets through the recorder and Orthanc."""
    try:
        return echo("127.0.0.1", product.recorder.port, ae_title, called) == 0
    except AssociationError:
        return False


def asked_for(product: Product, ae_title: str) -> str:
    with product.database.read() as session:
        return session.scalar(select(Sender.called_ae_title).where(Sender.ae_title_key == ae_title)) or ""


def test_a_node_may_come_only_from_where_an_administrator_says(product: Product, admin: Page) -> None:
    entity = add_facility(product, "Hosted")
    wait_until(lambda: is_admitted(product, "HOSTED"), "the node in Orthanc's list")

    def allow(text: str) -> None:
        admin.goto(f"/facilities/{entity.facility_id}/application-entities/{entity.id}/edit")
        hosts = admin.get_by_label("From where it may associate")
        if not hosts.is_visible():
            admin.get_by_text("Advanced: what it may do").click()
        hosts.fill(text)
        admin.get_by_role("button", name="Save").last.click()
        admin.wait_for_url(re.compile(r"/facilities/\d+$"))

    allow("192.0.2.0/24\nCT1.example.org")
    expect(card(admin, "HOSTED")).to_contain_text("192.0.2.0/24 ct1.example.org")
    wait_until(lambda: not is_admitted(product, "HOSTED"), "the recorder to check hosts")
    expect(card(admin, "HOSTED")).to_contain_text("HOSTED may not come from 127.0.0.1")  # without a reload
    allow("127.0.0.0/8")
    wait_until(lambda: is_admitted(product, "HOSTED"), "the recorder to let it in")
    expect(card(admin, "HOSTED")).to_contain_text("released")
    card(admin, "HOSTED").get_by_role("link", name="C-ECHO").first.click()
    expect(admin.get_by_role("row").filter(has_text="HOSTED").first).to_contain_text("C-ECHO")


def test_a_sender_is_blocked_and_unblocked_after_a_confirmation(product: Product, admin: Page) -> None:
    assert is_admitted(product, "NOSY")  # this Orthanc takes everybody
    assert not is_admitted(product, "NOSY", "WRONG")
    wait_until(lambda: asked_for(product, "NOSY") == "WRONG", "what it asked for in the database")
    admin.goto("/facilities")
    admin.get_by_role("main").get_by_role("link", name="Unknown senders").click()
    row = admin.get_by_role("row").filter(has_text="NOSY")
    expect(row).to_contain_text(f"WRONG is not our AE title: this server is {AE_TITLE}.")
    expect(row.get_by_role("button", name="Block NOSY")).to_be_hidden()
    row.get_by_text("Block…").click()
    row.get_by_role("button", name="Block NOSY").click()
    expect(admin.get_by_text("NOSY is blocked.")).to_be_visible()
    expect(row).to_contain_text(f"by {CHIEF}")
    wait_until(lambda: not is_admitted(product, "NOSY"), "the recorder to turn it away")
    row.get_by_text("Unblock…").click()
    row.get_by_role("button", name="Unblock NOSY").click()
    expect(admin.get_by_text("NOSY is no longer blocked.")).to_be_visible()
    expect(row.get_by_text("Block…")).to_be_visible()
    wait_until(lambda: is_admitted(product, "NOSY"), "the recorder to let it in again")
