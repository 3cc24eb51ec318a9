"""What is read of JSON and of a form makes the same revision, on both databases."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from database.models import ReportRevision
from database.session import Database
from tests.factories import create_member, create_study
from webapp.reports import writing
from webapp.reports.texts import SECTIONS, Save, read_form, read_json
from webapp.reports.writing import Writer

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.sampled_from(
    ["\0", "a\0b", "one\r\ntwo", "one\rtwo", "\U0001f600", "山田 太郎", "مريم", "false", " ", "\ufeff"]
)
_COLUMNS = (*SECTIONS, "addendum", "action", "purpose", "state", "version", "reason", "author_name")


def test_json_and_form_saves_of_the_same_content_make_the_same_revision(database: Database) -> None:
    user = create_member(database)

    def save(change: Save) -> ReportRevision | None:
        study = create_study(database, series=[])
        return writing.save(database, study.id, Writer(user, change.token), change)

    @settings(max_examples=60)
    @given(texts=st.dictionaries(st.sampled_from(SECTIONS), _TEXTS, max_size=6))
    def check(texts: dict[str, str]) -> None:
        content: dict[str, Any] = {"based_on": 0, "purpose": "report", "token": "page", **texts}
        by_json = save(read_json(json.dumps(content).encode()))
        by_form = save(read_form({name: str(value) for name, value in content.items()}))
        assert _content(by_json) == _content(by_form)
        assert (by_json is None) == (not any(text.replace("\0", "").strip() for text in texts.values()))

    check()


def test_what_was_saved_is_read_back_as_it_was_typed(database: Database) -> None:
    writer = Writer(create_member(database))

    @settings(max_examples=60)
    @given(text=_TEXTS)
    def check(text: str) -> None:
        change = read_json(json.dumps({"based_on": 0, "impression": "x", "findings": text}).encode())
        saved = writing.save(database, create_study(database, series=[]).id, writer, change)
        assert saved is not None
        with database.read() as session:
            kept = session.get_one(ReportRevision, (saved.report_id, saved.number))
        assert kept.findings == text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")

    check()


def _content(revision: ReportRevision | None) -> dict[str, Any] | None:
    return None if revision is None else {name: getattr(revision, name) for name in _COLUMNS}
