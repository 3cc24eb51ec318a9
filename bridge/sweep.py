"""Comparing all of Orthanc with the reporting database: finds what the change feed can't tell.

Deletions are in no feed; a restored or replaced Orthanc, a trimmed feed and rows lost with their database
leave no trace in it either. A sweep goes in small steps, so that the feed is followed in between; what a
step finds gone is asked for by id right before it is marked, as it may have come after the list was read.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from bridge.changes import Resources, StudyReader, read_bulk
from bridge.character_sets import needs_header
from bridge.departures import mark_orphans, mark_series, mark_studies
from bridge.differences import that_differ
from bridge.errors import OrthancRefused, OrthancTimeout
from bridge.feed import FeedRow, load_feed
from bridge.orthanc_answers import Resource
from bridge.orthanc_client import OrthancClient
from bridge.sync import write_resources
from database.models import Instance, ResourceLevel, Series, Study, SyncProblem
from database.session import Database

_STUDIES_A_STEP = 20
_INSTANCES_A_WRITE = 500  # keeps a transaction well under 200 ms on SQLite


@dataclass(slots=True)
class Findings:
    """What a sweep saw (studies) and did (studies, series and instances written, or marked as gone)."""

    studies: int = 0
    added: int = 0
    deleted: int = 0


class Sweep:
    """One comparison. Iterate ``steps`` to its end; it may be dropped at any point and begun anew."""

    def __init__(self, database: Database, client: OrthancClient, row: FeedRow, studies: StudyReader) -> None:
        self._database = database
        self._client = client
        self._row = row
        self._studies = studies
        self._extended_find = client.system().has_extended_find
        feed = load_feed(database)
        self._requested_at = feed.sweep_requested_at
        # Another Orthanc may hold other values under the same ids: write everything again.
        self._refresh = feed.swept_at is None and feed.epoch > 0
        self.started_at = datetime.now(UTC)
        self.findings = Findings()

    def steps(self) -> Iterator[None]:
        """Each step is short, so that the feed can be followed in between."""
        listed = self._client.study_ids()
        self.findings.studies = len(listed)
        gone = sorted(self._live_studies() - set(listed))
        for start in range(0, len(gone), _STUDIES_A_STEP):
            self._mark_gone(gone[start : start + _STUDIES_A_STEP])
            yield
        for start in range(0, len(listed), _STUDIES_A_STEP):
            yield from self._compare(listed[start : start + _STUDIES_A_STEP])
            yield
        self._finish()

    def _live_studies(self) -> set[str]:
        with self._database.read() as session:
            query = select(Study.orthanc_id).where(Study.feed_id == self._row.id, Study.deleted_at.is_(None))
            return set(session.scalars(query))

    def _mark_gone(self, orthanc_ids: list[str]) -> None:
        back, unreadable = read_bulk(self._client, self._client.studies, orthanc_ids)
        gone = set(orthanc_ids) - {study.orthanc_id for study in back} - set(unreadable)
        if gone:
            self.findings.deleted += mark_studies(self._database, self._row, gone)

    def _compare(self, study_ids: list[str]) -> Iterator[None]:
        """Make these studies' rows equal to what Orthanc holds of them now."""
        series, unreadable = read_bulk(self._client, self._client.series_of_studies, study_ids)
        with self._database.read() as session:
            known = _Known(session, self._row.id, study_ids)
        found = self._read_what_differs(study_ids, series, known)
        found.unreadable |= {("study", id_): reason for id_, reason in unreadable.items()}
        self._write(found)
        for one in series:
            yield from self._compare_instances(one, known)
        self._mark_gone_series(sorted(known.series - {one.orthanc_id for one in series}))

    def _read_what_differs(self, study_ids: list[str], series: list[Resource], known: "_Known") -> Resources:
        """Studies and series that the database lacks, or has otherwise, or had a problem with."""
        lacking = {id_ for id_ in study_ids if self._refresh or known.lacks_study(id_)}
        plain, refused = read_bulk(
            self._client, self._client.studies, [id_ for id_ in study_ids if id_ not in lacking]
        )
        others = self._that_differ(ResourceLevel.STUDY, plain)
        doubtful = {study.orthanc_id for study in others if needs_header(study)}
        studies, refused_too = read_bulk(self._client, self._studies.read, sorted(lacking | doubtful))
        read_again = [study for study in studies if study.orthanc_id in doubtful]
        lacking_series = [one for one in series if self._refresh or known.lacks_series(one.orthanc_id)]
        found = [
            *(study for study in studies if study.orthanc_id in lacking),
            *(study for study in others if study.orthanc_id not in doubtful),
            *self._that_differ(ResourceLevel.STUDY, read_again),
        ]
        return Resources(
            studies={one.orthanc_id: one for one in found},
            series={
                one.orthanc_id: one
                for one in [*lacking_series, *self._that_differ(ResourceLevel.SERIES, series)]
            },
            unreadable={("study", id_): reason for id_, reason in (refused | refused_too).items()},
        )

    def _that_differ(self, level: ResourceLevel, resources: list[Resource]) -> list[Resource]:
        with self._database.read() as session:
            return that_differ(session, self._row.id, level, resources)

    def _compare_instances(self, series: Resource, known: "_Known") -> Iterator[None]:
        rows = known.instances_of(series.orthanc_id)
        missing = [
            id_ for id_ in series.children if self._refresh or id_ not in rows or id_ in known.problems
        ]
        self._mark_gone_instances(sorted(rows - set(series.children)))
        if self._extended_find and missing and len(missing) == len(series.children):
            with suppress(OrthancRefused, OrthancTimeout):  # below, the one that is to blame is found
                listed = self._client.instances_of_series(series.orthanc_id, extended_find=True)
                for start in range(0, len(listed), _INSTANCES_A_WRITE):
                    self._write_instances(listed[start : start + _INSTANCES_A_WRITE], {})
                    yield
                # LimitFindInstances may have cut the list
                missing = sorted(set(missing) - {one.orthanc_id for one in listed})
        for start in range(0, len(missing), _INSTANCES_A_WRITE):
            ids = missing[start : start + _INSTANCES_A_WRITE]
            self._write_instances(*read_bulk(self._client, self._client.instances, ids))
            yield

    def _write_instances(self, instances: list[Resource], refused: dict[str, str]) -> None:
        self._write(
            Resources(
                instances={one.orthanc_id: one for one in instances},
                unreadable={("instance", id_): reason for id_, reason in refused.items()},
            )
        )

    def _write(self, found: Resources) -> None:
        write_resources(self._database, self._row, found)
        self.findings.added += len(found.studies) + len(found.series) + len(found.instances)

    def _mark_gone_instances(self, orthanc_ids: list[str]) -> None:
        for start in range(0, len(orthanc_ids), _INSTANCES_A_WRITE):
            part = orthanc_ids[start : start + _INSTANCES_A_WRITE]
            back, unreadable = read_bulk(self._client, self._client.instances, part)
            gone = set(part) - {one.orthanc_id for one in back} - set(unreadable)
            write_resources(self._database, self._row, Resources(gone_instances=gone))
            self.findings.deleted += len(gone)

    def _mark_gone_series(self, orthanc_ids: list[str]) -> None:
        back, unreadable = read_bulk(self._client, self._client.series, orthanc_ids)
        gone = set(orthanc_ids) - {one.orthanc_id for one in back} - set(unreadable)
        if gone:
            self.findings.deleted += mark_series(self._database, self._row, gone)

    def _finish(self) -> None:
        """Each problem was tried again: one that this sweep didn't see any more is about something gone."""
        with self._database.write() as session:
            session.execute(
                delete(SyncProblem).where(
                    SyncProblem.feed_id == self._row.id, SyncProblem.last_seen_at < self.started_at
                )
            )
            self._row.guard(session)
        self.findings.deleted += mark_orphans(self._database, self._row)
        self._row.note_sweep(self._database, self.started_at, self._requested_at)


