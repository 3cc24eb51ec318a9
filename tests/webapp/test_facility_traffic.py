"""What a facility's page shows of the transfer log: what its nodes did last, and what failed."""

import html
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from database.models import ApplicationEntity, Facility, Role, Sender
from database.session import Database
from database.transfer_terms import AssociationOutcome, Direction, OperationKind, Source, StatusClass
from tests.factories import create_application_entity, create_facility
from tests.transfer_factories import WRONG_CALLED, ago, create_association, create_operation, create_sender
from tests.webapp.conftest import SignIn
from tests.webapp.test_facilities import send
from tests.webapp.test_worklist import HOSTILE, counted_queries

RELEASED: dict[str, Any] = {
    "outcome": AssociationOutcome.RELEASED,
    "end_result": None,
    "end_source": None,
    "end_reason": None,
}


@pytest.fixture
def app(app: Flask) -> Flask:
    app.config["WTF_CSRF_ENABLED"] = False
    return app


@pytest.fixture
def admin(sign_in: SignIn) -> FlaskClient:
    return sign_in(Role.ADMINISTRATOR)


@pytest.fixture
def node(site_database: Database) -> ApplicationEntity:
    facility = create_facility(site_database, "East")
    return create_application_entity(site_database, facility.id, ae_title="CT_EAST", host="192.0.2.10")


def fact(client: FlaskClient, node: ApplicationEntity, name: str) -> str:
    """One fact of a node's card, with its tags."""
    page = client.get(f"/facilities/{node.facility_id}").text
    card = page.split(f'id="ae-{node.id}"')[1].split("</article>")[0]
    return " ".join(card.split(f"<dt>{name}</dt>")[1].split("</div>")[0].split())


def words(text: str) -> str:
    return html.unescape(" ".join(re.sub(r"<[^>]*>", "", text).split()))


def links(text: str) -> list[str]:
    return [html.unescape(one) for one in re.findall(r'href="([^"]*)"', text)]


@pytest.mark.usefixtures("database_url")
def test_each_operation_of_a_node_has_its_last_time(
    admin: FlaskClient, site_database: Database, node: ApplicationEntity
) -> None:
    assert words(fact(admin, node, "It asked us")) == "nothing known"
    operations: dict[int, dict[str, Any]] = {
        9: {"kind": OperationKind.C_STORE},
        2: {"kind": OperationKind.C_STORE, "status_class": StatusClass.FAILURE},
        7: {"kind": OperationKind.C_ECHO},
        5: {"kind": OperationKind.C_FIND, "remote_ae_title": "ct_east"},
        4: {"kind": OperationKind.C_ECHO, "direction": Direction.OUT, "source": Source.TEST},
        1: {"kind": OperationKind.C_MOVE, "remote_ae_title": "OTHER"},
    }
    for minutes, values in operations.items():
        create_operation(site_database, started_at=ago(minutes=minutes), **values)
    came = fact(admin, node, "It asked us")
    shown = {minutes: f"{ago(minutes=minutes):%Y-%m-%d %H:%M} UTC" for minutes in (2, 4, 5, 7)}
    assert words(came) == f"C-ECHO {shown[7]}, C-STORE {shown[2]}, C-FIND {shown[5]}"
    assert words(fact(admin, node, "We asked it")) == f"C-ECHO {shown[4]}"
    for link in links(came):
        assert "ae=CT_EAST" in link
        page = admin.get(link)
        assert page.status_code == 200
        assert "CT_EAST" in page.text or "ct_east" in page.text


@pytest.mark.usefixtures("database_url")
def test_the_failures_of_a_day_are_counted_and_linked(
    admin: FlaskClient, site_database: Database, node: ApplicationEntity
) -> None:
    assert words(fact(admin, node, "Failed, 24 h")) == "none"
    create_operation(site_database, status_class=StatusClass.FAILURE)
    create_operation(site_database, status_class=StatusClass.FAILURE, started_at=ago(hours=25))
    create_operation(site_database, status_class=StatusClass.WARNING)
    create_association(site_database, failure_count=1)
    create_association(site_database, outcome=AssociationOutcome.CONNECTION_LOST)
    create_association(site_database, **WRONG_CALLED)
    create_association(site_database, outcome=AssociationOutcome.OPEN)
    create_association(site_database, started_at=ago(hours=25), **WRONG_CALLED)
    create_association(site_database, calling_ae_title="OTHER", **WRONG_CALLED)
    failed = fact(admin, node, "Failed, 24 h")
    assert words(failed) == "1 operation, 3 associations with problems"
    operations, associations = links(failed)
    assert {"view=operations", "ae=CT_EAST", "status=failure", "time=24h"} <= set(
        re.split(r"[?&]", operations)
    )
    assert {"ae=CT_EAST", "problems=1", "time=24h"} <= set(re.split(r"[?&]", associations))
    assert admin.get(operations).status_code == admin.get(associations).status_code == 200


