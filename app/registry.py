"""The registered EHRs as memory: which issuers this installation serves, their settings and their secret."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import audit
from app.keyring import Keyring
from app.problems import NotFound
from app.tables import IssuerRow
from smart_launch.issuers import Issuer, Registry

_LISTS = ("scopes", "frame_origins", "backend_scopes", "endpoint_hosts")


def register(session: Session, keyring: Keyring, issuer: Issuer, now: datetime) -> None:
    """Register an EHR, or change its registration, as `put` does, and write down that it was."""
    put(session, keyring, issuer, now)
    audit.write(session, issuer.id, "EHR registered", now, subject=issuer.id, iss=issuer.iss)


def put(session: Session, keyring: Keyring, issuer: Issuer, now: datetime) -> None:
    """Keep the registration of an EHR and make its keys where it has none. The client secret is kept
    encrypted. Who changed what is for the caller to write down."""
    config = asdict(replace(issuer, client_secret=None))
    del config["client_secret"]
    secret = issuer.client_secret
    sealed = (
        None
        if secret is None
        else keyring.encrypt(secret.encode(), table="issuers", row=issuer.id, issuer=issuer.id)
    )
    row = session.get(IssuerRow, issuer.id)
    if row is None:
        row = IssuerRow(issuer=issuer.id, registered_at=now)
        session.add(row)
    row.iss, row.jurisdiction, row.config = issuer.iss, issuer.jurisdiction, config
    row.secret, row.changed_at = sealed, now
    session.flush()
    keyring.ensure(session, issuer.id, now, issuer.key_alg)


def registered(session: Session, keyring: Keyring) -> Registry:
    """Every registered EHR, in order of id."""
    rows = session.scalars(select(IssuerRow).order_by(IssuerRow.issuer))
    return Registry(tuple(_issuer(row, keyring) for row in rows))


def jurisdiction_of(session: Session, issuer: str) -> str:
    """The jurisdiction whose rules count at this issuer; raises NotFound."""
    row = session.get(IssuerRow, issuer)
    if row is None:
        raise NotFound(f"The EHR {issuer} is not registered.", "Register it first.")
    return row.jurisdiction


def frame_origins_of(session: Session, issuer: str) -> tuple[str, ...]:
    """The origins that may frame this EHR's pages, none where it is not registered. Every answer of ours asks
    this: no secret is opened for it."""
    row = session.get(IssuerRow, issuer)
    return () if row is None else tuple(row.config.get("frame_origins") or ())


def _issuer(row: IssuerRow, keyring: Keyring) -> Issuer:
    config: dict[str, Any] = {
        name: tuple(value) if name in _LISTS else value for name, value in row.config.items()
    }
    if row.secret is not None:
        secret = keyring.decrypt(row.secret, table="issuers", row=row.issuer, issuer=row.issuer)
        config["client_secret"] = secret.decode()
    return Issuer(**config)
