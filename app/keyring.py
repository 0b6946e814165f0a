"""Our keys at rest: one master key in a file of its own, everything secret encrypted under it.

What is encrypted is bound to its table, row and issuer, so that a secret moved to another row is no secret
any more. Client keys say who we are to an EHR, seal keys seal signatures; neither serves for the other.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import audit
from app.problems import NotFound
from app.settings import Settings
from app.store import Store
from app.tables import KeyRow
from mappings.seal import new_seal_key, public_jwk
from smart_launch.keys import ClientKey, new_client_key, public_set

CLIENT, SEAL = "client", "seal"
_NONCE_BYTES = 12
_KEY_BYTES = 32
_FORMAT = b"\x01"


class KeyFileProblem(RuntimeError):
    """The master key file cannot be used; the words say why and what to do."""


class Unreadable(ValueError):
    """An encrypted value that does not belong to this row, or to this master key."""


class Keyring:
    """The keys of one installation."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._cipher = AESGCM(master_key(settings.master_key_file))

    def __repr__(self) -> str:
        return "Keyring(...)"

    def encrypt(self, plain: bytes, *, table: str, row: str, issuer: str) -> bytes:
        """`plain` encrypted by AES-256-GCM and bound to this row."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _FORMAT + nonce + self._cipher.encrypt(nonce, plain, _bound(table, row, issuer))

    def decrypt(self, secret: bytes, *, table: str, row: str, issuer: str) -> bytes:
        """What `encrypt` was given; raises Unreadable for another row, key or a changed byte."""
        if secret[:1] != _FORMAT:
            raise Unreadable(f"The secret of {table} {row} is of no known form.")
        nonce, sealed = secret[1 : 1 + _NONCE_BYTES], secret[1 + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, sealed, _bound(table, row, issuer))
        except InvalidTag:
            raise Unreadable(f"The secret of {table} {row} does not open with this master key.") from None

    def ensure(self, session: Session, issuer: str, now: datetime) -> None:
        """Make the client key and the seal key of an issuer where it has none; needs a writing session."""
        for purpose in (CLIENT, SEAL):
            if _in_use(session, issuer, purpose) is None:
                self._add(session, issuer, purpose, now)

    def client_key(self, session: Session, issuer: str) -> ClientKey:
        """The key that says who we are to this EHR; raises NotFound where `ensure` was never called."""
        return ClientKey.from_json(self._open(session, issuer, CLIENT))

    def seal_key(self, session: Session, issuer: str) -> dict[str, Any]:
        """The private key (JWK) that seals signatures; raises NotFound where `ensure` was never called."""
        return dict(json.loads(self._open(session, issuer, SEAL)))

    def rotate(self, session: Session, issuer: str, purpose: str, now: datetime) -> str:
        """Retire the key in use, make the next and answer its kid. Retired public keys stay published."""
        row = _in_use(session, issuer, purpose)
        if row is not None:
            row.retired_at = now
            session.flush()
        return self._add(session, issuer, purpose, now)

    def public_client_keys(self) -> dict[str, Any]:
        """The JWK Set for /.well-known/jwks.json: the client keys of every issuer, retired ones last."""
        return self._public(CLIENT)

    def public_seal_keys(self) -> dict[str, Any]:
        """The JWK Set for /.well-known/seal-keys.json: every seal key there ever was."""
        return self._public(SEAL)

    def _public(self, purpose: str) -> dict[str, Any]:
        with self._store.read() as session:
            rows = session.scalars(
                select(KeyRow)
                .where(KeyRow.purpose == purpose)
                .order_by(KeyRow.retired_at.is_not(None), KeyRow.made_at.desc(), KeyRow.id)
            )
            return {"keys": [row.public for row in rows]}

    def _open(self, session: Session, issuer: str, purpose: str) -> str:
        row = _in_use(session, issuer, purpose)
        if row is None:
            raise NotFound(
                f"The issuer {issuer} has no {purpose} key.", "Register the EHR again, which makes its keys."
            )
        return self.decrypt(row.secret, table="keys", row=row.id, issuer=issuer).decode()

    def _add(self, session: Session, issuer: str, purpose: str, now: datetime) -> str:
        kid, public, private = _make(purpose)
        row_id = f"{purpose}/{kid}"
        secret = self.encrypt(private.encode(), table="keys", row=row_id, issuer=issuer)
        session.add(
            KeyRow(
                id=row_id, issuer=issuer, purpose=purpose, kid=kid, public=public, secret=secret, made_at=now
            )
        )
        session.flush()
        audit.write(session, issuer, "key made", now, subject=kid, purpose=purpose)
        return kid


def master_key(file: Path) -> bytes:
    """The master key of `file`, made with mode 0600 when there is none; two starting at once agree on one.
    Raises KeyFileProblem when the file is open to others, or is no key."""
    if not file.exists():
        _make_master_key(file)
    if file.stat().st_mode & 0o077:
        raise KeyFileProblem(f"The master key {file} can be read by others. Run: chmod 600 {file}")
    key = file.read_bytes()
    if len(key) != _KEY_BYTES:
        raise KeyFileProblem(f"The file {file} is no master key. Put the right one back from your backup.")
    return key


def _make_master_key(file: Path) -> None:
    # Written whole beside its place and linked there: a start that is killed leaves no half key, and of two
    # that start together the second finds the first one's.
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(secrets.token_bytes(_KEY_BYTES))
            out.flush()
            os.fsync(out.fileno())
        try:
            os.link(beside, file)
        except FileExistsError:
            return
        _sync_folder(file.parent)
    finally:
        beside.unlink()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _make(purpose: str) -> tuple[str, Mapping[str, Any], str]:
    if purpose == SEAL:
        seal_key = new_seal_key()
        return str(seal_key["kid"]), public_jwk(seal_key), json.dumps(seal_key)
    client_key = new_client_key("ES384")
    return client_key.kid, public_set([client_key])["keys"][0], client_key.to_json()


def _in_use(session: Session, issuer: str, purpose: str) -> KeyRow | None:
    return session.scalars(
        select(KeyRow).where(KeyRow.issuer == issuer, KeyRow.purpose == purpose, KeyRow.retired_at.is_(None))
    ).first()


def _bound(table: str, row: str, issuer: str) -> bytes:
    return json.dumps([table, row, issuer]).encode()
