"""From the change feed to batches: which resources were touched, read in bulk, with the position to commit.

Reads only; ``studies`` writes. A batch is one page of changes: what it holds and the position after it belong
in one transaction. Reading may run one batch ahead of writing: the position travels inside the batch.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from bridge.character_sets import needs_header, read_header
from bridge.cursor import Cursor, Position
from bridge.dicom_values import parse_orthanc_date
from bridge.errors import OrthancRefused, OrthancTimeout, OrthancUnavailable
from bridge.orthanc_answers import Change, Resource
from bridge.orthanc_client import OrthancClient

PAGE_LENGTH = 1000
_GAP_INTERVAL = timedelta(seconds=1)
_NO_HEADER = "its file can't be read for names and age: they are as Orthanc decodes them"
_KNOWN_PARENTS = 20_000  # ids remembered, so that a growing series isn't read again with every instance


@dataclass(slots=True)
class Resources:
    """What was read, and what couldn't be: ``gone`` no longer exists, ``unreadable`` says why not."""

    studies: dict[str, Resource] = field(default_factory=dict)
    series: dict[str, Resource] = field(default_factory=dict)
    instances: dict[str, Resource] = field(default_factory=dict)
    gone_instances: set[str] = field(default_factory=set)
    unreadable: dict[tuple[str, str], str] = field(default_factory=dict)
    """``(level, orthanc_id)`` → reason."""


@dataclass(slots=True)
class Batch:
    position: Position
    change_count: int
    is_done: bool
    """Whether the feed had nothing after this batch when it was read."""
    resources: Resources
    wants_sweep: bool = False
    """Nothing that we knew of the feed is left: it can't have told all."""
    begins_epoch: bool = False
    """Another Orthanc's feed begins here; nothing was read yet."""
    is_in_doubt: bool = False
    """The feed seems shorter than it was: the next reading tells whether it's another one."""


class ChangeReader:
    """Follows one feed. Not for two threads at once."""

    def __init__(self, client: OrthancClient, studies: "StudyReader", cursor: Cursor) -> None:
        self._client = client
        self._studies = studies
        self._cursor = cursor
        self._known: dict[str, None] = {}
        self._gaps_read_at = datetime.min.replace(tzinfo=UTC)

    def read(self) -> Batch:
        """The next batch; empty when nothing is new. Raises FeedRewound, OrthancUnavailable."""
        now = datetime.now(UTC)
        page = self._client.changes(self._cursor.since, PAGE_LENGTH)
        has_lost_its_tail = False
        if self._cursor.anchor_is_missing(page):
            self._prune_tail()
            has_lost_its_tail = not self._cursor.position.tail
            page = self._client.changes(self._cursor.since, PAGE_LENGTH)
        high = self._cursor.position.high
        if page.changes and page.changes[-1].seq < high:
            # Deleted resources took their rows along. Where the feed ends, only an empty page tells.
            page = replace(page, last=self._client.changes(high, 1).last)
        clock = parse_orthanc_date(self._client.now()) if self._cursor.has_gap(page) else None
        changes = self._cursor.take(page, now, clock) + self._late(now)
        return Batch(
            position=self._cursor.position,
            change_count=len(changes),
            is_done=page.is_done or not page.changes,
            resources=self._read_touched(changes),
            wants_sweep=has_lost_its_tail,
            is_in_doubt=self._cursor.is_in_doubt,
        )

    def _prune_tail(self) -> None:
        first = self._cursor.position.tail[0][0]
        self._cursor.prune_tail(self._client.changes(first - 1, PAGE_LENGTH))

    def _late(self, now: datetime) -> list[Change]:
        """What appeared in the open gaps since they were last read, at most once a second."""
        if not self._cursor.gaps or now - self._gaps_read_at < _GAP_INTERVAL:
            return []
        self._gaps_read_at = now
        found: list[Change] = []
        for first, last in self._cursor.gap_ranges():
            since = first - 1
            while since < last:
                rows = self._client.changes(since, min(PAGE_LENGTH, last - since)).changes
                found += [row for row in rows if row.seq <= last]
                since = rows[-1].seq if rows else last
        return self._cursor.fill(found, now)

    def _read_touched(self, changes: list[Change]) -> Resources:
        touched = {
            level: dict.fromkeys(change.orthanc_id for change in changes if change.level == level)
            for level in ("Study", "Series", "Instance")
        }
        found = Resources()
        if not changes:
            return found
        found.instances = self._bulk("instance", self._client.instances, touched["Instance"], found)
        found.gone_instances = {
            id_
            for id_ in touched["Instance"]
            if id_ not in found.instances and ("instance", id_) not in found.unreadable
        }
        series = touched["Series"] | self._unknown(found.instances.values())
        found.series = self._bulk("series", self._client.series, series, found)
        studies = touched["Study"] | self._unknown(found.series.values())
        found.studies = self._bulk("study", self._studies.read, studies, found)
        self._remember(found)
        return found

    def _unknown(self, children: Iterable[Resource]) -> dict[str, None]:
        return dict.fromkeys(child.parent_id for child in children if child.parent_id not in self._known)

    def _remember(self, found: Resources) -> None:
        self._known |= dict.fromkeys([*found.series, *found.studies])
        while len(self._known) > _KNOWN_PARENTS:
            self._known.pop(next(iter(self._known)))

    def _bulk(
        self,
        level: str,
        read: Callable[[Iterable[str]], list[Resource]],
        orthanc_ids: Iterable[str],
        found: Resources,
    ) -> dict[str, Resource]:
        resources, refused = read_bulk(self._client, read, list(orthanc_ids))
        found.unreadable |= {(level, id_): reason for id_, reason in refused.items()}
        return {resource.orthanc_id: resource for resource in resources}


