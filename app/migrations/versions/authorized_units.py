"""Units taken from an authorization are found without reading all that were ever billed for a person."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One index more."""
    named = sa.text('"authorization" IS NOT NULL')
    op.create_index("units_authorized", "claim_units", ["issuer", "patient"], sqlite_where=named)
