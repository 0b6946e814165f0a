"""X12 batches as they were sent, the claims in them, and control numbers that are never used twice."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.migrations.freezing import growing, never

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two tables to which is only ever added, and a counter that only ever grows."""
    op.create_table(
        "x12_numbers",
        sa.Column("submitter", sa.Text(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("submitter"),
    )
    op.create_table(
        "x12_batches",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("issuer", "batch", "submitter")),
        sa.Column("number", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("form", "content", "by", "at")),
        sa.PrimaryKeyConstraint("issuer", "batch"),
        sa.UniqueConstraint("submitter", "number", name="numbered_once"),
    )
    op.create_table(
        "x12_exports",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("issuer", "control_number", "batch")),
        sa.Column("set_number", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["issuer", "control_number"], ["claims.issuer", "claims.control_number"], name="x12_of_claim"
        ),
        sa.ForeignKeyConstraint(
            ["issuer", "batch"], ["x12_batches.issuer", "x12_batches.batch"], name="in_batch"
        ),
        sa.PrimaryKeyConstraint("issuer", "control_number"),
    )
    for trigger in (*never("x12_batches"), *never("x12_exports"), *growing("x12_numbers", "last")):
        op.execute(trigger)
