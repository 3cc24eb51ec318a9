"""Prior studies"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("study", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_study_patient_id_patient_birth_date"),
            ["patient_id", "patient_birth_date"],
            unique=False,
        )
        batch_op.create_index(batch_op.f("ix_study_patient_birth_date"), ["patient_birth_date"], unique=False)
