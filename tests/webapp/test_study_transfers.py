"""How a study arrived, by the transfer log, and where that has nothing, by what Orthanc noted."""

import html
import re
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from database.migrate import upgrade
from database.models import Association, Instance, Operation, Role, Study
from database.session import Database
from database.transfer_terms import (
    AssociationOutcome,
    Direction,
    EndedBy,
    OperationKind,
    Source,
    StatusClass,
    Storage,
)
from tests.factories import (
    LONG_AGO,
    SeriesPlan,
    create_application_entity,
    create_facility,
    create_member,
    create_study,
)
from tests.transfer_factories import (
    SECOND,
    ago,
    association_values,
    create_dialogue,
    create_operation,
    insert_many,
    operation_values,
)
from tests.webapp.conftest import SignIn, make_settings, services_of, signed_in
from tests.webapp.test_worklist import counted_queries
from webapp import create_app

JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
FAILED: dict[str, Any] = {"status": 0xA700, "status_class": StatusClass.FAILURE}


def arrive(database: Database, instance_count: int = 3, **values: Any) -> tuple[Study, list[dict[str, Any]]]:
    """A study whose instances are accounted for, and the operations that brought them."""
    instance = {"received_at": LONG_AGO, "accounted_at": LONG_AGO}
    plan = SeriesPlan(instance_count=instance_count, instance=instance)
    study = create_study(database, series=[plan], **values)
    uids = [f"{study.study_instance_uid}.1.{number}" for number in range(1, instance_count + 1)]
    stored = {"study_id": study.id, "storage": Storage.STORED}
    return study, [{"sop_instance_uid": uid, **stored} for uid in uids]


def facts(client: FlaskClient, study: Study) -> str:
    """The words under *How it arrived*."""
    page = client.get(f"/studies/{study.id}").text
    part = page.split("<h2>How it arrived</h2>")[1].split("</aside>")[0]
    return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", part).split()))


@pytest.mark.usefixtures("database_url")
def test_an_association_tells_what_it_brought(sign_in: SignIn, site_database: Database) -> None:
    study, stores = arrive(site_database)
    duplicate = {**stores[0], "storage": Storage.DUPLICATE, "transfer_syntax_uid": JPEG_LOSSLESS}
    association, _ = create_dialogue(
        site_database, [*stores, duplicate], remote_ip="192.0.2.88", started_at=ago(hours=1)
    )
    client = sign_in(Role.TECHNOLOGIST)
    shown = facts(client, study)
    assert "From CT_EAST , 192.0.2.88" in shown
    assert f"{association.started_at:%Y-%m-%d %H:%M} UTC , 3.0 s" in shown
    assert "C-STOREs, size 3 stored, 1 duplicate, 2.1 MB" in shown
    assert "Explicit VR Little Endian, JPEG Lossless" in shown
    assert "Association released" in shown
    assert "192.0.2.10" not in shown  # of the instances' metadata: the log has them all
    page = client.get(f"/studies/{study.id}").text
    link = re.search(r'href="(/transfers/associations/[^"]+)"', page)
    assert link is not None
    assert client.get(link[1]).status_code == 200
    assert "/transfers" not in sign_in(Role.RADIOLOGIST).get(f"/studies/{study.id}").text


@pytest.mark.usefixtures("database_url")
def test_what_went_wrong_on_the_way_is_said(sign_in: SignIn, site_database: Database) -> None:
    study, stores = arrive(site_database)
    not_held = {"storage": Storage.NOT_HELD}
    create_dialogue(
        site_database,
        [*stores, {**stores[0], "storage": Storage.NOT_HELD}, FAILED, FAILED, not_held],
        outcome=AssociationOutcome.CONNECTION_LOST,
        ended_by=EndedBy.REMOTE,
    )
    shown = facts(sign_in(), study)
    assert "3 stored, 1 acknowledged, but not held," in shown
    assert "Of no study 1 acknowledged, but not held, 2 failed" in shown
    assert "connection lost The other side closed the connection without a word." in shown


@pytest.mark.usefixtures("database_url")
def test_what_bypassed_the_recorder_is_marked(sign_in: SignIn, site_database: Database) -> None:
    study, stores = arrive(site_database)
    create_dialogue(site_database, stores[:2])
    bypassed: dict[str, Any] = {
        "boot": 0,
        "spool_id": None,
        "source": Source.ORTHANC,
        "remote_ip": "192.0.2.99",
    }
    create_operation(site_database, **bypassed, **stores[2])
    shown = facts(sign_in(), study)
    assert "3 stored altogether" in shown
    assert shown.count("not recorded (bypassed)") == 1
    assert "192.0.2.99" in shown


