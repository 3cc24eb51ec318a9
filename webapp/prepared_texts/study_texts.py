"""For an open report: the templates that fit its study, and what aliases expand to, filled with its facts."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, current_app
from sqlalchemy import select

from database.models import ReportTemplate, Role, StandardText
from webapp.prepared_texts.facts import Facts, facts_of
from webapp.prepared_texts.fitting import Fit
from webapp.prepared_texts.placeholders import fill
from webapp.reports.texts import SECTIONS
from webapp.security import require_role
from webapp.services import current_database
from webapp.sessions import current_user
from webapp.visibility import get_visible_study

blueprint = Blueprint("study_texts", __name__, url_prefix="/studies/<id:study_id>/report")


@blueprint.get("/templates")
@require_role(Role.RADIOLOGIST)
def templates(study_id: int) -> Response:
    """``{"templates": [{"id", "name", "modality", "body_part", "fits", "sections": {name: text}}]}``.

    The closest first; those that don't fit are last, as nobody can know from a study what it is read for.
    """
    with current_database().read() as session:
        study = get_visible_study(session, current_user(), study_id)
        facts = facts_of(session, current_user(), study)
        rows = session.scalars(select(ReportTemplate).where(ReportTemplate.retired_at.is_(None))).all()
    fits = {row.id: facts.examination.fit(row.modality, row.body_part) for row in rows}
    rows = sorted(rows, key=lambda row: (fits[row.id], row.name.casefold(), row.id))
    return _json({"templates": [_as_json(row, fits[row.id], facts) for row in rows]})


def _as_json(row: ReportTemplate, fit: Fit, facts: Facts) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "modality": row.modality,
        "body_part": row.body_part,
        "fits": fit.is_good,
        "sections": {name: fill(getattr(row, name), facts.values) for name in SECTIONS},
    }


@blueprint.get("/standard-texts")
@require_role(Role.RADIOLOGIST)
def standard_texts(study_id: int) -> Response:
    """``{alias: text}``, the closest first, without those for other modalities.

    Those for other body parts are there: whoever types an alias means it.
    """
    with current_database().read() as session:
        study = get_visible_study(session, current_user(), study_id)
        facts = facts_of(session, current_user(), study)
        rows = session.scalars(select(StandardText)).all()
    fits = {row.alias: facts.examination.fit(row.modality, row.body_part) for row in rows}
    meant = [row for row in rows if fits[row.alias] is not Fit.OTHER_MODALITY]
    meant.sort(key=lambda row: (fits[row.alias], row.alias))
    return _json({row.alias: fill(row.text, facts.values) for row in meant})


def _json(content: Mapping[str, Any]) -> Response:
    """In this order, which Flask's own would change."""
    return current_app.response_class(
        current_app.json.dumps(content, sort_keys=False), mimetype="application/json"
    )
