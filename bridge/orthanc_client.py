"""Orthanc's REST API: calls in, plain dataclasses out; lists are read in bulk.

Each call raises what ``orthanc_requests`` makes of a failure: OrthancUnavailable or OrthancRefused.
"""

from collections.abc import Iterable
from typing import Any, cast

from bridge.orthanc_answers import (
    Change,
    ChangesPage,
    Picture,
    Resource,
    Statistics,
    System,
    parse_resource,
)
from bridge.orthanc_requests import CONNECT_SECONDS, OrthancRequests

__all__ = ["Change", "ChangesPage", "OrthancClient", "Picture", "Resource", "Statistics", "System"]

ECHO_SECONDS = 5
"""How long a node may take to answer a C-ECHO."""
_HEADER_SECONDS = 10.0  # Orthanc reads the whole file for it: a huge one must not hold up the rest
_BULKY = ["PixelData", "EncapsulatedDocument", "WaveformSequence", "PerFrameFunctionalGroupsSequence"]
_INSTANCE_CONTENT = ["MainDicomTags", "Metadata", "Attachments", "Parent"]


class OrthancClient(OrthancRequests):
    """One Orthanc. Safe to share between threads; ``seconds`` is how long one answer may take."""

    # What Orthanc is and holds

    def system(self) -> System:
        answer = self._json(self._api.get_system)
        capabilities = answer.get("Capabilities") or {}
        return System(
            version=answer["Version"],
            dicom_aet=answer["DicomAet"],
            dicom_port=int(answer["DicomPort"]),
            has_extended_find=bool(capabilities.get("HasExtendedFind")),
        )

    def statistics(self) -> Statistics:
        answer = self._json(self._api.get_statistics)
        return Statistics(answer["CountStudies"], answer["CountSeries"], answer["CountInstances"])

    def now(self) -> str:
        """Orthanc's clock, in the form of ``Change.date``."""
        return self._call(self._api.get_tools_now).text.strip()

    # The change feed

    def changes(self, since: int, limit: int) -> ChangesPage:
        """Rows numbered above ``since``, ascending. ``limit`` 0 would make Orthanc answer for ever."""
        answer = self._json(self._api.get_changes, {"since": int(since), "limit": max(1, limit)})
        return ChangesPage(
            [
                Change(row["Seq"], row["ChangeType"], row["ResourceType"], row["ID"], row["Date"])
                for row in answer["Changes"]
            ],
            is_done=answer["Done"],
            last=answer["Last"],
        )

    def last_change_seq(self) -> int:
        """The number of the newest change that still exists, 0 without one. ``?last`` must stand alone."""
        rows = self._json(self._api.get_changes, {"last": ""})["Changes"]
        return int(rows[-1]["Seq"]) if rows else 0

    # Resources in bulk. Ids that Orthanc doesn't hold are left out of the answer, silently.

    def study_ids(self) -> list[str]:
        return cast("list[str]", self._json(self._api.get_studies))

    def studies(self, orthanc_ids: Iterable[str]) -> list[Resource]:
        return self._bulk({"Resources": list(orthanc_ids), "Metadata": False})

    def series(self, orthanc_ids: Iterable[str]) -> list[Resource]:
        return self._bulk({"Resources": list(orthanc_ids), "Metadata": False})

    def instances(self, orthanc_ids: Iterable[str]) -> list[Resource]:
        return self._bulk({"Resources": list(orthanc_ids), "Metadata": True})

    def series_of_studies(self, study_ids: Iterable[str]) -> list[Resource]:
        """All series of these studies; each names its instances in ``children``."""
        return self._bulk({"Resources": list(study_ids), "Level": "Series", "Metadata": False})

    def instances_of_series(self, series_id: str, *, extended_find: bool) -> list[Resource]:
        """All instances of a series. ``extended_find`` (``System``) is 2 to 4 times faster from 1.12.5 on.

        Orthanc 1.10.1 ignores ``ResponseContent`` silently and would list ids: ask ``system()`` first.
        """
        if not extended_find:
            return self._bulk({"Resources": [series_id], "Level": "Instance", "Metadata": True})
        query = {
            "Level": "Instance",
            "Query": {},
            "ParentSeries": series_id,
            "ResponseContent": _INSTANCE_CONTENT,
        }
        return [parse_resource(row) for row in self._json(self._api.post_tools_find, query)]

    def instance_tags(self, orthanc_id: str) -> dict[str, Any]:
        """All attributes of one instance by keyword, decoded by Orthanc from its file; sequences as lists."""
        return cast("dict[str, Any]", self._json(self._api.get_instances_id_simplified_tags, orthanc_id))

    def header(self, orthanc_id: str) -> bytes:
        """One instance as a DICOM file without pixels, its other attributes byte for byte as received.

        Orthanc makes it by a modification that it answers and doesn't store (measured: no change rows).
        """
        request = {"Remove": _BULKY, "Keep": ["SOPInstanceUID"], "Force": True}
        url = f"{self._url}/instances/{orthanc_id}/modify"
        return self._call(lambda: self._api.post(url, json=request, timeout=_HEADER_SECONDS)).content

    # Whom Orthanc knows. Its "modalities" are application entities here; names are Orthanc's ids of entries.

    def modalities(self) -> dict[str, dict[str, Any]]:
        """All entries with Orthanc's own fields (``AET``, ``Host``, ``Port``, ``AllowEcho``, …)."""
        return cast("dict[str, dict[str, Any]]", self._json(self._api.get_modalities, {"expand": ""}))

    def put_modality(self, name: str, entry: dict[str, Any]) -> None:
        """Orthanc checks next to nothing of it: empty, overlong and double AE titles get 200."""
        self._put(f"modalities/{name}", entry)

    def delete_modality(self, name: str) -> None:
        self._call(self._api.delete_modalities_id, name)

    def peers(self) -> dict[str, dict[str, Any]]:
        """All other Orthancs; passwords are null."""
        return cast("dict[str, dict[str, Any]]", self._json(self._api.get_peers, {"expand": ""}))

    def put_peer(self, name: str, entry: dict[str, Any]) -> None:
        self._put(f"peers/{name}", entry)

    def delete_peer(self, name: str) -> None:
        self._call(self._api.delete_peers_id, name)

    def echo(
        self, ae_title: str, host: str, port: int, *, local_ae_title: str = "", uses_tls: bool = False
    ) -> None:
        """A C-ECHO from Orthanc to a node, registered or not. Raises RemoteNodeFailed."""
        entry: dict[str, Any] = {
            "AET": ae_title,
            "Host": host,
            "Port": port,
            "Timeout": ECHO_SECONDS,
            "UseDicomTls": uses_tls,
        }
        if local_ae_title:
            entry["LocalAet"] = local_ae_title
        url = f"{self._url}/tools/dicom-echo"
        self._call(lambda: self._api.post(url, json=entry, timeout=ECHO_SECONDS + CONNECT_SECONDS))

    def peer_system(self, name: str) -> dict[str, Any]:
        """What a registered peer says of itself. Raises RemoteNodeFailed when it doesn't answer."""
        return cast("dict[str, Any]", self._json(self._api.get_peers_id_system, name))

    def _put(self, path: str, entry: dict[str, Any]) -> None:
        # pyorthanc's own methods accept no more fields than the Orthanc that it was generated from
        self._call(lambda: self._api.put(f"{self._url}/{path}", json=entry))

    # What Orthanc does for us or others at length

    def job_ids(self) -> list[str]:
        """Those that Orthanc remembers (``JobsHistorySize``), running ones included."""
        return cast("list[str]", self._json(self._api.get_jobs))

    def job(self, job_id: str) -> dict[str, Any]:
        """``Type``, ``State``, ``CreationTime``, ``CompletionTime``, ``ErrorDetails``, ``Content``, …"""
        return cast("dict[str, Any]", self._json(self._api.get_jobs_id, job_id))

    # Pictures and documents, for people

    def rendered(self, orthanc_id: str, frame: int, options: dict[str, str]) -> Picture:
        """A frame (from 0) as JPEG, with the file's own window unless ``options`` say otherwise.

        ``options``: ``window-center``, ``window-width``, ``width``, ``height``, ``quality``. Raises
        OrthancRefused with status 415 (400, 404, 500 on some versions) for what isn't a picture.
        """
        answer = self._call(
            self._api.get_instances_id_frames_frame_rendered,
            frame,
            orthanc_id,
            options,
            {"Accept": "image/jpeg"},
        )
        return Picture(answer.content, answer.headers["content-type"])

    def preview(self, orthanc_id: str, frame: int) -> Picture:
        """A frame (from 0) as JPEG, stretched over its own values. Raises as ``rendered`` does."""
        answer = self._call(
            self._api.get_instances_id_frames_frame_preview,
            frame,
            orthanc_id,
            None,
            {"Accept": "image/jpeg"},
        )
        return Picture(answer.content, answer.headers["content-type"])

    def stored_values(self, orthanc_id: str, frame: int, *, is_signed: bool) -> bytes:
        """A grey frame's values before the rescale: a portable arbitrary map, 16 bits, big endian."""
        api = self._api
        call = (
            api.get_instances_id_frames_frame_image_int16
            if is_signed
            else api.get_instances_id_frames_frame_image_uint16
        )
        return self._call(call, frame, orthanc_id, None, {"Accept": "image/x-portable-arbitrarymap"}).content

    def pdf(self, orthanc_id: str) -> bytes:
        """The PDF inside an Encapsulated PDF instance; OrthancRefused with status 404 for anything else."""
        return self._call(self._api.get_instances_id_pdf, orthanc_id).content

    def upload(self, dicom: bytes) -> str:
        """Store one DICOM file; answers its orthanc_id."""
        return str(self._json(self._api.post_instances, dicom)["ID"])

    def lookup(self, uid: str) -> list[str]:
        """The orthanc_ids of whatever has this UID."""
        # pyorthanc's own method sends text as a form, which httpx deprecates
        rows = self._json(self._api._post, f"{self._url}/tools/lookup", uid)  # noqa: SLF001
        return [str(row["ID"]) for row in rows]

    def delete_study(self, orthanc_id: str) -> None:
        self._call(self._api.delete_studies_id, orthanc_id)

    def delete_instance(self, orthanc_id: str) -> None:
        self._call(self._api.delete_instances_id, orthanc_id)

    # Lists in bulk

    def _bulk(self, request: dict[str, Any]) -> list[Resource]:
        if not request["Resources"]:
            return []
        return [parse_resource(row) for row in self._json(self._api.post_tools_bulk_content, request)]
