"""Plan entries and their versions."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from app.columns import AsPart, Json
from app.tables.base import Table
from mappings.records import PlanEntry


class PlanEntryRow(Table):
    """One version of one entry of a treatment plan: a draft until it is signed, then frozen."""

    __tablename__ = "plan_entries"
    issuer: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    patient: Mapped[str]
    author: Mapped[str]
    state: Mapped[str]
    edit: Mapped[int]
    record: Mapped[PlanEntry] = mapped_column(AsPart(PlanEntry))
    text: Mapped[str | None]
    digest: Mapped[str | None]
    findings: Mapped[Any] = mapped_column(Json, nullable=False)
    library: Mapped[str | None]
    saved_at: Mapped[datetime]
    frozen_at: Mapped[datetime | None]
    ended_on: Mapped[date | None]
    __table_args__ = (
        Index("plan_of_person", "issuer", "patient"),
        Index("one_plan_draft", "issuer", "id", unique=True, sqlite_where=sql("state = 'draft'")),
        Index("one_plan_signed", "issuer", "id", unique=True, sqlite_where=sql("state = 'signed'")),
    )
