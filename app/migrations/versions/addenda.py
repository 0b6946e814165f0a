"""Addenda: added to final notes, frozen with their signature, never removed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.migrations.freezing import ADDENDA

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table, and what keeps a signed addendum as it is."""
    op.create_table(
        "addenda",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("issuer", "id", "contact")),
        sa.Column("version", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("patient", "author", "said", "state")),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("text", "digest")),
        sa.Column("saved_at", sa.Text(), nullable=False),
        sa.Column("signed_at", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["issuer", "contact", "version"],
            ["contact_versions.issuer", "contact_versions.contact", "contact_versions.version"],
            name="addendum_to",
        ),
        sa.PrimaryKeyConstraint("issuer", "id"),
    )
    op.create_index("addendum_of_contact", "addenda", ["issuer", "contact"], unique=False)
    op.create_index(
        "one_addendum_draft",
        "addenda",
        ["issuer", "contact", "author"],
        unique=True,
        sqlite_where=sa.text("state = 'draft'"),
    )
    for trigger in ADDENDA:
        op.execute(trigger)
