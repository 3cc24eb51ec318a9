"""Which rows Orthanc's descriptions would change. Reads only: a sweep leaves all others as they are."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from bridge.character_sets import unreliable
from bridge.dicom_values import Attributes
from bridge.errors import BadResource
from bridge.orthanc_answers import Resource
from bridge.rows import UNINTELLIGIBLE, Row, column_of, series_row, study_row
from database.models import ResourceLevel, Series, Study


def that_differ(
    session: Session, feed_id: int, level: ResourceLevel, resources: Sequence[Resource]
) -> list[Resource]:
    """Those studies or series whose rows are there and would change.

    What a study's description doesn't tell rightly isn't compared: its row has it from a file.
    """
    model: type[Study | Series] = Study if level == ResourceLevel.STUDY else Series
    ids = [resource.orthanc_id for resource in resources]
    query: Select[Any] = select(model).where(model.feed_id == feed_id, model.orthanc_id.in_(ids))
    known = {one.orthanc_id: one for one in session.scalars(query)}
    return [
        resource
        for resource in resources
        if (one := known.get(resource.orthanc_id)) is not None
        and any(getattr(one, column) != value for column, value in _comparable(level, resource).items())
    ]


def _comparable(level: ResourceLevel, resource: Resource) -> Row:
    """Empty for what can't be understood: that is a problem already, or will be one with its next change."""
    attributes = Attributes(resource.tags)
    try:
        if level == ResourceLevel.SERIES:
            return series_row(resource, attributes)
        untold = {column_of(keyword) for keyword in unreliable(resource)}
        row = study_row(resource, attributes)
    except (BadResource, *UNINTELLIGIBLE):
        return {}
    return {column: value for column, value in row.items() if column not in untold}
