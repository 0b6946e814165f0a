"""Who is assigned to whom, and who opened a chart without being so."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import Table


class AssignmentRow(Table):
    """One person of the staff given one individual (`patient`, the EHR's id), or, where it is "", the
    co-signing of the whole programme; ended, never removed."""

    __tablename__ = "assignments"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    issuer: Mapped[str]
    staff: Mapped[str]
    patient: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime]
    ended_by: Mapped[str | None]
    ended_at: Mapped[datetime | None]
    __table_args__ = (
        Index(
            "assigned_once", "issuer", "staff", "patient", unique=True, sqlite_where=sql("ended_at IS NULL")
        ),
        {"sqlite_autoincrement": True},
    )


class BrokenGlassRow(Table):
    """One opening of an individual's record by somebody who was not assigned: why, and who looked at it."""

    __tablename__ = "broken_glass"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    issuer: Mapped[str]
    staff: Mapped[str]
    patient: Mapped[str]
    subject: Mapped[str]
    reason: Mapped[str]
    launch: Mapped[str]
    at: Mapped[datetime]
    seen_by: Mapped[str | None]
    seen_at: Mapped[datetime | None]
    __table_args__ = (Index("glass_of_issuer", "issuer", "id"), {"sqlite_autoincrement": True})
