"""The registered EHRs as memory: which issuers this installation serves, their settings and their secret."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import Text, bindparam, select, type_coerce
from sqlalchemy.orm import Session

from app import audit
from app.keyring import Keyring
from app.problems import NotFound
from app.store import once, rows
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
    kept = once(session, (IssuerRow,), lambda: rows(session, _ALL).all())
    return Registry(tuple(_issuer(issuer, config, secret, keyring) for issuer, _, config, secret in kept))


def jurisdiction_of(session: Session, issuer: str) -> str:
    """The jurisdiction whose rules count at this issuer; raises NotFound."""
    row = _kept(session, issuer)
    if row is None:
        raise NotFound(f"The EHR {issuer} is not registered.", "Register it first.")
    return row[1]


def address_of(session: Session, issuer: str) -> str:
    """The FHIR base address of an EHR, its id where it is not registered."""
    row = _kept(session, issuer)
    return issuer if row is None else _read(row[2]).iss


def frame_origins_of(session: Session, issuer: str) -> tuple[str, ...]:
    """The origins that may frame this EHR's pages, none where it is not registered. Every answer of ours asks
    this: no secret is opened for it."""
    row = _kept(session, issuer)
    return () if row is None else _read(row[2]).frame_origins


# Their columns as they are kept: every answer asks for one of them, and few ever change.
_ALL = select(
    IssuerRow.issuer, IssuerRow.jurisdiction, type_coerce(IssuerRow.config, Text), IssuerRow.secret
).order_by(IssuerRow.issuer)
_ONE = _ALL.where(IssuerRow.issuer == bindparam("which"))


def _kept(session: Session, issuer: str) -> tuple[str, str, str, bytes | None] | None:
    row = once(session, (IssuerRow, issuer), lambda: rows(session, _ONE, which=issuer).first())
    return None if row is None else (row[0], row[1], row[2], row[3])


def _issuer(issuer: str, config: str, sealed: bytes | None, keyring: Keyring) -> Issuer:
    if sealed is None:
        return _read(config)
    secret = keyring.decrypt(sealed, table="issuers", row=issuer, issuer=issuer)
    return replace(_read(config), client_secret=secret.decode())


@lru_cache(maxsize=256)
def _read(text: str) -> Issuer:
    """A registration without its secret; equal texts may share one, since it is frozen."""
    stated: dict[str, Any] = json.loads(text, parse_float=Decimal)
    config: dict[str, Any] = {
        name: tuple(value) if name in _LISTS else value for name, value in stated.items()
    }
    return Issuer(**config)
