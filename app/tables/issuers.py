"""The registered EHRs, our keys at each, and the launches under way."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from app.columns import Json
from app.tables.base import Table


class IssuerRow(Table):
    """One registered EHR."""

    __tablename__ = "issuers"
    issuer: Mapped[str] = mapped_column(primary_key=True)
    iss: Mapped[str] = mapped_column(unique=True)
    jurisdiction: Mapped[str]
    config: Mapped[Any] = mapped_column(Json, nullable=False)
    secret: Mapped[bytes | None]
    registered_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class KeyRow(Table):
    """One key of ours at one issuer: the public part readable, the private part encrypted."""

    __tablename__ = "keys"
    id: Mapped[str] = mapped_column(primary_key=True)
    issuer: Mapped[str]
    purpose: Mapped[str]
    kid: Mapped[str]
    public: Mapped[Any] = mapped_column(Json, nullable=False)
    secret: Mapped[bytes]
    made_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]
    signs_from: Mapped[datetime | None]
    published_until: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("issuer", "purpose", "kid", name="key_once"),
        Index("key_in_use", "issuer", "purpose", unique=True, sqlite_where=sql("retired_at IS NULL")),
    )


class PendingLaunch(Table):
    """A launch on its way to the authorization server and back; its state is good for one use."""

    __tablename__ = "pending_launches"
    state_hash: Mapped[str] = mapped_column(primary_key=True)
    issuer: Mapped[str]
    browser_hash: Mapped[str]
    secret: Mapped[bytes]
    begun_at: Mapped[datetime]
    good_until: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Launch(Table):
    """One open (or closed) launch: the server's side of a session, with its tokens encrypted."""

    __tablename__ = "launches"
    id: Mapped[str] = mapped_column(primary_key=True)
    issuer: Mapped[str] = mapped_column(index=True)
    staff_id: Mapped[str]
    practitioner: Mapped[str | None]
    patient: Mapped[str | None]
    encounter: Mapped[str | None]
    cookie_hash: Mapped[str]
    context: Mapped[Any] = mapped_column(Json, nullable=False)
    secret: Mapped[bytes | None]
    opened_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    good_until: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_why: Mapped[str | None]
    refresh_state: Mapped[str | None]
    refresh_at: Mapped[datetime | None]


class AlsoSentRow(Table):
    """What one EHR gets beside the records because it asks for it: `goes` while it does, `upto` the last line
    of the trail that was gathered for it."""

    __tablename__ = "also_sent"
    issuer: Mapped[str] = mapped_column(primary_key=True)
    what: Mapped[str] = mapped_column(primary_key=True)
    goes: Mapped[bool]
    upto: Mapped[int]
    by: Mapped[str]
    at: Mapped[datetime]


class EndingToken(Table):
    """The tokens of a launch that has ended, encrypted, until its EHR was told; then the row goes."""

    __tablename__ = "ending_tokens"
    launch: Mapped[str] = mapped_column(primary_key=True)
    issuer: Mapped[str]
    secret: Mapped[bytes]
    ended_at: Mapped[datetime]
    again_at: Mapped[datetime] = mapped_column(index=True)
    tries: Mapped[int]
