"""The report page as it is answered; with what was typed when it could not be kept."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from flask import Response, render_template, request

from database.models import Purpose
from webapp.reports.desk import load_desk
from webapp.reports.locks import BEAT_SECONDS
from webapp.reports.priors import priors_of
from webapp.reports.texts import LONGEST_TEXT, SECTION_NAMES
from webapp.services import current_database, current_services
from webapp.sessions import current_user
from webapp.studies import load_cards
from webapp.study_arrivals import load_groups
from webapp.visibility import get_visible_study
from webapp.worklist_rows import load_rows

FIELD_NAMES = {**SECTION_NAMES, "addendum": "Addendum"}


@dataclass(frozen=True, slots=True)
class Typed:
    """What a form brought that couldn't be saved, and why not."""

    texts: Mapping[str, str]
    token: str
    based_on: int
    problem: str = ""
    field: str = ""
    """The one with which something is wrong; empty: none."""
    is_locked: bool = False
    """Somebody else holds the lock; it can be taken over."""


def new_token() -> str:
    """Of a page that is being opened (``locks``)."""
    return secrets.token_urlsafe(12)


def wanted_purpose() -> Purpose | None:
    """``?write=addendum``"""
    name = request.args.get("write", "")
    return Purpose(name) if name in set(Purpose) else None


def show_report(
    study_id: int, status: int = 200, typed: Typed | None = None, wanted: Purpose | None = None
) -> Response:
    """``wanted`` is what the typed text is for. Ends the request with 404 for studies one may not see."""
    user = current_user()
    with current_database().read() as session:
        study = get_visible_study(session, user, study_id)
        desk = load_desk(session, user, study_id, wanted or wanted_purpose())
        cards = load_cards(session, study, load_groups(session, study))
        priors = priors_of(session, user, study)
        [row] = load_rows(session, user, [study], current_services().settings.stable_seconds)
    names = ("addendum",) if desk.purpose is Purpose.ADDENDUM else tuple(SECTION_NAMES)
    values = {name: getattr(desk.text, name) for name in names}
    is_at_hand = typed is not None and desk.purpose is wanted
    if typed is not None and is_at_hand:
        values |= {name: typed.texts[name] for name in names if name in typed.texts}
    page = render_template(
        "reports/report.html",
        study=study,
        cards=cards,
        desk=desk,
        values=values,
        typed=typed,
        unkept={} if typed is None or is_at_hand else typed.texts,
        priors=priors,
        has_late_images=row.has_late_images,
        section_names=SECTION_NAMES,
        field_names=FIELD_NAMES,
        longest_text=LONGEST_TEXT,
        based_on=typed.based_on if typed is not None and is_at_hand else desk.revision,
        token=typed.token if typed is not None and is_at_hand else new_token(),
        beat_seconds=BEAT_SECONDS,
    )
    return Response(page, status)
