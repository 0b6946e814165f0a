"""Who is assigned to whom, and who opened a chart without being so."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.migrations.freezing import frozen, never

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two tables whose rows end, or are seen, once and are never removed."""
    op.create_table(
        "assignments",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("issuer", "staff", "patient", "by", "at")),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("ended_by", "ended_at")),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "assigned_once",
        "assignments",
        ["issuer", "staff", "patient"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "broken_glass",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("issuer", "staff", "patient", "subject")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("reason", "launch", "at")),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("seen_by", "seen_at")),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("glass_of_issuer", "broken_glass", ["issuer", "id"], unique=False)
    for trigger in _TRIGGERS:
        op.execute(trigger)


_GIVEN = ("id", "issuer", "staff", "patient", "by", "at")
_OPENED = ("id", "issuer", "staff", "patient", "subject", "reason", "launch", "at")
_TRIGGERS = (
    *frozen("assignments", _GIVEN, "1", "an assignment keeps who gave whom to whom"),
    *never("assignments", change=False),
    *frozen("broken_glass", _OPENED, "1", "an opening without assignment keeps its reason"),
    *never("broken_glass", change=False),
)
