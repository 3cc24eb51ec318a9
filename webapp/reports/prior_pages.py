"""A prior study's report, read beside the one that is being written."""

from flask import Blueprint, abort, render_template

from database.models import ReportState
from webapp.reports.priors import find_prior
from webapp.reports.reading import read_report
from webapp.reports.texts import SECTION_NAMES
from webapp.services import current_database
from webapp.sessions import current_user
from webapp.visibility import get_visible_study

blueprint = Blueprint("report_priors", __name__, url_prefix="/studies/<id:study_id>/report/priors")


@blueprint.get("/<id:other_id>")
def show(study_id: int, other_id: int) -> str:
    """A part of a page: the valid text, with its addenda. 404 for what is possibly another patient's.

    What isn't signed, or was retracted, is no text to compare with: then it says where the report stands.
    """
    with current_database().read() as session:
        study = get_visible_study(session, current_user(), study_id)
        prior = find_prior(session, current_user(), study, other_id)
        if prior is None:
            abort(404)
        reading = read_report(session, other_id)
    is_valid = reading is not None and reading.report.state is ReportState.FINAL
    return render_template(
        "reports/prior.html", prior=prior, reading=reading if is_valid else None, section_names=SECTION_NAMES
    )
