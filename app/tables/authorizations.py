"""Authorizations of payers: each row is one version, and no row ever changes."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import Table


class AuthorizationRow(Table):
    """One version of an authorization; the highest counts. `asked` are the units that were asked for,
    `units` those that were granted, `elsewhere` those used before or outside Peerchart."""

    __tablename__ = "authorizations"
    issuer: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    patient: Mapped[str]
    extends: Mapped[str | None]
    service: Mapped[str]
    member: Mapped[str | None]
    peer: Mapped[str | None]
    certificate: Mapped[str | None]
    asked: Mapped[int | None]
    requested_by: Mapped[str | None]
    requester_role: Mapped[str | None]
    requested_on: Mapped[date | None]
    sent_on: Mapped[date | None]
    answer: Mapped[str]
    answered_on: Mapped[date | None]
    number: Mapped[str | None]
    units: Mapped[int | None]
    elsewhere: Mapped[int]
    first_day: Mapped[date | None]
    last_day: Mapped[date | None]
    member_approved: Mapped[bool | None]
    note: Mapped[str | None]
    ended_on: Mapped[date | None]
    changed_by: Mapped[str]
    changed_at: Mapped[datetime]
    __table_args__ = (Index("authorization_of_person", "issuer", "patient"),)
