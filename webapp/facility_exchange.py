"""Import and export of facilities in the browser: a file, what it would change, and then do it."""

import base64
import binascii
from datetime import UTC, datetime

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from database.models import Role
from webapp.facilities import Answer
from webapp.facility_files import Report, export_facilities, import_facilities
from webapp.facility_files.rows import COLUMNS
from webapp.registry import RegistryError
from webapp.security import require_role
from webapp.services import current_database, current_services

_LARGEST_FILE = 350_000
"""Bytes. What is confirmed travels in a form, and Flask takes 500 kB of those."""

blueprint = Blueprint("facility_exchange", __name__, url_prefix="/facilities")


@blueprint.get("/import")
@require_role(Role.ADMINISTRATOR)
def show() -> str:
    return render_template("facilities/import.html", report=None, error="", columns=COLUMNS)


@blueprint.post("/import")
@require_role(Role.ADMINISTRATOR)
def dry_run() -> Answer:
    """What the file would change, line by line. Nothing is changed."""
    upload = request.files.get("file")
    content = upload.read() if upload else b""
    if not content:
        return _refused("Choose a CSV file that isn't empty.")
    if len(content) > _LARGEST_FILE:
        return _refused(f"The file is too large: at most {_LARGEST_FILE // 1000} kB. Split it.")
    return _report_page(_run(content, is_dry_run=True), content)


@blueprint.post("/import/confirmed")
@require_role(Role.ADMINISTRATOR)
def run() -> Answer:
    """All of what the dry run showed, or nothing."""
    try:
        content = base64.urlsafe_b64decode(request.form.get("content", ""))
    except (binascii.Error, ValueError):
        abort(400)
    foreseen = request.form.get("foreseen", "")
    report = _run(content, is_dry_run=False, foreseen=foreseen)
    if isinstance(report, str) or report.problems:
        return _report_page(report, content)
    if report.digest != foreseen:
        return _report_page(report, content, is_changed=True)
    flash(f"Imported: {report.change_count} of {len(report.lines)} lines changed something.")
    return redirect(url_for("facilities.show_all"), 303)


@blueprint.get("/export.csv")
@require_role(Role.ADMINISTRATOR)
def download() -> AnyResponse:
    # With a mark at the beginning, or Excel takes it for Windows-1252
    content = export_facilities(current_database()).encode("utf-8-sig")
    name = f"facilities-{datetime.now(UTC):%Y-%m-%d}.csv"
    disposition = {"Content-Disposition": f"attachment; filename={name}"}
    return Response(content, mimetype="text/csv", headers=disposition)


def _run(content: bytes, *, is_dry_run: bool, foreseen: str | None = None) -> Report | str:
    """The report, or why the file can't be read at all."""
    own = current_services().settings.ae_title
    try:
        return import_facilities(current_database(), content, own, is_dry_run=is_dry_run, foreseen=foreseen)
    except RegistryError as error:
        return str(error)


def _report_page(report: Report | str, content: bytes, *, is_changed: bool = False) -> Answer:
    if isinstance(report, str):
        return _refused(report)
    page = render_template(
        "facilities/import.html",
        report=report,
        is_changed=is_changed,
        content=base64.urlsafe_b64encode(content).decode(),
        error="",
        columns=COLUMNS,
    )
    return page, 400 if report.problems else 409 if is_changed else 200


def _refused(error: str) -> Answer:
    return render_template("facilities/import.html", report=None, error=error, columns=COLUMNS), 400