class _Known:
    """What the database holds, live, of a few studies; and what was wrong with any of it."""

    def __init__(self, session: Session, feed_id: int, study_ids: list[str]) -> None:
        self.problems = set(
            session.scalars(select(SyncProblem.orthanc_id).where(SyncProblem.feed_id == feed_id))
        )
        of_these = (Study.feed_id == feed_id, Study.orthanc_id.in_(study_ids), Study.deleted_at.is_(None))
        self._studies = set(session.scalars(select(Study.orthanc_id).where(*of_these)))
        series = session.execute(
            select(Series.id, Series.orthanc_id)
            .join(Study, Series.study_id == Study.id)
            .where(*of_these, Series.deleted_at.is_(None))
        ).all()
        names: dict[int, str] = dict(series)
        self.series = set(names.values())
        self._instances: dict[str, set[str]] = {name: set() for name in self.series}
        for series_id, orthanc_id in session.execute(
            select(Instance.series_id, Instance.orthanc_id).where(
                Instance.series_id.in_(names), Instance.deleted_at.is_(None)
            )
        ):
            self._instances[names[series_id]].add(orthanc_id)

    def lacks_study(self, orthanc_id: str) -> bool:
        return orthanc_id not in self._studies or orthanc_id in self.problems

    def lacks_series(self, orthanc_id: str) -> bool:
        return orthanc_id not in self.series or orthanc_id in self.problems

    def instances_of(self, series_orthanc_id: str) -> set[str]:
        return self._instances.get(series_orthanc_id, set())
