"""The report page: who reads, who writes, saving by form and JSON, and what is answered to a refusal."""

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from database.models import (
    AuditAction,
    AuditEvent,
    Facility,
    Purpose,
    Report,
    ReportLock,
    ReportRevision,
    ReportState,
    Role,
    Study,
    User,
)
from database.session import Database
from tests.factories import create_facility, create_member, create_study
from tests.webapp.conftest import SignIn, csrf_token, signed_in
from webapp.accounts import create_user
from webapp.reports import locks, writing
from webapp.reports.texts import LARGEST_BODY, LONGEST_TEXT, SECTIONS, Save
from webapp.reports.writing import Writer

PASSWORD = "a reader's password"
PAGES = ["/report", "/report/news", "/report/history", "/report/history/1"]
FORMS = [
    "",
    "/sign",
    "/release",
    "/discard",
    "/retract",
    "/lock",
    "/lock/take-over",
    "/lock/release",
]
OTHERS = sorted(set(Role) - {Role.RADIOLOGIST, Role.FACILITY_STAFF})


class Desk:
    """A radiologist at the report of one study, from one open page."""

    def __init__(self, client: FlaskClient, study: Study, token: str) -> None:
        self.client = client
        self.path = f"/studies/{study.id}/report"
        self.token = token
        self._csrf_token = csrf_token(client, "/worklist")

    def save(self, based_on: object = 0, **values: object) -> TestResponse:
        content = {"based_on": based_on, "token": self.token, **values}
        return self.client.post(self.path, json=content, headers={"X-CSRFToken": self._csrf_token})

    def post(
        self, what: str = "", *, is_script: bool = False, page: str | None = None, **fields: object
    ) -> TestResponse:
        data = {"csrf_token": self._csrf_token, "token": self.token if page is None else page, **fields}
        accept = "application/json" if is_script else "text/html"
        return self.client.post(self.path + what, data=data, headers={"Accept": accept})

    def page(self, what: str = "") -> str:
        return self.client.get(self.path + what).text


@pytest.fixture
def study(site_database: Database) -> Study:
    return create_study(site_database)


@pytest.fixture
def reader(site_database: Database) -> User:
    return create_user(site_database, "reader", PASSWORD, Role.RADIOLOGIST)


@pytest.fixture
def desk(app: Flask, reader: User, study: Study) -> Desk:
    return Desk(signed_in(app, reader), study, "page one")


@pytest.fixture
def colleague(app: Flask, site_database: Database, study: Study) -> Desk:
    user = create_user(site_database, "colleague", PASSWORD, Role.RADIOLOGIST)
    return Desk(signed_in(app, user), study, "page two")


def make_final(database: Database, study: Study, **texts: str) -> ReportRevision:
    writer = Writer(create_member(database), "elsewhere")
    saved = writing.save(database, study.id, writer, Save(texts or {"findings": "No nodule."}, 0))
    assert saved is not None
    signed = writing.sign(database, study.id, writer, saved.number)
    locks.release(database, study.id, writer.token)
    return signed


def revisions(database: Database) -> list[ReportRevision]:
    with database.read() as session:
        return list(session.scalars(select(ReportRevision).order_by(ReportRevision.number)))


def state(database: Database) -> ReportState:
    with database.read() as session:
        return session.scalars(select(Report.state)).one()


def audited(database: Database) -> list[AuditAction]:
    with database.read() as session:
        return list(session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)))


# Who


@pytest.mark.parametrize("path", PAGES)
def test_what_one_may_not_see_looks_like_what_does_not_exist(
    sign_in: SignIn, site_database: Database, study: Study, path: str
) -> None:
    make_final(site_database, study)
    east = create_facility(site_database, "East")
    stranger = sign_in(Role.FACILITY_STAFF, (east.id,))
    assert stranger.get(f"/studies/{study.id}{path}").status_code == 404
    assert sign_in().get(f"/studies/{study.id}{path}").status_code == 200
    assert sign_in().get(f"/studies/{study.id + 1}{path}").status_code == 404


@pytest.mark.parametrize("path", FORMS)
def test_only_radiologists_change_reports(
    app: Flask, site_database: Database, desk: Desk, study: Study, path: str
) -> None:
    for role in OTHERS:
        other = Desk(signed_in(app, create_member(site_database, role)), study, "page")
        assert other.post(path, based_on=0, findings="Mine.").status_code == 403
    nowhere = Desk(desk.client, create_study(site_database), "page")
    nowhere.path = "/studies/999999/report"
    assert nowhere.post(path, based_on=0).status_code == 404
    assert revisions(site_database) == []


