"""The routes of the fake Orthanc: from a request to what is answered. No sockets here."""

import io
import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pydicom
from pydicom.config import IGNORE
from pydicom.uid import UID, ExplicitVRLittleEndian
from pydicom.valuerep import STR_VR

from tests.fake_archive import FakeArchive
from tests.fake_resources import CHILDREN, LEVELS, MAIN_TAGS, ROUTES, UNIQUE_KEYS, Node, orthanc_id
from tests.synthetic_archive import SyntheticArchive

_LEVEL_OF_ROUTE = {route: level for level, route in ROUTES.items()}
_DEFAULT_LIMIT = 100


class Site:
    """All that an answer depends on beside the request.

    A bulk request with a ``poison`` id fails; one with a ``silent`` id is never answered.
    """

    def __init__(
        self, archive: FakeArchive | SyntheticArchive, username: str, *, has_extended_find: bool
    ) -> None:
        self.archive = archive
        self.username = username
        self.has_extended_find = has_extended_find
        self.poison: set[str] = set()
        self.silent: set[str] = set()
        self.limit_find: int | None = None
        """Orthanc's LimitFindInstances and LimitFindResults, which cut finds and nothing else."""
        self.poisoned_files: set[str] = set()
        """Instances whose description is fine and whose file can't be read."""
        self.port = 0


class Refusal(Exception):  # noqa: N818 - what the server answers
    """An error answer. Without a message its body is empty, as Orthanc's is for a missing resource."""

    def __init__(self, status: int, orthanc_status: int = 0, message: str = "", details: str = "") -> None:
        super().__init__(message)
        self.status, self.orthanc_status, self.message, self.details = (
            status,
            orthanc_status,
            message,
            details,
        )


class Silence(Exception):  # noqa: N818 - what the server does
    """No answer, however long one waits."""


def _unknown() -> Any:
    raise Refusal(404, 17, "Unknown resource")


def answer(site: Site, method: str, target: str, body: bytes) -> Any:
    """The JSON (or text, or bytes) that Orthanc answers; raises Refusal."""
    url = urlsplit(target)
    options = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
    parts = [part for part in url.path.split("/") if part]
    if method == "GET":
        return _get(site, parts, options)
    return _post(site, parts, body) if method == "POST" else _delete(site, parts)


def _get(site: Site, parts: list[str], options: dict[str, str]) -> Any:
    match parts:
        case ["system"]:
            return _system(site)
        case ["statistics"]:
            return _statistics(site)
        case ["tools", "now"]:
            return site.archive.now()
        case ["changes"]:
            return _changes(site, options)
        case [route, *rest] if route in _LEVEL_OF_ROUTE:
            level = _LEVEL_OF_ROUTE[route]
            return _resource(site, level, *rest) if rest else _list(site, level, options)
    return _unknown()


def _node(site: Site, level: str, resource_id: str) -> Node:
    node = site.archive.node(resource_id)
    if node is None or node.level != level:
        raise Refusal(404)
    return node


def _post(site: Site, parts: list[str], body: bytes) -> Any:
    match parts:
        case ["tools", "bulk-content"]:
            return _bulk(site, body)
        case ["tools", "find"]:
            return _find(site, body)
        case ["tools", "lookup"]:
            return _lookup(site, body.decode())
        case ["instances"]:
            return _upload(site, body)
        case ["instances", resource_id, "modify"]:
            if resource_id in site.poisoned_files:
                raise Refusal(500, 1, "Internal error")
            return _header(_node(site, "Instance", resource_id))
    return _unknown()


def _delete(site: Site, parts: list[str]) -> Any:
    match parts:
        case ["changes"]:
            site.archive.delete_changes()
            return b""
        case [route, resource_id] if route in _LEVEL_OF_ROUTE:
            return site.archive.delete(_node(site, _LEVEL_OF_ROUTE[route], resource_id).orthanc_id)
    return _unknown()


def _system(site: Site) -> dict[str, Any]:
    answer = {
        "ApiVersion": 27 if site.has_extended_find else 16,
        "DatabaseVersion": 6,
        "DicomAet": "NOCTIS",
        "DicomPort": 4242,
        "HttpPort": site.port,
        "Name": "Fake Orthanc",
        "Version": "1.12.7" if site.has_extended_find else "1.10.1",
    }
    return answer | ({"Capabilities": {"HasExtendedFind": True}} if site.has_extended_find else {})


