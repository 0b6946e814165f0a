"""What the rules said when something was decided, and the library they were read from."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.columns import Json
from app.tables.base import Table


class LibraryRow(Table):
    """The texts of one library that a kept finding names: a ZIP file of its TOML files, in their order."""

    __tablename__ = "libraries"
    digest: Mapped[str] = mapped_column(primary_key=True)
    product: Mapped[str]
    first_used_at: Mapped[datetime]
    texts: Mapped[bytes]


class DecisionRow(Table):
    """One moment at which the rules let a version pass: signed, co-signed or released, with all they said.

    `on` is the day whose rules counted, `layers` the packs at work, `passed` the rules that passed as
    [id, first day of the version]."""

    __tablename__ = "decisions"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    issuer: Mapped[str]
    kind: Mapped[str]
    subject: Mapped[str]
    version: Mapped[int]
    occasion: Mapped[str]
    patient: Mapped[str]
    control_number: Mapped[str | None]
    by: Mapped[str]
    at: Mapped[datetime]
    library: Mapped[str]
    jurisdiction: Mapped[str]
    on: Mapped[date]
    layers: Mapped[list[str]] = mapped_column(Json)
    signing: Mapped[str]
    claim: Mapped[str]
    units: Mapped[int]
    billed_units: Mapped[int]
    findings: Mapped[Any] = mapped_column(Json, nullable=False)
    passed: Mapped[Any] = mapped_column(Json, nullable=False)
    __table_args__ = (
        ForeignKeyConstraint(["library"], ["libraries.digest"], name="decided_by"),
        UniqueConstraint("issuer", "kind", "subject", "version", "occasion", name="decided_once"),
        Index("decision_of_claim", "issuer", "control_number"),
        {"sqlite_autoincrement": True},
    )
