"""A step is frozen once it may have been sent; until then it takes the explanation of its consent."""

from __future__ import annotations

from alembic import op

from app.migrations.freezing import STEPS

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The columns of a step change no more once its state is another than ready."""
    op.execute("DROP TRIGGER outbox_steps_frozen")
    for trigger in STEPS:
        op.execute(trigger)
