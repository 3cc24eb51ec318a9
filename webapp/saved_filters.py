"""A user's own views of the worklist: its address without the page, kept under a name."""

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, flash, redirect, request, url_for
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from database.models import SavedFilter
from webapp.registry.decisions import decide
from webapp.services import current_database
from webapp.sessions import current_user
from webapp.sorting import Sort
from webapp.worklist_filters import Filters, clean

_LONGEST_NAME = 60
_MOST_FILTERS = 30

blueprint = Blueprint("saved_filters", __name__, url_prefix="/worklist/views")


def saved_filters(session: Session, user_id: int) -> Sequence[SavedFilter]:
    own = select(SavedFilter).where(SavedFilter.user_id == user_id)
    return session.scalars(own.order_by(func.lower(SavedFilter.name), SavedFilter.name)).all()


def query_of(filters: Filters, sort: Sort) -> str:
    """What is kept of an address; what makes no sense there isn't."""
    values = filters.to_query()
    if sort != Sort():
        values["sort"] = str(sort)
    return urlencode(values, doseq=True)


@blueprint.post("")
def save() -> AnyResponse:
    """Under a name that is there already, the new view replaces the old one."""
    args = MultiDict(parse_qsl(clean(request.form.get("query", ""))))
    query = query_of(Filters.from_query(args), Sort.parse(args.get("sort", "")))
    name = " ".join(clean(request.form.get("name", "")).split())[:_LONGEST_NAME]
    if not name:
        flash("A view needs a name.", "error")
    elif not decide(current_database(), lambda session: _save(session, current_user().id, name, query)):
        flash(f"You have {_MOST_FILTERS} views: delete one first.", "error")
    else:
        flash(f"This view is kept as {name}.")
    return _back_to(query)


@blueprint.post("/remove")
def remove() -> AnyResponse:
    """Of no other user; what isn't there any more is as well removed."""
    own = delete(SavedFilter).where(SavedFilter.user_id == current_user().id)
    with current_database().write() as session:
        session.execute(own.where(SavedFilter.name == request.form.get("name", "")))
    return _back_to("")


def _save(session: Session, user_id: int, name: str, query: str) -> bool:
    row = session.get(SavedFilter, (user_id, name))
    if row is not None:
        row.query = query
        return True
    if len(saved_filters(session, user_id)) >= _MOST_FILTERS:
        return False
    session.add(SavedFilter(user_id=user_id, name=name, query=query))
    return True


def _back_to(query: str) -> AnyResponse:
    address = url_for("worklist.show")
    return redirect(f"{address}?{query}" if query else address, 303)
