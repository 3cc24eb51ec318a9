"""Every change of a template or standard text: one transaction that looks and writes. Not Flask's."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from database.models import ReportTemplate, StandardText
from database.session import Database
from webapp.prepared_texts.fields import (
    StandardTextFields,
    TemplateFields,
    check_standard_text,
    check_template,
)
from webapp.registry.decisions import decide, find, require_unchanged
from webapp.registry.fields import RegistryError

Prepared = TypeVar("Prepared", ReportTemplate, StandardText)


def add_template(database: Database, fields: TemplateFields, user_id: int) -> ReportTemplate:
    """Raises RegistryError."""
    checked = check_template(fields)

    def add(session: Session) -> ReportTemplate:
        _require_free_name(session, checked, besides=None)
        template = ReportTemplate(revision=0)
        _fill_template(template, checked)
        _note(template, user_id)
        session.add(template)
        return template

    return decide(database, add)


def change_template(
    database: Database, template_id: int, fields: TemplateFields, user_id: int, *, revision: int | None
) -> ReportTemplate:
    """``revision`` is the one that the person saw. Raises RegistryError; StaleError when another is there."""
    checked = check_template(fields)

    def change(session: Session, template: ReportTemplate) -> None:
        if template.retired_at is not None:
            raise RegistryError("", "This template is retired: restore it first.")
        _require_free_name(session, checked, besides=template.id)
        _fill_template(template, checked)

    return _change(database, ReportTemplate, template_id, user_id, revision, change)


def retire_template(database: Database, template_id: int, user_id: int) -> ReportTemplate:
    """It is offered no longer. Reports that began with it have its text. Raises RegistryError."""

    def retire(_session: Session, template: ReportTemplate) -> None:
        template.retired_at = template.retired_at or datetime.now(UTC)

    return _change(database, ReportTemplate, template_id, user_id, None, retire)


def restore_template(database: Database, template_id: int, user_id: int) -> ReportTemplate:
    """Raises RegistryError."""

    def restore(session: Session, template: ReportTemplate) -> None:
        fields = TemplateFields(template.name, {}, template.modality, template.body_part)
        _require_free_name(session, fields, besides=template.id)
        template.retired_at = None

    return _change(database, ReportTemplate, template_id, user_id, None, restore)


def add_standard_text(database: Database, fields: StandardTextFields, user_id: int) -> StandardText:
    """Raises RegistryError."""
    checked = check_standard_text(fields)

    def add(session: Session) -> StandardText:
        _require_free_alias(session, checked.alias, besides=None)
        row = StandardText(revision=0)
        _fill_text(row, checked)
        _note(row, user_id)
        session.add(row)
        return row

    return decide(database, add)


def change_standard_text(
    database: Database, text_id: int, fields: StandardTextFields, user_id: int, *, revision: int | None
) -> StandardText:
    """``revision`` is the one that the person saw. Raises RegistryError; StaleError when another is there."""
    checked = check_standard_text(fields)

    def change(session: Session, row: StandardText) -> None:
        _require_free_alias(session, checked.alias, besides=row.id)
        _fill_text(row, checked)

    return _change(database, StandardText, text_id, user_id, revision, change)


def delete_standard_text(database: Database, text_id: int, *, revision: int | None) -> None:
    """Reports in which it was expanded have its text. Raises as ``change_standard_text`` does."""

    def delete(session: Session) -> None:
        row = find(session, StandardText, text_id)
        require_unchanged(row.revision, revision)
        session.delete(row)

    decide(database, delete)


def _change(
    database: Database,
    model: type[Prepared],
    row_id: int,
    user_id: int,
    revision: int | None,
    work: Callable[[Session, Prepared], None],
) -> Prepared:
    def change(session: Session) -> Prepared:
        row = find(session, model, row_id)
        require_unchanged(row.revision, revision)
        work(session, row)
        _note(row, user_id)
        return row

    return decide(database, change)


def _note(row: ReportTemplate | StandardText, user_id: int) -> None:
    row.revision += 1
    row.updated_by_id = user_id
    row.updated_at = datetime.now(UTC)


def _fill_template(template: ReportTemplate, fields: TemplateFields) -> None:
    template.name, template.modality, template.body_part = fields.name, fields.modality, fields.body_part
    for name, text in fields.sections.items():
        setattr(template, name, text)


def _fill_text(row: StandardText, fields: StandardTextFields) -> None:
    row.alias, row.text = fields.alias, fields.text
    row.modality, row.body_part = fields.modality, fields.body_part


def _require_free_name(session: Session, fields: TemplateFields, *, besides: int | None) -> None:
    """Two that nobody can tell apart are one too many. Raises RegistryError."""
    others = session.scalars(
        select(ReportTemplate.id)
        .where(ReportTemplate.name == fields.name, ReportTemplate.modality == fields.modality)
        .where(ReportTemplate.body_part == fields.body_part, ReportTemplate.retired_at.is_(None))
    )
    if set(others) - {besides}:
        raise RegistryError(
            "name", "There is a template of this name for the same modality and body part: choose another."
        )


def _require_free_alias(session: Session, alias: str, *, besides: int | None) -> None:
    """Raises RegistryError."""
    owner = session.scalar(select(StandardText.id).where(StandardText.alias == alias))
    if owner not in {None, besides}:
        raise RegistryError("alias", f".{alias} is there already: choose another, or edit that one.")
