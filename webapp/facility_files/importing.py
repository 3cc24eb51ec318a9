"""One run of an import: rows to facilities and their nodes, inside one transaction of the caller's."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from database.models import ApplicationEntity, Facility
from webapp.facility_files.cells import LONGEST_NUMBER, differences, entity_fields, facility_fields, warnings
from webapp.facility_files.groups import Group, code_of, group_rows
from webapp.facility_files.rows import COLUMNS, ENTITY_COLUMNS, Problem, Row
from webapp.registry import EntityFields, FacilityFields, RegistryError, facilities
from webapp.registry.ae_titles import key_of
from webapp.registry.decisions import Taken, load_taken, require_active, take_turn
from webapp.registry.entities import check_entity, fields_of, insert_entity, update_entity
from webapp.registry.fields import check_facility

_MOST_TOLD = 10


@dataclass
class _Known:
    """What is there before the import, read once and locked against others' changes."""

    by_code: dict[str, Facility]
    by_title: dict[str, Facility] = field(default_factory=dict)
    """By the key of each AE title, the retired ones too."""
    active_by_name: dict[str, list[Facility]] = field(default_factory=lambda: defaultdict(list))
    nodes: dict[int, list[ApplicationEntity]] = field(default_factory=lambda: defaultdict(list))
    """The active ones of each facility, by its id."""


class FacilityImport:
    """Goes on after a problem, to name them all; the caller then takes everything back."""

    def __init__(self, session: Session, own_ae_title: str) -> None:
        self._session = session
        self._own_ae_title = own_ae_title
        self.told: dict[int, list[str]] = {}
        """The changes of each line, by its number."""
        self.problems: list[Problem] = []
        take_turn(session)
        self._known = _load(session)

    def run(self, rows: Sequence[Row]) -> None:
        taken = load_taken(self._session, self._own_ae_title)
        _reserve(taken, rows)
        groups, self.problems = group_rows(rows)
        self.told = {row.line: [] for row in rows}
        for group in groups:
            if self._is_valid(group):
                self._import_group(group, taken)

    def _is_valid(self, group: Group) -> bool:
        """Before anything of it reaches the database, which can't even be asked for some characters."""
        count_before = len(self.problems)
        try:
            check_facility(facility_fields(group.cells, FacilityFields("")))
        except RegistryError as error:
            self._note(_row_to_blame(group, error.field), error)
        for row in group.rows:
            try:
                check_entity(entity_fields(row.cells, EntityFields()))
            except RegistryError as error:
                self._note(row, error)
        return len(self.problems) == count_before

    def _import_group(self, group: Group, taken: Taken) -> None:
        try:
            owner = self._find_facility(group)
            facility = self._insert_facility(group, taken) if owner is None else owner
            if owner is not None:
                self._update_facility(group, owner)
        except RegistryError as error:
            self._note(_row_to_blame(group, error.field), error)
            return
        nodes = [] if owner is None else self._known.nodes[owner.id]
        named = {key_of(row.cells["ae_title"]) for row in group.rows if row.cells.get("ae_title")}
        left = [node for node in nodes if node.ae_title_key not in named]
        for row in group.rows:
            try:
                entity = _node_of(row, nodes, left, len(group.rows) - len(named))
                if entity is not None:
                    self._update_entity(row, entity)
                elif owner is None or nodes or any(row.cells.get(column) for column in ENTITY_COLUMNS):
                    self._insert_entity(row, facility, taken)
            except RegistryError as error:
                self._note(row, error)

    def _find_facility(self, group: Group) -> Facility | None:
        """By code, else by AE title, else by name. Raises RegistryError when several would fit.

        Nor does an AE title alone rename anybody: a slip in that column would hit another hospital.
        """
        code = group.cells.get("code", "").upper()
        if code:
            return self._known.by_code.get(code)
        keys = [key_of(row.cells["ae_title"]) for row in group.rows if row.cells.get("ae_title")]
        owners = list({one.id: one for one in map(self._known.by_title.get, keys) if one}.values())
        name = " ".join(group.cells["name"].split())
        for owner in owners:
            if owner.name.casefold() != name.casefold():
                raise RegistryError(
                    "ae_title",
                    f"This AE title belongs to {owner.name}. Give its code ({owner.code}) too if you mean "
                    "that facility, which then gets this name; else choose another AE title.",
                )
        if not owners:
            # A line further up may have renamed it
            owners = [one for one in self._known.active_by_name[name] if one.name == name]
        if len(owners) > 1:
            codes = ", ".join(sorted(owner.code for owner in owners)[:_MOST_TOLD])
            raise RegistryError("code", f"Several facilities could be meant: give the code of one ({codes}).")
        return owners[0] if owners else None

    def _insert_facility(self, group: Group, taken: Taken) -> Facility:
        fields = facility_fields(group.cells, FacilityFields(""))
        facility = facilities.insert_facility(self._session, taken, fields)
        self.told[group.rows[0].line].append(f"new facility {facility.name} (code {facility.code})")
        return facility

    def _update_facility(self, group: Group, facility: Facility) -> None:
        require_active(facility)
        before = facilities.fields_of(facility)
        after = check_facility(facility_fields(group.cells, before))
        changes = differences(before, after)
        if changes:
            self.told[group.rows[0].line] += changes
            facilities.update_facility(self._session, facility, after)

    def _insert_entity(self, row: Row, facility: Facility, taken: Taken) -> None:
        fields = entity_fields(row.cells, EntityFields())
        entity = insert_entity(self._session, taken, facility, fields, self._own_ae_title)
        title = "" if fields.ae_title else " (generated)"
        port = "" if fields.port is not None else " (generated)"
        self.told[row.line] += [
            f"new AE title {entity.ae_title}{title}, port {entity.port}{port}",
            *warnings(EntityFields(), fields),
        ]

    def _update_entity(self, row: Row, entity: ApplicationEntity) -> None:
        before = fields_of(entity)
        after = check_entity(entity_fields(row.cells, before))
        changes = differences(before, after)
        if changes:
            self.told[row.line] += [*changes, *warnings(before, after)]
            update_entity(self._session, entity, after, self._own_ae_title)

    def _note(self, row: Row, error: RegistryError) -> None:
        self.problems.append(Problem(row.line, error.field if error.field in COLUMNS else "", str(error)))


