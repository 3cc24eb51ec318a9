"""Waiting for a condition: tests never sleep and hope."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], what: str, *, seconds: float = 60.0) -> None:
    """Poll until ``condition()`` is true. Raises TimeoutError, which says what didn't come."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"still not so after {seconds:.0f} s: {what}")
        time.sleep(0.02)
