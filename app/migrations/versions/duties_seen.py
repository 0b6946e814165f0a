"""Risk that was seen and service that was not voluntary: when it appeared, who saw it, when it went."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.migrations.freezing import never

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# What the notes of an older installation say already: nobody has been shown it, so it stands open.
_KNOWN = """
INSERT INTO duties_seen (issuer, contact, duty, number, event, patient, version, "by", at)
SELECT c.issuer, c.id, '{duty}', 1, 'appeared', c.patient, v.version, c.author, v.saved_at
FROM contacts AS c JOIN contact_versions AS v
ON v.issuer = c.issuer AND v.contact = c.id AND v.version = c.current
WHERE v.state <> 'discarded' AND json_type(v.record, '{path}') = '{word}'
"""
WHAT_IS_KNOWN = (
    _KNOWN.format(duty="risk", path="$.risk.seen", word="true"),
    _KNOWN.format(duty="voluntary", path="$.service.voluntary", word="false"),
)


def upgrade() -> None:
    """One table to which is only ever added, with what the notes say already."""
    op.create_table(
        "duties_seen",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("duty", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["issuer", "contact"], ["contacts.issuer", "contacts.id"], name="duty_of"),
        sa.PrimaryKeyConstraint("issuer", "contact", "duty", "number"),
    )
    op.create_index("duty_of_person", "duties_seen", ["issuer", "patient"], unique=False)
    for statement in WHAT_IS_KNOWN:
        op.execute(statement)
    for trigger in never("duties_seen"):
        op.execute(trigger)
