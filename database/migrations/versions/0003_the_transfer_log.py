"""The transfer log"""

import sqlalchemy as sa
from alembic import op

import database.types

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "association",
        sa.Column("started_at", database.types.UTCDateTime(), nullable=False),
        sa.Column("boot", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("spool_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ended_at", database.types.UTCDateTime(), nullable=True),
        sa.Column(
            "direction", sa.Enum("in", "out", name="direction", native_enum=False, length=32), nullable=False
        ),
        sa.Column(
            "calling_ae_title", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column(
            "called_ae_title", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column(
            "remote_ae_title_key",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("remote_ip", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("remote_port", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tls_subject", sa.Text(), nullable=False),
        sa.Column("is_tls", sa.Boolean(), nullable=False),
        sa.Column(
            "implementation_class_uid",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("implementation_version_name", sa.Text(), nullable=False),
        sa.Column("presentation_contexts", sa.JSON(), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum(
                "open",
                "released",
                "aborted",
                "rejected",
                "connection-lost",
                "orthanc-unavailable",
                "not-dicom",
                "interrupted",
                name="associationoutcome",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "ended_by",
            sa.Enum("remote", "orthanc", "recorder", name="endedby", native_enum=False, length=32),
            nullable=True,
        ),
        sa.Column("end_result", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("end_source", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("end_reason", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column(
            "door_reason",
            sa.Enum(
                "blocked",
                "retired",
                "host-not-allowed",
                "malformed-ae-title",
                "too-many-associations",
                "too-many-from-address",
                "request-timeout",
                "not-an-association-request",
                "orthanc-unreachable",
                "ending",
                name="doorreason",
                native_enum=False,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("opaque_reason", sa.Text(), nullable=False),
        sa.Column("received_byte_count", sa.BigInteger(), nullable=False),
        sa.Column("sent_byte_count", sa.BigInteger(), nullable=False),
        sa.Column("operation_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("failure_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("warning_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("started_at", "boot", "number", name=op.f("pk_association")),
    )
    with op.batch_alter_table("association", schema=None) as batch_op:
        batch_op.create_index(
            "ix_association_open",
            ["spool_id"],
            unique=False,
            sqlite_where=sa.text("outcome = 'open'"),
            postgresql_where=sa.text("outcome = 'open'"),
        )
        batch_op.create_index(
            batch_op.f("ix_association_remote_ae_title_key_started_at"),
            ["remote_ae_title_key", "started_at"],
            unique=False,
        )

    op.create_table(
        "operation",
        sa.Column("started_at", database.types.UTCDateTime(), nullable=False),
        sa.Column("boot", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("spool_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("association_started_at", database.types.UTCDateTime(), nullable=True),
        sa.Column("association_number", sa.BigInteger(), nullable=True),
        sa.Column(
            "source",
            sa.Enum("recorder", "orthanc", "job", "test", name="source", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column(
            "direction", sa.Enum("in", "out", name="direction", native_enum=False, length=32), nullable=False
        ),
        sa.Column(
            "kind",
            sa.Enum(
                "c-store",
                "c-echo",
                "c-find",
                "c-move",
                "c-get",
                "n-action",
                "n-event-report",
                "n-create",
                "n-set",
                "n-get",
                "n-delete",
                "other",
                name="operationkind",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("message_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column(
            "remote_ae_title", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column(
            "remote_ae_title_key",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("remote_ip", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("ended_at", database.types.UTCDateTime(), nullable=True),
        sa.Column("status", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column(
            "status_class",
            sa.Enum(
                "open",
                "success",
                "warning",
                "failure",
                "cancel",
                "interrupted",
                name="statusclass",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("is_cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("request_byte_count", sa.BigInteger(), nullable=False),
        sa.Column("response_byte_count", sa.BigInteger(), nullable=False),
        sa.Column(
            "sop_class_uid", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column(
            "sop_instance_uid", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column(
            "transfer_syntax_uid",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "query_level", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("query_keys", sa.JSON(), nullable=False),
        sa.Column("match_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column(
            "move_destination", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column(
            "move_originator", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("remaining_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("completed_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("failed_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("warned_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("failed_sop_instance_uids", sa.JSON(), nullable=False),
        sa.Column(
            "storage",
            sa.Enum(
                "awaited", "stored", "duplicate", "not-held", name="storage", native_enum=False, length=32
            ),
            nullable=True,
        ),
        sa.Column("study_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.PrimaryKeyConstraint("started_at", "boot", "number", name=op.f("pk_operation")),
    )
    with op.batch_alter_table("operation", schema=None) as batch_op:
        batch_op.create_index(
            "ix_operation_awaited",
            ["started_at"],
            unique=False,
            sqlite_where=sa.text("storage = 'awaited'"),
            postgresql_where=sa.text("storage = 'awaited'"),
        )
        batch_op.create_index(
            batch_op.f("ix_operation_boot_association_number_number"),
            ["boot", "association_number", "number"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_operation_remote_ae_title_key_started_at"),
            ["remote_ae_title_key", "started_at"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_operation_status_class_started_at"), ["status_class", "started_at"], unique=False
        )
        batch_op.create_index(
            "ix_operation_stored",
            ["sop_instance_uid"],
            unique=False,
            sqlite_where=sa.text("storage IS NOT NULL"),
            postgresql_where=sa.text("storage IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_operation_no_store_to_us",
            ["remote_ae_title_key", "direction", "kind", "started_at"],
            unique=False,
            sqlite_where=sa.text("kind <> 'c-store' OR direction = 'out'"),
            postgresql_where=sa.text("kind <> 'c-store' OR direction = 'out'"),
        )
        batch_op.create_index(
            "ix_operation_study",
            ["study_id", "started_at"],
            unique=False,
            sqlite_where=sa.text("study_id IS NOT NULL"),
            postgresql_where=sa.text("study_id IS NOT NULL"),
        )

    op.create_table(
        "sender",
        sa.Column(
            "ae_title_key", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("ae_title", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column(
            "called_ae_title", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("remote_ip", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("first_seen_at", database.types.UTCDateTime(), nullable=False),
        sa.Column("last_seen_at", database.types.UTCDateTime(), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum(
                "open",
                "released",
                "aborted",
                "rejected",
                "connection-lost",
                "orthanc-unavailable",
                "not-dicom",
                "interrupted",
                name="associationoutcome",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "ended_by",
            sa.Enum("remote", "orthanc", "recorder", name="endedby", native_enum=False, length=32),
            nullable=True,
        ),
        sa.Column("end_result", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("end_source", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("end_reason", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column(
            "door_reason",
            sa.Enum(
                "blocked",
                "retired",
                "host-not-allowed",
                "malformed-ae-title",
                "too-many-associations",
                "too-many-from-address",
                "request-timeout",
                "not-an-association-request",
                "orthanc-unreachable",
                "ending",
                name="doorreason",
                native_enum=False,
                length=32,
            ),
            nullable=True,
        ),
        sa.PrimaryKeyConstraint("ae_title_key", name=op.f("pk_sender")),
    )
    with op.batch_alter_table("sender", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sender_last_seen_at"), ["last_seen_at"], unique=False)

    op.create_table(
        "spool",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("name", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("byte_offset", sa.BigInteger(), nullable=False),
        sa.Column("boot", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", database.types.UTCDateTime(), nullable=True),
        sa.Column("read_at", database.types.UTCDateTime(), nullable=True),
        sa.Column("damaged_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spool")),
        sa.UniqueConstraint("name", name=op.f("uq_spool_name")),
    )
    op.create_table(
        "transfer_hour",
        sa.Column("hour_at", database.types.UTCDateTime(), nullable=False),
        sa.Column(
            "remote_ae_title_key",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "direction", sa.Enum("in", "out", name="direction", native_enum=False, length=32), nullable=False
        ),
        sa.Column(
            "kind",
            sa.Enum(
                "c-store",
                "c-echo",
                "c-find",
                "c-move",
                "c-get",
                "n-action",
                "n-event-report",
                "n-create",
                "n-set",
                "n-get",
                "n-delete",
                "other",
                name="operationkind",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "status_class",
            sa.Enum(
                "open",
                "success",
                "warning",
                "failure",
                "cancel",
                "interrupted",
                name="statusclass",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("duration_step", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("operation_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("byte_count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "hour_at",
            "remote_ae_title_key",
            "direction",
            "kind",
            "status_class",
            "duration_step",
            name=op.f("pk_transfer_hour"),
        ),
    )
    op.create_table(
        "blocked_sender",
        sa.Column(
            "ae_title_key", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("ae_title", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("blocked_at", database.types.UTCDateTime(), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_blocked_sender_user_id_user")),
        sa.PrimaryKeyConstraint("ae_title_key", name=op.f("pk_blocked_sender")),
    )
    op.create_table(
        "connection_test",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("started_at", database.types.UTCDateTime(), nullable=False),
        sa.Column("ended_at", database.types.UTCDateTime(), nullable=False),
        sa.Column("ae_title", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("is_ok", sa.Boolean(), nullable=False),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_connection_test_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connection_test")),
    )
    op.create_table(
        "spool_gap",
        sa.Column("spool_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("began_at", database.types.UTCDateTime(), nullable=False),
        sa.Column("ended_at", database.types.UTCDateTime(), nullable=False),
        sa.Column("record_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["spool_id"], ["spool.id"], name=op.f("fk_spool_gap_spool_id_spool")),
        sa.PrimaryKeyConstraint("spool_id", "began_at", name=op.f("pk_spool_gap")),
    )
    with op.batch_alter_table("application_entity", schema=None) as batch_op:
        batch_op.add_column(sa.Column("allowed_hosts", sa.Text(), nullable=False, server_default=""))

    with op.batch_alter_table("instance", schema=None) as batch_op:
        batch_op.add_column(sa.Column("accounted_at", database.types.UTCDateTime(), nullable=True))
    # What came before there was a log isn't missing from it
    op.execute("UPDATE instance SET accounted_at = received_at")
    with op.batch_alter_table("instance", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_instance_sop_instance_uid"), ["sop_instance_uid"], unique=False)
        batch_op.create_index(
            "ix_instance_unaccounted",
            ["received_at"],
            unique=False,
            sqlite_where=sa.text("accounted_at IS NOT received_at"),
            postgresql_where=sa.text("accounted_at IS DISTINCT FROM received_at"),
        )
