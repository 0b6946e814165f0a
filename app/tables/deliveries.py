"""What was frozen for an EHR, and each step of its way."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.columns import Json
from app.tables.base import Table


class OutboxRow(Table):
    """One delivery: frozen bytes for one destination, under a key of its own."""

    __tablename__ = "outbox"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    issuer: Mapped[str]
    destination: Mapped[str]
    kind: Mapped[str]
    key: Mapped[str]
    patient: Mapped[str]
    subject: Mapped[str]
    payload: Mapped[bytes]
    digest: Mapped[str]
    made_at: Mapped[datetime]
    state: Mapped[str]
    due_at: Mapped[datetime]
    attempts: Mapped[int]
    reason: Mapped[str | None]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    fence: Mapped[int]
    result: Mapped[Any | None] = mapped_column(Json, nullable=True)
    settled_at: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("issuer", "destination", "key", name="outbox_key"),
        Index("outbox_due", "state", "due_at"),
        Index("outbox_of_person", "issuer", "destination", "patient", "id"),
        {"sqlite_autoincrement": True},
    )


class OutboxStepRow(Table):
    """One request of a delivery, frozen before its first attempt."""

    __tablename__ = "outbox_steps"
    issuer: Mapped[str]
    row: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]
    method: Mapped[str]
    address: Mapped[str]
    headers: Mapped[Any] = mapped_column(Json, nullable=False)
    body: Mapped[bytes]
    digest: Mapped[str]
    made_at: Mapped[datetime]
    state: Mapped[str]
    attempts: Mapped[int]
    first_try_at: Mapped[datetime | None]
    result: Mapped[Any | None] = mapped_column(Json, nullable=True)
    __table_args__ = (
        ForeignKeyConstraint(["row"], ["outbox.id"], name="step_of"),
        UniqueConstraint("row", "key", name="step_key"),
    )
