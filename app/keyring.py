"""Our keys at rest: everything secret encrypted under the master key, client keys and seal keys in rows.

What is encrypted is bound to its table, row and issuer, so that a secret moved to another row is no secret
any more. Client keys say who we are to an EHR, seal keys seal signatures; neither serves for the other.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Row, bindparam, or_, select
from sqlalchemy.orm import Session

from app import audit
from app.master_key import ID_BYTES, KeyFileProblem, MasterKeys, key_id, master_key
from app.problems import NotFound
from app.settings import Settings
from app.store import Store, rows
from app.tables import KeyRow
from app.tables.base import Table
from mappings.fhir.seal_keys import COMPROMISED, RETIRED
from mappings.seal import new_seal_key, public_jwk
from smart_launch.keys import Algorithm, ClientKey, new_client_key, public_set

__all__ = ["CLIENT", "SEAL", "KeyFileProblem", "Keyring", "Unreadable", "master_key"]

CLIENT, SEAL = "client", "seal"
_NONCE_BYTES = 12
_PUBLISHED_ORDER = (KeyRow.retired_at.is_not(None), KeyRow.made_at.desc(), KeyRow.id)
_WITH_KEY_ID = b"\x02"
_FIRST_FORMAT = b"\x01"  # of installations that never had more than one master key


class Unreadable(ValueError):
    """An encrypted value that does not belong to this row, or to this master key."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Keyring:
    """The keys of one installation. `clock` (aware) says which client key signs and which are published."""

    def __init__(self, store: Store, settings: Settings, clock: Callable[[], datetime] = _utc_now) -> None:
        self._store = store
        self._masters = MasterKeys(settings.master_key_file)
        self._clock = clock

    def __repr__(self) -> str:
        return "Keyring(...)"

    def encrypt(self, plain: bytes, *, table: str, row: str, issuer: str) -> bytes:
        """`plain` encrypted by AES-256-GCM under the master key in use, and bound to this row."""
        key, nonce = self._masters.current(), secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(key).encrypt(nonce, plain, _bound(table, row, issuer))
        return _WITH_KEY_ID + key_id(key) + nonce + sealed

    def decrypt(self, secret: bytes, *, table: str, row: str, issuer: str) -> bytes:
        """What `encrypt` was given; raises Unreadable for another row, key or a changed byte."""
        if secret[:1] not in (_WITH_KEY_ID, _FIRST_FORMAT):
            raise Unreadable(f"The secret of {table} {row} is of no known form.")
        start = 1 + ID_BYTES if secret[:1] == _WITH_KEY_ID else 1
        nonce, sealed = secret[start : start + _NONCE_BYTES], secret[start + _NONCE_BYTES :]
        for key in self._masters.all():
            if start > 1 and key_id(key) != secret[1:start]:
                continue
            try:
                return AESGCM(key).decrypt(nonce, sealed, _bound(table, row, issuer))
            except (InvalidTag, ValueError):  # ValueError: too short to hold a nonce
                continue
        raise Unreadable(f"The secret of {table} {row} does not open with this master key.")

    def under_current(self, secret: bytes) -> bool:
        """Whether this secret is encrypted under the master key in use and not under an older one."""
        return secret[: 1 + ID_BYTES] == _WITH_KEY_ID + key_id(self._masters.current())

    def ensure(self, session: Session, issuer: str, now: datetime, alg: Algorithm | None = None) -> None:
        """Make the client key and the seal key of an issuer where it has none, and a client key of the
        algorithm `alg` where it has one of another; needs a writing session."""
        if _last(session, issuer, SEAL) is None:
            self._add(session, issuer, SEAL, now, None)
        last = _last(session, issuer, CLIENT)
        if last is None:
            self._add(session, issuer, CLIENT, now, alg)
        elif alg is not None and last.public.get("alg") != alg:
            self.rotate(session, issuer, CLIENT, now, alg=alg)

    def client_key(self, session: Session, issuer: str) -> ClientKey:
        """The key that says who we are to this EHR now; raises NotFound where `ensure` was never called."""
        return ClientKey.from_json(self._open(session, issuer, CLIENT))

    def seal_key(self, session: Session, issuer: str) -> dict[str, Any]:
        """The private key (JWK) that seals signatures; raises NotFound where `ensure` was never called."""
        return dict(json.loads(self._open(session, issuer, SEAL)))

    def rotate(
        self,
        session: Session,
        issuer: str,
        purpose: str,
        now: datetime,
        *,
        alg: Algorithm | None = None,
        lead: timedelta = timedelta(0),
        published_until: datetime | None = None,
    ) -> str:
        """Make the next key and answer its kid. It is published at once and signs after `lead`, so that an
        EHR that keeps our key set for a while knows it by then; the key before it signs until then and stays
        published, a client key until `published_until` where that is given, a seal key always."""
        signs_from, last = now + lead, _last(session, issuer, purpose)
        alg = alg or (last.public.get("alg") if last is not None and purpose == CLIENT else None)
        if last is not None:
            last.retired_at = signs_from
            last.published_until = published_until if purpose == CLIENT else None
            session.flush()
        return self._add(session, issuer, purpose, now, alg, None if last is None else signs_from)

    def withdraw_older(self, session: Session, issuer: str, now: datetime) -> int:
        """Take every client key of the issuer but the newest out of the published set, after one was lost,
        and answer how many went; the newest signs from now on."""
        kept = session.scalars(select(KeyRow).where(KeyRow.issuer == issuer, KeyRow.purpose == CLIENT)).all()
        older = [row for row in kept if row.retired_at is not None and _is_published(row, now)]
        for row in kept:
            if row.retired_at is None:
                row.signs_from = now
        for row in older:
            row.retired_at, row.published_until = min(row.retired_at or now, now), now
        session.flush()
        return len(older)

    def public_client_keys(self, issuer: str | None = None) -> dict[str, Any]:
        """The JWK Set of the published client keys, of one issuer or of all, the retired ones last."""
        now = self._clock()
        still = or_(KeyRow.published_until.is_(None), KeyRow.published_until > now)
        return self._public(CLIENT, still, *((KeyRow.issuer == issuer,) if issuer is not None else ()))

    def public_seal_keys(self) -> dict[str, Any]:
        """The JWK Set for /.well-known/seal-keys.json: every seal key there ever was, with when it sealed
        last and from when it is not to be believed, where that is so (mappings.fhir.seal_keys)."""
        with self._store.read() as session:
            kept = session.scalars(select(KeyRow).where(KeyRow.purpose == SEAL).order_by(*_PUBLISHED_ORDER))
            return {"keys": [_with_life(row) for row in kept]}

    def mark_compromised(self, session: Session, issuer: str, kid: str, since: datetime) -> None:
        """Publish that a seal key may have been in other hands from `since` (aware) on; raises NotFound."""
        row = session.get(KeyRow, f"{SEAL}/{kid}")
        if row is None or row.issuer != issuer:
            raise NotFound(f"The issuer {issuer} has no seal key {kid}.", "See: peerchart keys list")
        row.public = {**row.public, COMPROMISED: since.isoformat()}
        session.flush()

    def _public(self, purpose: str, *which: Any) -> dict[str, Any]:
        with self._store.read() as session:
            kept = session.scalars(
                select(KeyRow).where(KeyRow.purpose == purpose, *which).order_by(*_PUBLISHED_ORDER)
            )
            return {"keys": [row.public for row in kept]}

    def _open(self, session: Session, issuer: str, purpose: str) -> str:
        row = _signing(session, issuer, purpose, self._clock())
        if row is None:
            raise NotFound(
                f"The issuer {issuer} has no {purpose} key.", "Register the EHR again, which makes its keys."
            )
        return self.decrypt(row.secret, table="keys", row=row.id, issuer=issuer).decode()

    def _add(
        self,
        session: Session,
        issuer: str,
        purpose: str,
        now: datetime,
        alg: Algorithm | None,
        signs_from: datetime | None = None,
    ) -> str:
        kid, public, private = _make(purpose, alg)
        row_id = f"{purpose}/{kid}"
        secret = self.encrypt(private.encode(), table="keys", row=row_id, issuer=issuer)
        made = KeyRow(id=row_id, issuer=issuer, purpose=purpose, kid=kid, public=public, secret=secret)
        made.made_at, made.signs_from = now, signs_from
        session.add(made)
        session.flush()
        audit.write(session, issuer, "key made", now, subject=kid, purpose=purpose)
        return kid


