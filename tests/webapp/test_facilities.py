"""The administrators' pages of facilities: forms, lists, states, and what they refuse."""

import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from database.models import (
    ApplicationEntity,
    Facility,
    Feed,
    ForeignRegistration,
    LinkRun,
    LinkSource,
    Peer,
    Registration,
    RegistrationKind,
    RegistrationState,
    Role,
    StudyFacility,
    StudyLink,
    StudySender,
)
from database.session import Database
from settings import Settings
from tests.factories import (
    SeriesPlan,
    create_application_entity,
    create_facility,
    create_study,
)
from tests.webapp.conftest import SignIn
from tests.webapp.test_worklist import HOSTILE, counted_queries

PNG = b"\x89PNG\r\n\x1a\n" + b"picture"
JSON = {"Accept": "application/json"}
NODE = {"has_node": "yes", "may_echo": "yes", "may_store": "yes"}


@pytest.fixture
def app(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    app.config["WTF_CSRF_ENABLED"] = False
    monkeypatch.setattr(Settings, "secret", lambda _self, _name: "a key of the tests")
    return app


@pytest.fixture
def admin(sign_in: SignIn) -> FlaskClient:
    return sign_in(Role.ADMINISTRATOR)


def only(database: Database, model: type[Any]) -> Any:
    with database.read() as session:
        return session.scalars(select(model)).one()


def register(database: Database, entity: ApplicationEntity, **values: Any) -> None:
    """What the bridge would note about it."""
    with database.write() as session:
        feed = session.scalar(select(Feed).where(Feed.name == "orthanc"))
        if feed is None:
            feed = Feed(name="orthanc", polled_at=datetime.now(UTC))
            session.add(feed)
            session.flush()
        defaults: dict[str, Any] = {
            "applied_revision": entity.revision,
            "state": RegistrationState.REGISTERED,
            "registered_at": datetime.now(UTC),
        }
        kind = RegistrationKind.APPLICATION_ENTITY
        row = Registration(feed_id=feed.id, kind=kind, target_id=entity.id, **(defaults | values))
        session.add(row)


def send(database: Database, ae_title: str, *, at: datetime | None = None, instance_count: int = 3) -> int:
    """A study that came from this AE title; its id."""
    received_at = at or datetime.now(UTC)
    plan = SeriesPlan(
        instance_count=instance_count,
        series={"received_at": received_at},
        instance={"calling_ae_title": ae_title.lower()},  # Orthanc compares without regard to case
    )
    study = create_study(database, series=[plan], received_at=received_at, last_received_at=received_at)
    sender = StudySender(
        study_id=study.id,
        ae_title_key=ae_title.upper(),
        ae_title=ae_title,
        remote_ip="192.0.2.7",
        first_received_at=received_at,
        last_received_at=received_at,
    )
    with database.write() as session:
        session.add(sender)
    return study.id


# The list


@pytest.mark.usefixtures("database_url")
def test_an_empty_list_says_what_to_do(admin: FlaskClient) -> None:
    page = admin.get("/facilities").text
    assert "No facilities yet" in page
    assert 'href="/facilities/new"' in page


@pytest.mark.usefixtures("database_url")
def test_the_list_shows_what_is_known_of_each_facility(admin: FlaskClient, site_database: Database) -> None:
    east, west = create_facility(site_database, "East"), create_facility(site_database, "West")
    entity = create_application_entity(site_database, east.id, ae_title="CT_EAST", host="ct.example.org")
    create_application_entity(site_database, west.id, ae_title="CT_WEST")
    register(site_database, entity)
    send(site_database, "CT_EAST", instance_count=5)
    send(site_database, "CT_EAST", at=datetime.now(UTC) - timedelta(days=2))
    page = admin.get("/facilities").text
    first, second = page.split("</tbody>")[:2]
    assert "East" in first
    assert "ct.example.org</bdi>:11113" in first
    assert "registered <time" in first
    assert '"Instances of the last 24 hours">5</td>' in first
    assert "pending" in second
    assert "only sends" in second
    assert "never" in second


@pytest.mark.usefixtures("database_url")
def test_the_number_of_queries_does_not_grow_with_the_list(
    admin: FlaskClient, site_database: Database
) -> None:
    counts = []
    for more in (1, 20):
        for number in range(more):
            facility = create_facility(site_database, f"East {number}")
            entity = create_application_entity(site_database, facility.id)
            register(site_database, entity)
            send(site_database, entity.ae_title)
        with counted_queries(site_database) as statements:
            assert admin.get("/facilities").status_code == 200
        counts.append(len([one for one in statements if one.startswith(("SELECT", "WITH"))]))
    assert counts[0] == counts[1] <= 22


def test_silent_facilities_are_marked_by_their_own_threshold(
    admin: FlaskClient, site_database: Database
) -> None:
    for name, hours, age in (("Quiet", 24, 25), ("Busy", 24, 1), ("Unwatched", None, 999)):
        facility = create_facility(site_database, name)
        entity = create_application_entity(site_database, facility.id, ae_title=name.upper())
        register(site_database, entity)
        send(site_database, entity.ae_title, at=datetime.now(UTC) - timedelta(hours=age))
        with site_database.write() as session:
            session.get_one(Facility, facility.id).silent_hours = hours
    page = admin.get("/facilities?show=attention").text
    assert "Quiet" in page
    assert "silent</span>" in page
    assert "Busy" not in page
    assert "Unwatched" not in page


def test_the_list_is_searched_by_name_code_and_ae_title(admin: FlaskClient, site_database: Database) -> None:
    facility = create_facility(site_database, "Sankt Anna")
    create_application_entity(site_database, facility.id, ae_title="CT_ANNA")
    create_facility(site_database, "Other")
    for text in ("sankt", "ct_anna", facility.code.lower()):
        page = admin.get(f"/facilities?q={text}").text
        assert "Sankt Anna" in page, text
        assert "Other" not in page or text == facility.code.lower(), text
    assert "None of these facilities has" in admin.get("/facilities?q=nowhere").text


def test_a_bridge_that_is_silent_is_told(admin: FlaskClient, site_database: Database) -> None:
    facility = create_facility(site_database, "East")
    assert "The bridge hasn&#39;t heard" not in admin.get("/users").text
    assert "hasn't heard our image archive (Orthanc) yet" in admin.get("/facilities").text
    register(site_database, create_application_entity(site_database, facility.id))
    assert "hasn't heard" not in admin.get("/facilities").text
    with site_database.write() as session:
        session.scalars(select(Feed).where(Feed.name == "orthanc")).one().polled_at = datetime(
            2026, 3, 1, tzinfo=UTC
        )
    assert 'since <time datetime="2026-03-01' in admin.get(f"/facilities/{facility.id}").text


def test_entries_of_others_in_orthanc_are_shown_and_the_alarming_ones_first(
    admin: FlaskClient, site_database: Database
) -> None:
    facility = create_facility(site_database, "East")
    entity = create_application_entity(site_database, facility.id, ae_title="CT_EAST")
    register(site_database, entity)
    feed = only(site_database, Feed)
    foreign = {"feed_id": feed.id, "kind": RegistrationKind.APPLICATION_ENTITY, "seen_at": datetime.now(UTC)}
    with site_database.write() as session:
        session.add(
            ForeignRegistration(
                name="aaa", ae_title="OLD", host="192.0.2.1", port=104, is_alarming=False, **foreign
            )
        )
        session.add(ForeignRegistration(name="zzz", ae_title="ct_east", is_alarming=True, port=1, **foreign))
    page = admin.get("/facilities").text
    assert page.index("<bdi>zzz<") < page.index("<bdi>aaa<")  # random tokens may hold either
    assert "it may block that node, and C-MOVE may go to its host" in page
    with site_database.read() as session:
        old = session.scalars(select(ForeignRegistration).where(ForeignRegistration.name == "aaa")).one()
    answer = admin.post(f"/facilities/foreign/{old.id}", data={"facility_id": str(facility.id)})
    assert answer.status_code == 303
    page = admin.get(answer.location).text
    assert "OLD" in page
    assert "192.0.2.1</bdi>:104" in page
    assert "Now delete the entry aaa in Orthanc." in page


# A new facility


@pytest.mark.usefixtures("database_url")
def test_a_name_is_enough(admin: FlaskClient, site_database: Database) -> None:
    answer = admin.post("/facilities/new", data={"name": "Spital Zürich", **NODE})
    assert answer.status_code == 303
    facility, entity = only(site_database, Facility), only(site_database, ApplicationEntity)
    assert answer.location == f"/facilities/{facility.id}"
    assert (entity.ae_title, entity.port, entity.has_generated_port) == ("SPITAL_ZURICH", 11113, True)
    assert (entity.may_echo, entity.may_store, entity.may_find) == (True, True, False)
    page = admin.get(answer.location).text
    assert "Spital Zürich is saved." in page
    assert "pending" in page


def test_what_was_proposed_counts_as_generated_when_somebody_else_took_it(
    admin: FlaskClient, site_database: Database
) -> None:
    proposal = admin.get("/facilities/proposal?name=East", headers=JSON).json
    assert proposal == {"ae_title": "EAST", "port": 11113}
    typed = {"name": "East", "ae_title": "EAST", "port": "11113", **NODE}
    shown = {"proposed_ae_title": "EAST", "proposed_port": "11113"}
    assert admin.post("/facilities/new", data=typed).status_code == 303
    assert admin.post("/facilities/new", data=typed).status_code == 400  # typed by themselves
    assert admin.post("/facilities/new", data=typed | shown).status_code == 303
    with site_database.read() as session:
        titles = session.scalars(select(ApplicationEntity.ae_title).order_by(ApplicationEntity.id)).all()
    assert titles == ["EAST", "EAST2"]


def test_a_facility_may_have_no_node(admin: FlaskClient, site_database: Database) -> None:
    answer = admin.post("/facilities/new", data={"name": "East", "ae_title": "ignored"})
    assert answer.status_code == 303
    with site_database.read() as session:
        assert session.scalars(select(ApplicationEntity)).all() == []
    assert "No DICOM node yet" in admin.get(answer.location).text


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", " ", "Please enter a name."),
        ("ae_title", "A" * 17, "An AE title has 1 to 16 characters; this one has 17."),
        ("ae_title", "NOCTIS", "our own AE title"),
        ("port", "abc", "abc is no whole number."),
        ("port", "70000", "A port is a number from 1 to"),
        ("host", "a b", "A host is a name such as"),
        ("time_zone", "Mars/Olympus", "Choose a time zone by its IANA name"),
        ("silent_hours", "-1", "-1 is no whole number."),
        ("code", "!", "A code has 1 to"),
    ],
)
def test_a_form_that_fails_comes_back_with_what_was_typed(
    admin: FlaskClient, site_database: Database, field: str, value: str, words: str
) -> None:
    typed = {"name": "East", "contact": "Night desk\nextension 7", "may_find": "yes", **NODE, field: value}
    answer = admin.post("/facilities/new", data=typed)
    assert answer.status_code == 400
    assert f'id="{field}-error">' in answer.text
    error = answer.text.split(f'id="{field}-error">')[1].split("</p>")[0]
    assert words in error
    control = next(part for part in answer.text.split("<input") if f'name="{field}"' in part).split(">")[0]
    assert 'aria-invalid="true"' in control
    assert "autofocus" in control
    assert f'value="{value}"' in control
    assert "Night desk\nextension 7</textarea>" in answer.text
    assert 'name="may_find" value="yes" checked' in answer.text
    with site_database.read() as session:
        assert session.scalars(select(Facility)).all() == []


