"""``python -m bench [NAME]``: one JSON line a benchmark and database on standard output, progress on standard
error.

Nothing here judges a figure: the exit code is 0 when everything was measured.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from bench import (
    bridge_memory,
    freshness,
    ingest_overhead,
    log_catch_up,
    recorder_connections,
    recorder_throughput,
    sync_catch_up,
)
from bench.measuring import say

Benchmark = Callable[[], Iterator[dict[str, Any]]]

_BENCHMARKS: dict[str, Benchmark] = {
    "sync_catch_up": sync_catch_up.measure,
    "freshness": freshness.measure,
    "ingest_overhead": ingest_overhead.measure,
    "bridge_memory": bridge_memory.measure,
    "recorder_large": partial(recorder_throughput.measure, recorder_throughput.LARGE_INSTANCES),
    "recorder_small": partial(recorder_throughput.measure, recorder_throughput.SMALL_INSTANCES),
    "recorder_default_sender": partial(recorder_throughput.measure, recorder_throughput.DEFAULT_SENDER),
    "recorder_connections": recorder_connections.measure,
    "log_catch_up": log_catch_up.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", nargs="?", choices=_BENCHMARKS, help="only this one")
    wanted = parser.parse_args().name
    for name, measure in _BENCHMARKS.items():
        if wanted in {None, name}:
            say(f"{name}: starting its servers")
            for figures in measure():
                print(json.dumps({"bench": name, **figures}), flush=True)  # noqa: T201 - what it is for


if __name__ == "__main__":
    main()
