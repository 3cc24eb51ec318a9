"""The transfer log's pages: the list, one association, one operation."""

import re
from datetime import timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient

from database.models import Association, Operation, Role
from database.session import Database
from database.transfer_terms import (
    AssociationOutcome,
    Direction,
    OperationKind,
    Source,
    StatusClass,
    Storage,
)
from tests.factories import CT_IMAGE, create_application_entity, create_facility, create_study
from tests.transfer_factories import (
    CONTEXT,
    WRONG_CALLED,
    ago,
    create_association,
    create_dialogue,
    create_operation,
)
from tests.webapp.conftest import SignIn
from tests.webapp.test_worklist import HOSTILE, counted_queries
from webapp.transfers.keys import RowKey

FAILED_FIND = {
    "kind": OperationKind.C_FIND,
    "status_class": StatusClass.FAILURE,
    "status": None,
    "reason": "Orthanc aborted the association before the response",
}


@pytest.fixture
def chief(sign_in: SignIn) -> FlaskClient:
    return sign_in(Role.ADMINISTRATOR)


def text_of(page: str) -> str:
    """What a reader reads, in one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def address_of(row: Association | Operation) -> str:
    folder = "associations" if isinstance(row, Association) else "operations"
    return f"/transfers/{folder}/{RowKey.of(row)}"


@pytest.mark.parametrize("role", list(Role))
def test_the_log_is_for_administrators_and_technologists(
    sign_in: SignIn, site_database: Database, role: Role
) -> None:
    association, [operation] = create_dialogue(site_database, [{}])
    client = sign_in(role)
    may_read = role in {Role.ADMINISTRATOR, Role.TECHNOLOGIST}
    paths = ["", "/news", "/figures", "/figures.json", "/export.csv", "/export.json"]
    addresses = [
        *(f"/transfers{path}" for path in paths),
        address_of(association),
        f"{address_of(association)}/news",
        address_of(operation),
    ]
    for address in addresses:
        assert client.get(address).status_code == (200 if may_read else 403), address
    assert ('href="/transfers"' in client.get("/worklist").text) == may_read


def test_a_rejected_sender_reads_why_and_what_to_do(chief: FlaskClient, site_database: Database) -> None:
    create_association(site_database, **WRONG_CALLED)
    page = text_of(chief.get("/transfers").text)
    assert "WRONG is not our AE title: this server is NOCTIS." in page
    assert "Set the called AE title at the sender to NOCTIS." in page


def test_a_row_shows_who_what_how_long_and_how_much(chief: FlaskClient, site_database: Database) -> None:
    facility = create_facility(site_database, "Klinik Süd")
    create_application_entity(site_database, facility.id, ae_title="ct_east")
    started_at = ago(hours=1)
    create_dialogue(
        site_database,
        [*[{}] * 3, {"kind": OperationKind.C_ECHO}],
        started_at=started_at,
        ended_at=started_at + timedelta(seconds=75),
        is_tls=True,
        received_byte_count=52_000_000,
    )
    page = text_of(chief.get("/transfers").text)
    for shown in (
        "CT_EAST",
        "Klinik Süd",
        "192.0.2.10 TLS",
        "3 C-STORE, 1 C-ECHO",
        "1 min 15 s",
        "52 MB / 1.2 kB",
    ):
        assert shown in page, shown


def test_an_association_that_ended_well_says_which_operation_failed_in_it(
    chief: FlaskClient, site_database: Database
) -> None:
    warning = {"kind": OperationKind.C_MOVE, "status_class": StatusClass.WARNING, "status": 0xB000}
    create_dialogue(site_database, [warning, {}, FAILED_FIND])
    page = text_of(chief.get("/transfers").text)
    assert "released 1 failed 1 warning C-FIND: Orthanc aborted the association" in page
    assert "grant CT_EAST C-FIND under Facilities." in page


def test_an_association_in_which_nothing_was_agreed_says_so(
    chief: FlaskClient, site_database: Database
) -> None:
    refused = [[1, CT_IMAGE, ["1.2.840.10008.1.2"], 4, ""], [3, "1.2.3", ["1.2.840.10008.1.2"], 3, ""]]
    association = create_association(site_database, presentation_contexts=refused)
    for address in ("/transfers", address_of(association)):
        assert "Orthanc refused all 2 presentation contexts" in text_of(chief.get(address).text)
    page = text_of(chief.get(address_of(association)).text)
    assert "refused: transfer syntaxes not supported" in page
    assert "CT Image" in page


@pytest.mark.parametrize(
    ("source", "said"),
    [(Source.ORTHANC, "not recorded"), (Source.JOB, "job"), (Source.TEST, "test"), (Source.RECORDER, "")],
)
def test_rows_that_no_wire_told_are_marked(
    chief: FlaskClient, site_database: Database, source: Source, said: str
) -> None:
    create_operation(site_database, source=source)
    badges = re.findall(
        r'title="Known from Orthanc, not from the wire">([^<]+)<',
        chief.get("/transfers?view=operations").text,
    )
    assert badges == ([said] if said else [])


@pytest.mark.usefixtures("database_url")
@pytest.mark.parametrize("view", ["associations", "operations"])
def test_the_number_of_queries_does_not_grow_with_the_log(
    chief: FlaskClient, site_database: Database, view: str
) -> None:
    facility = create_facility(site_database, "East")
    create_application_entity(site_database, facility.id, ae_title="CT_EAST")
    counts = []
    for more in (2, 30, 100):
        for _ in range(more):
            create_dialogue(site_database, [{}, FAILED_FIND])
            create_association(site_database)
        with counted_queries(site_database) as statements:
            assert chief.get(f"/transfers?view={view}&facility={facility.code}").status_code == 200
        counts.append(len([one for one in statements if one.startswith(("SELECT", "WITH"))]))
    assert counts[0] == counts[1] == counts[2] <= 11


def test_a_page_is_one_hundred_rows_and_leads_to_the_older_ones(
    chief: FlaskClient, site_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.transfers.pages.PAGE_SIZE", 2)
    for minutes in range(5):
        create_association(site_database, calling_ae_title=f"AE{minutes}", started_at=ago(minutes=minutes))
    seen, address = [], "/transfers"
    while address:
        page = chief.get(address).text
        seen += re.findall(r"AE[0-9]", text_of(page))
        found = re.search(r'rel="next" href="([^"]+)"', page)
        address = unescape(found[1]) if found else ""
    assert seen == ["AE0", "AE1", "AE2", "AE3", "AE4"]


STRANGE_QUERIES = (
    *("ae=%00", "ip=%ff%fe", "facility=%ed%a0%80", "study=99999999999999999999", "study=-1", "time=x"),
    *("from=0000-00-00", "to=9999-12-31", "from=9999-12-31T23:59:59-14:00", "older=1-2", "older=%ff"),
    *("newer=9999999999999999-9223372036854775807-9223372036854775807", "view=operations&kind=%00"),
    *("open=1-1-1.x..1-2-3", "since=x", "since=9999-12-31T23:59:59Z", "since=0001-01-01T00:00:00%2B14:00"),
    *("period=x", "problems=2", "view=x"),
)


@pytest.mark.usefixtures("database_url")
def test_nothing_in_the_address_breaks_the_page(chief: FlaskClient) -> None:
    for query in STRANGE_QUERIES:
        for path in ("", "/news", "/export.csv", "/export.json", "/figures", "/figures.json"):
            assert chief.get(f"/transfers{path}?{query}").status_code == 200, (path, query)


@pytest.mark.parametrize("path", ["associations/1-1-1", "operations/1-1-1", "associations/x", "operations/x"])
def test_what_is_not_there_is_not_found(chief: FlaskClient, path: str) -> None:
    assert chief.get(f"/transfers/{path}").status_code == 404


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_senders_say_is_inert(chief: FlaskClient, site_database: Database, hostile: str) -> None:
    facility = create_facility(site_database, hostile)
    create_application_entity(site_database, facility.id, ae_title=hostile)
    operation = {
        "kind": OperationKind.C_MOVE,
        "sop_class_uid": hostile,
        "sop_instance_uid": hostile,
        "transfer_syntax_uid": hostile,
        "query_level": hostile,
        "query_keys": [hostile],
        "move_destination": hostile,
        "move_originator": hostile,
        "failed_sop_instance_uids": [hostile],
        "reason": hostile,
        "status_class": StatusClass.FAILURE,
        "status": 0xC000,
    }
    association, [move] = create_dialogue(
        site_database,
        [operation],
        calling_ae_title=hostile,
        called_ae_title=hostile,
        remote_ip=hostile,
        tls_subject=hostile,
        is_tls=True,
        implementation_class_uid=hostile,
        implementation_version_name=hostile,
        opaque_reason=hostile,
        presentation_contexts=[[1, hostile, [hostile], 3, ""], [3, hostile, [hostile], None, ""]],
    )
    addresses = ["/transfers", "/transfers?view=operations", address_of(association), address_of(move)]
    for address in [*addresses, "/transfers/figures?period=hour"]:
        answer = chief.get(address)
        assert answer.status_code == 200
        for bad in ("<script>alert", "<img src=x", ">49<", "\u202e"):
            assert bad not in answer.text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "Nothing has been transferred yet"),
        ("?problems=1", "No problems for these filters"),
        ("?view=operations&status=failure", "No operations for these filters"),
        ("?ae=NOBODY", "Clear all filters"),
        ("?older=1-1-1", "Nothing further"),
    ],
)
def test_an_empty_log_says_why(chief: FlaskClient, query: str, said: str) -> None:
    assert said in chief.get(f"/transfers{query}").text


def test_the_page_of_an_association_has_all_that_is_kept_of_it(
    chief: FlaskClient, site_database: Database
) -> None:
    association, operations = create_dialogue(
        site_database,
        [{}, {"status_class": StatusClass.FAILURE, "status": 0xA700}],
        is_tls=True,
        tls_subject="CN=ct-east",
        presentation_contexts=[CONTEXT, [3, "1.2.3", ["1.2.840.10008.1.2"], None, ""]],
    )
    page = text_of(chief.get(address_of(association)).text)
    for shown in (
        *("CT_EAST → NOCTIS", "CN=ct-east", "192.0.2.10 , port 49152", "OFFIS_DCMTK_367", "4.3 kB", "1.2 kB"),
        *(
            "1.2.276.0.7230010.3.0.3.6.7",
            "2 presentation contexts, 1 not accepted",
            "no answer",
            "A700 failure",
        ),
    ):
        assert shown in page, shown
    for operation in operations:
        assert address_of(operation) in chief.get(address_of(association)).text
    problems = chief.get(f"{address_of(association)}?problems=1").text
    assert [address_of(one) in problems for one in operations] == [False, True]


def test_an_associations_operations_are_paged_in_their_order(
    chief: FlaskClient, site_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.transfers.pages.PAGE_SIZE", 2)
    association, operations = create_dialogue(site_database, [{}] * 5)
    seen, address = [], address_of(association)
    while address:
        page = chief.get(address).text
        seen += re.findall(r'data-key="([^"]+)"', page)
        found = re.search(r'rel="next" href="([^"]+)"', page)
        address = unescape(found[1]) if found else ""
    assert seen == [str(RowKey.of(one)) for one in operations]


def test_what_retention_took_is_said(chief: FlaskClient, site_database: Database) -> None:
    association = create_association(site_database, started_at=ago(days=91), operation_count=5)
    create_operation(site_database, association, status_class=StatusClass.FAILURE, status=0xA700)
    page = text_of(chief.get(address_of(association)).text)
    assert "4 successful operations of it are no longer kept: after 90 days" in page
    assert "5 operations" in text_of(chief.get("/transfers").text)


def test_an_open_associations_news_change_when_something_happens_in_it(
    chief: FlaskClient, site_database: Database
) -> None:
    association = create_association(site_database, outcome=AssociationOutcome.OPEN)
    address = f"{address_of(association)}/news"
    tag = chief.get(address).headers["ETag"]
    assert chief.get(address, headers={"If-None-Match": tag}).status_code == 304
    create_operation(site_database, association)
    answer = chief.get(address, headers={"If-None-Match": tag})
    assert answer.status_code == 200
    page = chief.get(address_of(association)).text
    assert f'data-version="{answer.get_json()["version"]}"' in page
    assert "1 C-STORE" in page  # although the association's own total comes at its end


def test_the_page_of_a_c_move_has_its_sub_operations_and_says_what_isnt_known(
    chief: FlaskClient, site_database: Database
) -> None:
    _, [move] = create_dialogue(
        site_database,
        [
            {
                "kind": OperationKind.C_MOVE,
                "status_class": StatusClass.WARNING,
                "status": 0xB000,
                "query_level": "STUDY",
                "query_keys": ["StudyInstanceUID"],
                "move_destination": "READER1",
                "completed_count": 118,
                "failed_count": 2,
                "failed_sop_instance_uids": ["1.2.3.4", "1.2.3.5"],
                "is_cancel_requested": True,
            }
        ],
    )
    page = text_of(chief.get(address_of(move)).text)
    for shown in (
        *("B000 warning", "one or more sub-operations failed", "READER1", "StudyInstanceUID", "STUDY"),
        *("Completed 118", "Failed 2", "Remaining not said", "1.2.3.4 1.2.3.5", "asked to cancel"),
        "only these totals are known of them, not how each one ended",
    ):
        assert shown in page, shown
    assert "study to READER1 118 completed, 2 failed" in text_of(chief.get("/transfers?view=operations").text)


def test_a_query_shows_names_and_counts(chief: FlaskClient, site_database: Database) -> None:
    find = create_operation(
        site_database, kind=OperationKind.C_FIND, query_level="IMAGE", query_keys=["PatientID"], match_count=1
    )
    page = text_of(chief.get(address_of(find)).text)
    assert "PatientID (values are never kept)" in page
    assert "Matches 1" in page
    assert "instance level, 1 match" in text_of(chief.get("/transfers?view=operations").text)


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.TECHNOLOGIST])
def test_an_operation_leads_to_its_study_and_association(
    sign_in: SignIn, site_database: Database, role: Role
) -> None:
    facility = create_facility(site_database, "East")
    create_application_entity(site_database, facility.id, ae_title="CT_EAST")
    study = create_study(site_database)
    association, [store] = create_dialogue(
        site_database, [{"study_id": study.id, "storage": Storage.DUPLICATE, "move_originator": "WS1"}]
    )
    page = sign_in(role).get(address_of(store)).text
    for link in (
        f'"/studies/{study.id}"',
        address_of(association),
        f"/transfers?view=operations&amp;study={study.id}",
    ):
        assert link in page, link
    assert "Orthanc held an instance with this UID before; nothing changed." in unescape(page)
    assert (f'"/facilities/{facility.id}"' in page) == (role is Role.ADMINISTRATOR)


def test_an_operation_that_passed_no_recorder_says_what_isnt_known(
    chief: FlaskClient, site_database: Database
) -> None:
    operation = create_operation(site_database, source=Source.ORTHANC, status=None)
    page = text_of(chief.get(address_of(operation)).text)
    assert "No recorder saw this" in page
    assert "Its association" not in page
    outgoing = create_operation(
        site_database, source=Source.TEST, direction=Direction.OUT, kind=OperationKind.C_ECHO
    )
    assert "C-ECHO to CT_EAST" in text_of(chief.get(address_of(outgoing)).text)


def test_what_was_interrupted_is_not_open_and_its_end_not_known(
    chief: FlaskClient, site_database: Database
) -> None:
    association, [operation] = create_dialogue(
        site_database,
        [{"status_class": StatusClass.INTERRUPTED, "status": None, "ended_at": None}],
        outcome=AssociationOutcome.INTERRUPTED,
        ended_at=None,
        ended_by=None,
    )
    for address in ("/transfers", "/transfers?view=operations"):
        assert 'class="log-row"' in chief.get(address).text
    for address in (address_of(association), address_of(operation)):
        page = chief.get(address).text
        assert "Ended not known" in text_of(page)
        assert "data-follow" not in page
