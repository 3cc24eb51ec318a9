"""What we rely on Orthanc for: one suite for the real and the fake one, so that the fake can't drift."""

from collections.abc import Iterator
from contextlib import ExitStack
from io import BytesIO
from typing import Any

import pytest
import requests
from pydicom import dcmread

from bridge.errors import OrthancRefused, OrthancUnavailable
from bridge.orthanc_answers import Change, Resource
from bridge.orthanc_client import OrthancClient
from emulator.studies import make_study, part10_bytes
from tests.fake_archive import FakeArchive
from tests.fake_orthanc import FakeOrthanc
from tests.fake_resources import orthanc_id
from tests.orthanc_process import OrthancProcess

_LATER = {"Labels", "MainDicomTagsSignature"}
"""What Orthanc 1.12 adds to its descriptions: this suite holds for it, too."""


class Site:
    """A running Orthanc, real or fake, with two ways to ask it."""

    def __init__(self, server: FakeOrthanc | OrthancProcess) -> None:
        self.server = server
        self.client: OrthancClient = server.client()
        self._auth = (server.username, server.password)

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        """On a connection of its own: Orthanc closes one that idles, maybe just when it is asked again."""
        return requests.request(method, self.server.url + path, auth=self._auth, timeout=60, **options)

    def get(self, path: str) -> Any:
        return self.ask("GET", path).json()

    def bulk(self, request: dict[str, Any]) -> Any:
        return self.ask("POST", "/tools/bulk-content", json=request).json()

    def store(self, **knobs: Any) -> list[str]:
        """Upload a study; answers its instances' ids."""
        return [self.client.upload(part10_bytes(dataset)) for dataset in make_study(**knobs)]

    def changes(self) -> list[Change]:
        return self.client.changes(0, 1000).changes

    def close(self) -> None:
        self.client.close()


def start(kind: str, stack: ExitStack, *, overwrite: bool = False) -> Site:
    archive = FakeArchive(overwrite_instances=overwrite)
    site = Site(
        stack.enter_context(FakeOrthanc(archive, has_extended_find=kind == "fake 1.12"))
        if kind.startswith("fake")
        else stack.enter_context(
            OrthancProcess(overrides={"OverwriteInstances": overwrite, "StableAge": 600})
        )
    )
    stack.callback(site.close)
    return site


