"""How a study's instances came by what Orthanc noted of each: where the transfer log has no record of them.

That is what came just now, longer ago than successes are kept, before there was a log, or not by DICOM.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from database.models import Instance, Operation, Series, Study
from database.transfer_terms import OperationKind, Storage
from webapp.registry.ae_titles import key_of
from webapp.sop_classes import transfer_syntax_name


class Way(NamedTuple):
    """How an instance came."""

    calling_ae_title: str
    called_ae_title: str
    remote_ip: str
    origin: str
    transfer_syntax: str
    is_accounted: bool
    """False: the transfer log may still get to know of it."""


@dataclass(frozen=True)
class Arrival:
    """Instances of one study that came the same way."""

    way: Way
    instance_count: int
    byte_count: int
    first_received_at: datetime
    last_received_at: datetime


def load_groups(session: Session, study: Study) -> Sequence[Any]:
    """All about the study's instances in a few rows: one for each way in which some of them came."""
    # As a set, which is made once: a look-up for each instance would read all the study's operations
    logged = select(Operation.sop_instance_uid).where(
        Operation.study_id == study.id,
        Operation.kind == OperationKind.C_STORE,
        Operation.storage == Storage.STORED,
    )
    is_accounted = Instance.accounted_at.is_not_distinct_from(Instance.received_at)
    ways: tuple[Any, ...] = (
        Series.id.label("series_id"),
        Instance.sop_class_uid,
        Instance.transfer_syntax_uid,
        Instance.calling_ae_title,
        Instance.called_ae_title,
        Instance.remote_ip,
        Instance.origin,
        is_accounted.label("is_accounted"),
        Instance.sop_instance_uid.in_(logged).label("is_logged"),
    )
    instances = (
        select(*ways, Instance.file_size, Instance.received_at)
        .join(Series, Series.id == Instance.series_id)
        .where(Series.study_id == study.id, Instance.deleted_at.is_(None))
        .subquery()
    )
    columns = [instances.c[way.name] for way in ways]
    return session.execute(
        select(
            *columns,
            func.count().label("instance_count"),
            func.sum(instances.c.file_size).label("byte_count"),
            func.min(instances.c.received_at).label("first_received_at"),
            func.max(instances.c.received_at).label("last_received_at"),
        )
        .group_by(*columns)
        .order_by(func.min(instances.c.received_at))
    ).all()


def unlogged_arrivals(
    groups: Sequence[Any], own_titles: Collection[str] | None, *, has_recorder: bool
) -> list[Arrival]:
    """Those that the log has no record of, whatever the series and SOP class.

    ``own_titles`` are the keys of the only AE titles that the reader may know of; None: of all. Orthanc sees
    the recorder's address, not the sender's: it isn't shown before the log has put it right.
    """
    ways: dict[Way, list[Any]] = defaultdict(list)
    for group in groups:
        if group.is_logged or (own_titles is not None and key_of(group.calling_ae_title) not in own_titles):
            continue
        way = Way(
            group.calling_ae_title,
            group.called_ae_title,
            group.remote_ip if group.is_accounted or not has_recorder else "",
            group.origin,
            transfer_syntax_name(group.transfer_syntax_uid),
            bool(group.is_accounted),
        )
        ways[way].append(group)
    return [
        Arrival(
            way,
            instance_count=sum(row.instance_count for row in rows),
            byte_count=int(sum(row.byte_count for row in rows)),
            first_received_at=min(row.first_received_at for row in rows),
            last_received_at=max(row.last_received_at for row in rows),
        )
        for way, rows in ways.items()
    ]