def test_a_test_without_script_shows_the_form_again_with_the_finding(
    admin: FlaskClient, site_database: Database
) -> None:
    typed = {"name": "East", "ae_title": "EAST", "host": "192.0.2.1", "port": "104", "do": "test", **NODE}
    answer = admin.post("/facilities/new", data=typed)
    assert answer.status_code == 200
    assert 'value="192.0.2.1"' in answer.text
    assert "our own image archive (Orthanc) doesn&#39;t answer us" in answer.text
    for wrong in ({"host": ""}, {"port": "", "proposed_port": "abc"}):
        assert admin.post("/facilities/new", data=typed | wrong).status_code == 400
    with site_database.read() as session:
        assert session.scalars(select(Facility)).all() == []


def test_an_archive_that_is_down_is_not_taken_for_the_clinic(
    admin: FlaskClient, site_database: Database
) -> None:
    facility = create_facility(site_database, "East")
    entity = create_application_entity(site_database, facility.id, host="192.0.2.1")
    path = f"/facilities/{facility.id}/application-entities/{entity.id}/echo"
    assert admin.post(path, headers=JSON).json["outcome"] == "untested"  # type: ignore[index]
    assert only(site_database, ApplicationEntity).echoed_at is None


def test_a_logo_is_checked_before_anything_is_saved(admin: FlaskClient, site_database: Database) -> None:
    for content, words in ((b"GIF89a", "must be a PNG or JPEG"), (PNG + bytes(1_000_000), "too large")):
        # The client's own encoder would leave its temporary file open
        part = b'--x\r\nContent-Disposition: form-data; name="logo"; filename="l.png"\r\n\r\n%b\r\n--x--\r\n'
        form = "multipart/form-data; boundary=x"
        answer = admin.post("/facilities/new", data=part % content, content_type=form)
        assert answer.status_code == 400
        assert words in answer.text
    with site_database.read() as session:
        assert session.scalars(select(Facility)).all() == []