@pytest.fixture(params=["fake", "fake 1.12", "real"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def site(kind: str) -> Iterator[Site]:
    with ExitStack() as stack:
        yield start(kind, stack)


def _id(resource: Resource) -> str:
    return resource.orthanc_id


def kinds(changes: list[Change]) -> list[str]:
    return [change.kind for change in changes]


def test_system_names_version_and_dicom_address(site: Site) -> None:
    system = site.client.system()

    assert system.version.startswith("1.1")
    assert system.dicom_aet == "NOCTIS"
    assert system.dicom_port > 0


def test_statistics_count_every_level(site: Site) -> None:
    site.store(series_count=2, instance_count=3)
    site.store(seed=1)

    statistics = site.client.statistics()

    assert statistics.study_count == 2
    assert statistics.series_count == 3
    assert statistics.instance_count == 8


def test_now_has_the_form_of_a_changes_date(site: Site) -> None:
    site.store()

    now = site.client.now()

    assert len(now) == len("20261123T160748") == len(site.changes()[0].date)
    assert now[:8].isdecimal()
    assert now[8] == "T"


def test_a_first_instance_is_announced_before_its_series_study_and_patient(site: Site) -> None:
    site.store(instance_count=2)

    changes = site.changes()

    assert kinds(changes) == ["NewInstance", "NewSeries", "NewStudy", "NewPatient", "NewInstance"]
    assert [change.seq for change in changes] == [1, 2, 3, 4, 5]
    assert [change.level for change in changes] == ["Instance", "Series", "Study", "Patient", "Instance"]


def test_a_new_series_of_a_known_study_announces_no_study(site: Site) -> None:
    site.store(series_count=2, instance_count=1)

    assert kinds(site.changes())[4:] == ["NewInstance", "NewSeries"]


def test_a_change_has_these_fields(site: Site) -> None:
    site.store()

    row = site.get("/changes?limit=1")["Changes"][0]

    assert set(row) == {"Seq", "ChangeType", "ResourceType", "ID", "Path", "Date"}
    assert row["Path"] == f"/instances/{row['ID']}"


def test_since_is_exclusive_and_limit_cuts_the_page(site: Site) -> None:
    site.store(instance_count=2)

    page = site.client.changes(2, 2)

    assert [change.seq for change in page.changes] == [3, 4]
    assert not page.is_done
    assert page.last == 4


def test_a_page_that_ends_with_the_feed_is_done(site: Site) -> None:
    site.store(instance_count=2)

    page = site.client.changes(3, 2)

    assert [change.seq for change in page.changes] == [4, 5]
    assert page.is_done


def test_an_empty_page_names_the_feeds_last_not_since(site: Site) -> None:
    site.store()

    page = site.client.changes(99_999, 10)

    assert page.changes == []
    assert page.is_done
    assert page.last == 5


def test_the_feed_of_an_empty_orthanc_is_done_at_zero(site: Site) -> None:
    page = site.client.changes(0, 10)

    assert (page.changes, page.is_done, page.last) == ([], True, 0)
    assert site.client.last_change_seq() == 0


def test_a_page_has_a_hundred_rows_unless_told(site: Site) -> None:
    site.store(instance_count=110, rows=8, columns=8)

    answer = site.get("/changes")

    assert len(answer["Changes"]) == 100
    assert not answer["Done"]


def test_a_since_that_is_no_number_restarts_from_zero_and_forgets_the_limit(site: Site) -> None:
    site.store(instance_count=2)

    assert [row["Seq"] for row in site.get("/changes?since=abc&limit=2")["Changes"]] == [1, 2, 3, 4, 5]


def test_limit_zero_is_never_done(site: Site) -> None:
    site.store()

    assert site.get("/changes?limit=0") == {"Changes": [], "Done": False, "Last": 5}


def test_last_is_the_newest_row(site: Site) -> None:
    site.store()

    answer = site.get("/changes?last")

    assert [row["Seq"] for row in answer["Changes"]] == [5]
    assert site.client.last_change_seq() == 5


def test_deleting_a_study_deletes_its_rows_and_never_reuses_their_numbers(site: Site) -> None:
    site.store()
    site.client.delete_study(site.client.study_ids()[0])
    emptied = site.client.changes(0, 10)
    site.store(seed=1)

    assert (emptied.changes, emptied.last) == ([], 5)
    assert [change.seq for change in site.changes()] == [6, 7, 8, 9, 10]


def test_deleting_an_instance_takes_its_row_alone(site: Site) -> None:
    first, _second = site.store()
    site.client.delete_instance(first)

    assert kinds(site.changes()) == ["NewSeries", "NewStudy", "NewPatient", "NewInstance"]
    assert site.client.last_change_seq() == 5


def test_deleting_the_only_instance_deletes_its_series_study_and_patient(site: Site) -> None:
    (only,) = site.store(instance_count=1)
    site.client.delete_instance(only)

    assert site.changes() == []
    assert site.client.study_ids() == []
    assert site.get("/patients") == []


def test_deleting_names_the_ancestor_that_remains(site: Site) -> None:
    first, *_ = site.store(series_count=2, instance_count=1)
    study = site.client.study_ids()[0]

    answer = site.ask("DELETE", f"/instances/{first}").json()
    last = site.ask("DELETE", f"/studies/{study}").json()

    assert answer["RemainingAncestor"] == {"ID": study, "Path": f"/studies/{study}", "Type": "Study"}
    assert last == {"RemainingAncestor": None}


def test_deleting_what_is_not_there_is_refused_with_404(site: Site) -> None:
    with pytest.raises(OrthancRefused) as refusal:
        site.client.delete_study("11111111-11111111-11111111-11111111-11111111")

    assert refusal.value.status == 404


def test_deleting_the_changes_keeps_resources_and_numbering(site: Site) -> None:
    site.store()
    site.ask("DELETE", "/changes")
    emptied = site.client.changes(0, 10)
    site.store(seed=1)

    assert (emptied.changes, emptied.last) == ([], 5)
    assert site.client.statistics().study_count == 2
    assert site.changes()[0].seq == 6


def test_a_resend_changes_nothing(site: Site) -> None:
    site.store()
    before = site.changes()
    dataset = make_study()[0]

    answer = site.ask("POST", "/instances", data=part10_bytes(dataset)).json()

    assert answer["Status"] == "AlreadyStored"
    assert site.changes() == before


def test_an_overwritten_instance_is_announced_anew(kind: str) -> None:
    with ExitStack() as stack:
        site = start(kind, stack, overwrite=True)
        site.store()
        answer = site.ask("POST", "/instances", data=part10_bytes(make_study()[0])).json()
        changes = site.changes()

    assert answer["Status"] == "Success"
    assert [(change.seq, change.kind) for change in changes] == [
        (2, "NewSeries"),
        (3, "NewStudy"),
        (4, "NewPatient"),
        (5, "NewInstance"),
        (6, "NewInstance"),
    ]


def test_an_upload_answers_with_all_ids(site: Site) -> None:
    dataset = make_study()[0]

    answer = site.ask("POST", "/instances", data=part10_bytes(dataset)).json()

    patient, study, series, instance = (
        dataset.PatientID,
        dataset.StudyInstanceUID,
        dataset.SeriesInstanceUID,
        dataset.SOPInstanceUID,
    )
    assert answer == {
        "ID": orthanc_id(patient, study, series, instance),
        "ParentPatient": orthanc_id(patient),
        "ParentStudy": orthanc_id(patient, study),
        "ParentSeries": orthanc_id(patient, study, series),
        "Path": f"/instances/{orthanc_id(patient, study, series, instance)}",
        "Status": "Success",
    }


def test_what_is_no_dicom_is_refused_in_words(site: Site) -> None:
    with pytest.raises(OrthancRefused) as refusal:
        site.client.upload(b"garbage")

    assert refusal.value.status == 400
    assert refusal.value.details == "Cannot parse an invalid DICOM file (size: 7 bytes)"


def test_an_instance_without_a_study_is_refused(site: Site) -> None:
    (dataset,) = make_study(instance_count=1, attributes={"StudyInstanceUID": ""})

    with pytest.raises(OrthancRefused) as refusal:
        site.client.upload(part10_bytes(dataset))

    assert "missing StudyInstanceUID" in refusal.value.details


def test_a_study_in_bulk(site: Site) -> None:
    site.store(attributes={"AccessionNumber": "A1", "StudyDescription": "Chest"}, patient_name="Doe^Jane")
    study_id = site.client.study_ids()[0]

    (answer,) = site.bulk({"Resources": [study_id], "Metadata": False})

    assert set(answer) - _LATER == {
        "ID", "Type", "MainDicomTags", "PatientMainDicomTags", "ParentPatient", "Series", "IsStable",
        "LastUpdate",
    }  # fmt: skip
    assert answer["MainDicomTags"]["StudyDescription"] == "Chest"
    assert answer["MainDicomTags"]["AccessionNumber"] == "A1"
    assert answer["PatientMainDicomTags"] == {
        "PatientID": "PHANTOM",
        "PatientName": "Doe^Jane",
        "PatientBirthDate": "19700101",
        "PatientSex": "O",
    }
    assert answer["IsStable"] is False


def test_a_series_in_bulk_names_its_instances(site: Site) -> None:
    instances = site.store()

    (answer,) = site.bulk({"Resources": site.client.study_ids(), "Level": "Series"})

    assert set(answer) - _LATER == {
        "ID", "Type", "MainDicomTags", "Metadata", "ParentStudy", "Instances", "IsStable", "LastUpdate",
        "Status", "ExpectedNumberOfInstances",
    }  # fmt: skip
    assert answer["Instances"] == instances
    assert answer["MainDicomTags"]["Modality"] == "CT"
    assert set(answer["Metadata"]) - _LATER == {"LastUpdate", "RemoteAET"}


def test_an_instance_in_bulk_tells_how_it_came(site: Site) -> None:
    (dataset,) = make_study(instance_count=1)
    content = part10_bytes(dataset)
    instance = site.client.upload(content)

    (answer,) = site.bulk({"Resources": [instance], "Metadata": True})

    assert set(answer) - _LATER == {
        "ID", "Type", "MainDicomTags", "Metadata", "ParentSeries", "FileSize", "FileUuid", "IndexInSeries",
    }  # fmt: skip
    assert answer["FileSize"] == len(content)
    assert answer["IndexInSeries"] == 1
    assert answer["MainDicomTags"]["SOPInstanceUID"] == dataset.SOPInstanceUID
    metadata = answer["Metadata"]
    assert len(metadata["ReceptionDate"]) == len("20261123T160748")
    assert metadata["Origin"] == "RestApi"
    assert metadata["RemoteIP"] == "127.0.0.1"
    assert metadata["RemoteAET"] == ""
    assert metadata["SopClassUid"] == dataset.SOPClassUID
    assert metadata["TransferSyntax"] == dataset.file_meta.TransferSyntaxUID


def test_metadata_is_given_unless_refused(site: Site) -> None:
    site.store()
    ids = site.client.study_ids()

    assert "Metadata" in site.bulk({"Resources": ids})[0]
    assert "Metadata" not in site.bulk({"Resources": ids, "Metadata": False})[0]


def test_bulk_leaves_out_unknown_ids_and_repeats_what_is_asked_twice(site: Site) -> None:
    first, second = site.store()

    answer = site.bulk({"Resources": [second, "no-id", first, second]})

    assert [item["ID"] for item in answer] == [second, first, second]


def test_bulk_with_a_level_goes_down(site: Site) -> None:
    instances = site.store(series_count=2)

    answer = site.bulk({"Resources": [*site.client.study_ids(), "no-id"], "Level": "Instance"})

    assert [item["ID"] for item in answer] == sorted(instances)


def test_bulk_with_a_level_goes_up_without_repeating(site: Site) -> None:
    instances = site.store()

    answer = site.bulk({"Resources": instances, "Level": "Study"})

    assert [item["ID"] for item in answer] == site.client.study_ids()


def test_bulk_of_several_levels_at_once(site: Site) -> None:
    instances = site.store()
    ids = [*site.client.study_ids(), *site.get("/series"), *instances]

    assert [item["ID"] for item in site.bulk({"Resources": ids})] == ids
    assert len(site.bulk({"Resources": ids, "Level": "Series"})) == 1


@pytest.mark.parametrize(
    ("body", "orthanc_status", "details"),
    [
        (b"{}", 15, "List of strings expected in field: Resources"),
        (b'{"Resources": [1]}', 15, "List of strings expected in field: Resources"),
        (b"xx", 8, "The body must contain a JSON object"),
        (b'{"Resources": [], "Level": "Bogus"}', 3, "Invalid resource type 'Bogus'"),
    ],
)
def test_a_bad_bulk_request_is_refused(site: Site, body: bytes, orthanc_status: int, details: str) -> None:
    answer = site.ask("POST", "/tools/bulk-content", data=body)

    assert answer.status_code == 400
    assert answer.json()["OrthancStatus"] == orthanc_status
    assert answer.json().get("Details", details) == details  # not every version has words for everything


def test_a_value_longer_than_256_characters_is_left_out(site: Site) -> None:
    (long,) = site.store(instance_count=1, attributes={"ImageComments": "x" * 257})
    (short,) = site.store(instance_count=1, seed=1, attributes={"ImageComments": "y" * 256})

    first, second = site.client.instances([long, short])

    assert "ImageComments" not in first.tags
    assert second.tags["ImageComments"] == "y" * 256


def test_names_come_in_unicode_whatever_the_character_set(site: Site) -> None:
    site.store(patient_name="Yamada^Tarou=山田^太郎=やまだ^たろう", character_set=["", "ISO 2022 IR 87"])

    (study,) = site.client.studies(site.client.study_ids())

    assert study.patient_tags["PatientName"] == "Yamada^Tarou=山田^太郎=やまだ^たろう"


def test_two_studies_of_one_patient_id_keep_their_own_patient_data(site: Site) -> None:
    site.store(patient_name="Doe^Jane")
    site.store(patient_name="Doe^Janet", seed=1)

    studies = site.client.studies(site.client.study_ids())

    assert [study.patient_tags["PatientName"] for study in studies] == ["Doe^Jane", "Doe^Janet"]
    assert studies[0].parent_id == studies[1].parent_id


def test_one_study_uid_under_two_patients_is_two_studies(site: Site) -> None:
    site.store(patient_id="A")
    site.store(patient_id="B")

    first, second = site.client.studies(site.client.study_ids())

    assert first.orthanc_id != second.orthanc_id
    assert first.tags["StudyInstanceUID"] == second.tags["StudyInstanceUID"]


def test_find_ignores_response_content_unless_it_is_announced(site: Site) -> None:
    site.store()
    query = {"Level": "Instance", "Query": {}, "ResponseContent": ["Metadata"]}

    answers = site.ask("POST", "/tools/find", json=query).json()

    assert {type(answer) for answer in answers} == {dict if site.client.system().has_extended_find else str}


def test_what_a_series_holds_is_told_alike_in_each_way_that_there_is(site: Site) -> None:
    site.store(instance_count=3)
    (series,) = site.client.series_of_studies(site.client.study_ids())
    extended_find = site.client.system().has_extended_find

    found = site.client.instances_of_series(series.orthanc_id, extended_find=extended_find)

    assert sorted(found, key=_id) == sorted(site.client.instances(series.children), key=_id)
    assert len(found) == 3


def test_lists_are_in_order_of_arrival_and_may_be_paged_and_expanded(site: Site) -> None:
    site.store()
    site.store(seed=1)
    first, second = site.get("/studies")

    assert [study["ID"] for study in site.get("/studies?expand")] == [first, second]
    assert site.get("/studies?since=1&limit=1") == [second]


def test_all_attributes_of_an_instance(site: Site) -> None:
    instance, _ = site.store(attributes={"PatientAge": "045Y"})

    assert site.client.instance_tags(instance)["PatientAge"] == "045Y"


def test_a_header_is_a_dicom_file_without_pixels_and_leaves_no_trace(site: Site) -> None:
    instance, _ = site.store(attributes={"PatientAge": "045Y"}, patient_name="Müller^Jörg")
    before = site.changes()

    header = dcmread(BytesIO(site.client.header(instance)), force=True)

    assert header.PatientAge == "045Y"
    assert header.PatientName == "Müller^Jörg"
    assert "PixelData" not in header
    assert site.changes() == before


def test_lookup_finds_whatever_has_a_uid(site: Site) -> None:
    site.store()
    (study,) = site.client.studies(site.client.study_ids())

    assert site.client.lookup(study.tags["StudyInstanceUID"]) == [study.orthanc_id]
    assert site.client.lookup("1.2.3") == []


def test_a_missing_resource_is_404_without_words(site: Site) -> None:
    answer = site.ask("GET", "/instances/11111111-11111111-11111111-11111111-11111111")

    assert (answer.status_code, answer.content) == (404, b"")


def test_an_unknown_route_is_404_in_words(site: Site) -> None:
    answer = site.ask("GET", "/nope")

    assert answer.status_code == 404
    assert answer.json() == {
        "HttpError": "Not Found",
        "HttpStatus": 404,
        "Message": "Unknown resource",
        "Method": "GET",
        "OrthancError": "Unknown resource",
        "OrthancStatus": 17,
        "Uri": "/nope",
    }


def test_a_wrong_password_is_refused(site: Site) -> None:
    client = OrthancClient(site.server.url, "noctis", "wrong")

    with pytest.raises(OrthancRefused, match="401"):
        client.system()
    client.close()


def test_the_connection_is_kept_for_a_second(site: Site) -> None:
    answer = site.ask("GET", "/system")

    assert answer.headers["Connection"] == "keep-alive"
    assert answer.headers["Keep-Alive"] == "timeout=1"


def test_without_a_server_the_client_says_unavailable(kind: str) -> None:
    with ExitStack() as stack:
        site = start(kind, stack)
        site.client.system()
        if isinstance(site.server, OrthancProcess):
            site.server.kill()
        else:
            site.server.stop()

        with pytest.raises(OrthancUnavailable):
            site.client.system()
