"""An engagement that began before Peerchart did: taken from the chart once, when nothing is recorded here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import audit
from app.chart.facts import Episode
from app.tables import EngagementRow
from mappings.engagement import ADMITTED, DISCHARGED

RECORDED_BY = "the chart"
_REAL = frozenset({"active", "onhold", "finished"})


def adopt(session: Session, issuer: str, patient: str, episodes: Sequence[Episode], now: datetime) -> None:
    """Record admissions and discharges that the chart shows of this programme. Nothing happens once anything
    is recorded here: from then on Peerchart's own history counts."""
    known = select(EngagementRow.id).where(EngagementRow.issuer == issuer, EngagementRow.patient == patient)
    steps = list(_steps(episodes))
    if not steps or session.scalars(known.limit(1)).first() is not None:
        return
    for status, at in steps:
        session.add(
            EngagementRow(
                issuer=issuer,
                patient=patient,
                status=status,
                at=at.isoformat(),
                recorded_by=RECORDED_BY,
                recorded_at=now,
            )
        )
    session.flush()
    audit.write(session, issuer, "engagement taken from the chart", now, patient=patient, steps=len(steps))


def _steps(episodes: Sequence[Episode]) -> Iterator[tuple[str, date]]:
    dated = [(one.start, one) for one in episodes if one.status in _REAL and one.start is not None]
    for start, one in sorted(dated, key=lambda pair: pair[0]):
        yield ADMITTED, start
        if one.status == "finished" and one.end is not None:
            yield DISCHARGED, one.end
