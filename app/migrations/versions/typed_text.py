"""What an author typed that no record can hold yet, such as a day without a time, kept with the draft."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One column more, empty for every version there is."""
    op.add_column("contact_versions", sa.Column("typed", sa.Text(), nullable=True))
