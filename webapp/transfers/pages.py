"""The log's pages, for administrators and technologists: the log, one association, one operation."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar

from flask import (
    Blueprint,
    Response,
    abort,
    get_template_attribute,
    jsonify,
    render_template,
    request,
    url_for,
)
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from database.models import Association, Facility, Operation, Role, Study
from database.session import Database
from database.transfer_terms import Direction, OperationKind, StatusClass
from webapp import sop_classes
from webapp.charts import chart_of
from webapp.security import require_role
from webapp.services import current_database, current_services
from webapp.sessions import current_user
from webapp.transfers import descriptions, details, export, log
from webapp.transfers.figures import PRESETS, Figures, Period, as_json, columns_of, load_figures
from webapp.transfers.filters import Filters, TimePreset, View
from webapp.transfers.health import load_health
from webapp.transfers.keys import RowKey
from webapp.transfers.paging import Cursor, count_rows, fetch_page
from webapp.transfers.rows import association_rows, operation_rows
from webapp.visibility import visible_studies
from webapp.worklist_news import moment

R = TypeVar("R", Association, Operation)

PAGE_SIZE = 100
_MOST_COUNTED = 999
_MOST_FOLLOWED = 40
"""Open rows of one page whose end is followed: their keys travel in an address."""
READERS = (Role.ADMINISTRATOR, Role.TECHNOLOGIST)

blueprint = Blueprint("transfers", __name__, url_prefix="/transfers")
for _function in (
    descriptions.duration,
    descriptions.kind_name,
    descriptions.result_name,
    descriptions.sub_operations_of,
    sop_classes.sop_class_name,
    sop_classes.transfer_syntax_name,
):
    blueprint.add_app_template_filter(_function)


@blueprint.get("")
@require_role(*READERS)
def show() -> str:
    filters, cursor = Filters.from_query(request.args), Cursor.from_query(request.args)
    rendered_at = datetime.now(UTC)
    with current_database().read() as session:
        arms = log.arms_of(session, filters)
        page = fetch_page(session, arms, cursor, PAGE_SIZE)
        context: dict[str, Any] = {
            "page": page,
            "rows": log.rows_of(session, filters.view, page.rows, _own_ae_title()),
            "count": count_rows(session, arms, _MOST_COUNTED),
            "facilities": session.scalars(select(Facility).order_by(func.lower(Facility.name))).all(),
            "health": load_health(session, current_services().settings, *filters.times),
        }
    return render_template(
        "transfers/log.html",
        filters=filters,
        query=filters.to_query(),
        views={one.value: filters.for_view(one).to_query() for one in View},
        is_first_page=cursor is None,
        news_url=_news_url(filters, rendered_at) if cursor is None else "",
        retention_days=current_services().settings.transfer_retention_days,
        View=View,
        TimePreset=TimePreset,
        OperationKind=OperationKind,
        Direction=Direction,
        StatusClass=StatusClass,
        **context,
    )


def _news_url(filters: Filters, since: datetime) -> str:
    values: dict[str, Any] = {**filters.to_query(), "since": since.isoformat()}
    return url_for("transfers.news", **values)


@blueprint.get("/news")
@require_role(*READERS)
def news() -> Response:
    """What an open page doesn't show yet: keys of rows that match, and how the open ones are now.

    ``since`` is when the page heard from us last, ``open`` has the keys of its rows without an end. 304 while
    the answer is the same. However long a page is open, only what is new is looked at.
    """
    filters = Filters.from_query(request.args)
    since = moment(request.args.get("since", "")) or datetime.now(UTC)
    with current_database().read() as session:
        keys = log.recent_keys(session, filters, since, PAGE_SIZE)
        followed = log.load_rows(session, filters.model, _followed_keys())
        rows = log.rows_of(session, filters.view, followed, _own_ae_title())
        health = load_health(session, current_services().settings, *filters.times)
    row = get_template_attribute("transfers/rows.html", f"{filters.view.value.removesuffix('s')}_row")
    alarms = get_template_attribute("transfers/parts.html", "alarms")
    return _conditional(
        {
            "keys": [str(key) for key in keys],
            "rows": [{"key": str(one.key), "html": row(one)} for one in rows],
            "alarms": alarms(health),
        }
    )


def _followed_keys() -> list[RowKey]:
    texts = request.args.get("open", "").split(".")[:_MOST_FOLLOWED]
    return [key for key in map(RowKey.parse, texts) if key is not None]


def _conditional(values: dict[str, Any]) -> Response:
    """304 while nothing changed."""
    tag = hashlib.sha256(repr(values).encode()).hexdigest()[:32]
    response = Response(status=304) if tag in request.if_none_match else jsonify(values)
    response.set_etag(tag)
    return response


@blueprint.get("/associations/<key>")
@require_role(*READERS)
def association(key: str) -> str:
    only_problems = request.args.get("problems") == "1"
    after = request.args.get("after", 0, int)
    retention_days = current_services().settings.transfer_retention_days
    with current_database().read() as session:
        found = _get(session, Association, key)
        version = details.version_of(session, found)
        operations, next_number = details.operations_of(
            session, found, after, PAGE_SIZE, only_problems=only_problems
        )
        [row] = association_rows(session, [found], _own_ae_title())
        rows = operation_rows(session, operations)
        removed_count = details.removed_count(session, found, retention_days)
    return render_template(
        "transfers/association.html",
        row=row,
        one=found,
        contexts=descriptions.refused_first(found.presentation_contexts),
        rows=rows,
        next_number=next_number,
        is_first_page=after == 0,
        only_problems=only_problems,
        version=version,
        removed_count=removed_count,
        retention_days=retention_days,
    )


@blueprint.get("/associations/<key>/news")
@require_role(*READERS)
def association_news(key: str) -> Response:
    """Whether anything changed that an open page follows; 304 while nothing has. The page has the words."""
    with current_database().read() as session:
        return _conditional({"version": details.version_of(session, _get(session, Association, key))})


@blueprint.get("/operations/<key>")
@require_role(*READERS)
def operation(key: str) -> str:
    with current_database().read() as session:
        found = _get(session, Operation, key)
        [row] = operation_rows(session, [found])
        study = session.scalar(visible_studies(current_user()).where(Study.id == found.study_id))
    return render_template(
        "transfers/operation.html",
        row=row,
        one=found,
        association_key=RowKey.of_association(found),
        study=study,
    )


@blueprint.get("/export.csv")
@require_role(*READERS)
def export_csv() -> Response:
    return _download(export.csv_of, "text/csv", "csv")


@blueprint.get("/export.json")
@require_role(*READERS)
def export_json() -> Response:
    return _download(export.json_of, "application/json", "json")


def _download(
    write: Callable[[Database, Filters, str], Iterator[str]], mimetype: str, ending: str
) -> Response:
    filters = Filters.from_query(request.args)
    content = write(current_database(), filters, _own_ae_title())
    name = f"{filters.view.value}-{datetime.now(UTC):%Y-%m-%d-%H%M%S}.{ending}"
    disposition = {"Content-Disposition": f"attachment; filename={name}"}
    return Response(content, mimetype=mimetype, headers=disposition)


@blueprint.get("/figures")
@require_role(*READERS)
def figures() -> str:
    found = _figures()
    return render_template(
        "transfers/figures.html",
        figures=found,
        chart=chart_of(columns_of(found.buckets)),
        Period=Period,
        time=PRESETS[found.period].value,
    )


@blueprint.get("/figures.json")
@require_role(*READERS)
def figures_json() -> Response:
    return jsonify(as_json(_figures()))


def _figures() -> Figures:
    asked = request.args.get("period", "")
    with current_database().read() as session:
        return load_figures(session, Period(asked) if asked in set(Period) else Period.DAY, datetime.now(UTC))


def _get(session: Session, model: type[R], text: str) -> R:
    """Ends the request with 404 when there is no such row."""
    key = RowKey.parse(text)
    found = None if key is None else session.get(model, key)
    if found is None:
        abort(404)
    return found


def _own_ae_title() -> str:
    return current_services().settings.ae_title
