"""One run of an import: rows to facilities and their nodes, inside one transaction of the caller's."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from database.models import ApplicationEntity, Facility
from webapp.facility_cells import LONGEST_NUMBER, differences, entity_fields, facility_fields, warnings
from webapp.facility_groups import Group, code_of, group_rows
from webapp.facility_rows import COLUMNS, ENTITY_COLUMNS, Problem, Row
from webapp.registry import EntityFields, FacilityFields, RegistryError
from webapp.registry.ae_titles import key_of
from webapp.registry.decisions import Taken, load_taken, require_active
from webapp.registry.entities import check_entity, fields_of, insert_entity, update_entity
from webapp.registry.facilities import insert_facility, update_facility
from webapp.registry.fields import check_facility

_MOST_TOLD = 10


class FacilityImport:
    """Goes on after a problem, to name them all; the caller then takes everything back."""

    def __init__(self, session: Session, own_ae_title: str) -> None:
        self._session = session
        self._own_ae_title = own_ae_title
        self.told: dict[int, list[str]] = {}
        """The changes of each line, by its number."""
        self.problems: list[Problem] = []

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
        nodes = [] if owner is None else _active_entities(self._session, facility)
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
        """By code, else by AE title, else by name. Raises RegistryError when several would fit."""
        code = group.cells.get("code", "").upper()
        if code:
            return self._session.scalar(select(Facility).where(Facility.code == code))
        keys = [key_of(row.cells["ae_title"]) for row in group.rows if row.cells.get("ae_title")]
        with_title = select(ApplicationEntity.facility_id).where(ApplicationEntity.ae_title_key.in_(keys))
        owners = self._session.scalars(select(Facility).where(Facility.id.in_(with_title))).all()
        if not owners:
            name = " ".join(group.cells["name"].split())
            query = select(Facility).where(Facility.name == name, Facility.retired_at.is_(None))
            owners = self._session.scalars(query).all()
        if len(owners) > 1:
            codes = ", ".join(sorted(owner.code for owner in owners)[:_MOST_TOLD])
            raise RegistryError("code", f"Several facilities could be meant: give the code of one ({codes}).")
        return owners[0] if owners else None

    def _insert_facility(self, group: Group, taken: Taken) -> Facility:
        fields = facility_fields(group.cells, FacilityFields(""))
        facility = insert_facility(self._session, taken, fields)
        self.told[group.rows[0].line].append(f"new facility {facility.name} (code {facility.code})")
        return facility

    def _update_facility(self, group: Group, facility: Facility) -> None:
        require_active(facility)
        before = FacilityFields(**{name: getattr(facility, name) for name in FacilityFields.__slots__})
        after = check_facility(facility_fields(group.cells, before))
        changes = differences(before, after)
        if changes:
            self.told[group.rows[0].line] += changes
            update_facility(self._session, facility, after)

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
    taken.titles |= {key_of(row.cells.get("ae_title", "")) for row in rows}
    taken.codes |= {code_of(row) for row in rows}
    ports = (row.cells.get("port", "") for row in rows)
    taken.ports |= {int(port) for port in ports if port.isdecimal() and len(port) <= LONGEST_NUMBER}


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


def _active_entities(session: Session, facility: Facility) -> Sequence[ApplicationEntity]:
    query = select(ApplicationEntity).where(
        ApplicationEntity.facility_id == facility.id, ApplicationEntity.retired_at.is_(None)
    )
    return session.scalars(query.order_by(ApplicationEntity.id)).all()