def test_without_a_recorder_nothing_is_called_bypassed(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, recorder="off")
    upgrade(settings.sqlalchemy_url, settings.sqlalchemy_url)
    app = create_app(settings)
    database = services_of(app).database
    study, stores = arrive(database, 1)
    create_operation(database, boot=0, spool_id=None, source=Source.ORTHANC, **stores[0])
    create_study(database)
    client = signed_in(app, create_member(database))
    shown = facts(client, study)
    assert "not recorded: there is no recorder" in shown
    assert "bypassed" not in shown
    services_of(app).close()


@pytest.mark.usefixtures("database_url")
def test_what_the_log_has_nothing_of_is_told_by_orthanc(sign_in: SignIn, site_database: Database) -> None:
    old, _ = arrive(site_database)
    assert "192.0.2.10" in facts(sign_in(), old)
    partly, stores = arrive(site_database)
    create_dialogue(site_database, stores[:1], remote_ip="192.0.2.88")
    shown = facts(sign_in(), partly)
    assert "1 stored" in shown
    assert "Instances, size 2, 1.0 MB" in shown


@pytest.mark.usefixtures("database_url")
def test_the_recorders_address_is_not_taken_for_the_senders(sign_in: SignIn, site_database: Database) -> None:
    study, _ = arrive(site_database)
    with site_database.write() as session:
        session.execute(update(Instance).values(remote_ip="127.0.0.1", accounted_at=None))
    shown = facts(sign_in(), study)
    assert "127.0.0.1" not in shown
    assert "Remote IP 1" not in shown
    assert "Association still being looked up" in shown


@pytest.mark.usefixtures("database_url")
@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"completed_count": 3}, "3 instances expected; as many are here."),
        (
            {"completed_count": 3, "failed_count": 2, "remaining_count": 1},
            "6 instances expected, of which 2 failed; 3 are here, 3 are missing.",
        ),
        ({"completed_count": 1}, "1 instance expected; 3 are here, some by other ways."),
        ({"completed_count": None}, ""),
        ({"completed_count": 3, "direction": Direction.IN}, ""),
    ],
)
def test_expected_and_received_are_compared_where_a_count_is_known(
    sign_in: SignIn, site_database: Database, counts: dict[str, Any], words: str
) -> None:
    study, stores = arrive(site_database)
    create_dialogue(site_database, stores)
    fetched = {"kind": OperationKind.C_GET, "direction": Direction.OUT, "remote_ae_title": "ARCHIVE"}
    create_operation(site_database, **{**fetched, "source": Source.JOB, "study_id": study.id, **counts})
    shown = facts(sign_in(), study)
    assert ("Fetched from ARCHIVE by C-GET" in shown) == bool(words)
    assert words in shown
    assert "complete" not in shown


@pytest.mark.usefixtures("database_url")
def test_facility_staff_see_the_transfers_of_their_own_nodes_alone(
    sign_in: SignIn, site_database: Database
) -> None:
    east, west = create_facility(site_database, "East"), create_facility(site_database, "West")
    create_application_entity(site_database, east.id, ae_title="CT_EAST")
    create_application_entity(site_database, west.id, ae_title="MR_WEST")
    study, stores = arrive(site_database, facilities=(east.id, west.id))
    create_dialogue(site_database, stores[:1])
    create_dialogue(site_database, stores[1:], calling_ae_title="MR_WEST", remote_ip="192.0.2.66")
    job: dict[str, Any] = {"kind": OperationKind.C_MOVE, "direction": Direction.OUT, "completed_count": 3}
    create_operation(site_database, **job, remote_ae_title="MR_WEST", study_id=study.id)
    shown = facts(sign_in(Role.FACILITY_STAFF, (east.id,)), study)
    assert "1 stored" in shown
    for text in ("MR_WEST", "192.0.2.66", "altogether", "Fetched"):
        assert text not in shown, text
        assert text in facts(sign_in(Role.READ_ONLY), study), text
    with site_database.write() as session:
        session.execute(update(Operation).values(remote_ae_title_key="MR_WEST"))
    assert facts(sign_in(Role.FACILITY_STAFF, (east.id,)), study) == "No node of your facilities sent it."


def test_an_association_for_each_instance_stays_a_short_page(
    sign_in: SignIn, site_database: Database
) -> None:
    study, stores = arrive(site_database, 500)
    associations = [
        association_values(started_at=ago(hours=1) + at * SECOND, operation_count=1) for at in range(500)
    ]
    insert_many(site_database, Association, associations)
    rows = zip(associations, stores, strict=True)
    insert_many(site_database, Operation, [operation_values(one, **store) for one, store in rows])
    client = sign_in(Role.ADMINISTRATOR)
    with counted_queries(site_database) as statements:
        page = client.get(f"/studies/{study.id}").text
    assert len(statements) < 25
    assert "500 stored altogether" in page
    assert "The first 10 of 500 associations are shown." in page
    assert page.count("In the log") == 10
    assert client.get(f"/transfers?study={study.id}").status_code == 200
