"""Whether the bridge's memory grows with what waits: its peak syncing 200,000 changes over 10,000.

The peak is the kernel's own (VmHWM) for a whole ``python -m bridge once``. The fake Orthanc, held to the real
one by the contract suite, serves synthetic changes from a process of its own, which keeps none of them.
"""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.measuring import say
from bench.servers import KINDS, bridge, databases, fake_orthanc

_FEW, _MANY = 10_000, 200_000


def measure() -> Iterator[dict[str, Any]]:
    with databases() as fresh:
        for kind in KINDS:
            few, many = (_peak(fresh.fresh(kind), change_count) for change_count in (_FEW, _MANY))
            yield {
                "database": kind,
                "ratio": round(many / few, 3),
                "peak_mb_10000": round(few / 1024, 1),
                "peak_mb_200000": round(many / 1024, 1),
            }


def _peak(url: str, change_count: int) -> int:
    """In kB."""
    started = time.perf_counter()
    peak = 0
    with fake_orthanc(change_count) as source, bridge(source, url, "once") as process:
        # A process's status is gone when it ends: ask until then. The value only grows.
        while process.poll() is None:
            peak = max(peak, _high_water_mark(process))
            time.sleep(0.01)
        if process.returncode != 0:
            raise RuntimeError(f"the bridge ended with {process.returncode}")
    say(f"{url.split(':', 1)[0]}, {change_count} changes: {peak} kB, {time.perf_counter() - started:.1f} s")
    return peak


def _high_water_mark(process: subprocess.Popen[bytes]) -> int:
    try:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)
