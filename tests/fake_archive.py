"""What the fake Orthanc holds: resources and change rows in memory, in the order a real one gives them.

Beside what clients can cause (store, delete, overwrite) it does on request what a real Orthanc can't be made
to do in a test: commit out of order, go back to an older state, lose rows, hold impossible values.
"""

import copy
import threading
import uuid
from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.fake_resources import LEVELS, LONGEST_VALUE, MAIN_TAGS, ROUTES, UNIQUE_KEYS, Node, Row, orthanc_id


@dataclass
class _State:
    nodes: dict[str, Node] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    next_seq: int = 1
    last: int = 0


class Pending:
    """An instance whose transaction has its sequence numbers but isn't committed: invisible as yet."""

    def __init__(self, archive: "FakeArchive", nodes: list[Node], rows: list[Row]) -> None:
        self._archive, self._nodes, self._rows = archive, nodes, rows

    @property
    def seqs(self) -> list[int]:
        return [row.seq for row in self._rows]

    @property
    def orthanc_id(self) -> str:
        return self._nodes[-1].orthanc_id

    def publish(self) -> str:
        """Commit; answers the instance's orthanc_id."""
        self._archive._commit(self._nodes, self._rows)
        return self.orthanc_id


class FakeArchive:
    """Every method may be called while the server answers from other threads."""

    def __init__(self, *, overwrite_instances: bool = False) -> None:
        self.lock = threading.RLock()
        self.overwrite_instances = overwrite_instances
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self._state = _State()

    # What clients cause

    def store(
        self,
        tags: Mapping[str, str],
        metadata: Mapping[str, str] | None = None,
        file_size: int = 1000,
    ) -> str:
        """Store an instance by its attributes (keyword to value); answers its orthanc_id."""
        with self.lock:
            existing = orthanc_id(*(tags.get(key, "") for key in UNIQUE_KEYS.values()))
            if existing in self._state.nodes:
                if not self.overwrite_instances:
                    return existing
                self.delete(existing)
            return self.begin_store(tags, metadata, file_size).publish()

    def begin_store(
        self,
        tags: Mapping[str, str],
        metadata: Mapping[str, str] | None = None,
        file_size: int = 1000,
    ) -> Pending:
        """Take sequence numbers now, as PostgreSQL does, and become visible at ``publish()``: maybe never."""
        with self.lock:
            nodes = self._nodes_of(tags, metadata or {}, file_size)
            new = [node for node in nodes if node.orthanc_id not in self._state.nodes]
            ordered = [new[-1], *reversed(new[:-1])]  # NewInstance, NewSeries, NewStudy, NewPatient
            return Pending(self, nodes, [self._row(f"New{node.level}", node) for node in ordered])

    def delete(self, resource_id: str) -> dict[str, Any] | None:
        """Delete with all below it, all parents left empty, and all their change rows. None if unknown."""
        with self.lock:
            node = self._state.nodes.get(resource_id)
            if node is None:
                return None
            doomed = self._below(node)
            parent = self._state.nodes.get(node.parent_id)
            while parent is not None and len(parent.children) == 1:
                doomed.add(parent.orthanc_id)
                node, parent = parent, self._state.nodes.get(parent.parent_id)
            if parent is not None:
                parent.children.pop(node.orthanc_id)
            for gone in doomed:
                self._state.nodes.pop(gone)
            self._state.rows = [row for row in self._state.rows if row.orthanc_id not in doomed]
            return {"RemainingAncestor": None if parent is None else _ancestor(parent)}

    def delete_changes(self) -> None:
        """``DELETE /changes``: the list is empty, the numbers go on."""
        with self.lock:
            self._state.rows.clear()

    def stabilise(self, study_id: str) -> None:
        """Let the stable age of a study, its series and its patient pass."""
        with self.lock:
            study = self._state.nodes[study_id]
            below = [self._state.nodes[series_id] for series_id in study.children]
            for node in [*below, study, self._state.nodes[study.parent_id]]:
                node.is_stable = True
                insort(self._state.rows, self._row(f"Stable{node.level}", node), key=_seq)
                self._state.last = self._state.rows[-1].seq

    # What a real one can't be made to do

    def snapshot(self) -> object:
        with self.lock:
            return copy.deepcopy(self._state)

    def restore(self, snapshot: object) -> None:
        """Go back to a backup: resources, rows and sequence numbers."""
        assert isinstance(snapshot, _State)
        with self.lock:
            self._state = copy.deepcopy(snapshot)

    def wipe(self) -> None:
        """Become a fresh installation."""
        with self.lock:
            self._state = _State()

    def drop_rows(self, seqs: Iterable[int]) -> None:
        """Lose change rows whose resources stay."""
        with self.lock:
            gone = set(seqs)
            self._state.rows = [row for row in self._state.rows if row.seq not in gone]

    def burn(self, count: int) -> None:
        """Use up sequence numbers, as transactions that were rolled back do: gaps that never fill."""
        with self.lock:
            self._state.next_seq += count

    def spoil(self, resource_id: str, **tags: str | None) -> None:
        """Give a resource's main tags impossible values; None drops one.

        ``\\udc80`` to ``\\udcff`` go out as the raw bytes 80 to FF, other lone surrogates as JSON escapes.
        """
        with self.lock:
            node = self._state.nodes[resource_id]
            for keyword, value in tags.items():
                if value is None:
                    node.tags.pop(keyword, None)
                else:
                    node.tags[keyword] = value

    def correct(self, study_id: str, **tags: str) -> None:
        """Give a study and its files other values without a change row, as ``/reconstruct`` leaves them."""
        with self.lock:
            self._state.nodes[study_id].tags |= tags
            for node in map(self._state.nodes.__getitem__, self._below(self._state.nodes[study_id])):
                node.attributes |= tags

    # What the server asks

    def statistics(self) -> dict[str, int]:
        with self.lock:
            counts = dict.fromkeys(LEVELS, 0)
            for node in self._state.nodes.values():
                counts[node.level] += 1
            return counts | {"Size": sum(node.file_size for node in self._state.nodes.values())}

    def changes(self, since: int, limit: int) -> tuple[list[Row], bool, int]:
        """Rows above ``since``, whether these were all, and ``Last``."""
        with self.lock:
            start = bisect_right(self._state.rows, since, key=_seq)
            rows = self._state.rows[start : start + limit]
            is_done = start + limit >= len(self._state.rows)
            return rows, is_done, rows[-1].seq if rows else self._state.last

    def last_change(self) -> tuple[list[Row], bool, int]:
        with self.lock:
            return self._state.rows[-1:], True, self._state.last

    def ids(self, level: str) -> list[str]:
        with self.lock:
            return [node.orthanc_id for node in self._state.nodes.values() if node.level == level]

    def node(self, resource_id: str) -> Node | None:
        with self.lock:
            return self._state.nodes.get(resource_id)

    def related(self, resource_ids: Iterable[str], level: str) -> list[str]:
        """Their ancestors or descendants at ``level``, distinct, in the order of ids."""
        wanted = LEVELS.index(level)
        with self.lock:
            found: set[str] = set()
            for resource_id in resource_ids:
                node = self._state.nodes.get(resource_id)
                while node is not None and LEVELS.index(node.level) > wanted:
                    node = self._state.nodes.get(node.parent_id)
                if node is not None:
                    found |= {i for i in self._below(node) if self._state.nodes[i].level == level}
            return sorted(found)

    def _below(self, node: Node) -> set[str]:
        """The node's id and those of all its descendants."""
        ids = {node.orthanc_id}
        for child in node.children:
            ids |= self._below(self._state.nodes[child])
        return ids

    def _nodes_of(self, tags: Mapping[str, str], metadata: Mapping[str, str], file_size: int) -> list[Node]:
        nodes: list[Node] = []
        keys: list[str] = []
        for level in LEVELS:
            keys.append(tags.get(UNIQUE_KEYS[level], ""))
            main = {k: v for k, v in tags.items() if k in MAIN_TAGS[level] and len(v) <= LONGEST_VALUE}
            if level == "Study":
                main |= {k: v for k, v in tags.items() if k in MAIN_TAGS["Patient"]}
            nodes.append(Node(level, orthanc_id(*keys), nodes[-1].orthanc_id if nodes else "", main))
        instance = nodes[-1]
        instance.metadata = self._reception(tags, metadata)
        instance.attributes = dict(tags)
        instance.file_size = file_size
        instance.file_uuid = str(uuid.uuid4())
        nodes[-2].metadata = {"RemoteAET": instance.metadata["RemoteAET"]}
        return nodes

    def _reception(self, tags: Mapping[str, str], metadata: Mapping[str, str]) -> dict[str, str]:
        usual = {
            "Origin": "DicomProtocol",
            "RemoteAET": "MODALITY",
            "CalledAET": "NOCTIS",
            "RemoteIP": "127.0.0.1",
            "ReceptionDate": self.now(),
            "SopClassUid": tags.get("SOPClassUID", "1.2.840.10008.5.1.4.1.1.7"),
            "TransferSyntax": "1.2.840.10008.1.2.1",
        }
        if tags.get("InstanceNumber", "").isdecimal():
            usual["IndexInSeries"] = tags["InstanceNumber"]
        return usual | dict(metadata)

    def now(self) -> str:
        return self.clock().strftime("%Y%m%dT%H%M%S")

    def _row(self, kind: str, node: Node) -> Row:
        row = Row(self._state.next_seq, kind, node.level, node.orthanc_id, self.now())
        self._state.next_seq += 1
        return row

    def _commit(self, nodes: list[Node], rows: list[Row]) -> None:
        with self.lock:
            # another transaction may have made the parents meanwhile: our rows for them never appear
            rows = [row for row in rows if row.orthanc_id not in self._state.nodes]
            for node in nodes:
                known = self._state.nodes.setdefault(node.orthanc_id, node)
                known.metadata["LastUpdate"] = self.now()
                known.is_stable = False
                if node.parent_id:
                    self._state.nodes[node.parent_id].children[node.orthanc_id] = None
            nodes[-1].metadata.pop("LastUpdate")
            for row in rows:
                insort(self._state.rows, row, key=_seq)
            self._state.last = max(row.seq for row in rows)  # PostgreSQL: may go back


def _seq(row: Row) -> int:
    return row.seq


def _ancestor(node: Node) -> dict[str, str]:
    return {"ID": node.orthanc_id, "Path": f"/{ROUTES[node.level]}/{node.orthanc_id}", "Type": node.level}
