"""The X12 files that left the house, with which claims, and the last number each submitter used."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import Table


class X12NumberRow(Table):
    """The last control number that a submitter used, as qualifier and id; it only ever grows."""

    __tablename__ = "x12_numbers"
    submitter: Mapped[str] = mapped_column(primary_key=True)
    last: Mapped[int]


class X12BatchRow(Table):
    """One interchange as it was written; `number` stands in ISA13 and GS06."""

    __tablename__ = "x12_batches"
    issuer: Mapped[str] = mapped_column(primary_key=True)
    batch: Mapped[str] = mapped_column(primary_key=True)
    submitter: Mapped[str]
    number: Mapped[int]
    form: Mapped[str]
    content: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime]
    __table_args__ = (UniqueConstraint("submitter", "number", name="numbered_once"),)


class X12ExportRow(Table):
    """A claim that went into a batch, `position` its place there, `set_number` the ST02 it stands under."""

    __tablename__ = "x12_exports"
    issuer: Mapped[str] = mapped_column(primary_key=True)
    control_number: Mapped[str] = mapped_column(primary_key=True)
    batch: Mapped[str]
    set_number: Mapped[str]
    position: Mapped[int]
    __table_args__ = (
        ForeignKeyConstraint(
            ["issuer", "control_number"], ["claims.issuer", "claims.control_number"], name="x12_of_claim"
        ),
        ForeignKeyConstraint(
            ["issuer", "batch"], ["x12_batches.issuer", "x12_batches.batch"], name="in_batch"
        ),
    )