def _statistics(site: Site) -> dict[str, Any]:
    counts = site.archive.statistics()
    return {
        "CountPatients": counts["Patient"],
        "CountStudies": counts["Study"],
        "CountSeries": counts["Series"],
        "CountInstances": counts["Instance"],
        "TotalDiskSize": str(counts["Size"]),
        "TotalDiskSizeMB": counts["Size"] >> 20,
        "TotalUncompressedSize": str(counts["Size"]),
        "TotalUncompressedSizeMB": counts["Size"] >> 20,
    }


def _changes(site: Site, options: dict[str, str]) -> dict[str, Any]:
    if "last" in options:
        rows, is_done, last = site.archive.last_change()
    else:
        try:
            since, limit = int(options.get("since", 0)), int(options.get("limit", _DEFAULT_LIMIT))
        except ValueError:  # Orthanc forgets both, silently
            since, limit = 0, _DEFAULT_LIMIT
        rows, is_done, last = site.archive.changes(since, limit)
    return {"Changes": [row.as_json() for row in rows], "Done": is_done, "Last": last}


def _list(site: Site, level: str, options: dict[str, str]) -> Any:
    ids = site.archive.ids(level)
    if "limit" in options:
        since = int(options.get("since", 0))
        ids = ids[since : since + int(options["limit"])]
    return _describe_all(site, ids, has_metadata=False) if "expand" in options else ids


def _resource(site: Site, level: str, resource_id: str, *rest: str) -> Any:
    node = _node(site, level, resource_id)
    match rest:
        case ():
            return _describe(node, has_metadata=False)
        case ("simplified-tags",) if node.level == "Instance":
            if resource_id in site.poisoned_files:
                raise Refusal(500, 1, "Internal error")
            return node.attributes or node.tags
    return _unknown()


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        request = json.loads(body)
    except ValueError:
        request = None
    if not isinstance(request, dict):
        raise Refusal(400, 8, "Bad request", "The body must contain a JSON object")
    return request


def _level(request: dict[str, Any]) -> str:
    level = str(request["Level"]).capitalize()
    if level not in LEVELS:
        raise Refusal(400, 3, "Parameter out of range")
    return level


def _bulk(site: Site, body: bytes) -> list[dict[str, Any]]:
    request = _json_object(body)
    ids = request.get("Resources")
    if not isinstance(ids, list) or not all(isinstance(item, str) for item in ids):
        raise Refusal(400, 15, "Bad file format", "List of strings expected in field: Resources")
    if "Level" in request:
        ids = site.archive.related(ids, _level(request))
    _choke(site, ids)
    return _describe_all(site, ids, has_metadata=request.get("Metadata", True))


def _choke(site: Site, ids: list[str]) -> None:
    if not site.silent.isdisjoint(ids):
        raise Silence
    if not site.poison.isdisjoint(ids):
        raise Refusal(500, 1, "Internal error")


def _describe_all(site: Site, ids: list[str], *, has_metadata: bool) -> list[dict[str, Any]]:
    nodes = (site.archive.node(resource_id) for resource_id in ids)
    return [_describe(node, has_metadata=has_metadata) for node in nodes if node is not None]


