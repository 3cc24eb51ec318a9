"""How soon an arriving study is on the worklist in full, while two modalities go on sending.

The clock starts at the C-STORE response to a study's last instance, and stops when the worklist's own query
(the first page, as an administrator sees it) shows the study with all its series and instances. Two senders,
each with its own AE title, send study after study with a short pause between them, as scanners do; the bridge
runs as its own process. The query is repeated every few milliseconds, by a process of its own, so that
neither the senders' nor our own work delays what is measured; that resolution is part of the figures.
"""

import multiprocessing
import queue
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.synchronize import Event
from statistics import median
from typing import Any

from bench.measuring import percentile, say
from bench.servers import KINDS, bridge, databases, orthanc
from bridge.scu import is_stored, store
from database.models import Role, User
from database.session import Database, make_engine
from emulator.studies import make_study
from tests.orthanc_process import AE_TITLE, OrthancProcess
from webapp.paging import fetch_page
from webapp.sorting import Sort
from webapp.visibility import visible_facilities, visible_studies
from webapp.worklist import PAGE_SIZE
from webapp.worklist_filters import Filters

_STUDIES_A_SENDER = 30
_SERIES_A_STUDY = 2
_INSTANCES_A_SERIES = 10
_PAUSE_SECONDS = 0.5
_QUERY_SECONDS = 0.005
_LONGEST_WAIT_SECONDS = 60.0

Seen = dict[str, float]
"""StudyInstanceUID to the moment at which the worklist showed it in full."""


def measure() -> Iterator[dict[str, Any]]:
    with databases() as fresh:
        for kind in KINDS:
            with orthanc() as source:
                url = fresh.fresh(kind)
                with bridge(source, url):
                    delays = _delays(source, url)
            say(f"{kind}: {len(delays)} studies, slowest {max(delays):.3f} s")
            yield {
                "database": kind,
                "median_s": round(median(delays), 3),
                "p95_s": round(percentile(delays, 0.95), 3),
                "max_s": round(max(delays), 3),
                "studies": len(delays),
            }


def _delays(source: OrthancProcess, url: str) -> list[float]:
    with _Watcher(url) as watcher:
        _send_study(source, "WARMUP", 0)
        watcher.wait_for(1)
        with ThreadPoolExecutor(2) as senders:
            jobs = [senders.submit(_send_studies, source, f"SENDER{number}") for number in (1, 2)]
            stored = [item for job in jobs for item in job.result()]
        seen = watcher.wait_for(1 + len(stored))
    return [max(0.0, seen[uid] - stored_at) for uid, stored_at in stored]


def _send_studies(source: OrthancProcess, ae_title: str) -> list[tuple[str, float]]:
    sent = []
    for number in range(_STUDIES_A_SENDER):
        sent.append(_send_study(source, ae_title, number))
        time.sleep(_PAUSE_SECONDS)
    return sent


def _send_study(source: OrthancProcess, ae_title: str, number: int) -> tuple[str, float]:
    """The study's UID, and when its last instance was acknowledged."""
    datasets = make_study(
        seed=f"{ae_title} {number}",
        patient_id=f"{ae_title}-{number}",
        series_count=_SERIES_A_STUDY,
        instance_count=_INSTANCES_A_SERIES,
        pixel_byte_count=2048,
    )
    answered_at: list[float] = []
    statuses = store(
        datasets,
        "127.0.0.1",
        source.dicom_port,
        ae_title,
        AE_TITLE,
        lambda _dataset, _status: answered_at.append(time.monotonic()),
    )
    if not all(map(is_stored, statuses)):
        raise RuntimeError("Orthanc refused an instance")
    return datasets[0].StudyInstanceUID, answered_at[-1]


class _Watcher:
    """Asks the worklist again and again, in a process of its own, and notes when each study is complete."""

    def __init__(self, url: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._found: multiprocessing.Queue[tuple[str, float]] = context.Queue()
        self._stop = context.Event()
        self._process = context.Process(target=_watch, args=(url, self._found, self._stop), daemon=True)
        self._seen: Seen = {}

    def __enter__(self) -> "_Watcher":
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._process.join()

    def wait_for(self, study_count: int) -> Seen:
        deadline = time.monotonic() + _LONGEST_WAIT_SECONDS
        while len(self._seen) < study_count:
            try:
                uid, at = self._found.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise TimeoutError("studies are missing from the worklist") from None
            self._seen[uid] = at
        return self._seen


def _watch(url: str, found: "multiprocessing.Queue[tuple[str, float]]", stop: Event) -> None:
    database = Database(make_engine(url))
    reader = User(username="bench", role=Role.ADMINISTRATOR)
    seen: set[str] = set()
    while not stop.is_set():
        with database.read() as session:
            studies = Filters().apply(visible_studies(reader), visible_facilities(reader), 60, reader.id)
            page = fetch_page(session, studies, Sort.parse(""), None, PAGE_SIZE)
        at = time.monotonic()
        for study in page.studies:
            is_full = study.instance_count == _SERIES_A_STUDY * _INSTANCES_A_SERIES
            if is_full and study.series_count == _SERIES_A_STUDY and study.study_instance_uid not in seen:
                seen.add(study.study_instance_uid)
                found.put((study.study_instance_uid, at))
        time.sleep(_QUERY_SECONDS)
