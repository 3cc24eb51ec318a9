"""What the bridge costs the modalities: C-STORE throughput with the bridge running, over Orthanc alone.

One association, one instance after the other, by DCMTK's ``storescu`` (a process of its own, which invents
new UIDs as it sends) with TCP_NODELAY, as a modality would. Runs with and without the bridge follow each
other in pairs, the order within a pair alternating; the ratio is the median of the pairs' ratios: 1 means no
cost. Every run begins alike: an empty Orthanc, with a bridge that has caught up or without, nothing left to
write to the disk, and some instances that aren't timed. Without that, what the run before left behind makes
differences of a fifth, which have nothing to do with the bridge.
``ratio`` is for 512 kB instances, ``ratio_small`` for 3 kB ones, where two processors serve three programs.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import func, select

from bench.measuring import median_ratio, rate, say
from bench.sending import LARGE, SMALL, empty, make_file, send
from bench.servers import KINDS, Databases, bridge, client_of, databases, orthanc
from database.models import Feed, Instance
from database.session import Database, make_engine
from tests.orthanc_process import OrthancProcess
from tests.waiting import wait_until

_PAIR_COUNT = 8
_WARM_UP_COUNT = 40
"""Instances before each run that nobody times: they pay for what was just started or deleted."""
_SIZES = {"large": (LARGE, 400), "small": (SMALL, 1000)}
"""Bytes of pixels, and instances a run."""


def measure() -> Iterator[dict[str, Any]]:
    with databases() as fresh, tempfile.TemporaryDirectory(prefix="noctis-bench-") as folder:
        for kind in KINDS:
            figures: dict[str, Any] = {"database": kind}
            for size, (byte_count, instance_count) in _SIZES.items():
                file = make_file(Path(folder), byte_count)
                with orthanc() as source:
                    bare, bridged = _pairs(source, fresh, kind, file, instance_count)
                suffix = "" if size == "large" else "_small"
                figures[f"ratio{suffix}"] = round(median_ratio(bridged, bare), 3)
                figures[f"bare_per_s{suffix}"] = round(median(bare), 1)
                figures[f"bridged_per_s{suffix}"] = round(median(bridged), 1)
            yield figures


def _pairs(
    source: OrthancProcess, fresh: Databases, kind: str, file: Path, instance_count: int
) -> tuple[list[float], list[float]]:
    bare: list[float] = []
    bridged: list[float] = []
    for number in range(1, _PAIR_COUNT + 1):
        for is_bridged in (False, True) if number % 2 else (True, False):
            empty(source)
            with _caught_up_bridge(source, fresh.fresh(kind)) if is_bridged else nullcontext():
                os.sync()
                send(source.dicom_port, file, _WARM_UP_COUNT)
                found = rate(lambda: send(source.dicom_port, file, instance_count))
            (bridged if is_bridged else bare).append(found)
        pair = f"{bridged[-1]:.0f} instances/s, bare {bare[-1]:.0f}"
        say(f"{kind}, {file.stem} bytes, pair {number} of {_PAIR_COUNT}: {pair}")
    return bare, bridged


@contextmanager
def _caught_up_bridge(source: OrthancProcess, url: str) -> Iterator[None]:
    """The bridge as a process, from when the database holds all that Orthanc does."""
    database = Database(make_engine(url))
    with bridge(source, url), client_of(source) as client:

        def is_level() -> bool:
            """It has begun, too: an empty database is level with an empty Orthanc before that."""
            with database.read() as session:
                count = session.scalar(select(func.count()).select_from(Instance))
                has_swept = session.scalar(select(Feed.swept_at)) is not None
            return has_swept and count == client.statistics().instance_count

        wait_until(is_level, "the bridge has caught up")
        database.engine.dispose()
        yield
