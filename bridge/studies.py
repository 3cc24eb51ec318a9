"""From what Orthanc described to rows: studies, series, instances, words and problems, set by set.

Writes only, inside the caller's transaction; reads nothing from Orthanc. Every write is an upsert of what
Orthanc says now, so that repeating any of it changes nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, Select, delete, exists, func, select, update
from sqlalchemy.orm import Session

from bridge.changes import Resources
from bridge.dicom_values import Attributes
from bridge.errors import BadResource
from bridge.orthanc_answers import Resource
from bridge.rows import Row, instance_row, series_row, study_row
from database.models import Base, Instance, ResourceLevel, Series, Study, StudyWord, SyncProblem
from database.upsert import upsert
from database.words import words_of


class StudyWriter:
    """Keeps one feed's rows. One object a transaction."""

    def __init__(self, session: Session, feed_id: int, now: datetime) -> None:
        self._session = session
        self._feed_id = feed_id
        self._now = now
        self._problems: dict[str, Problem] = {}

    def write(self, found: Resources) -> None:
        """Upsert everything that was read, mark what is gone, recount what was touched, keep the problems."""
        self._problems = {
            orthanc_id: Problem(ResourceLevel(level), reason, is_kept=False)
            for (level, orthanc_id), reason in found.unreadable.items()
        }
        self._upsert_studies(found.studies.values())
        series_ids = self._upsert_series(found.series.values(), found.instances.values())
        self._upsert_instances(found.instances.values(), series_ids)
        gone_from = self._mark_gone_instances(found.gone_instances)
        self.recount({*series_ids.values(), *gone_from}, found.studies)
        self._keep_problems([*found.studies, *found.series, *found.instances, *found.gone_instances])

    def that_differ(self, level: ResourceLevel, resources: Sequence[Resource]) -> list[Resource]:
        """Those whose rows would change: a sweep leaves the others, and their ``updated_at``, alone."""
        model: type[Study | Series] = Study if level == ResourceLevel.STUDY else Series
        make = study_row if level == ResourceLevel.STUDY else series_row
        rows = {row["orthanc_id"]: row for row in self._rows(level, resources, make)}
        query: Select[Any] = select(model).where(model.feed_id == self._feed_id, model.orthanc_id.in_(rows))
        known = {one.orthanc_id: one for one in self._session.scalars(query)}
        return [
            resource
            for resource in resources
            if (row := rows.get(resource.orthanc_id)) is not None
            and (one := known.get(resource.orthanc_id)) is not None
            and any(getattr(one, column) != value for column, value in row.items())
        ]

    # Upserts

    def _upsert_studies(self, resources: Iterable[Resource]) -> None:
        rows = self._rows(ResourceLevel.STUDY, resources, study_row)
        defaults = {
            "feed_id": self._feed_id,
            "modalities": "",
            "series_count": 0,
            "instance_count": 0,
            "received_at": self._now,
            "last_received_at": self._now,
            "created_at": self._now,
        }
        self._upsert(Study, [defaults | row | {"updated_at": self._now} for row in rows], keep=defaults)
        self._replace_words(rows)

    def _upsert_series(self, series: Iterable[Resource], instances: Iterable[Resource]) -> dict[str, int]:
        """Answers the database's ids of all series that were read or that the instances belong to."""
        parents = {resource.orthanc_id: resource.parent_id for resource in series}
        study_ids = self._ids(Study, set(parents.values()))
        rows = self._rows(
            ResourceLevel.SERIES,
            (resource for resource in series if resource.parent_id in study_ids),
            series_row,
        )
        defaults = {"feed_id": self._feed_id, "instance_count": 0}
        self._upsert(
            Series,
            [defaults | row | {"study_id": study_ids[parents[row["orthanc_id"]]]} for row in rows],
            keep=defaults,
        )
        wanted = {row["orthanc_id"] for row in rows} | {instance.parent_id for instance in instances}
        return self._ids(Series, wanted)

    def _upsert_instances(self, instances: Iterable[Resource], series_ids: Mapping[str, int]) -> None:
        kept = {one.orthanc_id: one.parent_id for one in instances if one.parent_id in series_ids}
        rows = self._rows(
            ResourceLevel.INSTANCE,
            (one for one in instances if one.orthanc_id in kept),
            lambda resource, attributes: instance_row(resource, attributes, self._now),
        )
        for row in rows:
            row["feed_id"] = self._feed_id
            row["series_id"] = series_ids[kept[row["orthanc_id"]]]
        self._upsert(Instance, rows, keep={"feed_id"})

    def _rows(
        self,
        level: ResourceLevel,
        resources: Iterable[Resource],
        make: Callable[[Resource, Attributes], Row],
    ) -> list[Row]:
        rows = []
        for resource in resources:
            attributes = Attributes(resource.tags)
            is_kept = False
            try:
                rows.append(make(resource, attributes))
                is_kept = True
            except BadResource as error:
                attributes.blemishes.append(str(error))
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                # Nothing that one resource holds may stop the feed.
                attributes.blemishes.append(f"its description can't be understood ({type(error).__name__})")
            if attributes.blemishes or resource.blemish:
                reason = "; ".join([*attributes.blemishes, *filter(None, [resource.blemish])])
                self._problems[resource.orthanc_id] = Problem(level, reason, is_kept)
        return rows

    def _upsert(self, model: type[Base], rows: Sequence[Row], keep: Iterable[str] = ()) -> None:
        """Insert, or overwrite all columns but ``keep``: what only a new row gets, and ``recount`` owns."""
        untouched = {"feed_id", "orthanc_id", *keep}
        upsert(
            self._session,
            model,
            rows,
            key=("feed_id", "orthanc_id"),
            overwrite=[column for column in rows[0] if column not in untouched] if rows else [],
        )

    def _ids(self, model: type[Study | Series], orthanc_ids: Iterable[str]) -> dict[str, int]:
        wanted = list(orthanc_ids)
        if not wanted:
            return {}
        rows = self._session.execute(
            select(model.orthanc_id, model.id).where(
                model.feed_id == self._feed_id, model.orthanc_id.in_(wanted)
            )
        )
        return dict(rows.all())

    def _replace_words(self, study_rows: Sequence[Row]) -> None:
        ids = self._ids(Study, [row["orthanc_id"] for row in study_rows])
        words = [
            {"study_id": ids[row["orthanc_id"]], "word": word}
            for row in study_rows
            for word in sorted(words_of(row["patient_name"], row["patient_id"], row["accession_number"]))
        ]
        self._session.execute(delete(StudyWord).where(StudyWord.study_id.in_(ids.values())))
        if words:
            self._session.execute(StudyWord.__table__.insert(), words)  # type: ignore[attr-defined]

    # Marks and counts

    def _mark_gone_instances(self, orthanc_ids: set[str]) -> set[int]:
        """Instances that a change names and Orthanc no longer has. Answers the series they were in."""
        if not orthanc_ids:
            return set()
        gone = (Instance.feed_id == self._feed_id, Instance.orthanc_id.in_(orthanc_ids))
        series = set(self._session.scalars(select(Instance.series_id).where(*gone).distinct()))
        if series:
            self._session.execute(
                update(Instance)
                .where(*gone, Instance.deleted_at.is_(None))
                .values(deleted_at=self._now)
                .execution_options(synchronize_session=False)
            )
        return series

    def recount(self, series_ids: Iterable[int], study_orthanc_ids: Iterable[str] = ()) -> None:
        """Counts, times and modalities of these series and of their (and the named) studies."""
        series_ids = list(series_ids)
        studies = set(self._ids(Study, study_orthanc_ids).values())
        if series_ids:
            live = (Instance.series_id == Series.id, Instance.deleted_at.is_(None))
            self._session.execute(
                update(Series)
                .where(Series.id.in_(series_ids))
                .values(
                    instance_count=_scalar(func.count(), live),
                    received_at=_scalar(func.min(Instance.received_at), live),
                    last_received_at=_scalar(func.max(Instance.received_at), live),
                )
                .execution_options(synchronize_session=False)
            )
            studies |= set(
                self._session.scalars(select(Series.study_id).where(Series.id.in_(series_ids)).distinct())
            )
        self._recount_studies(studies)

    def _recount_studies(self, ids: set[int]) -> None:
        if not ids:
            return
        live = (Series.study_id == Study.id, Series.deleted_at.is_(None))
        self._session.execute(
            update(Study)
            .where(Study.id.in_(ids))
            .values(
                series_count=_scalar(func.count(), live),
                instance_count=_scalar(func.coalesce(func.sum(Series.instance_count), 0), live),
                received_at=func.coalesce(_scalar(func.min(Series.received_at), live), Study.received_at),
                last_received_at=func.coalesce(
                    _scalar(func.max(Series.last_received_at), live), Study.last_received_at
                ),
                updated_at=self._now,
            )
            .execution_options(synchronize_session=False)
        )
        self._set_modalities(ids)

    def _set_modalities(self, ids: set[int]) -> None:
        found: dict[int, set[str]] = {id_: set() for id_ in ids}
        for study_id, modality in self._session.execute(
            select(Series.study_id, Series.modality)
            .where(Series.study_id.in_(ids), Series.deleted_at.is_(None), Series.modality != "")
            .distinct()
        ):
            found[study_id].add(modality)
        self._session.execute(
            update(Study),
            [{"id": id_, "modalities": " ".join(sorted(names))} for id_, names in found.items()],
        )

    # Problems

    def _keep_problems(self, read: Sequence[str]) -> None:
        """Record what was wrong this time; forget what was wrong with the same resources before."""
        if self._session.scalar(select(exists().select_from(SyncProblem))):
            mended = [orthanc_id for orthanc_id in read if orthanc_id not in self._problems]
            self._session.execute(
                delete(SyncProblem).where(
                    SyncProblem.feed_id == self._feed_id, SyncProblem.orthanc_id.in_(mended)
                )
            )
        upsert(
            self._session,
            SyncProblem,
            [self._problem_row(orthanc_id, problem) for orthanc_id, problem in self._problems.items()],
            key=("feed_id", "orthanc_id"),
            overwrite=("reason", "is_kept", "last_seen_at"),
            also="attempt_count = sync_problem.attempt_count + 1",
        )

    def _problem_row(self, orthanc_id: str, problem: "Problem") -> Row:
        return {
            "feed_id": self._feed_id,
            "orthanc_id": orthanc_id,
            "level": problem.level,
            "reason": problem.reason,
            "is_kept": problem.is_kept,
            "first_seen_at": self._now,
            "last_seen_at": self._now,
            "attempt_count": 1,
        }


