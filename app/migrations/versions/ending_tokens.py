"""The tokens of ended launches, until their EHR was told that nobody needs them any more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table, from which a row goes as soon as its EHR was told."""
    op.create_table(
        "ending_tokens",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("launch", "issuer")),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("ended_at", "again_at")),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("launch"),
    )
    op.create_index("ix_ending_tokens_again_at", "ending_tokens", ["again_at"])
