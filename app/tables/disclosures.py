"""Written consents to disclose records, their revocation, what was disclosed, and notes in a wrong chart."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.columns import Json
from app.tables.base import Table


class ConsentRow(Table):
    """One written consent of a person; only ever added. `destinations` are those that it allows."""

    __tablename__ = "consents"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    issuer: Mapped[str]
    patient: Mapped[str]
    scope: Mapped[str]
    destinations: Mapped[list[str]] = mapped_column(Json)
    recipient: Mapped[str]
    first_day: Mapped[date]
    last_day: Mapped[date | None]
    copy: Mapped[str]
    explanation: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime]
    __table_args__ = (Index("consent_of_person", "issuer", "patient"), {"sqlite_autoincrement": True})


class ConsentEndRow(Table):
    """The revocation of one consent: from `at` on nothing leaves by it. `said` is how the person said so."""

    __tablename__ = "consent_ends"
    consent: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    issuer: Mapped[str]
    said: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime]
    __table_args__ = (ForeignKeyConstraint(["consent"], ["consents.id"], name="end_of_consent"),)


class DisclosureRow(Table):
    """One record that left for a recipient, written down before its first byte left. `delivery` is the row of
    the outbox, None for what left by another way; `consent` the one it left by, None where none is asked."""

    __tablename__ = "disclosures"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    issuer: Mapped[str]
    patient: Mapped[str]
    at: Mapped[datetime]
    recipient: Mapped[str]
    purpose: Mapped[str]
    kind: Mapped[str]
    key: Mapped[str]
    digest: Mapped[str]
    part2: Mapped[bool]
    consent: Mapped[int | None]
    delivery: Mapped[int | None]
    __table_args__ = (
        UniqueConstraint("delivery", name="disclosed_once"),
        Index("disclosure_of_person", "issuer", "patient"),
        {"sqlite_autoincrement": True},
    )


class WrongChartRow(Table):
    """One contact that was written in the chart of the wrong person: `state` is where its version stood."""

    __tablename__ = "wrong_charts"
    issuer: Mapped[str] = mapped_column(primary_key=True)
    contact: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    patient: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime]
    __table_args__ = (
        ForeignKeyConstraint(
            ["issuer", "contact"], ["contacts.issuer", "contacts.id"], name="wrong_chart_of"
        ),
        Index("wrong_chart_of_person", "issuer", "patient"),
    )
