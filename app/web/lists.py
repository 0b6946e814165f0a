"""The first pages: the contacts of a person in a chart, one's own worklists without one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import render_template
from sqlalchemy.orm import Session

from app import assignments, authorizations, charting, duties, engagement, signing, worklists, wrong_chart
from app import beside as besides
from app.actor import CLINICIAN, LPHA, PEER, SUPERVISOR
from app.web import choices
from app.web.access import actor, launch
from app.web.engagement import WORDS
from app.web.kit import kit
from mappings.library_parts import Rule

BASES = {"planned": "planned", "targeted": "short-term", "ad-hoc": "ad hoc"}
READERS = (PEER, LPHA, CLINICIAN, SUPERVISOR)
SEEN_DAYS = 30
_NEVER = "1970-01-01T00:00:00+00:00"


def person_page() -> str:
    """The contacts of the person whose chart is open, and where each stands."""
    who, ours = actor(), kit()
    with ours.store.read() as session:
        may_read = who.is_any(*READERS)
        lines = charting.of_person(session, who) if may_read else []
        known = engagement.of(session, who.issuer, str(who.patient))
        told = duties.listing(session, who) if who.is_any(*duties.READERS) else None
        units = authorizations.units_left(session, who, ours.library, ours.now())
        found = besides.of_person(session, who) if may_read else None
        referrals, rule = _referrals(session)
        gone = wrong_chart.of_person(session, who) if who.is_any(SUPERVISOR) else ()
    return render_template(
        "home_person.html",
        in_error=gone,
        beside=found,
        referrals=referrals,
        referral_rule=rule,
        units_left=units,
        lines=[line for line in lines if not _empty_draft(line)],
        decided=WORDS.get(known.history[-1].status or "", ("", ""))[0] if known.history else "",
        service_types=dict(choices.SERVICE_TYPES),
        bases=BASES,
        may_write=who.is_any(PEER),
        may_read=may_read,
        may_review=who.is_any(LPHA),
        remarks=launch().context.get("remarks", []),
        reading=_reading(),
        duties=told,
        duty_rules=_duty_rules(),
    )


def worklists_page() -> str:
    """What waits for the person at the screen."""
    since = kit().now() - timedelta(days=SEEN_DAYS)
    with kit().store.read() as session:
        told = duties.listing(session, actor(), since) if actor().is_any(*duties.READERS) else None
        notes = worklists.own_notes(session, actor()) if actor().is_any(PEER) else ()
        waiting = len(signing.queue(session, actor())) if actor().is_any(LPHA) else 0
        referrals, rule = _referrals(session)
        given = assignments.mine(session, actor()) if actor().is_any(*assignments.CARERS) else ()
        opened = assignments.broken(session, actor()) if actor().is_any(*assignments.KEEPERS) else ()
    return render_template(
        "home_lists.html",
        given=given,
        opened=[one for one in opened if one.seen_at is None],
        may_open=actor().is_any(*assignments.CARERS),
        referrals=referrals,
        referral_rule=rule,
        notes=notes,
        waiting=waiting,
        duties=told,
        duty_rules=_duty_rules(),
        seen_days=SEEN_DAYS,
    )


def _referrals(session: Session) -> tuple[tuple[besides.OpenReferral, ...], Rule | None]:
    """The referrals to offer that this reader follows up, and the rule that speaks of them."""
    bound = besides.referral_rule(session, actor().issuer, kit().library, kit().now())
    if bound is None or not actor().is_any(*besides.FOLLOW_UP):
        return (), None
    return besides.open_referrals(session, actor(), kit().library, kit().now()), bound.rule


def _reading() -> dict[str, Any] | None:
    """When the chart was read, and whether it may be read again; None where this window never did."""
    told = launch().context
    lasts = bool(told.get("lasting")) or kit().now() < datetime.fromisoformat(told.get("expires_at", _NEVER))
    return {"at": told["read_at"], "lasts": lasts} if "read_at" in told else None


def _duty_rules() -> dict[str, str]:
    return {rule: kit().library.rule(rule).says for rule in duties.RULES.values()}


def _empty_draft(line: charting.ContactLine) -> bool:
    return line.state == "draft" and line.edit == 0 and line.version == 1
