"""An archive of any size that exists only as arithmetic: for the fake Orthanc's memory to stay small.

Studies of 4 series with 25 instances each, as if stored one after the other: 106 change rows a study (one an
instance, one more for each new series, study and patient). An id holds its own numbers.
"""

import zlib
from collections.abc import Iterable
from typing import Any

from tests.fake_resources import LEVELS, Node, Row

SERIES_A_STUDY = 4
INSTANCES_A_SERIES = 25
INSTANCES_A_STUDY = SERIES_A_STUDY * INSTANCES_A_SERIES
ROWS_A_STUDY = INSTANCES_A_STUDY + SERIES_A_STUDY + 2
_DATE = "20261123T120000"
_ROOT = "1.2.826.0.1.3680043.8.498"
_MODALITIES = ("CT", "MR", "US", "CR")


def _make_id(level: str, numbers: tuple[int, ...]) -> str:
    study, series, instance = (*numbers, 0, 0)[:3]
    # Scattered in front like real ids, so that a database's index is used as by these
    scattered = zlib.crc32(f"{level}{numbers}".encode())
    return f"{scattered:08x}-{LEVELS.index(level):08x}-{study:08x}-{series:08x}-{instance:08x}"


def _read_id(resource_id: str) -> tuple[str, tuple[int, ...]] | None:
    try:
        _, level, *numbers = (int(part, 16) for part in resource_id.split("-"))
        name = LEVELS[level]
    except (ValueError, IndexError):
        return None
    found = name, tuple(numbers[: max(1, level)])
    return found if _make_id(*found) == resource_id else None