@pytest.mark.usefixtures("database_url")
def test_a_logo_is_shown_and_removed(admin: FlaskClient) -> None:
    form: dict[str, Any] = {"name": "East", "logo": (io.BytesIO(PNG), "logo.png")}
    path = admin.post("/facilities/new", data=form).location
    assert f'src="{path}/logo"' in admin.get(path).text
    logo = admin.get(f"{path}/logo")
    assert (logo.data, logo.mimetype) == (PNG, "image/png")
    assert admin.post(f"{path}/edit", data={"name": "East"}).status_code == 303
    assert admin.get(f"{path}/logo").status_code == 200  # no new file keeps the old one
    admin.post(f"{path}/edit", data={"name": "East", "removes_logo": "yes"})
    assert admin.get(f"{path}/logo").status_code == 404


# A facility's page


@pytest.mark.usefixtures("database_url")
def test_facts_are_changed(admin: FlaskClient, site_database: Database) -> None:
    facility = create_facility(site_database, "East")
    form = {"name": "North", "code": "N1", "time_zone": "Europe/Zurich", "silent_hours": "12"}
    assert admin.post(f"/facilities/{facility.id}/edit", data=form).status_code == 303
    changed = only(site_database, Facility)
    assert (changed.name, changed.code, changed.time_zone) == ("North", "N1", "Europe/Zurich")
    assert changed.silent_hours == 12
    assert (changed.paper, changed.has_preprinted_paper, changed.needs_second_signer) == ("A4", False, False)
    printing = {"paper": "Letter", "has_preprinted_paper": "yes", "needs_second_signer": "yes"}
    assert admin.post(f"/facilities/{facility.id}/edit", data=form | printing).status_code == 303
    changed = only(site_database, Facility)
    assert (changed.paper, changed.has_preprinted_paper, changed.needs_second_signer) == (
        "Letter",
        True,
        True,
    )
    page = admin.get(f"/facilities/{facility.id}/edit").text
    assert '<option value="Letter" selected>' in page
    assert page.count("checked") == 2
    answer = admin.post(f"/facilities/{facility.id}/edit", data={**form, "code": "not a code"})
    assert answer.status_code == 400
    assert 'value="not a code"' in answer.text


