"""The tables. Every row carries its issuer; a row that was signed, sent or audited is frozen by triggers
(see the migrations), not by good will."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, LargeBinary, Text, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.columns import AsPart, IsoDay, Json, Utc
from mappings.records import Contact, Individual, PlanEntry, Program, Staff


class Table(DeclarativeBase):
    """The base of all tables."""

    type_annotation_map: Mapping[Any, Any] = {datetime: Utc, date: IsoDay, str: Text, bytes: LargeBinary}


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


class EngagementRow(Table):
    """One step of a person's engagement; only ever added."""

    __tablename__ = "engagement_entries"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    issuer: Mapped[str]
    patient: Mapped[str]
    status: Mapped[str]
    at: Mapped[str]
    recorded_by: Mapped[str]
    recorded_at: Mapped[datetime]
    __table_args__ = (
        Index("engagement_of", "issuer", "patient"),
        {"sqlite_autoincrement": True},
    )


class EngagementGoalRow(Table):
    """The goal of the engagement as it was worded; only ever added, the last one counts."""

    __tablename__ = "engagement_goals"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    issuer: Mapped[str]
    patient: Mapped[str]
    goal: Mapped[str]
    on: Mapped[date]
    recorded_by: Mapped[str]
    recorded_at: Mapped[datetime]
    __table_args__ = (
        Index("engagement_goal_of", "issuer", "patient"),
        {"sqlite_autoincrement": True},
    )


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


class PlanEntryRow(Table):
    """One version of one entry of a treatment plan: a draft until it is signed, then frozen."""

    __tablename__ = "plan_entries"
    issuer: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    patient: Mapped[str]
    author: Mapped[str]
    state: Mapped[str]
    edit: Mapped[int]
    record: Mapped[PlanEntry] = mapped_column(AsPart(PlanEntry))
    text: Mapped[str | None]
    digest: Mapped[str | None]
    findings: Mapped[Any] = mapped_column(Json, nullable=False)
    library: Mapped[str | None]
    saved_at: Mapped[datetime]
    frozen_at: Mapped[datetime | None]
    ended_on: Mapped[date | None]
    __table_args__ = (
        Index("plan_of_person", "issuer", "patient"),
        Index("one_plan_draft", "issuer", "id", unique=True, sqlite_where=sql("state = 'draft'")),
        Index("one_plan_signed", "issuer", "id", unique=True, sqlite_where=sql("state = 'signed'")),
    )


class ClaimRow(Table):
    """One claim: drafted again and again until it is released, then frozen."""

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
    __table_args__ = (Index("claim_of_person", "issuer", "patient", "day"),)


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


class OutboxRow(Table):
    """One delivery: frozen bytes for one destination, under a key of its own."""

    __tablename__ = "outbox"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    issuer: Mapped[str]
    destination: Mapped[str]
    kind: Mapped[str]
    key: Mapped[str]
    patient: Mapped[str]
    subject: Mapped[str]
    payload: Mapped[bytes]
    digest: Mapped[str]
    made_at: Mapped[datetime]
    state: Mapped[str]
    due_at: Mapped[datetime]
    attempts: Mapped[int]
    reason: Mapped[str | None]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    fence: Mapped[int]
    result: Mapped[Any | None] = mapped_column(Json, nullable=True)
    settled_at: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("issuer", "destination", "key", name="outbox_key"),
        Index("outbox_due", "state", "due_at"),
        Index("outbox_of_person", "issuer", "destination", "patient", "id"),
        {"sqlite_autoincrement": True},
    )


class OutboxStepRow(Table):
    """One request of a delivery, frozen before its first attempt."""

    __tablename__ = "outbox_steps"
    issuer: Mapped[str]
    row: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]
    method: Mapped[str]
    address: Mapped[str]
    headers: Mapped[Any] = mapped_column(Json, nullable=False)
    body: Mapped[bytes]
    digest: Mapped[str]
    made_at: Mapped[datetime]
    state: Mapped[str]
    attempts: Mapped[int]
    first_try_at: Mapped[datetime | None]
    result: Mapped[Any | None] = mapped_column(Json, nullable=True)
    __table_args__ = (
        ForeignKeyConstraint(["row"], ["outbox.id"], name="step_of"),
        UniqueConstraint("row", "key", name="step_key"),
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


class AuditRow(Table):
    """One line of the audit trail, chained to the line of the same issuer before it."""

    __tablename__ = "audit"
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    issuer: Mapped[str]
    at: Mapped[datetime]
    actor: Mapped[str]
    launch: Mapped[str | None]
    action: Mapped[str]
    patient: Mapped[str | None]
    subject: Mapped[str | None]
    version: Mapped[int | None]
    detail: Mapped[Any] = mapped_column(Json, nullable=False)
    previous: Mapped[str]
    hash: Mapped[str] = mapped_column(unique=True)
    __table_args__ = (Index("audit_of", "issuer", "seq"), {"sqlite_autoincrement": True})