class SyntheticArchive:
    """Read-only. ``change_count`` rows wait; every study that they begin is there as a whole."""

    def __init__(self, change_count: int) -> None:
        self.change_count = change_count
        self.study_count = -(-change_count // ROWS_A_STUDY)

    def statistics(self) -> dict[str, int]:
        instances = self.study_count * INSTANCES_A_STUDY
        return {
            "Patient": self.study_count,
            "Study": self.study_count,
            "Series": self.study_count * SERIES_A_STUDY,
            "Instance": instances,
            "Size": instances * 1000,
        }

    def now(self) -> str:
        return _DATE

    def changes(self, since: int, limit: int) -> tuple[list[Row], bool, int]:
        first = max(0, since) + 1
        last = min(self.change_count, first + limit - 1)
        rows = [self._row(seq) for seq in range(first, last + 1)]
        return rows, last >= self.change_count, rows[-1].seq if rows else self.change_count

    def last_change(self) -> tuple[list[Row], bool, int]:
        return [self._row(self.change_count)], True, self.change_count

    def ids(self, level: str) -> list[str]:
        return [_make_id(level, numbers) for numbers in self._all(level)]

    def node(self, resource_id: str) -> Node | None:
        found = _read_id(resource_id)
        if found is None or found[1][0] >= self.study_count:
            return None
        level, numbers = found
        parent = {"Patient": "", "Study": "Patient", "Series": "Study", "Instance": "Series"}[level]
        return Node(
            level,
            resource_id,
            _make_id(parent, numbers[: -1 if level in {"Series", "Instance"} else None]) if parent else "",
            _tags(level, numbers),
            _metadata(level, numbers),
            dict.fromkeys(_make_id(*child) for child in _children(level, numbers)),
            file_size=1000 + numbers[-1],
            file_uuid="00000000-0000-0000-0000-000000000000",
            is_stable=True,
        )

    def related(self, resource_ids: Iterable[str], level: str) -> list[str]:
        wanted = LEVELS.index(level)
        found: set[str] = set()
        for known in filter(None, map(_read_id, resource_ids)):
            at, numbers = known
            if LEVELS.index(at) >= wanted:
                found.add(_make_id(level, numbers[: max(1, wanted)]))
                continue
            generation = [known]
            while generation and generation[0][0] != level:
                generation = [child for parent in generation for child in _children(*parent)]
            found |= {_make_id(*resource) for resource in generation}
        return sorted(found)

    def store(self, *_args: Any, **_options: Any) -> str:
        raise PermissionError("a synthetic archive takes no instances")

    def delete(self, _resource_id: str) -> None:
        raise PermissionError("a synthetic archive deletes nothing")

    def delete_changes(self) -> None:
        raise PermissionError("a synthetic archive deletes nothing")

    def _all(self, level: str) -> Iterable[tuple[int, ...]]:
        studies = [(study,) for study in range(self.study_count)]
        if level in {"Patient", "Study"}:
            return studies
        series = [(*study, number) for study in studies for number in range(SERIES_A_STUDY)]
        if level == "Series":
            return series
        return [(*parent, number) for parent in series for number in range(INSTANCES_A_SERIES)]

    def _row(self, seq: int) -> Row:
        study, offset = divmod(seq - 1, ROWS_A_STUDY)
        level, numbers = _CHANGES_OF_A_STUDY[offset]
        return Row(seq, f"New{level}", level, _make_id(level, (study, *numbers)), _DATE)


def _changes_of_a_study() -> list[tuple[str, tuple[int, ...]]]:
    """Level and numbers below the study, in the order in which Orthanc logs a study's arrival."""
    rows: list[tuple[str, tuple[int, ...]]] = []
    for series in range(SERIES_A_STUDY):
        for instance in range(INSTANCES_A_SERIES):
            rows.append(("Instance", (series, instance)))
            if instance == 0:
                rows.append(("Series", (series,)))
            if (series, instance) == (0, 0):
                rows += [("Study", ()), ("Patient", ())]
    return rows


_CHANGES_OF_A_STUDY = _changes_of_a_study()


def _children(level: str, numbers: tuple[int, ...]) -> list[tuple[str, tuple[int, ...]]]:
    if level == "Patient":
        return [("Study", numbers)]
    if level == "Study":
        return [("Series", (*numbers, series)) for series in range(SERIES_A_STUDY)]
    if level == "Series":
        return [("Instance", (*numbers, instance)) for instance in range(INSTANCES_A_SERIES)]
    return []


def _tags(level: str, numbers: tuple[int, ...]) -> dict[str, str]:
    uid = ".".join(str(part) for part in (_ROOT, *numbers))
    patient = {
        "PatientID": f"S{numbers[0]:07}",
        "PatientName": f"Synthetic^Patient{numbers[0]}",
        "PatientBirthDate": "19700101",
        "PatientSex": "O",
    }
    if level == "Patient":
        return patient
    if level == "Study":
        return patient | {
            "StudyInstanceUID": uid,
            "StudyDate": "20261123",
            "StudyTime": "115900",
            "StudyDescription": "Synthetic study",
            "AccessionNumber": f"A{numbers[0]:07}",
            "StudyID": str(numbers[0]),
        }
    if level == "Series":
        return {
            "SeriesInstanceUID": uid,
            "SeriesNumber": str(numbers[1] + 1),
            "Modality": _MODALITIES[numbers[0] % len(_MODALITIES)],
            "SeriesDescription": f"Series {numbers[1] + 1}",
        }
    return {"SOPInstanceUID": uid, "InstanceNumber": str(numbers[2] + 1)}


def _metadata(level: str, numbers: tuple[int, ...]) -> dict[str, str]:
    if level != "Instance":
        return {"LastUpdate": _DATE}
    return {
        "Origin": "DicomProtocol",
        "RemoteAET": f"MODALITY{numbers[0] % 10}",
        "CalledAET": "NOCTIS",
        "RemoteIP": "127.0.0.1",
        "ReceptionDate": _DATE,
        "SopClassUid": "1.2.840.10008.5.1.4.1.1.7",
        "TransferSyntax": "1.2.840.10008.1.2.1",
        "IndexInSeries": str(numbers[2] + 1),
    }