def test_nobody_writes_without_the_token_of_a_form(desk: Desk) -> None:
    assert desk.client.post(desk.path, json={"based_on": 0, "findings": "Text."}).status_code == 400
    assert desk.client.post(f"{desk.path}/retract", data={"based_on": "1"}).status_code == 400


@pytest.mark.parametrize("role", OTHERS)
def test_others_read_what_is_valid_and_of_a_draft_only_that_it_is_one(
    sign_in: SignIn, desk: Desk, study: Study, role: Role
) -> None:
    desk.save(findings="Secret so far.")
    other = sign_in(role)
    for path in PAGES[:3]:
        assert "Secret so far." not in other.get(f"/studies/{study.id}{path}").text
    assert other.get(f"{desk.path}/history/1").status_code == 404
    page = other.get(desk.path).text
    assert "Draft" in page
    assert "isn't final yet" in " ".join(page.split()).replace("&#39;", "'")
    assert "<textarea" not in page
    desk.post("/sign", based_on=1, password=PASSWORD)
    assert "Secret so far." in other.get(desk.path).text
    assert "Secret so far." in other.get(f"{desk.path}/history/2").text
    assert other.get(f"{desk.path}/history/1").status_code == 404


def test_others_do_not_learn_who_writes(sign_in: SignIn, desk: Desk) -> None:
    desk.save(findings="Text.")
    answer = sign_in(Role.TECHNOLOGIST).get(f"{desk.path}/news").json
    assert answer == {"revision": 0, "status": "Draft"}


def test_the_study_page_leads_to_the_report(desk: Desk, study: Study) -> None:
    desk.save(findings="Text.")
    page = desk.client.get(f"/studies/{study.id}").text
    assert f'href="{desk.path}"' in page
    assert "Draft" in page


# Saving


def test_json_is_saved_and_answered(desk: Desk, site_database: Database) -> None:
    answer = desk.save(findings="No nodule.", impression="Normal.")
    assert answer.status_code == 200
    assert answer.json is not None
    assert (answer.json["revision"], answer.json["state"]) == (1, "draft")
    assert answer.json["saved_at"].endswith("Z")
    (saved,) = revisions(site_database)
    assert (saved.findings, saved.impression) == ("No nodule.", "Normal.")


def test_a_form_is_saved_and_leads_back(desk: Desk, site_database: Database) -> None:
    fields: dict[str, Any] = dict.fromkeys(SECTIONS, "") | {"findings": "One.\r\nTwo."}
    answer = desk.post(based_on=0, purpose="report", **fields)
    assert (answer.status_code, answer.location) == (303, desk.path)
    assert revisions(site_database)[0].findings == "One.\nTwo."
    assert "One.\nTwo." in desk.page()
    again = Desk(desk.client, Study(id=int(desk.path.split("/")[2])), "page two")
    assert again.post(based_on=1, findings="Three.").status_code == 303  # a form's page holds no lock


def test_an_empty_page_begins_no_report(desk: Desk, site_database: Database) -> None:
    answer = desk.save(findings="")
    assert answer.json == {"revision": 0, "state": None, "purpose": None, "author": "", "saved_at": None}
    assert revisions(site_database) == []


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"findings": False}, "findings"),
        ({"findings": None}, "findings"),
        ({"findings": ["No nodule."]}, "findings"),
        ({"findings": "x" * (LONGEST_TEXT + 1)}, "findings"),
        ({"finding": "No nodule."}, "finding"),
        ({"based_on": "0"}, "based_on"),
        ({"based_on": True}, "based_on"),
        ({"purpose": "final"}, "purpose"),
        ({"addendum": "Besides."}, "addendum"),
        ({"token": 7}, "token"),
        ({"impression": "x" * 100_000 + "\ud800"}, "impression"),
    ],
)
def test_a_bad_field_is_named_and_nothing_is_half_saved(
    desk: Desk, site_database: Database, values: dict[str, object], field: str
) -> None:
    answer = desk.save(**{"technique": "CT.", **values})
    assert answer.status_code == 400
    assert answer.json is not None
    assert (answer.json["kind"], answer.json["field"]) == ("field", field)
    assert answer.json["message"]
    assert revisions(site_database) == []


