"""Pictures and documents out of Orthanc, under this application's own permissions.

The browser never reaches Orthanc nor names anything in it: addresses hold our own numbers, and every request
looks the instance up among the studies that the user may see.
"""

import logging
import math
from typing import Any

from flask import Blueprint, Response, abort, jsonify, request
from sqlalchemy import Select

from bridge.errors import OrthancRefused
from database.models import Instance, Series, Study
from webapp.errors import answer
from webapp.reading_order import reading_place
from webapp.rendering import Shown, missing_window, read_pixels, render
from webapp.services import current_database, current_orthanc
from webapp.sessions import current_user
from webapp.sop_classes import Kind, kind, sop_class_name, transfer_syntax_name
from webapp.visibility import visible_studies
from webapp.windowing import Window

_THUMBNAIL = {"width": "160", "height": "160", "quality": "80"}
_FULL_SIZE = {"quality": "92"}
_NOT_LET_IN = {401, 403}  # our configuration is wrong, not the object
_GONE = 404
_MOST_FRAMES = 100_000
_WIDEST_WINDOW, _NARROWEST_WINDOW = 1e6, 1e-6
# Long enough to scroll back and forth, short enough for a shared workstation; never in a shared cache.
_PICTURE_CACHE = "private, max-age=120"
_UNREADABLE = "The archive could not read this image"
_DAMAGED = "Its file is missing or damaged there. An administrator finds more in the server's log."

_log = logging.getLogger(__name__)

blueprint = Blueprint("pictures", __name__, url_prefix="/studies/<id:study_id>")


@blueprint.get("/instances/<id:instance_id>/frames/<int:frame>")
def frame(study_id: int, instance_id: int, frame: int) -> Response:
    """JPEG; ``center`` and ``width`` together set the window, else the file's own applies.

    The header ``Noctis-Window`` says in which window: center and width, in the file's units.
    """
    instance = _get_instance(study_id, instance_id)
    if frame >= min(max(1, instance.number_of_frames), _MOST_FRAMES):
        abort(404)
    return _picture(instance, frame, _asked_window(), _FULL_SIZE)


@blueprint.get("/series/<id:series_id>/thumbnail")
def thumbnail(study_id: int, series_id: int) -> Response:
    """A small picture of the series' middle instance."""
    instance = _middle_instance(study_id, series_id)
    return _picture(instance, max(1, instance.number_of_frames) // 2, None, _THUMBNAIL)


@blueprint.get("/instances/<id:instance_id>/facts")
def facts(study_id: int, instance_id: int) -> Response:
    """What the viewer needs to know of a series, from one instance that stands for all."""
    instance = _get_instance(study_id, instance_id)
    with current_orthanc() as orthanc:
        pixels = read_pixels(orthanc, instance)
        window = None if pixels is None else missing_window(orthanc, instance, pixels)
    return jsonify(
        # The file has none: to keep a series comparable, the viewer uses this one for all of it.
        window=None if window is None else {"center": window[0], "width": window[1]},
        ct_presets=pixels is not None and pixels.has_ct_presets,
        is_colour=pixels is not None and not pixels.is_grey,
    )


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


def _visible_instances(study_id: int) -> Select[Any]:
    return (
        visible_studies(current_user())
        .where(Study.id == study_id)
        .join(Series, Series.study_id == Study.id)
        .join(Instance, Instance.series_id == Series.id)
        .where(Instance.deleted_at.is_(None))
    )


def _get_instance(study_id: int, instance_id: int) -> Instance:
    of_study = _visible_instances(study_id).with_only_columns(Instance)
    with current_database().read() as session:
        instance: Instance | None = session.scalar(of_study.where(Instance.id == instance_id))
    if instance is None:
        abort(404)
    return instance


def _middle_instance(study_id: int, series_id: int) -> Instance:
    """Of those that may be pictures, in the order of the series' page."""
    columns = (Instance.id, Instance.instance_number, Instance.sop_instance_uid, Instance.sop_class_uid)
    of_series = _visible_instances(study_id).where(Series.id == series_id)
    with current_database().read() as session:
        rows = session.execute(of_series.with_only_columns(*columns)).all()
        pictures = [row for row in rows if kind(row.sop_class_uid) in {Kind.PICTURE, Kind.UNKNOWN}]
        if not pictures:
            abort(404)
        middle = sorted(pictures, key=reading_place)[len(pictures) // 2]
        return session.get_one(Instance, middle.id)


def _pdf(instance: Instance) -> bytes:
    """Empty when there is none."""
    try:
        with current_orthanc() as orthanc:
            return orthanc.pdf(instance.orthanc_id)
    except OrthancRefused as refusal:
        if refusal.status in _NOT_LET_IN:
            raise
        return b""


def _picture(instance: Instance, frame: int, asked: Window | None, options: dict[str, str]) -> Response:
    """Raises OrthancUnavailable; an object that is no picture says what it is, with status 415."""
    has_attributes = False
    shown: Shown | None = None
    try:
        with current_orthanc() as orthanc:
            # First, and not only for the window: Orthanc with GDCM crashes on a file cut off in its header.
            pixels = read_pixels(orthanc, instance)
            has_attributes = True
            if pixels and pixels.is_beyond_renderer:
                return _not_shown(instance)
            if pixels:
                shown = render(orthanc, instance, pixels, frame, asked, options)
    except OrthancRefused as refusal:
        if refusal.status in _NOT_LET_IN:
            raise
        return _no_picture(instance, refusal.status, has_attributes=has_attributes)
    if shown is None:
        return answer(415, "This object can't be shown as a picture", f"It is: {_describe(instance)}.")
    response = Response(shown.picture.content, mimetype=shown.picture.media_type)
    response.headers["Cache-Control"] = _PICTURE_CACHE
    if shown.window:
        response.headers["Noctis-Window"] = f"{shown.window[0]:.9g} {shown.window[1]:.9g}"
    return response


def _no_picture(instance: Instance, status: int, *, has_attributes: bool) -> Response:
    """A file that Orthanc lost or can't read is one thing, pixels that it can't decode another."""
    _log.warning("the archive answered %s for the picture of instance %s", status, instance.id)
    if not has_attributes:
        return answer(404 if status == _GONE else 502, _UNREADABLE, _DAMAGED)
    what = f"They are damaged, or of a kind that it doesn't know. It is: {_describe(instance)}."
    return answer(415, "The archive can't decode the pixels of this image", what)


def _not_shown(instance: Instance) -> Response:
    what = f"Its file need not be damaged: other programs may show it. It is: {_describe(instance)}."
    return answer(415, "The archive can't render colours in JPEG 2000", what)


def _describe(instance: Instance) -> str:
    syntax = transfer_syntax_name(instance.transfer_syntax_uid)
    return sop_class_name(instance.sop_class_uid) + (f" ({syntax})" if syntax else "")


def _asked_window() -> Window | None:
    center, width = _number("center"), _number("width")
    if center is None or width is None or width <= 0:
        return None
    center = min(max(center, -_WIDEST_WINDOW), _WIDEST_WINDOW)
    return center, min(max(width, _NARROWEST_WINDOW), _WIDEST_WINDOW)


def _number(name: str) -> float | None:
    value = request.args.get(name, None, float)
    return value if value is not None and math.isfinite(value) else None