@pytest.mark.usefixtures("database_url")
def test_each_state_has_its_words(admin: FlaskClient, site_database: Database) -> None:
    facility = create_facility(site_database, "East")
    changes = {"Port": [11113, 104], "UseDicomTls": [False, True]}
    states: dict[str, dict[str, Any]] = {
        "GOOD": {},
        "OLD": {"applied_revision": 0},
        "BAD": {"state": RegistrationState.FAILED, "reason": "Orthanc refuses it (400)"},
        "GONE": {"state": RegistrationState.DRIFTED, "drift": {"AET": ["GONE", None]}},
        "CHANGED": {"state": RegistrationState.DRIFTED, "drift": changes},
    }
    for title, values in states.items():
        entity = create_application_entity(site_database, facility.id, ae_title=title)
        register(site_database, entity, **values)
    articles = admin.get(f"/facilities/{facility.id}").text.split("<article")[1:]
    cards = {article.split("</h3>")[0].split(">")[-1]: article for article in articles}
    assert "registered <time" in cards["GOOD"]
    assert "pending" in cards["OLD"]
    assert "failed: <bdi>Orthanc refuses it (400)</bdi>" in cards["BAD"]
    assert "drifted: Orthanc's list had lost it" in " ".join(cards["GONE"].split())
    drift = "port <bdi>104</bdi> instead of <bdi>11113</bdi>, TLS <bdi>yes</bdi> instead of <bdi>no</bdi>"
    assert drift in cards["CHANGED"]


def test_a_repaired_drift_can_be_adopted(admin: FlaskClient, site_database: Database) -> None:
    facility = create_facility(site_database, "East")
    entity = create_application_entity(site_database, facility.id, host="192.0.2.1")
    drift = {"drift": {"Port": [11113, 104]}, "drifted_at": datetime.now(UTC)}
    register(site_database, entity, **drift)
    page = admin.get(f"/facilities/{facility.id}").text
    assert "port <bdi>104</bdi> instead of <bdi>11113</bdi>; repaired." in page
    assert "Adopt what Orthanc had" in page
    path = f"/facilities/{facility.id}/application-entities/{entity.id}/adopt"
    shown = {"drifted_at": page.split('name="drifted_at" value="')[1].split('"')[0]}
    assert "is now as Orthanc had it." in admin.post(path, data=shown, follow_redirects=True).text
    changed = only(site_database, ApplicationEntity)
    assert (changed.port, changed.revision) == (104, 2)
    page = admin.get(f"/facilities/{facility.id}").text
    assert "pending" in page
    assert "Adopt what Orthanc had" not in page


def test_of_a_drift_only_what_was_shown_is_adopted_and_never_more_reading(
    admin: FlaskClient, site_database: Database
) -> None:
    facility = create_facility(site_database, "East")
    entity = create_application_entity(site_database, facility.id, host="192.0.2.1")
    drift = {"Port": [11113, 104], "AllowFind": [False, True]}
    register(site_database, entity, drift=drift, drifted_at=datetime.now(UTC))
    page = admin.get(f"/facilities/{facility.id}").text
    assert "C-FIND would not be adopted: this node could then read every hospital's studies" in page
    shown = {"drifted_at": page.split('name="drifted_at" value="')[1].split('"')[0]}
    path = f"/facilities/{facility.id}/application-entities/{entity.id}/adopt"
    with site_database.write() as session:
        session.scalars(select(Registration)).one().drifted_at = datetime.now(UTC)
    refused = admin.post(path, data=shown, follow_redirects=True).text
    assert "differed otherwise meanwhile" in refused
    shown = {"drifted_at": refused.split('name="drifted_at" value="')[1].split('"')[0]}
    assert "but without C-FIND" in admin.post(path, data=shown, follow_redirects=True).text
    changed = only(site_database, ApplicationEntity)
    assert (changed.port, changed.may_find) == (104, False)