@pytest.mark.parametrize("body", [b"", b"no JSON", b"[]", b'"text"', b"[" * 100_000])
def test_what_is_no_json_object_is_refused(desk: Desk, body: bytes) -> None:
    headers = {"X-CSRFToken": csrf_token(desk.client, "/worklist")}
    answer = desk.client.post(desk.path, data=body, content_type="application/json", headers=headers)
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["field"] == "body"


def test_too_much_is_told_in_words(desk: Desk, site_database: Database) -> None:
    parts = dict.fromkeys(SECTIONS[:5], "x" * (LARGEST_BODY // 5))
    answer = desk.save(**parts)
    assert answer.status_code == 400
    assert answer.json is not None
    assert "too large" in answer.json["message"]
    answer = desk.client.post(desk.path, data=b"x" * 2_000_000, content_type="application/json")
    assert answer.status_code == 413
    assert "larger than this server accepts" in answer.text
    assert revisions(site_database) == []


def test_a_forms_bad_field_is_named_on_its_page_which_keeps_the_text(
    desk: Desk, site_database: Database
) -> None:
    answer = desk.post(based_on=0, findings="No nodule.", impression="x" * (LONGEST_TEXT + 1))
    assert answer.status_code == 400
    assert "Impression: Is too long" in answer.text
    assert "No nodule." in answer.text
    assert 'aria-invalid="true"' in answer.text
    answer = desk.post(based_on=0, colour="red", findings="No nodule.")
    assert answer.status_code == 400
    assert "colour: There is no such field." in answer.text
    assert revisions(site_database) == []


def test_a_field_that_comes_twice_is_refused(desk: Desk, site_database: Database) -> None:
    answer = desk.post(based_on=0, findings=["One.", "Two."])
    assert answer.status_code == 400
    assert "more than once" in answer.text
    assert revisions(site_database) == []


def test_the_longest_text_fits_into_a_form(desk: Desk, site_database: Database) -> None:
    text = "\u80ba" * LONGEST_TEXT
    fields = {"csrf_token": csrf_token(desk.client, "/worklist"), "based_on": "0", "findings": text}
    parts = [
        f'--next\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    body = "".join([*parts, "--next--\r\n"]).encode()
    answer = desk.client.post(desk.path, data=body, content_type="multipart/form-data; boundary=next")
    assert answer.status_code == 303
    assert revisions(site_database)[0].findings == text


# Two who write


def test_a_conflict_brings_both_texts(desk: Desk, site_database: Database) -> None:
    desk.save(findings="One.", technique="CT.")
    desk.save(1, findings="Two.")
    answer = desk.save(1, findings="Three.")
    assert answer.status_code == 409
    assert answer.json is not None
    assert (answer.json["kind"], answer.json["revision"], answer.json["author"]) == ("conflict", 2, "reader")
    assert (answer.json["texts"]["findings"], answer.json["texts"]["technique"]) == ("Two.", "CT.")
    assert answer.json["is_open"]
    assert answer.json["saved_at"]
    assert len(revisions(site_database)) == 2


def test_a_forms_conflict_shows_what_differs_and_saves_from_there(
    desk: Desk, site_database: Database
) -> None:
    desk.save(findings="One.", technique="CT.", impression="Normal.")
    desk.save(1, findings="Two.")
    answer = desk.post(based_on=1, findings="Three.\r\nFour.", technique="CT.")
    assert answer.status_code == 409
    page = answer.text
    assert "Two." in page
    assert "Three.\nFour." in page
    assert 'name="technique"' not in page
    merged = desk.post(based_on=2, findings="Two. Three.")
    assert merged.status_code == 303
    newest = revisions(site_database)[-1]
    assert (newest.findings, newest.impression) == ("Two. Three.", "Normal.")


def test_whoever_signs_ends_what_others_write(desk: Desk, colleague: Desk) -> None:
    desk.save(findings="One.")
    assert desk.post("/sign", based_on=1, password=PASSWORD).status_code == 303
    answer = colleague.save(1, findings="Two.")
    assert answer.json is not None
    assert (answer.json["kind"], answer.json["is_open"]) == ("conflict", False)
    answer = colleague.save(2, findings="Two.")
    assert answer.json is not None
    assert (answer.status_code, answer.json["kind"]) == (409, "not-allowed")
    page = colleague.post(based_on=2, findings="Two, typed in vain.")
    assert page.status_code == 409
    assert "Two, typed in vain." in page.text


def test_somebody_else_is_told_who_writes_and_may_take_over(
    desk: Desk, colleague: Desk, site_database: Database
) -> None:
    desk.save(findings="One.")
    answer = colleague.save(1, findings="Two.")
    assert answer.status_code == 423
    assert answer.json is not None
    assert (answer.json["kind"], answer.json["holder"]["name"]) == ("locked", "reader")
    assert answer.json["holder"]["since"]
    assert "page one" not in answer.text
    assert colleague.post("/lock", is_script=True).status_code == 423
    assert colleague.post("/lock/take-over", is_script=True).status_code == 200
    assert colleague.save(1, findings="Two.").status_code == 200
    assert desk.post("/lock", is_script=True).status_code == 423
    assert audited(site_database) == [AuditAction.REPORT_TAKEN_OVER]


def test_a_forms_page_tells_who_writes_and_takes_over_with_its_text(
    desk: Desk, colleague: Desk, site_database: Database
) -> None:
    desk.save(findings="One.")
    answer = colleague.post(based_on=1, findings="Two.")
    assert answer.status_code == 423
    assert "reader is writing this report." in answer.text
    assert "Two." in answer.text
    assert "Take over and save" in answer.text
    assert colleague.post("?take-over=yes", based_on=1, findings="Two.").status_code == 303
    assert revisions(site_database)[-1].findings == "Two."
    assert audited(site_database) == [AuditAction.REPORT_TAKEN_OVER]


def test_leaving_gives_the_lock_back(desk: Desk, colleague: Desk, site_database: Database) -> None:
    assert desk.post("/lock", is_script=True).status_code == 200
    assert colleague.post("/lock/release", is_script=True).status_code == 200  # not theirs: it stays
    assert colleague.post("/lock", is_script=True).status_code == 423
    assert desk.post("/lock/release", is_script=True).status_code == 200
    assert colleague.post("/lock", is_script=True).status_code == 200
    colleague.post("/lock/release", is_script=True)
    headers = {"X-CSRFToken": csrf_token(desk.client, "/worklist")}
    content = {"based_on": 0, "token": "page one", "findings": "Last words."}
    answer = desk.client.post(f"{desk.path}?then=leave", json=content, headers=headers)
    assert answer.status_code == 200
    with site_database.read() as session:
        assert session.scalars(select(ReportLock)).all() == []


@pytest.mark.parametrize("token", ["", "x" * 101, "nul\0", "ä"])
def test_a_lock_needs_the_token_of_a_page(desk: Desk, token: str) -> None:
    answer = desk.post("/lock", is_script=True, page=token)
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["field"] == "token"


def test_news_tell_radiologists_who_writes_what(desk: Desk, colleague: Desk) -> None:
    answer = colleague.client.get(f"{desk.path}/news")
    tag = answer.headers["ETag"]
    assert colleague.client.get(f"{desk.path}/news", headers={"If-None-Match": tag}).status_code == 304
    desk.save(findings="One.")
    news: Any = colleague.client.get(f"{desk.path}/news", headers={"If-None-Match": tag}).json
    assert (news["revision"], news["writing"], news["status"]) == (1, "report", "Draft")
    assert news["texts"]["findings"] == "One."
    assert (news["holder"]["name"], news["holder"]["is_me"]) == ("reader", False)
    assert desk.client.get(f"{desk.path}/news").json["holder"]["is_me"]  # type: ignore[index]


# Signing


def test_signing_shows_the_whole_text_and_asks_for_the_password(desk: Desk, site_database: Database) -> None:
    desk.save(findings="Line.\n" * 400 + "The last line.", impression="Normal.")
    page = desk.page("/sign")
    assert "The last line." in page
    assert "Normal." in page
    assert 'type="password"' in page
    answer = desk.post("/sign", based_on=1, password=PASSWORD)
    assert (answer.status_code, answer.location) == (303, desk.path)
    assert state(site_database) == ReportState.FINAL
    assert "Signed by" in desk.page()
    assert audited(site_database) == [AuditAction.REPORT_SIGNED]


@pytest.mark.parametrize("password", ["", "another's password", PASSWORD + " "])
def test_a_wrong_password_signs_nothing_and_keeps_the_text(
    desk: Desk, site_database: Database, password: str
) -> None:
    desk.save(findings="No nodule.")
    answer = desk.post("/sign", based_on=1, password=password)
    assert answer.status_code == 403
    assert "nothing was signed" in answer.text
    assert "No nodule." in answer.text
    answer = desk.post("/sign", is_script=True, based_on=1, password=password)
    assert answer.json is not None
    assert (answer.status_code, answer.json["field"]) == (403, "password")
    assert len(revisions(site_database)) == 1


def test_guessing_passwords_is_slowed_down_as_at_the_sign_in(desk: Desk) -> None:
    desk.save(findings="No nodule.")
    for _ in range(5):
        desk.post("/sign", based_on=1, password="wrong", is_script=True)
    answer = desk.post("/sign", based_on=1, password=PASSWORD, is_script=True)
    assert answer.status_code == 429
    assert "Too many wrong passwords" in answer.text


def test_only_what_was_shown_is_signed(desk: Desk, site_database: Database) -> None:
    desk.save(findings="One.")
    desk.save(1, findings="Two.")
    answer = desk.post("/sign", is_script=True, based_on=1, password=PASSWORD)
    assert answer.status_code == 409
    assert state(site_database) == ReportState.DRAFT


def test_a_form_saves_before_it_shows_what_to_sign(desk: Desk, site_database: Database) -> None:
    answer = desk.post("?then=sign", based_on=0, findings="Just typed.")
    assert answer.status_code == 200
    assert "Just typed." in answer.text
    based_on = re.search(r'name="based_on" value="(\d+)"', answer.text)
    assert based_on
    assert desk.post("/sign", based_on=based_on[1], password=PASSWORD).status_code == 303
    assert state(site_database) == ReportState.FINAL


def test_there_is_nothing_to_sign_without_text(desk: Desk) -> None:
    assert desk.client.get(f"{desk.path}/sign").status_code == 303
    assert desk.post("?then=sign", based_on=0, findings=" ").status_code == 303
    assert "There is nothing to sign" in desk.page()


def test_a_second_signer_completes_what_the_first_has_signed(
    colleague: Desk, site_database: Database, app: Flask, reader: User
) -> None:
    facility = create_facility(site_database, "St. Anna")
    with site_database.write() as session:
        session.execute(update(Facility).values(needs_second_signer=True))
    study = create_study(site_database, facilities=(facility.id,))
    first = Desk(signed_in(app, reader), study, "page one")
    second = Desk(colleague.client, study, "page two")
    first.save(findings="No nodule.")
    assert "second radiologist" in first.page("/sign")
    first.post("/sign", based_on=1, password=PASSWORD)
    assert "must be somebody else" in first.page()
    answer = first.post("/sign", is_script=True, based_on=2, password=PASSWORD)
    assert answer.status_code == 409
    assert "Sign the report as the second" in " ".join(second.page("/sign").split())
    answer = second.post("?then=sign", based_on=2, findings="No nodule.")  # unchanged: the first one stands
    assert "Sign as the second" in answer.text
    assert second.post("/sign", based_on=2, password=PASSWORD).status_code == 303
    page = second.page()
    assert re.search(r"Signed\s+by.*reader.*and.*colleague", page, re.DOTALL)


# What else can be done


def test_a_draft_is_released_with_what_was_just_typed(desk: Desk, site_database: Database) -> None:
    assert desk.post("?then=release", based_on=0, findings="No nodule.").status_code == 303
    assert state(site_database) == ReportState.PRELIMINARY
    assert "Release as preliminary" not in desk.page()
    assert 'id="discard" hidden' in desk.page()
    answer = desk.post("/discard", is_script=True, based_on=2)
    assert answer.status_code == 409


def test_a_discarded_draft_stays_in_the_history(desk: Desk, site_database: Database) -> None:
    desk.save(findings="Nonsense.")
    assert desk.post("/discard", based_on=1).status_code == 303
    assert state(site_database) == ReportState.DISCARDED
    assert "Nonsense." not in desk.page()
    assert "Discarded the report" in desk.page("/history")
    assert "Nonsense." in desk.page("/history/1")


def test_an_addendum_stands_below_the_report(
    desk: Desk, site_database: Database, study: Study, sign_in: SignIn
) -> None:
    final = make_final(site_database, study)
    page = desk.page("?write=addendum")
    assert 'name="addendum"' in page
    assert 'name="findings"' not in page
    desk.save(final.number, addendum="Compared with 2020: unchanged.", purpose="addendum")
    assert "unchanged" not in sign_in(Role.READ_ONLY).get(desk.path).text
    assert 'name="addendum"' in desk.page()  # what was begun is gone on with
    desk.post("/sign", based_on=final.number + 1, password=PASSWORD)
    page = sign_in(Role.READ_ONLY).get(desk.path).text
    assert page.index("No nodule.") < page.index("Addendum 1") < page.index("unchanged")


def test_an_amendment_needs_its_reason_and_leaves_the_old_readable(
    desk: Desk, site_database: Database, study: Study, sign_in: SignIn
) -> None:
    final = make_final(site_database, study)
    assert "No nodule." in desk.page("?write=amendment")
    desk.save(final.number, findings="One nodule.", purpose=Purpose.AMENDMENT.value)
    answer = desk.post("/sign", is_script=True, based_on=final.number + 1, password=PASSWORD, reason=" ")
    assert (answer.status_code, "reason is required" in answer.text) == (409, True)
    reason = "A nodule was\r\noverlooked.\0"
    desk.post("/sign", based_on=final.number + 1, password=PASSWORD, reason=reason)
    reader = sign_in(Role.READ_ONLY)
    page = reader.get(desk.path).text
    assert "One nodule." in page
    assert "Version 2" in page
    assert "A nodule was\noverlooked." in page
    assert "No nodule." in reader.get(f"{desk.path}/history/{final.number}").text


def test_a_retracted_report_says_so_and_why(
    desk: Desk, site_database: Database, study: Study, sign_in: SignIn
) -> None:
    final = make_final(site_database, study)
    assert desk.post("/retract", based_on=final.number, reason="").status_code == 303
    assert state(site_database) == ReportState.FINAL
    assert "A reason is required." in desk.page()
    desk.post("/retract", based_on=final.number, reason="It is another patient's.")
    page = sign_in(Role.READ_ONLY).get(desk.path).text.replace("&#39;", "'")
    assert "this report isn't valid" in page
    assert "It is another patient's." in page
    assert "No nodule." in page
    assert "<textarea" not in desk.page()
    assert 'name="findings"' in desk.page("?write=report")
    desk.save(final.number + 1, findings="Another.")
    page = sign_in(Role.READ_ONLY).get(desk.path).text
    assert "Another." not in page
    assert "Retracted" in page


@pytest.mark.parametrize("path", ["/sign", "/release", "/discard", "/retract"])
@pytest.mark.parametrize("based_on", ["", "-1", "1.0", "\u0661", "9" * 40])
def test_an_act_says_which_revision_it_means(desk: Desk, path: str, based_on: str) -> None:
    desk.save(findings="Text.")
    answer = desk.post(path, is_script=True, based_on=based_on, password=PASSWORD, reason="because")
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["field"] == "based_on"


def test_texts_are_shown_as_text(desk: Desk) -> None:
    desk.save(findings="</textarea><script>alert(1)</script>")
    for path in ("", "/sign", "/history/1"):
        assert "<script>alert" not in desk.page(path)
    conflict = desk.post(based_on=0, findings="<b>bold</b>")
    assert conflict.status_code == 409
    assert "<b>" not in conflict.text


def test_images_that_came_after_the_signature_are_told(
    desk: Desk, site_database: Database, study: Study
) -> None:
    final = make_final(site_database, study)
    assert "Images came after" not in desk.page()
    with site_database.write() as session:
        later = final.written_at + timedelta(minutes=5)
        session.execute(update(Study).values(last_received_at=later))
    assert "Images came after the report was signed" in desk.page()


def test_a_revision_is_there_for_scripts_as_well(desk: Desk, sign_in: SignIn) -> None:
    desk.save(findings="One.")
    desk.save(1, findings="Two.")
    headers = {"Accept": "application/json"}
    answer = desk.client.get(f"{desk.path}/history/1", headers=headers).json
    assert answer is not None
    assert (answer["revision"], answer["texts"]["findings"]) == (1, "One.")
    other = sign_in(Role.TECHNOLOGIST)
    assert other.get(f"{desk.path}/history/1", headers=headers).status_code == 404


def test_a_report_outlives_its_images(desk: Desk, site_database: Database, study: Study) -> None:
    final = make_final(site_database, study)
    with site_database.write() as session:
        session.execute(update(Study).values(deleted_at=final.written_at))
    page = desk.page()
    assert "no longer in the archive" in page
    assert "No nodule." in page
