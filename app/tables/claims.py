"""Claims, the units on them and what holds them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from app.columns import Json
from app.tables.base import Table


class ClaimRow(Table):
    """One claim: drafted again and again until it is released, then frozen.

    `stem` is what the control numbers of all submissions of one claim share, `frequency` 1, 7 or 8, `prior`
    the control number of what it replaces or voids; `asked` says that a biller asked for a replacement.
    """

    __tablename__ = "claims"
    issuer: Mapped[str] = mapped_column(primary_key=True)
    control_number: Mapped[str] = mapped_column(primary_key=True)
    patient: Mapped[str]
    individual: Mapped[str]
    program: Mapped[str]
    day: Mapped[date]
    rate_code: Mapped[str]
    units: Mapped[int]
    state: Mapped[str]
    reason: Mapped[str | None]
    draft: Mapped[Any] = mapped_column(Json, nullable=False)
    drafted_at: Mapped[datetime]
    released_at: Mapped[datetime | None]
    released_by: Mapped[str | None]
    stem: Mapped[str | None]
    prior: Mapped[str | None]
    asked: Mapped[str | None]
    frequency: Mapped[str] = mapped_column(default="1", server_default="1")
    __table_args__ = (
        Index("claim_of_person", "issuer", "patient", "day"),
        Index(
            "replaced_once",
            "issuer",
            "prior",
            unique=True,
            sqlite_where=sql("prior IS NOT NULL AND state <> 'void'"),
        ),
    )


class ClaimUnitRow(Table):
    """The units of one signed version in one claim. A contact is in at most one live claim."""

    __tablename__ = "claim_units"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    issuer: Mapped[str]
    control_number: Mapped[str]
    contact: Mapped[str]
    version: Mapped[int]
    patient: Mapped[str]
    program: Mapped[str]
    day: Mapped[date]
    units: Mapped[int]
    live: Mapped[bool]
    authorization: Mapped[str | None]
    __table_args__ = (
        ForeignKeyConstraint(
            ["issuer", "control_number"], ["claims.issuer", "claims.control_number"], name="units_of_claim"
        ),
        ForeignKeyConstraint(
            ["issuer", "contact", "version"],
            ["contact_versions.issuer", "contact_versions.contact", "contact_versions.version"],
            name="units_of_version",
        ),
        Index("billed_once", "issuer", "contact", unique=True, sqlite_where=sql("live = 1")),
        Index("units_of_day", "issuer", "patient", "day"),
        Index("units_authorized", "issuer", "patient", sqlite_where=sql('"authorization" IS NOT NULL')),
        {"sqlite_autoincrement": True},
    )


class ClaimHoldRow(Table):
    """A final contact that is in no claim, with the reasons."""

    __tablename__ = "claim_holds"
    issuer: Mapped[str] = mapped_column(primary_key=True)
    contact: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    patient: Mapped[str]
    day: Mapped[date | None]
    reason: Mapped[str]
    what_to_do: Mapped[str]
    findings: Mapped[Any] = mapped_column(Json, nullable=False)
    since: Mapped[datetime]
    __table_args__ = (Index("claim_hold_of_person", "issuer", "patient"),)


class ClaimAnswerRow(Table):
    """What a payer answered to a released claim; only ever added, the same answer of one source once."""

    __tablename__ = "claim_answers"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    issuer: Mapped[str]
    control_number: Mapped[str]
    status: Mapped[str]
    reason: Mapped[str]
    payer_number: Mapped[str | None]
    paid: Mapped[str | None]
    source: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime]
    digest: Mapped[str]
    __table_args__ = (
        ForeignKeyConstraint(
            ["issuer", "control_number"], ["claims.issuer", "claims.control_number"], name="answer_of_claim"
        ),
        UniqueConstraint("issuer", "control_number", "digest", name="answered_once"),
        {"sqlite_autoincrement": True},
    )


class ChargeExportRow(Table):
    """A claim that went into a charge file, and into which."""

    __tablename__ = "charge_exports"
    issuer: Mapped[str] = mapped_column(primary_key=True)
    control_number: Mapped[str] = mapped_column(primary_key=True)
    batch: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime]
    __table_args__ = (
        ForeignKeyConstraint(
            ["issuer", "control_number"], ["claims.issuer", "claims.control_number"], name="charge_of_claim"
        ),
    )
