"""The audit trail."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from app.columns import Json
from app.tables.base import Table


class AuditRow(Table):
    """One line of the audit trail, chained to the line of the same issuer before it."""

    __tablename__ = "audit"
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    issuer: Mapped[str]
    at: Mapped[datetime]
    actor: Mapped[str]
    launch: Mapped[str | None]
    action: Mapped[str]
    patient: Mapped[str | None]
    subject: Mapped[str | None]
    version: Mapped[int | None]
    detail: Mapped[Any] = mapped_column(Json, nullable=False)
    previous: Mapped[str]
    hash: Mapped[str] = mapped_column(unique=True)
    __table_args__ = (Index("audit_of", "issuer", "seq"), {"sqlite_autoincrement": True})
