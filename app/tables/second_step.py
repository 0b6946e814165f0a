"""The second step at signing: what an EHR's programme asks for, the PINs, and each step that was asked."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import Table


class SecondStepRuleRow(Table):
    """What an issuer's programme asks for at signing; without a row it asks for nothing."""

    __tablename__ = "second_step_rules"
    issuer: Mapped[str] = mapped_column(primary_key=True)
    method: Mapped[str]
    changed_by: Mapped[str]
    changed_at: Mapped[datetime]


class SigningPinRow(Table):
    """The signing PIN of one person: its Argon2 hash (none after a reset) and the wrong answers in a row."""

    __tablename__ = "signing_pins"
    issuer: Mapped[str] = mapped_column(primary_key=True)
    staff_id: Mapped[str] = mapped_column(primary_key=True)
    hash: Mapped[str | None]
    set_at: Mapped[datetime | None]
    wrong: Mapped[int]
    locked_until: Mapped[datetime | None]
    reset_at: Mapped[datetime | None]


class SecondStepRow(Table):
    """One second step: who was asked in which launch, for a signature on which text, when it was done and
    when a signature took it. The way back from the EHR is kept as a digest."""

    __tablename__ = "second_steps"
    id: Mapped[str] = mapped_column(primary_key=True)
    issuer: Mapped[str]
    staff_id: Mapped[str]
    launch: Mapped[str]
    patient: Mapped[str | None]
    kind: Mapped[str]
    subject: Mapped[str]
    version: Mapped[int]
    meaning: Mapped[str]
    digest: Mapped[str]
    method: Mapped[str]
    asked_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    state_hash: Mapped[str | None]
    refused: Mapped[str | None]
    __table_args__ = (
        Index("second_step_of", "issuer", "staff_id", "subject"),
        Index("second_step_state", "state_hash", unique=True),
    )