@pytest.mark.usefixtures("database_url")
def test_former_ae_titles_count_as_their_nodes(
    admin: FlaskClient, site_database: Database, node: ApplicationEntity
) -> None:
    former = {"ae_title": "CT_OLD", "retired_at": ago(days=1), "successor_id": node.id}
    create_application_entity(site_database, node.facility_id, **former)
    old, new = ago(minutes=3), ago(minutes=8)
    create_operation(site_database, remote_ae_title="CT_OLD", started_at=old)
    create_operation(site_database, started_at=new)
    create_association(site_database, calling_ae_title="CT_OLD", **WRONG_CALLED)
    create_operation(site_database, status_class=StatusClass.FAILURE, started_at=new)
    create_sender(site_database, "CT_OLD", **WRONG_CALLED)
    assert words(fact(admin, node, "It asked us")) == f"C-STORE {old:%Y-%m-%d %H:%M} UTC"
    assert (
        words(fact(admin, node, "Failed, 24 h")) == "CT_EAST 1 operation; CT_OLD 1 association with problems"
    )
    assert "WRONG is not our AE title" in words(fact(admin, node, "Last seen"))


@pytest.mark.usefixtures("database_url")
def test_who_only_echoes_was_seen_but_is_silent(
    admin: FlaskClient, site_database: Database, node: ApplicationEntity
) -> None:
    with site_database.write() as session:
        session.get_one(Facility, node.facility_id).silent_hours = 24
    send(site_database, "CT_EAST", at=ago(hours=30))
    came_at = ago(minutes=1)
    create_sender(site_database, "CT_EAST", last_seen_at=came_at, **RELEASED)
    seen = words(fact(admin, node, "Last seen"))
    assert seen == f"{came_at:%Y-%m-%d %H:%M} UTC, released"
    page = admin.get(f"/facilities/{node.facility_id}").text
    assert f'Nothing came since <time datetime="{ago(hours=30):%Y-%m-%dT%H}' in page
    listed = admin.get("/facilities?show=attention").text
    assert "silent</span>" in listed
    assert f'class="f-seen"><time datetime="{came_at:%Y-%m-%dT%H:%M}' in listed


@pytest.mark.usefixtures("database_url")
def test_one_facilitys_page_follows_who_comes_and_the_list_does_not(
    admin: FlaskClient, site_database: Database, node: ApplicationEntity
) -> None:
    create_sender(site_database, "CT_EAST")
    create_sender(site_database, "OTHER")
    page, everything = f"/facilities/{node.facility_id}/news", "/facilities/news"
    tags = {path: admin.get(path).headers["ETag"] for path in (page, everything)}

    def is_new(path: str) -> bool:
        return admin.get(path, headers={"If-None-Match": tags[path]}).status_code == 200

    with site_database.write() as session:
        others = update(Sender).where(Sender.ae_title_key == "OTHER")
        session.execute(others.values(last_seen_at=ago(seconds=1)))
    assert (is_new(page), is_new(everything)) == (False, False)
    with site_database.write() as session:
        its_own = update(Sender).where(Sender.ae_title_key == "CT_EAST")
        session.execute(its_own.values(**RELEASED))
    assert (is_new(page), is_new(everything)) == (True, False)


def test_the_number_of_queries_does_not_grow_with_the_nodes(
    admin: FlaskClient, site_database: Database, node: ApplicationEntity
) -> None:
    counts = []
    for more in (1, 20):
        for number in range(more):
            title = f"CT{more}_{number}"
            create_application_entity(site_database, node.facility_id, ae_title=title)
            create_operation(site_database, remote_ae_title=title, status_class=StatusClass.FAILURE)
            create_association(site_database, calling_ae_title=title, **WRONG_CALLED)
            create_sender(site_database, title)
        with counted_queries(site_database) as statements:
            assert admin.get(f"/facilities/{node.facility_id}").status_code == 200
        counts.append(len(statements))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_sender_asked_for_stays_a_text(
    admin: FlaskClient, site_database: Database, node: ApplicationEntity, text: str
) -> None:
    create_sender(site_database, "CT_EAST", **WRONG_CALLED | {"called_ae_title": text})
    seen = fact(admin, node, "Last seen")
    assert "is not our AE title" in seen
    assert "<script>alert" not in seen
    assert "<img src=x" not in seen
    assert "\u202e" not in seen
