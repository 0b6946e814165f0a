"""Where the renewal of a launch's token stands: one attempt at a time, and none after an answer was lost."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two columns of the launches."""
    op.add_column("launches", sa.Column("refresh_state", sa.Text(), nullable=True))
    op.add_column("launches", sa.Column("refresh_at", sa.Text(), nullable=True))
