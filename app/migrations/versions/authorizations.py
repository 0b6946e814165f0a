"""Authorizations of payers, version after version, and on billed units which one they were taken from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.migrations.freezing import kept, never

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table to which is only ever added, and one column more for the units of claims."""
    op.create_table(
        "authorizations",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("extends", sa.Text(), nullable=True),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("member", sa.Text(), nullable=True),
        sa.Column("peer", sa.Text(), nullable=True),
        sa.Column("certificate", sa.Text(), nullable=True),
        sa.Column("asked", sa.Integer(), nullable=True),
        sa.Column("requested_by", sa.Text(), nullable=True),
        sa.Column("requester_role", sa.Text(), nullable=True),
        sa.Column("requested_on", sa.Text(), nullable=True),
        sa.Column("sent_on", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("answered_on", sa.Text(), nullable=True),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("units", sa.Integer(), nullable=True),
        sa.Column("elsewhere", sa.Integer(), nullable=False),
        sa.Column("first_day", sa.Text(), nullable=True),
        sa.Column("last_day", sa.Text(), nullable=True),
        sa.Column("member_approved", sa.Boolean(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("ended_on", sa.Text(), nullable=True),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "id", "version"),
    )
    op.create_index("authorization_of_person", "authorizations", ["issuer", "patient"], unique=False)
    op.add_column("claim_units", sa.Column("authorization", sa.Text(), nullable=True))
    op.execute(kept("claim_units", "authorization", "billed units keep their authorization"))
    for trigger in never("authorizations"):
        op.execute(trigger)
