"""The wait of a signed version for its co-signature: opened, and closed exactly once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import audit
from app.actor import Actor
from app.problems import Stale
from app.tables import ContactRow, ReviewRow, VersionRow
from app.words import OPEN, RECALLED, RETURNED


def open_review(session: Session, row: ContactRow, version: int, now: datetime) -> None:
    """Put one signed version into the queue."""
    session.add(
        ReviewRow(
            issuer=row.issuer,
            contact=row.id,
            version=version,
            patient=row.patient,
            author=row.author,
            state=OPEN,
            opened_at=now,
        )
    )
    session.flush()


def of_version(session: Session, issuer: str, contact: str, version: int) -> ReviewRow | None:
    """The review of one version, open or closed; None where the rules asked for none."""
    return session.get(ReviewRow, (issuer, contact, version))


def close(
    session: Session, version: VersionRow, state: str, by: str, now: datetime, comment: str | None = None
) -> None:
    """Close the open review of this version; raises Stale where somebody closed it before."""
    review = of_version(session, version.issuer, version.contact, version.version)
    if review is None or review.state != OPEN:
        raise Stale("This note waits for no co-signature any more.", "Look at the queue again.")
    review.state, review.closed_at, review.closed_by, review.comment = state, now, by, comment
    session.flush()


def withdraw(session: Session, actor: Actor, version: VersionRow, now: datetime) -> None:
    """The author takes a version back before anybody co-signed it."""
    close(session, version, RECALLED, actor.staff_id, now)
    version.state = RECALLED
    session.flush()
    audit.did(session, actor, "note recalled", now, subject=version.contact, version=version.version)


def last_comment(session: Session, issuer: str, contact: str) -> str | None:
    """What the reviewer wrote when the last reviewed version was sent back; None when it was not."""
    review = session.scalars(
        select(ReviewRow)
        .where(ReviewRow.issuer == issuer, ReviewRow.contact == contact)
        .order_by(ReviewRow.version.desc())
        .limit(1)
    ).first()
    return review.comment if review is not None and review.state == RETURNED else None


def comments(session: Session, issuer: str, patient: str) -> dict[str, str]:
    """By contact, what the reviewer wrote where the person's last reviewed version was sent back."""
    rows = session.scalars(
        select(ReviewRow)
        .where(ReviewRow.issuer == issuer, ReviewRow.patient == patient)
        .order_by(ReviewRow.contact, ReviewRow.version)
    )
    last = {row.contact: row for row in rows}
    return {contact: row.comment or "" for contact, row in last.items() if row.state == RETURNED}
