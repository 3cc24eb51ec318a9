"""Archived prints and the verification of everything, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier

import pytest
from sqlalchemy import text

from database.models import Purpose, ReportDocument, Study
from database.session import Database
from tests.factories import create_member, create_study
from tests.report_tampering import unprotected
from webapp.reports import documents, verification, writing
from webapp.reports.printouts import DamagedError, load_printout
from webapp.reports.texts import Save
from webapp.reports.writing import Writer


@dataclass
class Signed:
    """A final report with an addendum, and a draft of an amendment on top."""

    study: Study
    writer: Writer
    report_id: int
    final: int
    addendum: int
    newest: int


@pytest.fixture
def signed(database: Database) -> Signed:
    study, writer = create_study(database), Writer(create_member(database), "page one")

    def save(based_on: int, purpose: Purpose, **texts: str) -> int:
        saved = writing.save(database, study.id, writer, Save(texts, based_on, purpose))
        assert saved is not None
        return saved.number

    final = writing.sign(
        database, study.id, writer, save(0, Purpose.REPORT, findings="No nodule.", impression="Normal.")
    )
    addendum = writing.sign(
        database, study.id, writer, save(final.number, Purpose.ADDENDUM, addendum="Unchanged.")
    )
    newest = save(addendum.number, Purpose.AMENDMENT, findings="One nodule.")
    return Signed(study, writer, final.report_id, final.number, addendum.number, newest)


def _problems(database: Database) -> list[str]:
    with database.read() as session:
        return verification.find_problems(session)


def _archive(database: Database, signed: Signed, content: bytes, paper: str = "A4") -> bytes:
    key = (signed.report_id, signed.addendum, paper)
    return documents.fetch_or_archive(database, key, lambda: content)


def test_what_was_printed_first_is_printed_again(database: Database, signed: Signed) -> None:
    assert _archive(database, signed, b"first") == b"first"
    assert _archive(database, signed, b"second") == b"first"
    assert _archive(database, signed, b"letter", "Letter") == b"letter"
    assert _problems(database) == []


def test_two_who_print_at_once_get_the_same(database: Database, signed: Signed) -> None:
    together = Barrier(2)

    def archive(content: bytes) -> bytes:
        def make() -> bytes:
            together.wait(timeout=30)
            return content

        return documents.fetch_or_archive(database, (signed.report_id, signed.final, "A4"), make)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(archive, (b"one", b"two"))
    assert first == second
    with database.read() as session:
        kept = session.get_one(ReportDocument, (signed.report_id, signed.final, "A4"))
    assert kept.content == first


def test_a_changed_document_is_not_handed_out(
    database: Database, database_urls: tuple[str, str], signed: Signed
) -> None:
    _archive(database, signed, b"first")
    with unprotected(database_urls[0]) as connection:
        connection.execute(text("UPDATE report_document SET content = :content"), {"content": b"other"})
    with pytest.raises(DamagedError, match="isn't what was archived"):
        _archive(database, signed, b"second")
    assert _problems(database) == [
        f"report {signed.report_id}: the archived document of revision {signed.addendum} on A4 was changed"
    ]


@pytest.mark.parametrize(
    ("tampering", "problem"),
    [
        ("UPDATE report_revision SET findings = 'Cancer.' WHERE number = 2", "revision 2 was changed"),
        ("UPDATE report_revision SET author_name = 'X' WHERE number = 1", "revision 1 was changed"),
        ("UPDATE report_revision SET hash = previous_hash WHERE number = 3", "revision 3 was changed"),
        ("DELETE FROM report_revision WHERE number = 3", "revision 3 is missing"),
        ("DELETE FROM report_revision WHERE number = 5", "its newest revision is missing"),
        ("UPDATE report SET final_revision = 5", "its row calls another revision the valid one"),
        ("UPDATE report SET version = 2", "its row says final, version 2; its newest"),
        ("UPDATE report SET state = 'retracted'", "its row says retracted, version 1; its newest"),
    ],
)
def test_every_tampering_is_found(
    database: Database, database_urls: tuple[str, str], signed: Signed, tampering: str, problem: str
) -> None:
    assert (signed.final, signed.addendum, signed.newest) == (2, 4, 5)
    assert _problems(database) == []
    with unprotected(database_urls[0]) as connection:
        connection.execute(text(tampering))
    found = _problems(database)
    assert any(f"report {signed.report_id}: {problem}" in one for one in found), found


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE report_revision SET findings = 'Cancer.' WHERE number = 2",
        "UPDATE report_revision SET addendum = 'Cancer.' WHERE number = 4",
        "UPDATE report SET final_revision = 1",
    ],
)
def test_what_was_tampered_with_is_not_printed(
    database: Database, database_urls: tuple[str, str], signed: Signed, tampering: str
) -> None:
    with database.read() as session:
        printout = load_printout(session, signed.study, signed.writer.user)
    assert printout is not None
    assert (printout.revision, printout.sections) == (
        signed.addendum,
        [("Findings", "No nodule."), ("Impression", "Normal.")],
    )
    with unprotected(database_urls[0]) as connection:
        connection.execute(text(tampering))
    with database.read() as session, pytest.raises(DamagedError, match="can't be printed"):
        load_printout(session, signed.study, signed.writer.user)
