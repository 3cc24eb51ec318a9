"""Reports"""

import sqlalchemy as sa
from alembic import op

import database.types

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "report_template",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("modality", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("body_part", sa.Text(), nullable=False),
        sa.Column("clinical_information", sa.Text(), nullable=False),
        sa.Column("technique", sa.Text(), nullable=False),
        sa.Column("comparison", sa.Text(), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.Column("impression", sa.Text(), nullable=False),
        sa.Column("recommendation", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("updated_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("updated_at", database.types.UTCDateTime(), nullable=False),
        sa.Column("retired_at", database.types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["updated_by_id"], ["user.id"], name=op.f("fk_report_template_updated_by_id_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_template")),
    )
    op.create_table(
        "saved_filter",
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_saved_filter_user_id_user")),
        sa.PrimaryKeyConstraint("user_id", "name", name=op.f("pk_saved_filter")),
    )
    op.create_table(
        "standard_text",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("alias", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("modality", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("body_part", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("updated_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("updated_at", database.types.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["updated_by_id"], ["user.id"], name=op.f("fk_standard_text_updated_by_id_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_standard_text")),
        sa.UniqueConstraint("alias", name=op.f("uq_standard_text_alias")),
    )
    op.create_table(
        "audit_event",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("at", database.types.UTCDateTime(), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "action",
            sa.Enum(
                "report-printed",
                "report-signed",
                "report-retracted",
                "report-discarded",
                "report-taken-over",
                name="auditaction",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("study_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("remote_ip", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_audit_event_study_id_study")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_audit_event_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
    )
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_event_study_id_at"), ["study_id", "at"], unique=False)

    op.create_table(
        "report",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("study_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("revision", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "preliminary",
                "final",
                "retracted",
                "discarded",
                name="reportstate",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "writing",
            sa.Enum("report", "addendum", "amendment", name="purpose", native_enum=False, length=32),
            nullable=True,
        ),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("addendum_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("author_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("first_signer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("final_revision", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("finalized_at", database.types.UTCDateTime(), nullable=True),
        sa.Column("created_at", database.types.UTCDateTime(), nullable=False),
        sa.Column("updated_at", database.types.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["user.id"], name=op.f("fk_report_author_id_user")),
        sa.ForeignKeyConstraint(
            ["first_signer_id"], ["user.id"], name=op.f("fk_report_first_signer_id_user")
        ),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_report_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report")),
        sa.UniqueConstraint("study_id", name=op.f("uq_report_study_id")),
    )
    with op.batch_alter_table("report", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_report_author_id_state"), ["author_id", "state"], unique=False)
        batch_op.create_index(batch_op.f("ix_report_updated_at"), ["updated_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_report_first_signer_id"), ["first_signer_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_report_state_finalized_at"), ["state", "finalized_at"], unique=False
        )

    op.create_table(
        "report_lock",
        sa.Column("study_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("token", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("acquired_at", database.types.UTCDateTime(), nullable=False),
        sa.Column("beats_until", database.types.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_report_lock_study_id_study")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_report_lock_user_id_user")),
        sa.PrimaryKeyConstraint("study_id", name=op.f("pk_report_lock")),
    )
    with op.batch_alter_table("report_lock", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_report_lock_beats_until"), ["beats_until"], unique=False)

    op.create_table(
        "study_flag",
        sa.Column("study_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "priority",
            sa.Enum("stat", "urgent", "routine", name="priority", native_enum=False, length=32),
            nullable=True,
        ),
        sa.Column("assignee_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("updated_at", database.types.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["assignee_id"], ["user.id"], name=op.f("fk_study_flag_assignee_id_user")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_study_flag_study_id_study")),
        sa.PrimaryKeyConstraint("study_id", name=op.f("pk_study_flag")),
    )
    with op.batch_alter_table("study_flag", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_study_flag_assignee_id"), ["assignee_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_study_flag_updated_at"), ["updated_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_study_flag_priority"), ["priority"], unique=False)

    op.create_table(
        "report_document",
        sa.Column("report_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("revision", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("paper", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("created_at", database.types.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["report_id"], ["report.id"], name=op.f("fk_report_document_report_id_report")
        ),
        sa.PrimaryKeyConstraint("report_id", "revision", "paper", name=op.f("pk_report_document")),
    )
    op.create_table(
        "report_revision",
        sa.Column("report_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "action",
            sa.Enum(
                "save",
                "release",
                "sign",
                "cosign",
                "retract",
                "discard",
                name="reportaction",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "purpose",
            sa.Enum("report", "addendum", "amendment", name="purpose", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "preliminary",
                "final",
                "retracted",
                "discarded",
                name="reportstate",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("clinical_information", sa.Text(), nullable=False),
        sa.Column("technique", sa.Text(), nullable=False),
        sa.Column("comparison", sa.Text(), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.Column("impression", sa.Text(), nullable=False),
        sa.Column("recommendation", sa.Text(), nullable=False),
        sa.Column("addendum", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("author_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("author_name", sa.Text(), nullable=False),
        sa.Column("written_at", database.types.UTCDateTime(), nullable=False),
        sa.Column("snapshot", sa.JSON(), nullable=False),
        sa.Column(
            "previous_hash", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("hash", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["user.id"], name=op.f("fk_report_revision_author_id_user")),
        sa.ForeignKeyConstraint(
            ["report_id"], ["report.id"], name=op.f("fk_report_revision_report_id_report")
        ),
        sa.PrimaryKeyConstraint("report_id", "number", name=op.f("pk_report_revision")),
    )
    with op.batch_alter_table("report_revision", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_report_revision_action_written_at"), ["action", "written_at"], unique=False
        )

    with op.batch_alter_table("facility", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("has_preprinted_paper", sa.Boolean(), nullable=False, server_default="0")
        )
        batch_op.add_column(
            sa.Column(
                "paper",
                sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
                nullable=False,
                server_default="A4",
            )
        )
        batch_op.add_column(
            sa.Column("needs_second_signer", sa.Boolean(), nullable=False, server_default="0")
        )

    with op.batch_alter_table("study", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "requested_priority",
                sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
                nullable=True,
            )
        )
        batch_op.add_column(sa.Column("is_reported", sa.Boolean(), nullable=False, server_default="0"))
        batch_op.create_index(
            batch_op.f("ix_study_requested_priority_received_at"),
            ["requested_priority", "received_at"],
            unique=False,
        )
        batch_op.create_index(
            "ix_study_unread_requested_priority",
            ["requested_priority", "id"],
            unique=False,
            sqlite_where=sa.text("is_reported IS 0"),
            postgresql_where=sa.text("is_reported IS false"),
        )
        batch_op.create_index(
            "ix_study_unread",
            ["received_at", "id"],
            unique=False,
            sqlite_where=sa.text("is_reported IS 0"),
            postgresql_where=sa.text("is_reported IS false"),
        )

    with op.batch_alter_table("user", schema=None) as batch_op:
        batch_op.add_column(sa.Column("full_name", sa.Text(), nullable=False, server_default=""))
    for table in IMMUTABLE:
        _make_immutable(table)
    _note_reported_studies()


IMMUTABLE = ("report_revision", "report_document", "audit_event")
"""Rows are only ever added, whoever asks."""


def _make_immutable(table: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        for event in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table}: rows are never changed or deleted'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$ "
        f"BEGIN RAISE EXCEPTION '{table}: rows are never changed or deleted'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_is_immutable BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_is_immutable()"
    )
    op.execute(
        f"CREATE TRIGGER {table}_is_not_truncated BEFORE TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_is_immutable()"
    )


def _note_reported_studies() -> None:
    """``study.is_reported`` follows the study's report, in the same transaction."""
    if op.get_bind().dialect.name == "sqlite":
        work = "UPDATE study SET is_reported = (NEW.state <> 'discarded') WHERE id = NEW.study_id"
        op.execute(f"CREATE TRIGGER report_is_begun AFTER INSERT ON report BEGIN {work}; END")
        op.execute(f"CREATE TRIGGER report_is_moved AFTER UPDATE OF state ON report BEGIN {work}; END")
        return
    op.execute(
        "CREATE FUNCTION note_reported_study() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "UPDATE study SET is_reported = (NEW.state <> 'discarded') "
        "WHERE id = NEW.study_id AND is_reported <> (NEW.state <> 'discarded'); RETURN NULL; END $$"
    )
    op.execute(
        "CREATE TRIGGER report_is_noted AFTER INSERT OR UPDATE OF state ON report "
        "FOR EACH ROW EXECUTE FUNCTION note_reported_study()"
    )