def _with_life(row: KeyRow) -> dict[str, Any]:
    retired = {RETIRED: row.retired_at.isoformat()} if row.retired_at is not None else {}
    return {**row.public, **retired}


def _make(purpose: str, alg: Algorithm | None) -> tuple[str, Mapping[str, Any], str]:
    if purpose == SEAL:
        seal_key = new_seal_key()
        return str(seal_key["kid"]), public_jwk(seal_key), json.dumps(seal_key)
    client_key = new_client_key(alg or "ES384")
    return client_key.kid, public_set([client_key])["keys"][0], client_key.to_json()


def _last(session: Session, issuer: str, purpose: str) -> KeyRow | None:
    """The newest key, in use already or about to be."""
    return session.scalars(
        select(KeyRow).where(KeyRow.issuer == issuer, KeyRow.purpose == purpose, KeyRow.retired_at.is_(None))
    ).first()


_ROWS = Table.metadata.tables[KeyRow.__tablename__]
_KEYS = select(_ROWS).where(_ROWS.c.issuer == bindparam("issuer"), _ROWS.c.purpose == bindparam("purpose"))


def _signing(session: Session, issuer: str, purpose: str, now: datetime) -> Row[Any] | None:
    """Of the keys whose time to sign has come the one made last; a seal key signs once it is made."""
    found = rows(session, _KEYS, issuer=issuer, purpose=purpose).all()
    if purpose == SEAL:
        return next((row for row in found if row.retired_at is None), None)
    begun = [row for row in found if row.signs_from is None or row.signs_from <= now]
    return max(begun, key=_order, default=None)


def _order(row: Row[Any]) -> tuple[datetime, bool, datetime]:
    return row.made_at, row.retired_at is None, row.retired_at or row.made_at


def _is_published(row: KeyRow, now: datetime) -> bool:
    return row.published_until is None or row.published_until > now


def _bound(table: str, row: str, issuer: str) -> bytes:
    return json.dumps([table, row, issuer]).encode()
