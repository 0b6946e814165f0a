"""Every secret of the database under the master key in use: in small steps, each whole, in any order.

Both keys stand in the key file until the end, so that a stop at any moment leaves everything readable.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import audit
from app.keyring import Keyring
from app.store import Store
from app.tables import EndingToken, IssuerRow, KeyRow, Launch, PendingLaunch

AT_A_TIME = 200
# Every table that holds a secret, with the column that the secret is bound to as its row.
SECRETS: tuple[tuple[type[Any], str], ...] = (
    (IssuerRow, "issuer"),
    (KeyRow, "id"),
    (PendingLaunch, "state_hash"),
    (Launch, "id"),
    (EndingToken, "launch"),
)


@dataclass(frozen=True)
class Step:
    """One step that is done: how many secrets of which table were encrypted anew."""

    table: str
    secrets: int


def reencrypt(store: Store, keyring: Keyring, now: datetime, at_a_time: int = AT_A_TIME) -> Iterator[Step]:
    """Encrypt anew whatever stands under an older master key, `at_a_time` secrets in each transaction. What
    was done before is not done again. Raises Unreadable for a secret that no key of the file opens; the
    steps before it stay done."""
    total = 0
    for table, row_name in SECRETS:
        after = ""
        while True:
            with store.write() as session:
                rows = _next(session, table, row_name, after, at_a_time)
                done = sum(_renew(keyring, table.__tablename__, row, row_name) for row in rows)
            if not rows:
                break
            after, total = getattr(rows[-1], row_name), total + done
            if done:
                yield Step(table.__tablename__, done)
    if total:
        with store.write() as session:
            audit.write(session, "", "secrets encrypted anew", now, actor="command line", secrets=total)


def left_behind(session: Session, keyring: Keyring) -> int:
    """How many secrets still stand under an older master key."""
    return sum(
        not keyring.under_current(secret)
        for table, _ in SECRETS
        for secret in session.scalars(select(table.secret).where(table.secret.is_not(None)))
    )


def _next(session: Session, table: type[Any], row_name: str, after: str, at_a_time: int) -> list[Any]:
    key = getattr(table, row_name)
    query = select(table).where(table.secret.is_not(None), key > after).order_by(key).limit(at_a_time)
    return list(session.scalars(query))


def _renew(keyring: Keyring, table: str, row: Any, row_name: str) -> bool:
    if keyring.under_current(row.secret):
        return False
    bound = {"table": table, "row": getattr(row, row_name), "issuer": row.issuer}
    row.secret = keyring.encrypt(keyring.decrypt(row.secret, **bound), **bound)
    return True
