"""What is written down beside the notes: meetings of a team, and lines about a person such as a referral."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from app.columns import Json
from app.tables.base import Table


class MeetingRow(Table):
    """One meeting of a team; only ever added. `came` holds ids of the staff, `about` of people."""

    __tablename__ = "meetings"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    issuer: Mapped[str]
    on: Mapped[date]
    minutes: Mapped[int]
    team: Mapped[str]
    came: Mapped[Any] = mapped_column(Json, nullable=False)
    about: Mapped[Any] = mapped_column(Json, nullable=False)
    reference: Mapped[str | None]
    by: Mapped[str]
    at: Mapped[datetime]
    __table_args__ = (Index("meeting_days", "issuer", "on"), {"sqlite_autoincrement": True})


class BesideRow(Table):
    """One line about a person that waits for no note; only ever added. `kind` says what it is of, `said` what
    was written, `on` the day on which it was so."""

    __tablename__ = "beside_notes"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    issuer: Mapped[str]
    patient: Mapped[str]
    kind: Mapped[str]
    on: Mapped[date]
    said: Mapped[Any] = mapped_column(Json, nullable=False)
    by: Mapped[str]
    at: Mapped[datetime]
    __table_args__ = (Index("beside_of_person", "issuer", "patient", "kind"), {"sqlite_autoincrement": True})


class StruckRow(Table):
    """A line or a meeting that was written in error: it stays, and no longer counts."""

    __tablename__ = "struck"
    issuer: Mapped[str] = mapped_column(primary_key=True)
    what: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    reason: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime]
