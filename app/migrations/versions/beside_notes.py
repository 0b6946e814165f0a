"""Meetings of a team, and lines about a person that wait for no note."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.migrations.freezing import never

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Three tables to which is only ever added."""
    op.create_table(
        "meetings",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("on", sa.Text(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("team", "came", "about")),
        sa.Column("reference", sa.Text(), nullable=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("by", "at")),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("meeting_days", "meetings", ["issuer", "on"], unique=False)
    op.create_table(
        "beside_notes",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("issuer", "patient", "kind", "on")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("said", "by", "at")),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("beside_of_person", "beside_notes", ["issuer", "patient", "kind"], unique=False)
    op.create_table(
        "struck",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("issuer", "what")),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("reason", "by", "at")),
        sa.PrimaryKeyConstraint("issuer", "what", "number"),
    )
    for table in ("meetings", "beside_notes", "struck"):
        for trigger in never(table):
            op.execute(trigger)
