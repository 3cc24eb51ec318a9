"""Modalities that send at the same time, and the account of what was answered."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from threading import Lock

from bridge.scu import NO_RESPONSE, NOT_NEGOTIATED, AssociationError, is_stored, store
from emulator.demo import DemoStudy

_FAILURES = {
    NO_RESPONSE: "no answer came",
    NOT_NEGOTIATED: "the server takes no objects of this kind or encoding",
    0x0110: "the server failed while processing it",
    0x0111: "duplicate SOP instance",
    0x0117: "invalid SOP instance",
    0x0124: "not authorised",
    0x0210: "duplicate invocation",
    0x0211: "unrecognised operation",
    0x0212: "mistyped argument",
}
_FAILURE_RANGES = (
    (0xA700, 0xA7FF, "the server is out of resources"),
    (0xA900, 0xA9FF, "the data set doesn't match its SOP class"),
    (0xC000, 0xCFFF, "the server can't understand it"),
)


@dataclass(frozen=True)
class Server:
    host: str
    port: int
    called_ae_title: str


@dataclass
class Outcome:
    """What became of all instances. ``failures`` counts them by modality and reason, without patient data."""

    stored_count: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def count(self, calling_ae_title: str, status: int) -> None:
        with self._lock:
            if is_stored(status):
                self.stored_count += 1
            else:
                self.failures[f"{calling_ae_title}: {describe(status)}"] += 1

    def count_unsent(self, calling_ae_title: str, reason: str, instance_count: int) -> None:
        with self._lock:
            self.failures[f"{calling_ae_title}: {reason}"] += instance_count


def describe(status: int) -> str:
    """A failure status in words."""
    words = _FAILURES.get(status) or next(
        (words for first, last, words in _FAILURE_RANGES if first <= status <= last), "refused"
    )
    return words if status == NO_RESPONSE else f"{words} (status 0x{status:04X})"


def send(
    studies: Sequence[DemoStudy],
    server: Server,
    today: date,
    on_instance: Callable[[], object],
    on_study: Callable[[DemoStudy, int], object],
) -> Outcome:
    """Each modality sends its studies one after the other, one association a study; all modalities at once.

    ``on_instance`` hears of each answer, ``on_study`` how many instances of a study were stored; both
    are called from the modalities' threads.
    """
    outcome = Outcome()
    by_modality: dict[str, list[DemoStudy]] = {}
    for study in studies:
        by_modality.setdefault(study.calling_ae_title, []).append(study)

    def work(own: list[DemoStudy]) -> None:
        for study in own:
            on_study(study, _send_study(study, server, today, outcome, on_instance))

    with ThreadPoolExecutor(max_workers=max(len(by_modality), 1)) as modalities:
        list(modalities.map(work, by_modality.values()))
    return outcome


def _send_study(
    study: DemoStudy, server: Server, today: date, outcome: Outcome, on_instance: Callable[[], object]
) -> int:
    """How many of its instances were stored."""

    def count(_dataset: object, status: int) -> None:
        outcome.count(study.calling_ae_title, status)
        on_instance()

    calling, called = study.calling_ae_title, server.called_ae_title
    try:
        statuses = store(study.datasets(today), server.host, server.port, calling, called, on_answer=count)
    except AssociationError as error:
        outcome.count_unsent(calling, str(error), study.instance_count)
        return 0
    return sum(map(is_stored, statuses))
