"""Every decision with all that the rules said, and the texts of every library that a kept finding names."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.migrations.freezing import never

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# The versions of an older installation name libraries that nobody kept; they stay as they are.
_KEPT = """
CREATE TRIGGER {table}_name_a_kept_library BEFORE UPDATE OF library ON {table} FOR EACH ROW
WHEN NEW.library IS NOT NULL AND NOT EXISTS (SELECT 1 FROM libraries WHERE digest = NEW.library)
BEGIN SELECT RAISE(ABORT, '{table}: the texts of the library are not kept'); END
"""


def upgrade() -> None:
    """Two tables to which is only ever added."""
    op.create_table(
        "libraries",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("first_used_at", sa.Text(), nullable=False),
        sa.Column("texts", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("issuer", "kind", "subject")),
        sa.Column("version", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("occasion", "patient")),
        sa.Column("control_number", sa.Text(), nullable=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("by", "at", "library", "jurisdiction")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("on", "layers", "signing", "claim")),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("units", "billed_units")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("findings", "passed")),
        sa.ForeignKeyConstraint(["library"], ["libraries.digest"], name="decided_by"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("issuer", "kind", "subject", "version", "occasion", name="decided_once"),
        sqlite_autoincrement=True,
    )
    op.create_index("decision_of_claim", "decisions", ["issuer", "control_number"], unique=False)
    for trigger in (*never("libraries"), *never("decisions")):
        op.execute(trigger)
    for table in ("contact_versions", "plan_entries"):
        op.execute(_KEPT.format(table=table))