@dataclass(frozen=True, slots=True)
class Problem:
    """``is_kept``: the resource is in the database all the same."""

    level: ResourceLevel
    reason: str
    is_kept: bool


def mark_deleted(session: Session, studies: Iterable[int], now: datetime) -> None:
    """These studies left Orthanc, with all they hold. Their rows stay: reports may stand on them."""
    ids = list(studies)
    series = select(Series.id).where(Series.study_id.in_(ids))
    for statement in (
        update(Instance).where(Instance.series_id.in_(series), Instance.deleted_at.is_(None)),
        update(Series).where(Series.study_id.in_(ids), Series.deleted_at.is_(None)),
    ):
        session.execute(statement.values(deleted_at=now).execution_options(synchronize_session=False))
    session.execute(
        update(Study)
        .where(Study.id.in_(ids))
        .values(deleted_at=now, updated_at=now)
        .execution_options(synchronize_session=False)
    )


def mark_orphans(session: Session, feed_id: int, now: datetime) -> int:
    """Whatever is live under something that left Orthanc left with it. Answers how many there were."""
    gone_studies = select(Study.id).where(Study.feed_id == feed_id, Study.deleted_at.is_not(None))
    gone_series = select(Series.id).where(Series.feed_id == feed_id, Series.deleted_at.is_not(None))
    count = 0
    for model, parents in (
        (Series, Series.study_id.in_(gone_studies)),
        (Instance, Instance.series_id.in_(gone_series)),
    ):
        result = session.execute(
            update(model)
            .where(parents, model.deleted_at.is_(None))
            .values(deleted_at=now)
            .execution_options(synchronize_session=False)
        )
        assert isinstance(result, CursorResult)  # noqa: S101 - what an UPDATE answers
        count += result.rowcount
    return count


def _scalar(what: Any, where: tuple[Any, ...]) -> Any:
    """A correlated count or extreme over the live children."""
    return select(what).where(*where).scalar_subquery()