def _describe(node: Node, *, has_metadata: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {"ID": node.orthanc_id, "Type": node.level, "MainDicomTags": node.tags}
    if has_metadata:
        answer["Metadata"] = dict(node.metadata)
    if node.level == "Instance":
        index = node.metadata.get("IndexInSeries")
        answer |= {"FileSize": node.file_size, "FileUuid": node.file_uuid}
        return answer | {"IndexInSeries": index and int(index), "ParentSeries": node.parent_id}
    answer[CHILDREN[node.level]] = list(node.children)
    answer |= {"IsStable": node.is_stable, "LastUpdate": node.metadata["LastUpdate"]}
    if node.level == "Study":
        patient = MAIN_TAGS["Patient"]
        answer["MainDicomTags"] = {k: v for k, v in node.tags.items() if k not in patient}
        answer["PatientMainDicomTags"] = {k: v for k, v in node.tags.items() if k in patient}
        answer["ParentPatient"] = node.parent_id
    if node.level == "Series":
        answer |= {"ExpectedNumberOfInstances": None, "Status": "Unknown", "ParentStudy": node.parent_id}
    return answer


def _find(site: Site, body: bytes) -> Any:
    """Everything of a level, whatever the query; 1.10.1 knows neither ResponseContent nor ParentSeries."""
    request = _json_object(body)
    level = _level(request)
    if not site.has_extended_find:
        return site.archive.ids(level)
    parent = next((request[key] for key in request if key.startswith("Parent")), None)
    ids = site.archive.ids(level) if parent is None else site.archive.related([parent], level)
    _choke(site, ids)
    ids = ids[: site.limit_find]
    if "ResponseContent" not in request:
        return ids
    answers = _describe_all(site, ids, has_metadata="Metadata" in request["ResponseContent"])
    return [_as_extended(answer, request["ResponseContent"]) for answer in answers]


def _as_extended(answer: dict[str, Any], content: list[str]) -> dict[str, Any]:
    """From 1.12.5 on the file's size stands among its attachments (ResourceFinder.cpp)."""
    size, file_uuid = answer.pop("FileSize", 0), answer.pop("FileUuid", "")
    answer.pop("IndexInSeries", None)
    if "Attachments" in content:
        file = {"ContentType": 1, "Uuid": file_uuid, "UncompressedSize": size, "CompressedSize": size}
        answer["Attachments"] = [file] if file_uuid else []
    return answer


def _lookup(site: Site, uid: str) -> list[dict[str, str]]:
    """Whatever has this UID or patient ID, at any level."""
    nodes = (site.archive.node(id_) for level in LEVELS for id_ in site.archive.ids(level))
    found = [node for node in nodes if node is not None and node.tags.get(UNIQUE_KEYS[node.level]) == uid]
    return [
        {"ID": node.orthanc_id, "Path": f"/{ROUTES[node.level]}/{node.orthanc_id}", "Type": node.level}
        for node in found
    ]


def _header(node: Node) -> bytes:
    """An instance without pixels. Only this use of the route is known here: see OrthancClient.header."""
    dataset = pydicom.Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    for keyword, value in (node.attributes or node.tags).items():
        tag = pydicom.datadict.tag_for_keyword(keyword)
        if tag is None or keyword == "SpecificCharacterSet":
            continue
        vr = pydicom.datadict.dictionary_VR(tag)
        if vr in STR_VR:
            dataset[tag] = pydicom.DataElement(tag, vr, value, validation_mode=IGNORE)
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = UID(node.metadata["SopClassUid"])
    dataset.file_meta.MediaStorageSOPInstanceUID = UID(node.tags.get("SOPInstanceUID", ""))
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _upload(site: Site, body: bytes) -> dict[str, Any]:
    try:
        dataset = pydicom.dcmread(io.BytesIO(body))
    except pydicom.errors.InvalidDicomError:
        words = f"Cannot parse an invalid DICOM file (size: {len(body)} bytes)"
        raise Refusal(400, 15, "Bad file format", words) from None
    tags = {
        item.keyword: _text(item) for item in dataset if item.keyword and item.VR not in {"SQ", "OB", "OW"}
    }
    keys = [
        tags.get(key, "") for key in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    ]
    if not all(keys[1:]):
        words = "missing StudyInstanceUID, SeriesInstanceUID or SOPInstanceUID"
        raise Refusal(400, 15, "Bad file format", words)
    before = site.archive.node(orthanc_id(*keys))
    origin = {"Origin": "RestApi", "RemoteAET": "", "HttpUsername": site.username}
    stored = site.archive.store(tags, origin | _syntax(dataset), len(body))
    return {
        "ID": stored,
        "Path": f"/instances/{stored}",
        "ParentPatient": orthanc_id(*keys[:1]),
        "ParentStudy": orthanc_id(*keys[:2]),
        "ParentSeries": orthanc_id(*keys[:3]),
        "Status": "AlreadyStored" if before is site.archive.node(stored) else "Success",
    }


def _text(item: pydicom.DataElement) -> str:
    values = [str(value) for value in item.value] if item.VM > 1 else [str(item.value or "")]
    return re.sub("\0.*", "", "\\".join(values)).strip()


def _syntax(dataset: pydicom.FileDataset) -> dict[str, str]:
    return {"TransferSyntax": dataset.file_meta.TransferSyntaxUID}