def sent_form(page: str) -> dict[str, str]:
    """What a browser would send of a page's form that nobody touched."""
    inputs = [dict(re.findall(r'([a-z-]+)="([^"]*)"', one)) for one in re.findall(r"<input[^>]*>", page)]
    boxes = {one.split('"')[1] for one in re.findall(r'name="[a-z_]+" value="yes" checked', page)}
    texts = {
        one["name"]: one.get("value", "")
        for one in inputs
        if one.get("type") not in {"checkbox", "file"} and "name" in one
    }
    chosen = re.findall(r'<select [^>]*name="([a-z_]+)".*?<option value="([^"]*)" selected', page, re.DOTALL)
    return texts | dict.fromkeys(boxes, "yes") | dict(chosen)


@pytest.mark.usefixtures("database_url")
def test_the_second_of_two_administrators_sees_what_the_first_one_saved(
    admin: FlaskClient, site_database: Database
) -> None:
    facility = create_facility(site_database, "East")
    entity = create_application_entity(site_database, facility.id, ae_title="CT1", host="a.example.org")
    base = f"/facilities/{facility.id}"
    admin.post(f"{base}/peers/new", data={"name": "Basement", "url": "https://o.example.org/"})
    peer = only(site_database, Peer)
    for path, field, first, second in (
        (f"{base}/application-entities/{entity.id}/edit", "host", "b.example.org", "c.example.org"),
        (f"{base}/peers/{peer.id}/edit", "url", "https://b.example.org/", "https://c.example.org/"),
        (f"{base}/edit", "contact", "the first one", "the second one"),
    ):
        opened = sent_form(admin.get(path).text)
        assert admin.post(path, data=opened | {field: first}).status_code == 303
        refused = admin.post(path, data=opened | {field: second})
        assert refused.status_code == 409, path
        assert "Somebody changed this meanwhile" in refused.text
        assert f"Now there: <bdi>{first}</bdi>" in refused.text
        assert refused.text.count("Now there:") == 1
        assert second in refused.text
        again = admin.post(path, data=sent_form(refused.text) | {field: second})
        assert again.status_code == 303, path
        assert second in admin.get(path).text


def test_an_operation_that_was_granted_meanwhile_is_shown(
    admin: FlaskClient, site_database: Database
) -> None:
    facility = create_facility(site_database, "East")
    entity = create_application_entity(site_database, facility.id, ae_title="CT1", host="a.example.org")
    path = f"/facilities/{facility.id}/application-entities/{entity.id}/edit"
    opened = sent_form(admin.get(path).text)
    admin.post(path, data=opened | {"may_find": "yes"})
    refused = " ".join(admin.post(path, data=opened).text.split())
    assert 'name="may_find" value="yes" >C-FIND: search all studies</label> <p class="field-pres' in refused
    assert "Now there: <bdi>yes</bdi>" in refused


@pytest.mark.usefixtures("database_url")
def test_former_titles_stand_with_their_node(admin: FlaskClient, site_database: Database) -> None:
    facility = create_facility(site_database, "East")
    entity = create_application_entity(site_database, facility.id, ae_title="CT1")
    send(site_database, "CT1", instance_count=5)
    path = f"/facilities/{facility.id}"
    admin.post(f"{path}/application-entities/{entity.id}/edit", data={"ae_title": "CT2"})
    send(site_database, "CT2", instance_count=2)
    with site_database.write() as session:
        former = session.scalars(select(ApplicationEntity).where(ApplicationEntity.ae_title == "CT1")).one()
        session.add(LinkRun(application_entity_id=entity.id, link_revision=2, study_count=1))
        session.add(LinkRun(application_entity_id=former.id, link_revision=1, study_count=3))
    page = admin.get(path).text
    assert page.count("<article") == 1
    assert 'formerly <span class="mono">CT1</span>' in page
    assert "7 instances" in page
    assert "4 studies linked so far" in page
    assert "East" in admin.get("/facilities?q=ct1").text
    former_path = f"{path}/application-entities/{former.id}"
    assert admin.post(f"{former_path}/active", data={"active": "yes"}).status_code == 404
    assert admin.get(f"{former_path}/edit").status_code == 404


