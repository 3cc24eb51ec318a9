"""What the recorder costs the modalities, or saves them: C-STORE through it, over straight to Orthanc.

The same ``storescu`` sends the same file over one association to the same Orthanc, now to the recorder's
port, now to Orthanc's own. Both runs of a pair follow each other at once, the order alternating from pair to
pair; the ratio is the median of the pairs' ratios: 1 means no cost. Every run begins alike: an empty Orthanc,
nothing left to write to the disk, and some instances that aren't timed.

- ``recorder_large``: instances of 512 kB, without Nagle's algorithm in the sender and in Orthanc, as
  ``make run`` starts it.
- ``recorder_small``: the same with 3 kB, where every message costs more than its bytes, and two processors
  serve three programs.
- ``recorder_default_sender``: 3 kB, sender and Orthanc with Debian's defaults. Nagle's algorithm on one side
  and delayed ACKs on the other wait for each other in every instance, unless the recorder stands between.
"""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.measuring import median_ratio, rate, say
from bench.sending import LARGE, NO_NAGLE, SMALL, empty, make_file, send
from bench.servers import orthanc
from tests.orthanc_process import OrthancProcess
from tests.recorders import RecorderProcess


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is sent in each of a benchmark's runs. ``environment`` is the sender's and Orthanc's."""

    pixel_byte_count: int
    instance_count: int
    warm_up_count: int
    """Instances before each run that nobody times: they pay for what was just deleted."""
    pair_count: int
    environment: dict[str, str]


LARGE_INSTANCES = Load(
    pixel_byte_count=LARGE, instance_count=150, warm_up_count=30, pair_count=30, environment=NO_NAGLE
)
SMALL_INSTANCES = Load(
    pixel_byte_count=SMALL, instance_count=500, warm_up_count=30, pair_count=30, environment=NO_NAGLE
)
DEFAULT_SENDER = Load(
    pixel_byte_count=SMALL, instance_count=60, warm_up_count=5, pair_count=5, environment={}
)


def measure(load: Load) -> Iterator[dict[str, Any]]:
    assert "TCP_NODELAY" not in os.environ, "TCP_NODELAY is set: nothing would run with Debian's defaults"
    with (
        tempfile.TemporaryDirectory(prefix="noctis-bench-") as folder,
        orthanc(environment=load.environment) as source,
        RecorderProcess(source.dicom_port) as recorder,
    ):
        file = make_file(Path(folder), load.pixel_byte_count)
        direct: list[float] = []
        recorded: list[float] = []
        for number in range(1, load.pair_count + 1):
            runs = [(direct, source.dicom_port), (recorded, recorder.port)]
            for found, port in runs if number % 2 else reversed(runs):
                found.append(_run(source, port, file, load))
            pair = f"{recorded[-1]:.0f} instances/s, direct {direct[-1]:.0f}"
            say(f"pair {number} of {load.pair_count}: {pair}")
        yield {
            "ratio": round(median_ratio(recorded, direct), 3),
            "direct_per_s": round(median(direct), 1),
            "recorded_per_s": round(median(recorded), 1),
        }


def _run(source: OrthancProcess, port: int, file: Path, load: Load) -> float:
    """Instances a second."""
    empty(source)
    os.sync()
    send(port, file, load.warm_up_count, load.environment)
    return rate(lambda: send(port, file, load.instance_count, load.environment))
