"""Printing reports: by whom, what it says, that nothing is cut, and that it changes nothing."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text, update

from database.models import (
    AuditAction,
    AuditEvent,
    Facility,
    Purpose,
    Report,
    ReportDocument,
    ReportRevision,
    Role,
    Study,
    User,
)
from database.session import Database
from tests.factories import create_facility, create_member, create_study
from tests.printed import Printed
from tests.report_tampering import unprotected
from tests.webapp.conftest import SignIn, signed_in
from webapp.reports import locks, pdf, writing
from webapp.reports.pdf import NoPdfError
from webapp.reports.texts import Save
from webapp.reports.typesetting import direction, local_moment, paragraphs
from webapp.reports.writing import Writer

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154"
    "789c63e0bae40d000168009c8d3a4f660000000049454e44ae426082"
)


@dataclass
class Desk:
    """A radiologist who writes the report of one study."""

    database: Database
    study: Study
    writer: Writer
    revision: int = 0

    @property
    def path(self) -> str:
        return f"/studies/{self.study.id}/report/print"

    def save(self, purpose: Purpose = Purpose.REPORT, **texts: str) -> "Desk":
        saved = writing.save(self.database, self.study.id, self.writer, Save(texts, self.revision, purpose))
        assert saved is not None
        self.revision = saved.number
        return self

    def release(self) -> "Desk":
        released = writing.release(self.database, self.study.id, self.writer, self.revision)
        self.revision = released.number
        return self

    def sign(self, reason: str = "") -> "Desk":
        signed = writing.sign(self.database, self.study.id, self.writer, self.revision, reason)
        self.revision = signed.number
        return self

    def retract(self, reason: str) -> "Desk":
        gone = writing.retract(self.database, self.study.id, self.writer, self.revision, reason)
        self.revision = gone.number
        return self


Open = Callable[..., Desk]


@pytest.fixture
def facility(site_database: Database) -> Facility:
    facility = create_facility(site_database, "St. Anna")
    with site_database.write() as session:
        session.execute(
            update(Facility).values(
                letterhead="St. Anna\nRadiology", address="Main Street 1", time_zone="Europe/Zurich", logo=PNG
            )
        )
    return facility


@pytest.fixture
def radiologist(site_database: Database) -> User:
    user = create_member(site_database)
    with site_database.write() as session:
        session.get_one(User, user.id).full_name = "Dr. Anna Weber"
    with site_database.read() as session:
        return session.get_one(User, user.id)


@pytest.fixture
def open_study(site_database: Database, facility: Facility, radiologist: User) -> Open:
    """``open_study(**columns)``: its report is still to be written."""

    def open_new_study(**values: Any) -> Desk:
        study = create_study(site_database, facilities=(facility.id,), **values)
        return Desk(site_database, study, Writer(radiologist, "page one"))

    return open_new_study


@pytest.fixture
def reader(sign_in: SignIn) -> FlaskClient:
    """Somebody who only reads."""
    return sign_in(Role.READ_ONLY)


def printed(client: FlaskClient, desk: Desk, query: str = "") -> Printed:
    answer = client.get(f"{desk.path}.pdf{query}")
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    return Printed(answer.data)


def everything(database: Database) -> list[Any]:
    """What printing must not change."""
    with database.read() as session:
        reports = session.execute(select(*Report.__table__.columns)).all()
        return [*reports, *session.execute(select(*ReportRevision.__table__.columns)).all()]


def audit(database: Database) -> list[tuple[int, str]]:
    with database.read() as session:
        events = session.scalars(
            select(AuditEvent).where(AuditEvent.action == AuditAction.REPORT_PRINTED).order_by(AuditEvent.id)
        ).all()
    return [(event.user_id, event.detail) for event in events]


# Who may


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("path", ["", ".pdf"])
def test_everyone_who_may_see_the_study_prints_its_final_report(
    role: Role, path: str, open_study: Open, facility: Facility, sign_in: SignIn, site_database: Database
) -> None:
    desk = open_study().save(findings="No nodule.").sign()
    before = everything(site_database)
    client = sign_in(role, (facility.id,))
    assert client.get(desk.path + path).status_code == 200
    assert everything(site_database) == before
    assert len(audit(site_database)) == 1
    page = client.get(f"/studies/{desk.study.id}").text
    assert f"{desk.path}.pdf" in page


@pytest.mark.parametrize("path", ["", ".pdf"])
def test_others_studies_are_not_found(
    path: str, open_study: Open, sign_in: SignIn, site_database: Database, anonymous: FlaskClient
) -> None:
    desk = open_study().save(findings="No nodule.").sign()
    elsewhere = create_facility(site_database, "Elsewhere")
    assert sign_in(Role.FACILITY_STAFF, (elsewhere.id,)).get(desk.path + path).status_code == 404
    assert sign_in().get(f"/studies/999/report/print{path}").status_code == 404
    assert anonymous.get(desk.path + path).status_code == 303
    assert audit(site_database) == []


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.RADIOLOGIST}))
@pytest.mark.parametrize("path", ["", ".pdf"])
def test_what_is_not_final_is_for_radiologists(
    role: Role, path: str, open_study: Open, facility: Facility, sign_in: SignIn, site_database: Database
) -> None:
    desk = open_study().save(findings="Perhaps.")
    client = sign_in(role, (facility.id,))
    assert client.get(desk.path + path).status_code == 404
    desk.release()
    assert client.get(desk.path + path).status_code == 404
    assert f"{desk.path}.pdf" not in client.get(f"/studies/{desk.study.id}").text
    assert audit(site_database) == []
    assert sign_in().get(desk.path + path).status_code == 200


def test_an_author_of_another_role_by_now_prints_what_they_wrote(
    app: Flask, open_study: Open, radiologist: User, site_database: Database
) -> None:
    desk = open_study().save(findings="Perhaps.")
    with site_database.write() as session:
        session.get_one(User, radiologist.id).role = Role.READ_ONLY
    assert "Perhaps." in printed(signed_in(app, radiologist), desk).text


def test_where_nothing_was_written_nothing_is_printed(open_study: Open, sign_in: SignIn) -> None:
    desk = open_study()
    client = sign_in()
    assert client.get(desk.path).status_code == 404
    desk.save(findings="Nonsense.")
    writing.discard(desk.database, desk.study.id, desk.writer, desk.revision)
    assert client.get(desk.path).status_code == 404
    assert f"{desk.path}.pdf" not in client.get(f"/studies/{desk.study.id}").text


# What it says


def test_a_final_report_says_all_that_identifies_it(open_study: Open, reader: FlaskClient) -> None:
    desk = open_study(
        patient_name="Müller^Eva", accession_number="A77", referring_physician_name="Huber^Karl"
    ).save(
        clinical_information="Cough.",
        technique="CT.",
        comparison="None.",
        findings="No <b>nodule</b> & nothing else.\n\n\tThis is indented.",
        impression="Normal.",
        recommendation="None.",
    )
    paper = printed(reader, desk.sign())
    for words in (
        "St. Anna Radiology Main Street 1",
        "Müller, Eva",
        f"ID {desk.study.patient_id}",
        "Born 1970-05-17",
        "Sex F",
        "Accession A77",
        "Examination CT chest · CT",
        "Date 2026-03-01 11:30",
        "Referred by Huber, Karl",
        "Clinical information Cough. Technique CT. Comparison None.",
        "Findings No <b>nodule</b> & nothing else.",
        "This is indented.",
        "Impression Normal. Recommendation None. Signed by Dr. Anna Weber, 20",
        "(UTC+0",
        "Version 1",
        "Page 1 of 1",
    ):
        assert words in paper.text
    assert paper.watermarks == [""]
    with desk.database.read() as session:
        signed = session.get_one(ReportRevision, (1, desk.revision))
    assert signed.hash in paper.text


def test_what_was_signed_is_printed_whatever_became_of_the_study(
    open_study: Open, reader: FlaskClient
) -> None:
    desk = open_study(patient_name="Doe^Jane", patient_id="P1").save(findings="No nodule.").sign()
    with desk.database.write() as session:
        session.execute(
            update(Study).values(patient_name="Other^One", patient_id="P2", deleted_at=datetime.now(UTC))
        )
        session.execute(update(Facility).values(letterhead="Another hospital"))
        session.execute(update(User).values(full_name="Dr. Anna Huber"))
    text_of_pdf = printed(reader, desk).text
    assert "Doe, Jane ID P1" in text_of_pdf.replace(" Version 1", "")
    assert "Signed by Dr. Anna Weber" in text_of_pdf
    assert "St. Anna Radiology" in text_of_pdf


def test_what_is_not_final_is_marked_and_not_archived(open_study: Open, sign_in: SignIn) -> None:
    desk, client = open_study().save(findings="Perhaps."), sign_in()
    draft = printed(client, desk)
    assert draft.watermarks == ["DRAFT"]
    assert "Not signed. Last written by Dr. Anna Weber" in draft.text
    desk.release()
    assert printed(client, desk).watermarks == ["PRELIMINARY"]
    assert "(preliminary)" in client.get(f"/studies/{desk.study.id}").text
    with desk.database.read() as session:
        assert session.scalar(select(func.count()).select_from(ReportDocument)) == 0


def test_one_signature_of_two_is_a_draft(open_study: Open, sign_in: SignIn, site_database: Database) -> None:
    with site_database.write() as session:
        session.execute(update(Facility).values(needs_second_signer=True))
    desk = open_study().save(findings="No nodule.").sign()
    once = printed(sign_in(), desk)
    assert once.watermarks == ["DRAFT"]
    assert "Signed by Dr. Anna Weber" in once.text
    assert "Waits for the second signature." in once.text
    second = create_member(site_database)
    locks.release(site_database, desk.study.id, desk.writer.token)
    writing.sign(site_database, desk.study.id, Writer(second, "page two"), desk.revision)
    twice = printed(sign_in(), desk)
    assert twice.watermarks == [""]
    assert "Signed by Dr. Anna Weber" in twice.text
    assert f"Signed by {second.username}" in twice.text


def test_addenda_are_dated_and_signed(open_study: Open, reader: FlaskClient) -> None:
    desk = open_study(patient_id="P1").save(findings="No nodule.").sign()
    first = printed(reader, desk)
    with desk.database.write() as session:
        session.execute(update(Study).values(patient_id="P2"))
    desk.save(Purpose.ADDENDUM, addendum="Unchanged since 2020.")
    assert printed(reader, desk).content == first.content
    desk.sign()
    second = printed(reader, desk).text
    assert "Findings No nodule. Signed by Dr. Anna Weber" in second
    assert "Addendum 1 Unchanged since 2020. Signed by Dr. Anna Weber" in second
    assert "The patient's identifiers had changed by then: Name Doe, Jane" in second
    assert "ID P2" in second
    assert "ID P1" in first.text


def test_amendments_are_named_with_their_reasons(open_study: Open, reader: FlaskClient) -> None:
    desk = open_study().save(findings="No nodule.").sign()
    desk.save(Purpose.AMENDMENT, findings="One nodule.")
    assert "No nodule." in printed(reader, desk).text
    desk.sign("nodule overlooked").save(Purpose.AMENDMENT, findings="Two nodules.").sign("one more")
    amended = printed(reader, desk).text
    assert "Version 3 amends version 2 of 20" in amended
    assert "one more Version 2 amends version 1 of 20" in amended
    assert "nodule overlooked Findings Two nodules." in amended
    assert "One nodule." not in amended


def test_a_retracted_report_says_so_on_every_page(open_study: Open, reader: FlaskClient) -> None:
    lines = "\n".join(f"Line {number}." for number in range(200))
    desk = open_study().save(findings=lines).sign().retract("wrong patient")
    gone = printed(reader, desk)
    assert len(gone.pages) > 3
    assert set(gone.watermarks) == {"RETRACTED"}
    assert all("Version 1, retracted" in page for page in gone.pages)
    assert "Retracted: this report is not valid wrong patient Retracted by Dr. Anna Weber, 20" in gone.text


def test_a_new_draft_after_a_retraction_leaves_it_retracted_for_others(
    open_study: Open, reader: FlaskClient, sign_in: SignIn
) -> None:
    desk = open_study().save(findings="No nodule.").sign().retract("wrong patient")
    before = printed(reader, desk).content
    desk.save(findings="One nodule.")
    assert printed(reader, desk).content == before
    assert "One nodule." in printed(sign_in(), desk).text
    again = printed(reader, desk.sign())
    assert "Version 2 follows the retracted version 1 of 20" in again.text
    assert "wrong patient Findings One nodule." in again.text
    assert again.watermarks == [""]


# Nothing is cut


def test_every_word_of_a_long_report_is_there_and_every_page_names_the_patient(
    open_study: Open, reader: FlaskClient
) -> None:
    findings = [f"finding{number}" for number in range(5000)]
    desk = open_study(patient_name="Ж" * 64 + "^" + "Ж" * 64).save(
        findings=" ".join(findings), impression="ß" * 5000, recommendation="The end."
    )
    paper = printed(reader, desk.sign())
    count = len(paper.pages)
    assert count >= 12
    for number, page in enumerate(paper.pages, 1):
        assert f"Page {number} of {count}" in page
        assert f"ID {desk.study.patient_id}" in page
        assert f"Accession {desk.study.accession_number}" in page
        assert page.count("Ж") == 128
    assert [word for word in paper.text.split() if word.startswith("finding")] == findings
    assert paper.text.count("ß") == 5000
    last = paper.pages[-1]
    assert "The end." in last
    assert "Signed by Dr. Anna Weber" in last


def test_identifiers_as_long_as_they_can_be_leave_room_for_the_report(
    open_study: Open, reader: FlaskClient
) -> None:
    desk = open_study(patient_name="Б" * 1024, study_description="Д" * 1024).save(
        findings="No nodule.\n" * 100
    )
    paper = printed(reader, desk.sign())
    assert paper.text.count("No nodule.") == 100
    assert all((page.count("Б"), page.count("Д")) == (1024, 1024) for page in paper.pages)


@pytest.mark.parametrize(
    ("name", "shown", "font"),
    [
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "山田 太郎 · やまだ たろう", "CJK"),
        ("Hong^Gildong=洪^吉洞=홍^길동", "洪 吉洞 · 홍 길동", "CJK"),
        ("عبد الله^محمد", "محمد", "Arabic"),
        ("Иванов^Пётр", "Иванов, Пётр", "Noto-Sans"),
        ("כהן^דוד", "דוד", "Hebrew"),
        ("Δοξαράς^Γιώργος", "Δοξαράς, Γιώργος", "Noto-Sans"),
        ("สมชาย^ใจดี", "สมชาย", "Thai"),
        ("शर्मा^राम", "र", "Devanagari"),  # poppler reads no further into its ligatures
    ],
)
def test_names_of_all_scripts_are_glyphs(
    name: str, shown: str, font: str, open_study: Open, reader: FlaskClient
) -> None:
    paper = printed(reader, open_study(patient_name=name).save(findings=f"{name}\n{shown}").sign())
    assert shown in paper.text
    assert any(font in one for one in paper.fonts), paper.fonts
    assert all(paper.fonts.values())


# Paper and bytes


def test_paper_is_the_facilitys_or_as_asked_for(
    open_study: Open, reader: FlaskClient, site_database: Database
) -> None:
    desk = open_study().save(findings="No nodule.").sign()
    assert printed(reader, desk).paper == "595 x 842"
    assert printed(reader, desk, "?paper=Letter").paper == "612 x 792"
    assert reader.get(f"{desk.path}.pdf?paper=A3").status_code == 400
    with site_database.write() as session:
        session.execute(update(Facility).values(paper="Letter"))
    other = open_study().save(findings="No nodule.").sign()
    assert printed(reader, other).paper == "612 x 792"


def test_printed_letterhead_paper_is_left_free(
    open_study: Open, reader: FlaskClient, site_database: Database
) -> None:
    with site_database.write() as session:
        session.execute(update(Facility).values(has_preprinted_paper=True))
    desk = open_study().save(findings="No nodule.").sign()
    assert "St. Anna" not in printed(reader, desk).text
    page = reader.get(desk.path).text
    assert "data:image/png" not in page
    assert 'class="reserved"' in page


@pytest.mark.parametrize("logo", [PNG, b"\x89PNG\r\n\x1a\nbroken", b"\xff\xd8\xff broken", None])
def test_a_broken_logo_stops_no_print(
    logo: bytes | None, open_study: Open, reader: FlaskClient, site_database: Database
) -> None:
    with site_database.write() as session:
        session.execute(update(Facility).values(logo=logo))
    assert "No nodule." in printed(reader, open_study().save(findings="No nodule.").sign()).text


def test_a_study_of_no_facility_is_printed_in_utc(
    reader: FlaskClient, site_database: Database, radiologist: User
) -> None:
    desk = Desk(site_database, create_study(site_database), Writer(radiologist, "page one"))
    assert " UTC" in printed(reader, desk.save(findings="No nodule.").sign()).text


def test_a_reprint_is_identical_and_archived_with_its_hash(
    open_study: Open, reader: FlaskClient, sign_in: SignIn
) -> None:
    desk = open_study().save(findings="No nodule.").sign()
    first = printed(reader, desk).content
    with desk.database.write() as session:
        session.execute(update(Facility).values(logo=None))
    assert printed(sign_in(), desk).content == first
    with desk.database.read() as session:
        archived = session.scalars(select(ReportDocument)).one()
    assert (archived.content, archived.sha256) == (first, hashlib.sha256(first).hexdigest())
    assert b"Printed by" not in first


def test_file_names_hold_no_patient_data(open_study: Open, sign_in: SignIn) -> None:
    desk, client = open_study().save(findings="No nodule."), sign_in()

    def name() -> str:
        return client.get(f"{desk.path}.pdf").headers["Content-Disposition"]

    number = desk.study.id
    assert name() == f"inline; filename=report-{number}-draft.pdf"
    desk.sign()
    assert name() == f"inline; filename=report-{number}-v1.pdf"
    desk.save(Purpose.ADDENDUM, addendum="Unchanged.").sign()
    assert name() == f"inline; filename=report-{number}-v1-addendum-1.pdf"
    desk.retract("wrong patient")
    assert name() == f"inline; filename=report-{number}-v1-addendum-1-retracted.pdf"


def test_nothing_is_fetched_for_a_print(open_study: Open, reader: FlaskClient) -> None:
    link = '<img src="http://127.0.0.1:1/x.png"><link rel="stylesheet" href="file:///etc/passwd">'
    paper = printed(reader, open_study(study_description=link).save(findings=link).sign())
    assert paper.text.count(link) == 2


# The view, the audit, and what is damaged


def test_the_view_says_who_printed_it_and_when(app: Flask, open_study: Open, site_database: Database) -> None:
    desk = open_study(patient_name="<script>alert(1)</script>^Eve").save(findings="<img src=x onerror=a>")
    user = create_member(site_database, Role.READ_ONLY)
    page = signed_in(app, user).get(desk.sign().path).text
    assert f"Printed by <bdi>{user.username}, 20" in page
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=a&gt;" in page
    assert "style=" not in page


def test_every_print_is_written_down(
    app: Flask, open_study: Open, radiologist: User, site_database: Database
) -> None:
    desk, client = open_study().save(findings="No nodule."), signed_in(app, radiologist)
    client.get(desk.path)
    desk.sign()
    client.get(f"{desk.path}?paper=Letter")
    content = printed(client, desk).content
    assert audit(site_database) == [
        (radiologist.id, "draft, version 0, revision 1: page, A4"),
        (radiologist.id, "final, version 1, revision 2: page, Letter"),
        (
            radiologist.id,
            f"final, version 1, revision 2: PDF, A4, SHA-256 {hashlib.sha256(content).hexdigest()}",
        ),
    ]


def test_verify_speaks_by_its_exit_code(app: Flask, open_study: Open, reader: FlaskClient) -> None:
    desk = open_study().save(findings="No nodule.").sign()
    printed(reader, desk)
    run = app.test_cli_runner().invoke(args=["verify"])
    assert (run.exit_code, run.output) == (
        0,
        "Reports: 1, revisions: 2, archived documents: 1.\nAll are as they were written.\n",
    )
    with unprotected(str(desk.database.engine.url)) as connection:
        connection.execute(text("UPDATE report_revision SET findings = 'Cancer.' WHERE number = 2"))
    run = app.test_cli_runner().invoke(args=["verify"])
    assert run.exit_code == 1
    assert "report 1: revision 2 was changed" in run.output


@pytest.mark.parametrize(
    ("tampering", "words"),
    [
        ("UPDATE report_revision SET findings = 'Cancer.' WHERE number = 2", "revision 2 isn"),
        ("UPDATE report_document SET sha256 = 'x'", "archived document isn"),
    ],
)
def test_what_was_tampered_with_is_an_error_in_words(
    tampering: str, words: str, open_study: Open, reader: FlaskClient
) -> None:
    desk = open_study().save(findings="No nodule.").sign()
    printed(reader, desk)
    with unprotected(str(desk.database.engine.url)) as connection:
        connection.execute(text(tampering))
    answer = reader.get(f"{desk.path}.pdf")
    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert words in answer.text
    assert "flask --app webapp verify" in answer.text
    assert len(audit(desk.database)) == 1


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("raise SystemExit(3)", "can&#39;t make PDFs"),
        ("raise SystemExit(1)", "Making the PDF failed"),
        ("import time; time.sleep(60)", "takes too much time"),
    ],
)
def test_a_pdf_that_cannot_be_made_is_an_error_in_words(
    program: str,
    words: str,
    open_study: Open,
    reader: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    desk = open_study().save(findings="No nodule.").sign()
    (tmp_path / "program.py").write_text(program)
    monkeypatch.setattr(pdf, "_PROGRAM", tmp_path / "program.py")
    monkeypatch.setattr(pdf, "_LONGEST_SECONDS", 1.0)
    answer = reader.get(f"{desk.path}.pdf")
    assert (answer.status_code, words in answer.text) == (503, True)
    assert audit(desk.database) == []
    monkeypatch.undo()
    assert "No nodule." in printed(reader, desk).text


def test_who_waits_in_vain_for_a_place_is_told_so(
    open_study: Open, reader: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = open_study().save(findings="No nodule.").sign()
    monkeypatch.setattr(pdf, "_QUEUE_SECONDS", 0.0)
    with pdf.PLACES, pdf.PLACES:
        answer = reader.get(f"{desk.path}.pdf")
    assert (answer.status_code, "Too many reports" in answer.text) == (503, True)
    assert "No nodule." in printed(reader, desk).text


def test_what_goes_wrong_in_the_program_is_logged_without_any_words_of_the_report(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(NoPdfError, match="failed"):
        pdf._run(b'["SECRET"]')
    assert "ValueError at " in caplog.text
    assert "SECRET" not in caplog.text


# Setting texts


def test_each_paragraph_has_its_own_direction() -> None:
    found = paragraphs("\nNormal.\r\n\n\u202eרגל\t12 mm\n12 רגל\u2028end\n\n")
    assert [(one.text, one.direction) for one in found] == [
        ("Normal.", "ltr"),
        ("", "ltr"),
        ("רגל    12 mm", "rtl"),
        ("12 רגל", "rtl"),
        ("end", "ltr"),
    ]
    assert direction("") == "ltr"


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("UTC", "2026-07-01 12:00 UTC"),
        ("Europe/Zurich", "2026-07-01 14:00 CEST (UTC+02:00)"),
        ("Asia/Kathmandu", "2026-07-01 17:45 UTC+05:45"),
        ("America/St_Johns", "2026-07-01 09:30 NDT (UTC-02:30)"),
        ("Nowhere/At-all", "2026-07-01 12:00 UTC"),
    ],
)
def test_moments_name_their_zone(zone: str, shown: str) -> None:
    assert local_moment(datetime(2026, 7, 1, 12, tzinfo=UTC), zone) == shown
