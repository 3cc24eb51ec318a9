"""The page of reporting figures, and the same numbers as a file."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from math import inf

from flask import Blueprint, Response, render_template, request

from database.models import Role
from webapp.charts import Chart, Column, chart_of
from webapp.facility_files.rows import defuse
from webapp.report_figures.figures import LONGEST_SPAN, Figures, Span, Sums, load_figures
from webapp.report_status import waiting_time
from webapp.security import require_role
from webapp.services import current_database
from webapp.sessions import current_user

READERS = (Role.RADIOLOGIST, Role.ADMINISTRATOR)
PERIODS = (7, 30, 90)
"""Days, today included."""
_USUAL_PERIOD = 30
_UNITS = ((1, "min", 60), (60, "h", 1440), (1440, "d", inf))
"""Minutes, the unit's name, and the next unit's."""
_COLUMNS = (
    "by",
    "name",
    "studies_received",
    "reports_finalized",
    "addenda",
    "amendments",
    "median_turnaround_minutes",
    "percentile_95_turnaround_minutes",
)

blueprint = Blueprint("report_figures", __name__)


@blueprint.app_template_filter()
def turnaround_text(minutes: float) -> str:
    return waiting_time(minutes * 60)


@blueprint.get("/figures")
@require_role(*READERS)
def show() -> str:
    span, period = _asked()
    figures = _load(span)
    return render_template(
        "report_figures/figures.html",
        figures=figures,
        period=period,
        PERIODS=PERIODS,
        query=_query(span, period),
        volumes=chart_of([_volume(sums) for _, sums in figures.by_day]),
        received=chart_of([{"warning": sums.received_count or 0} for _, sums in figures.by_day]),
        medians=_turnaround_chart([sums.median or 0 for _, sums in figures.by_day]),
    )


@blueprint.get("/figures.csv")
@require_role(*READERS)
def export() -> Response:
    span, _ = _asked()
    text = io.StringIO(newline="")
    text.write("\ufeff")  # or Excel takes it for Windows-1252
    csv.writer(text).writerows(_rows(_load(span)))
    name = f"reports-{span.first.isoformat()}-{span.last.isoformat()}.csv"
    disposition = {"Content-Disposition": f"attachment; filename={name}"}
    return Response(text.getvalue(), mimetype="text/csv", headers=disposition)


def _load(span: Span) -> Figures:
    with current_database().read() as session:
        return load_figures(session, current_user(), span)


def _asked() -> tuple[Span, int | None]:
    """The span of the address, and how many days until today it is; for nonsense the usual one."""
    today = datetime.now(UTC).astimezone().date()
    first, last = _date("from"), _date("to")
    if first is not None and last is not None and first <= last:
        return Span(max(first, last - timedelta(days=LONGEST_SPAN - 1)), last), None
    asked = request.args.get("period", _USUAL_PERIOD, int)
    period = asked if asked in PERIODS else _USUAL_PERIOD
    return Span(today - timedelta(days=period - 1), today), period


def _date(name: str) -> date | None:
    try:
        found = date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None
    return found if 1970 < found.year < 3000 else None


def _query(span: Span, period: int | None) -> dict[str, str]:
    if period is not None:
        return {"period": str(period)}
    return {"from": span.first.isoformat(), "to": span.last.isoformat()}


def _volume(sums: Sums) -> Column:
    return {"good": sums.report_count, "warning": sums.addendum_count, "bad": sums.amendment_count}


def _turnaround_chart(minutes: Sequence[float]) -> Chart:
    """In the unit that gives round numbers."""
    unit, name = next(one for one in _UNITS if max(minutes) < 2 * one[2])[:2]
    return chart_of([{"good": one / unit} for one in minutes], lambda value: f"{value} {name}")


def _rows(figures: Figures) -> Iterator[tuple[str, ...]]:
    yield _COLUMNS
    yield _row("total", "", figures.total)
    for day, sums in figures.by_day:
        yield _row("day", day.isoformat(), sums)
    groups = {
        "facility": figures.by_facility,
        "modality": figures.by_modality,
        "radiologist": figures.by_radiologist,
    }
    for kind, ones in groups.items():
        for one in ones:
            yield _row(kind, defuse(one.name), one.sums)


def _row(kind: str, name: str, sums: Sums) -> tuple[str, ...]:
    counts = (sums.received_count, sums.report_count, sums.addendum_count, sums.amendment_count)
    times = (sums.median, sums.percentile_95)
    return (
        kind,
        name,
        *("" if count is None else str(count) for count in counts),
        *("" if minutes is None else f"{minutes:.1f}" for minutes in times),
    )
