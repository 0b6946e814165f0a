"""Claims replace and void one another, payers answer them, and the charge file takes each of them once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.migrations.freezing import LINEAGE, STAY_BILLED, never

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Four columns more for claims, two tables to which is only ever added, and units that move once."""
    for column in ("stem", "prior", "asked"):
        op.add_column("claims", sa.Column(column, sa.Text(), nullable=True))
    op.add_column("claims", sa.Column("frequency", sa.Text(), nullable=False, server_default="1"))
    op.execute("UPDATE claims SET stem = substr(control_number, 1, 18)")
    op.create_index(
        "replaced_once",
        "claims",
        ["issuer", "prior"],
        unique=True,
        sqlite_where=sa.text("prior IS NOT NULL AND state <> 'void'"),
    )
    op.create_table(
        "claim_answers",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("issuer", "control_number", "status")),
        sa.Column("reason", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("payer_number", "paid")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("source", "by", "at", "digest")),
        sa.ForeignKeyConstraint(
            ["issuer", "control_number"], ["claims.issuer", "claims.control_number"], name="answer_of_claim"
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("issuer", "control_number", "digest", name="answered_once"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "charge_exports",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("issuer", "control_number", "batch")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("by", "at")),
        sa.ForeignKeyConstraint(
            ["issuer", "control_number"], ["claims.issuer", "claims.control_number"], name="charge_of_claim"
        ),
        sa.PrimaryKeyConstraint("issuer", "control_number"),
    )
    for trigger in (*never("claim_answers"), *never("charge_exports"), *LINEAGE):
        op.execute(trigger)
    op.execute("DROP TRIGGER claim_units_stay_billed")
    op.execute(STAY_BILLED)
