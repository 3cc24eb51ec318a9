"""What keeps one trouble from taking every thread: places at Orthanc, and pauses after wrong passwords.

Kept in memory, so that each of gunicorn's workers counts for itself.
"""

import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock

from bridge.errors import OrthancUnavailable

_SLOW_SECONDS = 5.0
_PAUSE_SECONDS = 5.0
_QUEUE_SECONDS = 2.0
_FREE_ATTEMPTS = 5
_LONGEST_REFUSAL_SECONDS = 300.0
_FORGOTTEN_AFTER_SECONDS = 900.0
_MOST_KEYS = 10_000


class OrthancGate:
    """Lets a few requests in at a time, and none for a while after one has waited in vain."""

    def __init__(self, places: int) -> None:
        self.places = BoundedSemaphore(places)
        self._queue = BoundedSemaphore(places)
        self._shut_until = 0.0

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Raises OrthancUnavailable: at once after a failure or when many wait already, else after 2 s.

        A thread that waits serves no worklist; but a page of thumbnails asks for more than there are places.
        """
        began = time.monotonic()
        if began < self._shut_until:
            raise OrthancUnavailable("Orthanc did not answer a moment ago")
        self._take_place()
        try:
            yield
        except OrthancUnavailable:
            now = time.monotonic()
            if now - began >= _SLOW_SECONDS:  # a refused connection costs nobody's time
                self._shut_until = now + _PAUSE_SECONDS
            raise
        finally:
            self.places.release()

    def _take_place(self) -> None:
        if self.places.acquire(blocking=False):
            return
        busy = OrthancUnavailable("too many requests wait for Orthanc")
        if not self._queue.acquire(blocking=False):
            raise busy
        try:
            if not self.places.acquire(timeout=_QUEUE_SECONDS):
                raise busy
        finally:
            self._queue.release()


class SignInPauses:
    """After five wrong passwords for a name from one address, that pair waits, longer each time.

    Nobody is locked out for good, and nobody can lock out another address.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._wrong: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def seconds_left(self, username: str, address: str) -> float:
        with self._lock:
            count, last = self._wrong.get((username, address), (0, 0.0))
        if count < _FREE_ATTEMPTS:
            return 0.0
        pause = min(_PAUSE_SECONDS * 2.0 ** min(count - _FREE_ATTEMPTS, 10), _LONGEST_REFUSAL_SECONDS)
        return max(0.0, last + pause - time.monotonic())

    def note_wrong(self, username: str, address: str) -> None:
        now, key = time.monotonic(), (username, address)
        with self._lock:
            count, last = self._wrong.pop(key, (0, now))
            self._wrong[key] = (1 if now - last > _FORGOTTEN_AFTER_SECONDS else count + 1, now)
            while len(self._wrong) > _MOST_KEYS:
                self._wrong.popitem(last=False)

    def forget(self, username: str, address: str) -> None:
        with self._lock:
            self._wrong.pop((username, address), None)
