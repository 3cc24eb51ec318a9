"""What the doctor finds in the transfer log and at the door, by rows as they would be written."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from bridge.doctor.check import Check
from bridge.doctor.door import check_certificate, check_door
from bridge.doctor.following import check_transfer_log
from bridge.recorder.spool import NAME_FILE
from bridge.transfers.health import read_transfer_health
from database.models import BlockedSender
from database.session import Database
from database.transfer_terms import AssociationOutcome, Source
from settings import Settings
from tests.certificates import make_certificate
from tests.factories import create_application_entity, create_facility, create_member
from tests.transfer_factories import ago, create_association, create_gap, create_operation, create_spool


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of the host on which a recorder's spool lies."""
    made = Settings(data_dir=tmp_path)
    made.spool_dir.mkdir()
    (made.spool_dir / NAME_FILE).write_text("ours\n")
    return made


def named(checks: Iterable[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def examine(settings: Settings, database: Database) -> dict[str, Check]:
    """After a C-ECHO a minute ago."""
    return named(check_transfer_log(settings, database, ago(minutes=1)))


def wrong(checks: dict[str, Check]) -> set[str]:
    assert all(check.advice for check in checks.values() if not check.is_ok)
    return {name for name, check in checks.items() if not check.is_ok}


def test_a_log_without_gaps_is_fine(settings: Settings, database: Database) -> None:
    create_spool(database, name="ours")
    create_operation(database)

    assert wrong(examine(settings, database)) == set()


def test_only_the_spool_of_this_host_tells_of_its_recorder(settings: Settings, database: Database) -> None:
    create_spool(database, name="ours", recorded_at=ago(minutes=10))
    create_spool(database, name="another")

    assert wrong(examine(settings, database)) == {"transfer log"}


def test_where_no_spool_lies_any_recorder_is_believed(tmp_path: Path, database: Database) -> None:
    create_spool(database)

    assert wrong(examine(Settings(data_dir=tmp_path), database)) == set()


def test_a_gap_is_told_with_its_reason_for_a_day(settings: Settings, database: Database) -> None:
    spool = create_spool(database, name="ours")
    create_gap(database, spool, record_count=7, reason="the spool can't be written")
    create_gap(database, spool, record_count=90, began_at=ago(hours=30), ended_at=ago(hours=29))

    checks = examine(settings, database)

    assert wrong(checks) == {"gaps"}
    assert checks["gaps"].finding.startswith("7 records lost in 24 h")
    assert checks["gaps"].finding.endswith("the spool can't be written")


def test_what_came_past_the_recorder_is_told_with_who_sent_it(settings: Settings, database: Database) -> None:
    create_spool(database, name="ours")
    for ae_title in ("CT_WEST", "CT_EAST", "CT_WEST"):
        create_operation(database, source=Source.ORTHANC, remote_ae_title=ae_title)
    create_operation(database, source=Source.ORTHANC, started_at=ago(hours=30))

    checks = examine(settings, database)

    assert wrong(checks) == {"bypassed instances"}
    assert checks["bypassed instances"].finding == "3 in 24 h, from CT_WEST, CT_EAST"


def test_damaged_lines_are_told_and_are_no_fault_of_today(settings: Settings, database: Database) -> None:
    create_spool(database, name="ours", damaged_count=2)

    checks = examine(settings, database)

    assert wrong(checks) == set()
    assert checks["damaged lines"].finding == "2 so far"
    assert checks["damaged lines"].advice


def test_without_a_recorder_the_checks_say_so(tmp_path: Path, database: Database) -> None:
    settings = Settings(data_dir=tmp_path, recorder="off")
    create_operation(database, source=Source.ORTHANC)

    checks = examine(settings, database) | named([check_door(settings, database)])

    assert wrong(checks) == set()
    assert all("NOCTIS_RECORDER=off" in check.finding for check in checks.values())


def test_an_allowed_host_that_has_no_address_is_named(settings: Settings, database: Database) -> None:
    facility = create_facility(database, "St. Anna")
    hosts = "192.0.2.0/24 2001:db8::1 ct1.invalid"
    create_application_entity(database, facility.id, ae_title="ANNA_CT", allowed_hosts=hosts)

    check = check_door(settings, database)

    assert not check.is_ok
    assert check.finding == "not found: ct1.invalid (ANNA_CT)"


def test_a_retired_node_s_hosts_are_nobody_s_concern(settings: Settings, database: Database) -> None:
    facility = create_facility(database, "St. Anna")
    create_application_entity(database, facility.id, allowed_hosts="gone.invalid", retired_at=ago(days=1))

    assert check_door(settings, database) == Check.passed(
        "host checks", "0 nodes with host checks, 0 blocked senders"
    )


def test_decisions_that_nobody_carries_out_are_a_finding(tmp_path: Path, database: Database) -> None:
    user = create_member(database)
    with database.write() as session:
        session.add(
            BlockedSender(
                ae_title_key="STRANGER", ae_title="stranger", blocked_at=ago(days=1), user_id=user.id
            )
        )

    check = check_door(Settings(data_dir=tmp_path, recorder="off"), database)

    assert not check.is_ok
    assert "1 blocked senders" in check.finding


@pytest.mark.parametrize(
    ("days", "is_ok", "word"), [(365, True, "until"), (20, False, "until"), (-3, False, "expired")]
)
def test_a_certificate_is_a_finding_a_month_before_it_expires(
    tmp_path: Path, days: int, is_ok: bool, word: str
) -> None:
    made = make_certificate(tmp_path, days=days)
    settings = Settings(dicom_tls_certificate=str(made.certificate), dicom_tls_port=2762)

    check = check_certificate(settings)

    assert (check.is_ok, word in check.finding, bool(check.advice)) == (is_ok, True, not is_ok)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_certificate_that_cannot_be_read_is_a_finding(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "noctis.crt"
    if content is not None:
        path.write_text(content)

    check = check_certificate(Settings(dicom_tls_certificate=str(path), dicom_tls_port=2762))

    assert not check.is_ok
    assert str(path) in check.finding


def test_the_status_counts_what_is_open_lost_and_unread(settings: Settings, database: Database) -> None:
    ours = create_spool(database, name="ours", damaged_count=1)
    elsewhere = create_spool(database, name="another", host="pacs2")
    create_gap(database, ours, record_count=7)
    create_gap(database, elsewhere, record_count=3)
    create_association(database, outcome=AssociationOutcome.OPEN)
    create_association(database)
    (settings.spool_dir / "0000000000000000001-000001.jsonl").write_text("1234\n")

    with database.read() as session:
        found = read_transfer_health(session, settings)

    assert (found.open_associations, found.lost_records, found.damaged_lines) == (1, 10, 1)
    assert [(spool.host, spool.unread_bytes) for spool in found.spools] == [("pacs1", 5), ("pacs2", None)]
    assert ["known only there" in spool.words() for spool in found.spools] == [False, True]
