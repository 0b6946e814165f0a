"""How a person stands to the programme, entry after entry."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Index, false
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import Table


class EngagementRow(Table):
    """One step of a person's engagement; only ever added.

    A row that `corrects` another states its true day, or with the status withdrawn that it never was;
    `automatic` is what a signed contact began and nobody said.
    """

    __tablename__ = "engagement_entries"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    issuer: Mapped[str]
    patient: Mapped[str]
    status: Mapped[str]
    at: Mapped[str]
    recorded_by: Mapped[str]
    recorded_at: Mapped[datetime]
    corrects: Mapped[int | None]
    reason: Mapped[str | None]
    automatic: Mapped[bool] = mapped_column(server_default=false())
    __table_args__ = (
        Index("engagement_of", "issuer", "patient"),
        {"sqlite_autoincrement": True},
    )


class EngagementGoalRow(Table):
    """The goal of the engagement as it was worded; only ever added, the last one counts."""

    __tablename__ = "engagement_goals"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    issuer: Mapped[str]
    patient: Mapped[str]
    goal: Mapped[str]
    on: Mapped[date]
    recorded_by: Mapped[str]
    recorded_at: Mapped[datetime]
    __table_args__ = (
        Index("engagement_goal_of", "issuer", "patient"),
        {"sqlite_autoincrement": True},
    )