@pytest.mark.usefixtures("database_url")
def test_news_change_with_the_state_and_only_then(admin: FlaskClient, site_database: Database) -> None:
    facility = create_facility(site_database, "East")
    entity = create_application_entity(site_database, facility.id)
    for path in ("/facilities/news", f"/facilities/{facility.id}/news"):
        first = admin.get(path)
        assert first.status_code == 200
        assert admin.get(path, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    page = admin.get(f"/facilities/{facility.id}").text
    assert f'data-version="{first.json["version"]}"' in page  # type: ignore[index]
    register(site_database, entity)
    assert admin.get(path, headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


@pytest.mark.usefixtures("database_url")
def test_a_node_is_added_changed_moved_pushed_and_retired(
    admin: FlaskClient, site_database: Database
) -> None:
    east, west = create_facility(site_database, "East"), create_facility(site_database, "West")
    base = f"/facilities/{east.id}/application-entities"
    assert 'value="EAST"' in admin.get(f"{base}/new").text
    assert admin.post(f"{base}/new", data={"host": "192.0.2.1", "may_store": "yes"}).status_code == 303
    entity = only(site_database, ApplicationEntity)
    assert (entity.ae_title, entity.may_echo, entity.may_store) == ("EAST", False, True)
    path = f"{base}/{entity.id}"
    assert 'name="may_store" value="yes" checked' in admin.get(f"{path}/edit").text
    typed = {"ae_title": "CT1", "port": "104", "may_find": "yes", "facility_id": str(west.id)}
    assert admin.post(f"{path}/edit", data=typed).location == f"/facilities/{west.id}"
    moved = only(site_database, ApplicationEntity)
    assert (moved.ae_title, moved.port, moved.may_find, moved.facility_id) == ("CT1", 104, True, west.id)
    assert moved.link_revision == entity.link_revision + 1
    assert admin.get(f"{path}/edit").status_code == 404  # no longer of this facility
    path = f"/facilities/{west.id}/application-entities/{entity.id}"
    assert "reads every hospital&#39;s studies" in admin.get(f"/facilities/{west.id}").text.replace(
        "'", "&#39;"
    )
    admin.post(f"{path}/push")
    assert only(site_database, ApplicationEntity).revision == moved.revision + 1
    assert "it may no longer associate" in admin.post(f"{path}/active", follow_redirects=True).text
    assert only(site_database, ApplicationEntity).retired_at is not None
    admin.post(f"{path}/active", data={"active": "yes"})
    assert only(site_database, ApplicationEntity).retired_at is None


def test_a_node_that_fails_comes_back_with_what_was_typed(
    admin: FlaskClient, site_database: Database
) -> None:
    facility = create_facility(site_database, "East")
    create_application_entity(site_database, facility.id, ae_title="TAKEN")
    path = f"/facilities/{facility.id}/application-entities/new"
    answer = admin.post(path, data={"ae_title": "taken", "host": "192.0.2.9"})
    assert answer.status_code == 400
    assert "taken is already an AE title of East" in answer.text
    assert 'value="192.0.2.9"' in answer.text
    tested = admin.post(path, data={"do": "test", "ae_title": "X", "port": "104"})
    assert tested.status_code == 400
    assert "Enter the host first" in tested.text


@pytest.mark.usefixtures("database_url")
def test_a_retired_facility_keeps_its_page_and_comes_back(
    admin: FlaskClient, site_database: Database
) -> None:
    facility = create_facility(site_database, "East")
    create_application_entity(site_database, facility.id)
    path = f"/facilities/{facility.id}"
    page = admin.post(f"{path}/active", data={"active": "no"}, follow_redirects=True).text
    assert "Its studies and reports stay." in page
    assert "retired</span>" in page
    assert "East" not in admin.get("/facilities").text
    assert "East" in admin.get("/facilities?show=retired").text
    refused = admin.post(f"{path}/application-entities/new", data={})
    assert refused.status_code == 400
    assert "East is retired" in refused.text
    admin.post(f"{path}/active", data={"active": "yes"})
    assert only(site_database, ApplicationEntity).retired_at is None


def test_how_far_studies_are_linked_is_shown(admin: FlaskClient, site_database: Database) -> None:
    facility = create_facility(site_database, "East")
    entity = create_application_entity(site_database, facility.id)
    path = f"/facilities/{facility.id}"
    assert "being linked…" in admin.get(path).text
    with site_database.write() as session:
        session.add(LinkRun(application_entity_id=entity.id, link_revision=1, study_count=500))
    assert "500 studies linked so far…" in admin.get(path).text
    with site_database.write() as session:
        run = session.scalars(select(LinkRun)).one()
        run.study_count, run.done_at = 612, datetime.now(UTC)
    assert "612 studies linked, done <time" in admin.get(path).text


def test_the_connection_sheet_has_all_that_the_engineer_needs(
    admin: FlaskClient, site_database: Database
) -> None:
    facility = create_facility(site_database, "East")
    entity = create_application_entity(
        site_database,
        facility.id,
        ae_title="CT EAST",
        host="192.0.2.9",
        port=11119,
        may_find=True,
        may_get=True,
    )
    path = f"/facilities/{facility.id}/application-entities/{entity.id}/connection-sheet"
    cookie = admin.get_cookie("noctis-8000")
    assert cookie is not None
    admin.set_cookie("noctis-8000", cookie.value, domain="archive.example.org")
    page = admin.get(path, base_url="http://archive.example.org:8000").text
    assert "echoscu -v -aet &#39;CT EAST&#39; -aec NOCTIS archive.example.org 11112" in page
    assert "192.0.2.9:11119" in page
    assert "C-ECHO, C-STORE, C-FIND, C-GET" in page
    assert "findscu" in page
    assert "getscu -v -S" in page
    assert "movescu" not in page
    assert "only this machine has" not in page
    assert "only this machine has" in admin.get(path).text  # asked at localhost


# Peers


@pytest.mark.usefixtures("database_url")
def test_a_peers_password_is_written_and_never_shown(admin: FlaskClient, site_database: Database) -> None:
    facility = create_facility(site_database, "East")
    base = f"/facilities/{facility.id}/peers"
    form = {
        "name": "Basement",
        "url": "https://orthanc.example.org/",
        "username": "noctis",
        "password": "hushhush",
    }
    assert admin.post(f"{base}/new", data=form).status_code == 303
    peer = only(site_database, Peer)
    pages = admin.get(f"/facilities/{facility.id}").text + admin.get(f"{base}/{peer.id}/edit").text
    assert "https://orthanc.example.org/" in pages
    assert "hushhush" not in pages + peer.encrypted_password
    refused = admin.post(f"{base}/new", data={**form, "url": "ftp://x"})
    assert refused.status_code == 400
    assert "hushhush" not in refused.text
    assert 'value="ftp://x"' in refused.text
    admin.post(f"{base}/{peer.id}/edit", data={**form, "password": "", "name": "Cellar"})
    changed = only(site_database, Peer)
    assert (changed.name, changed.encrypted_password) == ("Cellar", peer.encrypted_password)


def test_a_peer_is_pushed_and_retired(admin: FlaskClient, site_database: Database) -> None:
    facility = create_facility(site_database, "East")
    base = f"/facilities/{facility.id}/peers"
    admin.post(f"{base}/new", data={"name": "Basement", "url": "https://orthanc.example.org/"})
    path = f"{base}/{only(site_database, Peer).id}"
    admin.post(f"{path}/push")
    assert only(site_database, Peer).revision == 2
    assert "not tested: not registered yet" in admin.post(f"{path}/test", follow_redirects=True).text
    assert only(site_database, Peer).tested_at is None
    admin.post(f"{path}/active")
    assert only(site_database, Peer).retired_at is not None
    admin.post(f"{path}/active", data={"active": "yes"})
    assert only(site_database, Peer).retired_at is None


# Files


def test_an_import_shows_what_it_would_do_and_then_does_it(
    admin: FlaskClient, site_database: Database
) -> None:
    content = "name,host\nSpital Zürich,192.0.2.1\nSpital Bern,\n".encode()
    answer = admin.post("/facilities/import", data={"file": (io.BytesIO(content), "list.csv")})
    assert answer.status_code == 200
    assert "line 2: new facility Spital Zürich" in answer.text
    assert "Import these 2 lines" in answer.text
    with site_database.read() as session:
        assert session.scalars(select(Facility)).all() == []
    carried = answer.text.split('name="content" value="')[1].split('"')[0]
    shown = answer.text.split('name="foreseen" value="')[1].split('"')[0]
    data = {"content": carried, "foreseen": shown}
    done = admin.post("/facilities/import/confirmed", data=data, follow_redirects=True)
    assert "Imported: 2 of 2 lines changed something." in done.text
    assert "SPITAL_ZURICH" in done.text
    export = admin.get("/facilities/export.csv")
    assert export.headers["Content-Disposition"].startswith("attachment; filename=facilities-")
    assert export.data.startswith(b"\xef\xbb\xbfname,code,ae_title")
    again = admin.post("/facilities/import", data={"file": (io.BytesIO(export.data), "list.csv")})
    assert "Nothing would change" in again.text


def test_an_import_does_what_its_dry_run_showed_or_nothing(
    admin: FlaskClient, site_database: Database
) -> None:
    facility = create_facility(site_database, "East")
    create_application_entity(site_database, facility.id, ae_title="CT1", host="a.example.org")
    content = b"name,ae_title,host\nEast,CT1,b.example.org\n"
    page = admin.post("/facilities/import", data={"file": (io.BytesIO(content), "list.csv")}).text
    with site_database.write() as session:
        session.scalars(select(ApplicationEntity)).one().host = "c.example.org"
    refused = admin.post("/facilities/import/confirmed", data=sent_form(page))
    assert refused.status_code == 409
    assert "Somebody changed facilities meanwhile" in refused.text
    assert "host c.example.org → b.example.org" in refused.text
    assert only(site_database, ApplicationEntity).host == "c.example.org"
    assert admin.post("/facilities/import/confirmed", data=sent_form(refused.text)).status_code == 303
    assert only(site_database, ApplicationEntity).host == "b.example.org"


def test_an_import_with_problems_names_lines_and_changes_nothing(admin: FlaskClient) -> None:
    content = b"name,port\nEast,abc\nWest,1\n"
    answer = admin.post("/facilities/import", data={"file": (io.BytesIO(content), "list.csv")})
    assert answer.status_code == 400
    assert "Nothing is changed. 1 problem" in answer.text
    assert "abc is no whole number" in answer.text
    assert "Import these" not in answer.text
    for file in (None, (io.BytesIO(b""), "list.csv"), (io.BytesIO(bytes(400_000)), "list.csv")):
        refused = admin.post("/facilities/import", data={"file": file} if file else {})
        assert refused.status_code == 400
        assert 'id="file-error"' in refused.text
    assert admin.post("/facilities/import/confirmed", data={"content": "é"}).status_code == 400


# A study of further facilities


@pytest.mark.usefixtures("database_url")
def test_an_administrator_links_a_study_by_hand(admin: FlaskClient, site_database: Database) -> None:
    facility, study = create_facility(site_database, "East"), create_study(site_database)
    path, data = f"/studies/{study.id}", {"facility_id": str(facility.id)}
    assert ">East</option>" in admin.get(path).text
    assert admin.post(f"{path}/facilities", data=data).location == path
    assert only(site_database, StudyLink).facility_id == facility.id
    page = admin.get(path).text
    assert "By hand: <bdi>East</bdi>" in page
    assert "linking…" in page
    assert ">East</option>" not in page
    link = {"study_id": study.id, "facility_id": facility.id, "linked_at": datetime.now(UTC)}
    with site_database.write() as session:  # as the bridge does
        session.add(StudyFacility(source=LinkSource.ADMINISTRATOR, **link))
    assert "linking…" not in admin.get(path).text
    assert admin.post(f"{path}/facilities/remove", data=data).location == path
    with site_database.read() as session:
        assert session.scalars(select(StudyLink)).all() == []
    assert "being removed…" in admin.get(path).text
    assert admin.post(f"{path}/facilities", data={"facility_id": "x"}).status_code == 400
    assert admin.post("/studies/999/facilities", data=data).status_code == 404


def test_others_see_no_way_to_link(sign_in: SignIn, site_database: Database) -> None:
    create_facility(site_database, "East")
    study = create_study(site_database)
    assert "Link to a further facility" not in sign_in(Role.RADIOLOGIST).get(f"/studies/{study.id}").text


# For everybody and everything


@pytest.mark.parametrize("role", [role for role in Role if role != Role.ADMINISTRATOR])
def test_only_administrators_are_led_here(sign_in: SignIn, role: Role) -> None:
    client = sign_in(role)
    assert 'href="/facilities"' not in client.get("/worklist").text
    assert client.get("/facilities").status_code == 403


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_from_outside_stay_texts(admin: FlaskClient, site_database: Database, text: str) -> None:
    facility = create_facility(site_database, f"East {text}")
    entity = create_application_entity(
        site_database, facility.id, ae_title=f"X{text}", host=text, description=text
    )
    register(site_database, entity, state=RegistrationState.FAILED, reason=text)
    base = f"/facilities/{facility.id}"
    for path in (
        "/facilities",
        base,
        f"{base}/edit",
        f"{base}/application-entities/{entity.id}/edit",
        f"{base}/application-entities/{entity.id}/connection-sheet",
    ):
        page = admin.get(path).text
        assert "<script>alert" not in page, path
        assert "<img src=x" not in page, path
        assert "<td>49" not in page, path
        assert "\u202e" not in re.sub(r'(value|data-copies)="[^"]*"', "", page), path  # as it is, for forms


@pytest.mark.parametrize(
    "path",
    [
        "/facilities/99",
        "/facilities/99/edit",
        "/facilities/99/logo",
        "/facilities/99/application-entities/new",
        "/facilities/1/application-entities/99/edit",
        "/facilities/1/application-entities/99/connection-sheet",
        "/facilities/1/peers/99/edit",
    ],
)
def test_what_is_not_there_is_not_found(admin: FlaskClient, path: str) -> None:
    assert admin.get(path).status_code == 404
