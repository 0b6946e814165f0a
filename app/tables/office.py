"""Staff, programmes and individuals as one EHR knows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from app.columns import AsPart, Json
from app.tables.base import Table
from mappings.records import Individual, Program, Staff


class StaffRow(Table):
    """One member of the staff."""

    __tablename__ = "staff"
    issuer: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    npi: Mapped[str | None]
    practitioner: Mapped[str | None]
    active: Mapped[bool]
    roles: Mapped[list[str]] = mapped_column(Json)
    record: Mapped[Staff] = mapped_column(AsPart(Staff))
    changed_at: Mapped[datetime]
    changed_by: Mapped[str]
    __table_args__ = (
        Index("staff_npi", "issuer", "npi", unique=True, sqlite_where=sql("npi IS NOT NULL")),
        Index(
            "staff_practitioner",
            "issuer",
            "practitioner",
            unique=True,
            sqlite_where=sql("practitioner IS NOT NULL"),
        ),
    )


class ProgramRow(Table):
    """The programme that works in this EHR."""

    __tablename__ = "programs"
    issuer: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    organization: Mapped[str | None]
    location: Mapped[str | None]
    record: Mapped[Program] = mapped_column(AsPart(Program))
    changed_at: Mapped[datetime]
    changed_by: Mapped[str]


class IndividualRow(Table):
    """What the chart said of one person when it was last read, and where the chart keeps it."""

    __tablename__ = "individuals"
    issuer: Mapped[str] = mapped_column(primary_key=True)
    patient: Mapped[str] = mapped_column(primary_key=True)
    record: Mapped[Individual] = mapped_column(AsPart(Individual))
    diagnoses: Mapped[Any] = mapped_column(Json, nullable=False)
    links: Mapped[Any] = mapped_column(Json, nullable=False)
    seen_at: Mapped[datetime]