def _reserve(taken: Taken, rows: Sequence[Row]) -> None:
    """Nothing is generated that the file gives to somebody further down."""
    taken.reserved_titles = frozenset(key_of(row.cells.get("ae_title", "")) for row in rows)
    taken.reserved_codes = frozenset(code_of(row) for row in rows)
    ports = (row.cells.get("port", "") for row in rows)
    numbers = (int(port) for port in ports if port.isdecimal() and len(port) <= LONGEST_NUMBER)
    taken.reserved_ports = frozenset(numbers)


def _row_to_blame(group: Group, column: str) -> Row:
    """A facility's cells may stand in any of its rows."""
    return next((row for row in group.rows if row.cells.get(column)), group.rows[0])


def _node_of(
    row: Row, nodes: Sequence[ApplicationEntity], left: Sequence[ApplicationEntity], untitled_count: int
) -> ApplicationEntity | None:
    """The node that the row means; None for a new one. ``left`` are those that the file doesn't name.

    Raises RegistryError when it may be several.
    """
    title = key_of(row.cells.get("ae_title", ""))
    if title:
        return next((node for node in nodes if node.ae_title_key == title), None)
    if len(left) > 1 or (left and untitled_count > 1):
        titles = ", ".join(node.ae_title for node in left[:_MOST_TOLD])
        raise RegistryError(
            "ae_title", f"Which node of this facility is meant? Give its AE title ({titles})."
        )
    return left[0] if left else None


def _load(session: Session) -> _Known:
    rows = session.scalars(select(Facility).order_by(Facility.id).with_for_update(key_share=True)).all()
    known, by_id = _Known({row.code: row for row in rows}), {row.id: row for row in rows}
    for row in rows:
        if row.retired_at is None:
            known.active_by_name[row.name].append(row)
    entities = select(ApplicationEntity).order_by(ApplicationEntity.id).with_for_update(key_share=True)
    for entity in session.scalars(entities):
        known.by_title[entity.ae_title_key] = by_id[entity.facility_id]
        if entity.retired_at is None:
            known.nodes[entity.facility_id].append(entity)
    return known
