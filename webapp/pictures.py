"""Pictures and documents out of Orthanc, under this application's own permissions.

The browser never reaches Orthanc nor names anything in it: addresses hold our own numbers, and every request
looks the instance up among the studies that the user may see.
"""

import logging
import math
from typing import Any

from flask import Blueprint, Response, abort, jsonify, request
from sqlalchemy import Select, func, select

from bridge.errors import OrthancRefused
from bridge.orthanc_client import Picture
from database.models import Instance, Series, Study
from webapp.errors import answer
from webapp.reading_order import in_reading_order
from webapp.services import current_database, current_orthanc
from webapp.sessions import current_user
from webapp.sop_classes import Kind, kind, sop_class_name, transfer_syntax_name
from webapp.visibility import visible_studies
from webapp.windowing import windowing

_THUMBNAIL_PIXELS = 160
_NOT_LET_IN = {401, 403}  # our configuration is wrong, not the object
_GONE, _BROKEN = 404, 500
_MOST_FRAMES = 100_000
_WIDEST_WINDOW, _NARROWEST_WINDOW = 1e6, 1e-6
# Long enough to scroll back and forth, short enough for a shared workstation; never in a shared cache.
_PICTURE_CACHE = "private, max-age=120"

_log = logging.getLogger(__name__)

blueprint = Blueprint("pictures", __name__, url_prefix="/studies/<id:study_id>")


@blueprint.get("/instances/<id:instance_id>/frames/<int:frame>")
def frame(study_id: int, instance_id: int, frame: int) -> Response:
    """JPEG; ``center`` and ``width`` together set the window, else the file's own applies."""
    instance = _get_instance(study_id, instance_id)
    if frame >= min(max(1, instance.number_of_frames), _MOST_FRAMES):
        abort(404)
    return _picture(instance, frame, {"quality": "92", **_window_options()})


@blueprint.get("/series/<id:series_id>/thumbnail")
def thumbnail(study_id: int, series_id: int) -> Response:
    """A small picture of the series' middle instance."""
    in_series = _visible_instances(study_id).where(Series.id == series_id)
    with current_database().read() as session:
        count = session.scalar(select(func.count()).select_from(in_series.subquery())) or 0
        numbered = in_series.order_by(*in_reading_order(Instance.instance_number))
        instance = session.scalar(numbered.offset(count // 2).limit(1))
    if instance is None:
        abort(404)
    size = str(_THUMBNAIL_PIXELS)
    options = {"width": size, "height": size, "quality": "80"}
    return _picture(instance, max(1, instance.number_of_frames) // 2, options)


@blueprint.get("/instances/<id:instance_id>/facts")
def facts(study_id: int, instance_id: int) -> Response:
    """What the viewer needs beside the pixels: size, and the window in which the file opens."""
    instance = _get_instance(study_id, instance_id)
    with current_orthanc() as orthanc:
        tags = orthanc.instance_tags(instance.orthanc_id)
    return jsonify(_facts(tags))


@blueprint.get("/instances/<id:instance_id>/pdf")
def pdf(study_id: int, instance_id: int) -> Response:
    instance = _get_instance(study_id, instance_id)
    content = _pdf(instance)
    if not content.startswith(b"%PDF-"):
        return answer(415, "There is no PDF in this object", f"It is: {_describe(instance)}.")
    response = Response(content, mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="document-{instance_id}.pdf"'
    # No `sandbox`: browsers then refuse to start their PDF viewer. Scripts in a PDF never run in the page.
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    )
    return response


def _visible_instances(study_id: int) -> Select[Instance]:
    return (
        visible_studies(current_user())
        .where(Study.id == study_id)
        .join(Series, Series.study_id == Study.id)
        .join(Instance, Instance.series_id == Series.id)
        .where(Instance.deleted_at.is_(None))
        .with_only_columns(Instance)
    )


def _get_instance(study_id: int, instance_id: int) -> Instance:
    with current_database().read() as session:
        instance = session.scalar(_visible_instances(study_id).where(Instance.id == instance_id))
    if instance is None:
        abort(404)
    return instance


def _pdf(instance: Instance) -> bytes:
    """Empty when there is none."""
    try:
        with current_orthanc() as orthanc:
            return orthanc.pdf(instance.orthanc_id)
    except OrthancRefused as refusal:
        if refusal.status in _NOT_LET_IN:
            raise
        return b""


def _picture(instance: Instance, frame: int, options: dict[str, str]) -> Response:
    """Raises OrthancUnavailable; an object that is no picture says what it is, with status 415."""
    try:
        with current_orthanc() as orthanc:
            picture: Picture = orthanc.rendered(instance.orthanc_id, frame, options)
    except OrthancRefused as refusal:
        if refusal.status in _NOT_LET_IN:
            raise
        return _no_picture(instance, refusal.status)
    response = Response(picture.content, mimetype=picture.media_type)
    response.headers["Cache-Control"] = _PICTURE_CACHE
    return response


def _no_picture(instance: Instance, status: int) -> Response:
    """An object without pixels is one thing, a file that Orthanc lost or can't read another."""
    _log.warning("the archive answered %s for the picture of instance %s", status, instance.id)
    if status == _GONE or (status >= _BROKEN and _should_have_pixels(instance)):
        message = "Its file is missing or damaged there. An administrator finds more in the server's log."
        return answer(404 if status == _GONE else 502, "The archive could not read this image", message)
    return answer(415, "This object can't be shown as a picture", f"It is: {_describe(instance)}.")


def _should_have_pixels(instance: Instance) -> bool:
    what = kind(instance.sop_class_uid)
    if what is not Kind.UNKNOWN:
        return what is Kind.PICTURE
    try:
        with current_orthanc() as orthanc:
            return "Rows" in orthanc.instance_tags(instance.orthanc_id)
    except OrthancRefused:
        return True


def _describe(instance: Instance) -> str:
    syntax = transfer_syntax_name(instance.transfer_syntax_uid)
    return sop_class_name(instance.sop_class_uid) + (f" ({syntax})" if syntax else "")


def _window_options() -> dict[str, str]:
    center, width = _number("center"), _number("width")
    if center is None or width is None or width <= 0:
        return {}
    center = min(max(center, -_WIDEST_WINDOW), _WIDEST_WINDOW)
    width = min(max(width, _NARROWEST_WINDOW), _WIDEST_WINDOW)
    return {"window-center": f"{center:.6f}", "window-width": f"{width:.6f}"}


def _number(name: str) -> float | None:
    value = request.args.get(name, None, float)
    return value if value is not None and math.isfinite(value) else None


def _facts(tags: dict[str, Any]) -> dict[str, Any]:
    how = windowing(tags)
    window = how.window
    return {
        "window": None if window is None else {"center": window[0], "width": window[1]},
        "explicit": how.is_explicit,
        "adjustable": how.is_adjustable,
        "ct_presets": how.has_ct_presets,
        "rows": str(tags.get("Rows", "")),
        "columns": str(tags.get("Columns", "")),
    }
