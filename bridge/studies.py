"""From what Orthanc described to rows: studies, series, instances and words, set by set.

Writes only, inside the caller's transaction; reads nothing from Orthanc. Every write is an upsert of what
Orthanc says now, so that repeating any of it changes nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from bridge.changes import Resources
from bridge.dicom_values import Attributes
from bridge.errors import BadResource
from bridge.orthanc_answers import Resource
from bridge.problems import Problem, keep_problems
from bridge.rows import UNINTELLIGIBLE, Row, instance_row, series_row, study_row
from bridge.senders import note_senders
from database.models import Base, Instance, ResourceLevel, Series, Study, StudyWord
from database.upsert import upsert
from database.words import words_of


class StudyWriter:
    """Keeps one feed's rows. One object a transaction."""

    def __init__(self, session: Session, feed_id: int, now: datetime) -> None:
        self._session = session
        self._feed_id = feed_id
        self._now = now
        self._updated_at = next_updated_at(session, now)
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
        read = [*found.studies, *found.series, *found.instances, *found.gone_instances]
        keep_problems(self._session, self._feed_id, self._problems, read, self._now)

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
        self._upsert(
            Study, [defaults | row | {"updated_at": self._updated_at} for row in rows], keep=defaults
        )
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
        self._upsert(Instance, rows, keep={"feed_id", "remote_ip"})  # the recorder knows the address better
        note_senders(self._session, rows, self._now)

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
            except UNINTELLIGIBLE as error:
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
        self.recount_studies(studies)

    def recount_studies(self, ids: set[int]) -> None:
        """Counts, times and modalities of these studies (by the database's ids), from their live series."""
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
                updated_at=self._updated_at,
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


def next_updated_at(session: Session, now: datetime) -> datetime:
    """``now``, or just after the newest there is: pages poll for their maximum, and a clock may step back."""
    newest = session.scalar(select(func.max(Study.updated_at)))
    return now if newest is None else max(now, newest + timedelta(microseconds=1))


def _scalar(what: Any, where: tuple[Any, ...]) -> Any:
    """A correlated count or extreme over the live children."""
    return select(what).where(*where).scalar_subquery()
