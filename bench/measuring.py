"""Small things that all benchmarks share: progress, rates, medians."""

import gc
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median


def say(text: str) -> None:
    """Progress, on standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def rate(work: Callable[[], int]) -> float:
    """How many a second: ``work`` answers how many it did."""
    gc.collect()
    started = time.perf_counter()
    count = work()
    return count / (time.perf_counter() - started)


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the pairs' ratios: each pair was measured back to back, so that drift cancels out."""
    return median(one / other for one, other in zip(ours, theirs, strict=True))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of all values don't exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, -(-int(share * 1000) * len(ordered) // 1000) - 1)]
