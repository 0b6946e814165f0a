"""Consents and disclosures, only ever added, and signed notes that may come to stand as entered in error."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.migrations.freezing import STAY_SIGNED, never

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Four tables to which is only ever added, and one more end of a signed version."""
    op.create_table(
        "consents",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("issuer", "patient", "scope")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("destinations", "recipient", "first_day")),
        sa.Column("last_day", sa.Text(), nullable=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("copy", "explanation", "by", "at")),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("consent_of_person", "consents", ["issuer", "patient"], unique=False)
    op.create_table(
        "consent_ends",
        sa.Column("consent", sa.Integer(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("issuer", "said", "by", "at")),
        sa.ForeignKeyConstraint(["consent"], ["consents.id"], name="end_of_consent"),
        sa.PrimaryKeyConstraint("consent"),
    )
    op.create_table(
        "disclosures",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("issuer", "patient", "at", "recipient")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("purpose", "kind", "key", "digest")),
        sa.Column("part2", sa.Boolean(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=True) for name in ("consent", "delivery")),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("delivery", name="disclosed_once"),
        sqlite_autoincrement=True,
    )
    op.create_index("disclosure_of_person", "disclosures", ["issuer", "patient"], unique=False)
    op.create_table(
        "wrong_charts",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("issuer", "contact")),
        sa.Column("version", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("patient", "state", "reason", "by", "at")),
        sa.ForeignKeyConstraint(
            ["issuer", "contact"], ["contacts.issuer", "contacts.id"], name="wrong_chart_of"
        ),
        sa.PrimaryKeyConstraint("issuer", "contact"),
    )
    op.create_index("wrong_chart_of_person", "wrong_charts", ["issuer", "patient"], unique=False)
    for table in ("consents", "consent_ends", "disclosures", "wrong_charts"):
        for trigger in never(table):
            op.execute(trigger)
    op.execute("DROP TRIGGER contact_versions_stay_signed")
    op.execute(STAY_SIGNED)
