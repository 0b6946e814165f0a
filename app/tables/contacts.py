"""Contacts, their versions, the signatures on them, the reviews they wait for and the duties they raise."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from app.columns import AsPart, Json
from app.tables.base import Table
from mappings.records import Contact


class ContactRow(Table):
    """One contact: whose it is, who writes it and which version is the current one."""

    __tablename__ = "contacts"
    issuer: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    patient: Mapped[str]
    author: Mapped[str]
    encounter: Mapped[str | None]
    current: Mapped[int]
    begun_at: Mapped[datetime]
    __table_args__ = (
        Index("contact_of_person", "issuer", "patient"),
        Index("contact_of_author", "issuer", "author"),
    )


class VersionRow(Table):
    """One version of a contact: a draft until it is signed, then frozen for good."""

    __tablename__ = "contact_versions"
    issuer: Mapped[str] = mapped_column(primary_key=True)
    contact: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str]
    edit: Mapped[int]
    record: Mapped[Contact] = mapped_column(AsPart(Contact))
    start: Mapped[datetime | None]
    end: Mapped[datetime | None]
    text: Mapped[str | None]
    digest: Mapped[str | None]
    units: Mapped[int | None]
    findings: Mapped[Any] = mapped_column(Json, nullable=False)
    library: Mapped[str | None]
    saved_at: Mapped[datetime]
    frozen_at: Mapped[datetime | None]
    typed: Mapped[Any | None] = mapped_column(Json, nullable=True)
    __table_args__ = (
        ForeignKeyConstraint(["issuer", "contact"], ["contacts.issuer", "contacts.id"], name="version_of"),
        Index("one_final", "issuer", "contact", unique=True, sqlite_where=sql("state = 'final'")),
        Index("one_draft", "issuer", "contact", unique=True, sqlite_where=sql("state = 'draft'")),
        Index("version_times", "issuer", "start"),
    )


class SignatureRow(Table):
    """One signature under one version of one contact or plan entry, with the statement that was sealed."""

    __tablename__ = "signatures"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    issuer: Mapped[str]
    kind: Mapped[str]
    subject: Mapped[str]
    version: Mapped[int]
    meaning: Mapped[str]
    by: Mapped[str]
    name: Mapped[str]
    category: Mapped[str | None]
    licence_from: Mapped[date | None]
    licence_to: Mapped[date | None]
    at: Mapped[datetime]
    digest: Mapped[str]
    statement: Mapped[bytes]
    jws: Mapped[str]
    kid: Mapped[str]
    launch: Mapped[str]
    second_step: Mapped[str | None]
    second_step_at: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("issuer", "kind", "subject", "version", "meaning", name="signed_once"),
        UniqueConstraint("issuer", "kind", "subject", "version", "by", name="signer_once"),
        {"sqlite_autoincrement": True},
    )


class ReviewRow(Table):
    """The wait of one signed version for its co-signature, and how it ended."""

    __tablename__ = "reviews"
    issuer: Mapped[str] = mapped_column(primary_key=True)
    contact: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    patient: Mapped[str]
    author: Mapped[str]
    state: Mapped[str]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None]
    comment: Mapped[str | None]
    __table_args__ = (
        ForeignKeyConstraint(
            ["issuer", "contact", "version"],
            ["contact_versions.issuer", "contact_versions.contact", "contact_versions.version"],
            name="review_of",
        ),
        Index("review_queue", "issuer", "state", "opened_at"),
    )


class DutyRow(Table):
    """One moment of a duty that waits for no signature: it appeared in a note, somebody saw it, or its author
    took it back. `number` counts the moments of one duty of one contact."""

    __tablename__ = "duties_seen"
    issuer: Mapped[str] = mapped_column(primary_key=True)
    contact: Mapped[str] = mapped_column(primary_key=True)
    duty: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    event: Mapped[str]
    patient: Mapped[str]
    version: Mapped[int]
    by: Mapped[str]
    at: Mapped[datetime]
    __table_args__ = (
        ForeignKeyConstraint(["issuer", "contact"], ["contacts.issuer", "contacts.id"], name="duty_of"),
        Index("duty_of_person", "issuer", "patient"),
    )
