"""What was added to signed notes after they were final: texts of their own, each with its own signature."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import Table


class AddendumRow(Table):
    """One addendum to the `version` of a contact that was final when it was written: `said` is what its
    author typed, `text` what was signed, frozen from then on. `state` is draft, signed or discarded."""

    __tablename__ = "addenda"
    issuer: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    contact: Mapped[str]
    version: Mapped[int]
    patient: Mapped[str]
    author: Mapped[str]
    said: Mapped[str]
    state: Mapped[str]
    text: Mapped[str | None]
    digest: Mapped[str | None]
    saved_at: Mapped[datetime]
    signed_at: Mapped[datetime | None]
    __table_args__ = (
        ForeignKeyConstraint(
            ["issuer", "contact", "version"],
            ["contact_versions.issuer", "contact_versions.contact", "contact_versions.version"],
            name="addendum_to",
        ),
        Index("addendum_of_contact", "issuer", "contact"),
        Index(
            "one_addendum_draft",
            *("issuer", "contact", "author"),
            unique=True,
            sqlite_where=sql("state = 'draft'"),
        ),
    )
