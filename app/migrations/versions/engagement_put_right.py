"""States that were written late, days that were put right, and beginnings that only a contact stated."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.migrations.freezing import never

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# A contact's signature wrote the beginning in its own moment and under the signer's name.
BEGUN_BY_A_SIGNATURE = """
UPDATE engagement_entries SET automatic = 1 WHERE status = 'undecided' AND EXISTS (
  SELECT 1 FROM signatures AS s WHERE s.issuer = engagement_entries.issuer AND s.kind = 'contact'
  AND s.meaning = 'author' AND s."by" = engagement_entries.recorded_by
  AND s.at = engagement_entries.recorded_at)
"""


def upgrade() -> None:
    """Three columns more. The rows there are stay as they are; only the new mark is set on them."""
    op.add_column("engagement_entries", sa.Column("corrects", sa.Integer(), nullable=True))
    op.add_column("engagement_entries", sa.Column("reason", sa.Text(), nullable=True))
    op.add_column(
        "engagement_entries",
        sa.Column("automatic", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.execute("DROP TRIGGER engagement_entries_never_changes")
    op.execute(BEGUN_BY_A_SIGNATURE)
    for trigger in never("engagement_entries", remove=False):
        op.execute(trigger)