class StudyReader:
    """Reads studies with their texts as they should be; most need nothing beyond the one bulk request."""

    def __init__(self, client: OrthancClient) -> None:
        self._client = client
        self._failed: set[str] = set()

    def read(self, orthanc_ids: Iterable[str]) -> list[Resource]:
        return [
            self._with_header(study) if needs_header(study) else study
            for study in self._client.studies(orthanc_ids)
        ]

    def _with_header(self, study: Resource) -> Resource:
        """Orthanc's own text is kept where the file can't be had or read: it isn't worth the feed.

        A file that fails once isn't asked for again: it may be one that takes Orthanc down.
        """
        if study.orthanc_id in self._failed:
            return replace(study, blemish=_NO_HEADER)
        try:
            series = self._client.series(study.children[:1])
            instance_ids = series[0].children if series else ()
            return read_header(study, self._client.header(instance_ids[0])) if instance_ids else study
        except Exception:  # noqa: BLE001 - pydicom meets broken files with exceptions of every kind
            self._failed.add(study.orthanc_id)
            return replace(study, blemish=_NO_HEADER)


def read_bulk(
    client: OrthancClient, read: Callable[[Iterable[str]], list[Resource]], orthanc_ids: list[str]
) -> tuple[list[Resource], dict[str, str]]:
    """Read resources in one request; when Orthanc chokes on one of them, find it by halving.

    To choke is to refuse, or not to answer in time. Answers the resources and, by id, why the others can't
    be read. Raises OrthancUnavailable when it isn't the resources: Orthanc can't even count what it has.
    """
    resources: list[Resource] = []
    refused: dict[str, str] = {}
    pending = [orthanc_ids] if orthanc_ids else []
    while pending:
        part = pending.pop()
        try:
            resources += read(part)
        except (OrthancRefused, OrthancTimeout) as error:
            _require_health(client)
            if len(part) == 1:
                how = f"HTTP {error.status}" if isinstance(error, OrthancRefused) else "no answer in time"
                refused[part[0]] = f"Orthanc can't describe it ({how})"
            else:
                half = len(part) // 2
                pending += [part[half:], part[:half]]
    return resources, refused


def _require_health(client: OrthancClient) -> None:
    try:
        client.statistics()
    except OrthancRefused as refusal:
        raise OrthancUnavailable(f"Orthanc is out of order: {refusal}") from refusal
