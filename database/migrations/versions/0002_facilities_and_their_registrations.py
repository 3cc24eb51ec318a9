"""Facilities and their registrations"""

import sqlalchemy as sa
from alembic import op

import database.types

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "application_entity",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("facility_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ae_title", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column(
            "ae_title_key", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("port", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("has_generated_port", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column(
            "local_ae_title", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("uses_tls", sa.Boolean(), nullable=False),
        sa.Column("may_echo", sa.Boolean(), nullable=False),
        sa.Column("may_store", sa.Boolean(), nullable=False),
        sa.Column("may_find", sa.Boolean(), nullable=False),
        sa.Column("may_move", sa.Boolean(), nullable=False),
        sa.Column("may_get", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("link_revision", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("successor_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("echoed_at", database.types.UTCDateTime(), nullable=True),
        sa.Column("echo_finding", sa.Text(), nullable=False),
        sa.Column("is_echo_ok", sa.Boolean(), nullable=False),
        sa.Column("created_at", database.types.UTCDateTime(), nullable=False),
        sa.Column("retired_at", database.types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["facility_id"], ["facility.id"], name=op.f("fk_application_entity_facility_id_facility")
        ),
        sa.ForeignKeyConstraint(
            ["successor_id"],
            ["application_entity.id"],
            name=op.f("fk_application_entity_successor_id_application_entity"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_application_entity")),
        sa.UniqueConstraint("ae_title_key", name=op.f("uq_application_entity_ae_title_key")),
    )
    with op.batch_alter_table("application_entity", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_application_entity_facility_id"), ["facility_id"], unique=False)
        batch_op.create_index(
            "uq_application_entity_generated_port",
            ["port"],
            unique=True,
            sqlite_where=sa.text("has_generated_port"),
            postgresql_where=sa.text("has_generated_port"),
        )

    op.create_table(
        "foreign_registration",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("feed_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("application-entity", "peer", name="registrationkind", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("name", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("ae_title", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("port", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("is_alarming", sa.Boolean(), nullable=False),
        sa.Column("seen_at", database.types.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["feed_id"], ["feed.id"], name=op.f("fk_foreign_registration_feed_id_feed")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_foreign_registration")),
        sa.UniqueConstraint(
            "feed_id", "kind", "name", name=op.f("uq_foreign_registration_feed_id_kind_name")
        ),
    )
    op.create_table(
        "peer",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("facility_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("username", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column(
            "encrypted_password", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("revision", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tested_at", database.types.UTCDateTime(), nullable=True),
        sa.Column("test_finding", sa.Text(), nullable=False),
        sa.Column("is_test_ok", sa.Boolean(), nullable=False),
        sa.Column("created_at", database.types.UTCDateTime(), nullable=False),
        sa.Column("retired_at", database.types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_peer_facility_id_facility")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_peer")),
    )
    with op.batch_alter_table("peer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_peer_facility_id"), ["facility_id"], unique=False)

    op.create_table(
        "registration",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("feed_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("application-entity", "peer", name="registrationkind", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("target_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("applied_revision", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "registered",
                "pending",
                "failed",
                "drifted",
                name="registrationstate",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("registered_at", database.types.UTCDateTime(), nullable=True),
        sa.Column("drift", sa.JSON(), nullable=False),
        sa.Column("drifted_at", database.types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["feed_id"], ["feed.id"], name=op.f("fk_registration_feed_id_feed")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registration")),
        sa.UniqueConstraint(
            "feed_id", "kind", "target_id", name=op.f("uq_registration_feed_id_kind_target_id")
        ),
    )
    op.create_table(
        "link_run",
        sa.Column(
            "application_entity_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("link_revision", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("last_study_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("study_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("done_at", database.types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["application_entity_id"],
            ["application_entity.id"],
            name=op.f("fk_link_run_application_entity_id_application_entity"),
        ),
        sa.PrimaryKeyConstraint("application_entity_id", name=op.f("pk_link_run")),
    )
    op.create_table(
        "study_link",
        sa.Column("study_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("facility_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("linked_at", database.types.UTCDateTime(), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["facility_id"], ["facility.id"], name=op.f("fk_study_link_facility_id_facility")
        ),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_study_link_study_id_study")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_study_link_user_id_user")),
        sa.PrimaryKeyConstraint("study_id", "facility_id", name=op.f("pk_study_link")),
    )
    op.create_table(
        "study_sender",
        sa.Column("study_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "ae_title_key", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("ae_title", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("remote_ip", sa.Text(), nullable=False),
        sa.Column("first_received_at", database.types.UTCDateTime(), nullable=False),
        sa.Column("last_received_at", database.types.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_study_sender_study_id_study")),
        sa.PrimaryKeyConstraint("study_id", "ae_title_key", name=op.f("pk_study_sender")),
    )
    with op.batch_alter_table("study_sender", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_study_sender_ae_title_key_last_received_at"),
            ["ae_title_key", "last_received_at"],
            unique=False,
        )

    with op.batch_alter_table("facility", schema=None) as batch_op:
        batch_op.add_column(sa.Column("address", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("time_zone", sa.Text(), nullable=False, server_default="UTC"))
        batch_op.add_column(sa.Column("contact", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("letterhead", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("logo", sa.LargeBinary(), nullable=True))
        batch_op.add_column(
            sa.Column("silent_hours", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(
            sa.Column(
                "created_at",
                database.types.UTCDateTime(),
                nullable=False,
                server_default="1970-01-01 00:00:00",
            )
        )
        batch_op.add_column(sa.Column("retired_at", database.types.UTCDateTime(), nullable=True))
    op.execute(
        "INSERT INTO study_sender (study_id, ae_title_key, ae_title, remote_ip, first_received_at, last_received_at) "
        "SELECT series.study_id, upper(instance.calling_ae_title), max(instance.calling_ae_title), "
        "max(instance.remote_ip), min(instance.received_at), max(instance.received_at) "
        "FROM instance JOIN series ON series.id = instance.series_id WHERE instance.calling_ae_title <> '' "
        "GROUP BY series.study_id, upper(instance.calling_ae_title)"
    )
