"""How fast the bridge catches up: 20,000 small instances wait in a real Orthanc, the database is empty.

Three things are measured back to back in each round, with a fresh database for each that writes; the figures
are medians over the rounds, a ratio is the median of the rounds' own ratios:

- the bridge, called in this process: it was down while these came, so that its first sweep is behind it;
- the naive poller (``naive_poller.py``), on the feed's first changes only, as it would take minutes;
- the ceiling: one client that reads the same changes and the same resources in bulk and writes nothing.

None includes the start of a process: importing takes the same half second for 20,000 instances as for none.
``process_s`` shows a whole ``python -m bridge once``, for what a person waits.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from sqlalchemy import func, select

from bench.archive import fill
from bench.measuring import median_ratio, rate, say
from bench.naive_poller import NaivePoller
from bench.servers import KINDS, Databases, bridge, client_of, databases, orthanc
from bridge.feed import FeedRow, load_feed
from bridge.loop import Worker
from bridge.orthanc_client import OrthancClient, Resource
from database.models import Instance
from database.session import Database, make_engine
from tests.orthanc_process import OrthancProcess

_STUDY_COUNT = 200
_ROUND_COUNT = 5
_NAIVE_CHANGE_COUNT = 600
_PAGE = 1000


def measure() -> Iterator[dict[str, Any]]:
    # Unsynced storage and a long stable age hasten and quieten the filling; what is read stays the same
    with databases() as fresh, orthanc(SyncStorageArea=False, StableAge=3600) as source:
        instance_count = fill(source, _STUDY_COUNT)
        with client_of(source) as client:
            _read_all(client)  # warms Orthanc's cache for all alike
        for kind in KINDS:
            yield {"database": kind, "instances": instance_count, **_compare(source, fresh, kind)}


def _compare(source: OrthancProcess, fresh: Databases, kind: str) -> dict[str, float]:
    ceilings, bridges, naives = [], [], []
    for number in range(1, _ROUND_COUNT + 1):
        with client_of(source) as client:
            ceilings.append(rate(lambda client=client: _read_all(client)))  # type: ignore[misc]
        bridges.append(_bridge_rate(source, fresh.fresh(kind)))
        naives.append(_naive_rate(source, fresh.fresh(kind)))
        say(
            f"{kind}, round {number} of {_ROUND_COUNT}: instances/s by the bridge {bridges[-1]:.0f}, "
            f"naive {naives[-1]:.0f}, ceiling {ceilings[-1]:.0f}"
        )
    return {
        "ratio_to_naive": round(median_ratio(bridges, naives), 1),
        "ratio_to_ceiling": round(median_ratio(bridges, ceilings), 3),
        "bridge_per_s": round(median(bridges)),
        "naive_per_s": round(median(naives)),
        "ceiling_per_s": round(median(ceilings)),
        "process_s": round(_process_seconds(source, fresh.fresh(kind)), 2),
    }


def _bridge_rate(source: OrthancProcess, url: str) -> float:
    database = Database(make_engine(url, is_durable=False))
    with client_of(source) as client:
        feed = load_feed(database)
        FeedRow(feed.id, feed.revision, None).note_sweep(database, datetime.now(UTC), None)
        worker = Worker(database, client, timedelta(hours=1))
        assert worker.lead()

        def catch_up() -> int:
            worker.drain()
            with database.read() as session:
                return session.scalar(select(func.count()).select_from(Instance)) or 0

        found = rate(catch_up)
        worker.close()
    database.engine.dispose()
    return found


def _naive_rate(source: OrthancProcess, url: str) -> float:
    database = Database(make_engine(url))
    poller = NaivePoller(source, database)
    found = rate(lambda: poller.poll(_NAIVE_CHANGE_COUNT))
    poller.close()
    database.engine.dispose()
    return found


def _read_all(client: OrthancClient) -> int:
    """The ceiling: everything the bridge needs, once, in pages as large as the bridge's."""
    since = instance_count = 0
    known: set[str] = set()
    while True:
        page = client.changes(since, _PAGE)
        instances = client.instances(
            [change.orthanc_id for change in page.changes if change.level == "Instance"]
        )
        series = client.series(_unknown(instances, known))
        client.studies(_unknown(series, known))
        instance_count += len(instances)
        if page.is_done:
            return instance_count
        since = page.changes[-1].seq


def _unknown(children: list[Resource], known: set[str]) -> list[str]:
    parents = list(dict.fromkeys(child.parent_id for child in children if child.parent_id not in known))
    known.update(parents)
    return parents


def _process_seconds(source: OrthancProcess, url: str) -> float:
    started = time.perf_counter()
    with bridge(source, url, "once") as process:
        if process.wait() != 0:
            raise RuntimeError(f"the bridge ended with {process.returncode}")
    return time.perf_counter() - started
