"""From when a key signs, and until when its public part stays in the published set."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two columns of the keys; the keys that stand sign from the start and stay published."""
    op.add_column("keys", sa.Column("signs_from", sa.Text(), nullable=True))
    op.add_column("keys", sa.Column("published_until", sa.Text(), nullable=True))
