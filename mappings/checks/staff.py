"""What an office keeps of its peers: employment, credentials, education, supervision, meetings."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from mappings.checks.registry import NOT_APPLICABLE, PASS, Outcome, advises, check, fails, missing, passes
from mappings.checks.texts import listed
from mappings.days import age_on, covers, plus_months
from mappings.in_force import Bound
from mappings.office_subjects import StaffSubject
from mappings.records import Credential

PEERS = "credentials.peers"
IN_DISCIPLINE = "in-discipline-support"


def _peer_credentials(s: StaffSubject, b: Bound) -> list[Credential]:
    return [c for c in s.record.credentials if c.code in b[PEERS] and covers(c.from_, c.to, s.day)]


def _attested(s: StaffSubject, kinds: tuple[str, ...]) -> date | None:
    days = [a.on for a in s.record.attestations if a.kind in kinds and a.affirmed and a.on]
    return min((day for day in days if day <= s.day), default=None)


@check("employment-told", PEERS, "employment.contracted")
def employment_told(s: StaffSubject, b: Bound) -> Outcome:
    """Whether a peer is hired or contracted; a contracted one needs evidence of collaboration (R012)."""
    if not s.is_peer(b[PEERS]):
        return NOT_APPLICABLE
    contract = (s.record.contract or "").strip()
    if s.record.employment in b["employment.contracted"] or contract:
        if not contract:
            return advises("The peer is contracted, and the contract is not named.", "contract")
        return passes(f"Contracted ({contract}): the record shows collaboration with the team.")
    if not s.record.employment:
        return advises("It is not recorded whether the peer is hired or contracted.", "employment")
    return passes(f"The peer is {s.record.employment}.")


@check(
    "education-in-time",
    PEERS,
    "ceu.hours",
    "ceu.period_months",
    "ceu.warn_days",
    "schooling.topics",
    "experience.topics",
)
def education_in_time(s: StaffSubject, b: Bound) -> Outcome:
    """Continuing education is complete when the credential is renewed; a warning ahead of it (R014)."""
    credentials = _peer_credentials(s, b)
    if not credentials:
        return NOT_APPLICABLE
    ends = [c.to for c in credentials if c.to is not None]
    renewal, months, needed = min(ends, default=None), b["ceu.period_months"], b["ceu.hours"]
    last = renewal if renewal is not None and needed is not None else s.day
    hours = _hours(s, b, plus_months(last, -months), last)
    if needed is None:
        return advises(
            f"{hours} hours of education in the {months} months until {last}; "
            "this place has no number of hours configured.",
            "education",
            severity="info",
        )
    if hours >= needed:
        return passes(f"{hours} of {needed} hours until {last}.")
    if renewal is None:
        return missing("the last day of the credential", "credentials")
    left = (renewal - s.day).days
    words = f"{hours} of {needed} hours of education, {needed - hours} missing; {left} days until {renewal}."
    return fails(words, "education") if left <= b["ceu.warn_days"] else passes(words)


def _hours(s: StaffSubject, b: Bound, after: date, last: date) -> Decimal:
    others = (*b["schooling.topics"], *b["experience.topics"])
    counted = (e for e in s.record.education if e.topic not in others and e.on is not None)
    return sum((e.hours or Decimal(0) for e in counted if e.on and after < e.on <= last), Decimal(0))


@check("ability-shown", PEERS)
def ability_shown(s: StaffSubject, b: Bound) -> Outcome:
    """The credential shows the ability to support others; nothing is computed apart (R015)."""
    if not s.is_peer(b[PEERS]):
        return NOT_APPLICABLE
    if _peer_credentials(s, b):
        return PASS
    return advises(f"No credential of a peer is in force on {s.day}.", "credentials")


@check("of-age-and-schooled", PEERS, "certification.min_age", "schooling.topics")
def of_age_and_schooled(s: StaffSubject, b: Bound) -> Outcome:
    """The age on the day of certification and the schooling are on file; the issuer decides (R016)."""
    credentials = [c for c in s.record.credentials if c.code in b[PEERS] and c.from_ is not None]
    if not credentials:
        return NOT_APPLICABLE
    first, born = min(c.from_ for c in credentials if c.from_ is not None), s.record.birth_date
    if born is not None and age_on(born, first) < b["certification.min_age"]:
        return advises(
            f"The peer was {age_on(born, first)} when certified on {first}; most issuers ask for "
            f"{b['certification.min_age']}.",
            "birth_date",
        )
    gaps = ["the birth date"] if born is None else []
    if not any(entry.topic in b["schooling.topics"] for entry in s.record.education):
        gaps.append("high school or GED")
    return advises(f"Not on file: {listed(gaps)}.", "education") if gaps else PASS


@check("experience-on-file", PEERS, "experience.hours", "experience.topics")
def experience_on_file(s: StaffSubject, b: Bound) -> Outcome:
    """Hours of work before certification where a state asks for them; off without a number (R017)."""
    if b["experience.hours"] is None or not s.is_peer(b[PEERS]):
        return NOT_APPLICABLE
    own = (e.hours for e in s.record.education if e.topic in b["experience.topics"] and e.hours is not None)
    hours = sum(own, Decimal(0))
    if hours >= b["experience.hours"]:
        return passes(f"{hours} hours of experience.")
    return advises(f"{hours} of {b['experience.hours']} hours of experience are on file.", "education")


@check("recovery-attested", PEERS, "recovery.kinds")
def recovery_attested(s: StaffSubject, b: Bound) -> Outcome:
    """Progress in recovery stands as a dated yes, never computed from anybody's health data (R018)."""
    if not s.is_peer(b[PEERS]):
        return NOT_APPLICABLE
    on = _attested(s, b["recovery.kinds"])
    return passes(f"Attested on {on}.") if on else advises("No attestation is on file.", "attestations")


@check("accepted-by-the-va", PEERS, "va.issuers")
def accepted_by_the_va(s: StaffSubject, b: Bound) -> Outcome:
    """A certificate of the state, or of an organisation that the VA accepts; off until listed (R019)."""
    if b["va.issuers"] is None or not s.is_peer(b[PEERS]):
        return NOT_APPLICABLE
    if any(c.issuer in b["va.issuers"] for c in _peer_credentials(s, b)):
        return PASS
    return advises(f"No certificate of {listed(b['va.issuers'], 'or')} is in force.", "credentials")


@check("supervised-regularly", PEERS, "supervision.max_gap_days")
def supervised_regularly(s: StaffSubject, b: Bound) -> Outcome:
    """Supervision goes on regularly, as far as a limit is set (R118)."""
    return _gap(s, b, "supervision.max_gap_days", "No limit is configured.")


@check("supervised-weekly", PEERS, "supervision.weekly_days")
def supervised_weekly(s: StaffSubject, b: Bound) -> Outcome:
    """Weekly supervision where the employer has that policy (R119)."""
    return _gap(s, b, "supervision.weekly_days", "")


def _gap(s: StaffSubject, b: Bound, limit: str, without: str) -> Outcome:
    if not s.is_peer(b[PEERS]) or (b[limit] is None and not without):
        return NOT_APPLICABLE
    # Support by fellow peers is asked for beside supervision, not instead of it.
    held = (m.on for m in s.record.supervision if m.kind != IN_DISCIPLINE)
    last = max((on for on in held if on is not None and on <= s.day), default=None)
    ago = f"The last session was on {last}, {(s.day - last).days} days ago." if last else ""
    if b[limit] is None:
        return advises(f"{ago or 'No session is on file.'} {without}", "supervision", severity="info")
    if last is None:
        return missing("the days of supervision sessions", "supervision")
    if (s.day - last).days <= b[limit]:
        return passes(ago)
    return fails(f"{ago} The limit is {b[limit]} days{b.standing(limit)}.", "supervision")


@check("attends-meetings", PEERS, "meetings.window_days")
def attends_meetings(s: StaffSubject, b: Bound) -> Outcome:
    """Of the team's meetings about the peer's people in the window the peer attended all (R116)."""
    if not s.is_peer(b[PEERS]):
        return NOT_APPLICABLE
    days = b["meetings.window_days"]
    held, attended = s.meetings.of_peer(s.record.id, s.day - timedelta(days=days), s.day)
    if not held:
        return NOT_APPLICABLE
    words = f"{attended} of {held} team meetings attended in {days} days"
    if attended == held:
        return passes(f"{words}.")
    return advises(f"{words}; was the peer invited to the others?", "id")


@check("supervisor-assigned", PEERS)
def supervisor_assigned(s: StaffSubject, b: Bound) -> Outcome:
    """A peer has a supervisor today, and the assignment does not end unseen."""
    if not s.is_peer(b[PEERS]):
        return NOT_APPLICABLE
    supervisor = s.record.supervisor_on(s.day)
    if supervisor is None or not (supervisor.id or "").strip():
        return fails("No supervisor is assigned; claims of the peer are held.", "supervisor")
    assigned = covers(supervisor.from_, supervisor.to, s.day)
    if assigned is None:
        return missing("the period of the supervision", "supervisor.from")
    if assigned:
        return PASS
    return fails(f"No supervisor is assigned on {s.day}; claims of the peer are held.", "supervisor")


@check("credential-lasts", PEERS, "credential.warn_days")
def credential_lasts(s: StaffSubject, b: Bound) -> Outcome:
    """A credential that is about to end is seen in time."""
    credentials = _peer_credentials(s, b)
    if not credentials:
        return NOT_APPLICABLE
    ends = [c.to for c in credentials]
    if None in ends:
        return PASS
    last = max(day for day in ends if day is not None)
    left = (last - s.day).days
    if left > b["credential.warn_days"]:
        return passes(f"In force until {last}.")
    return fails(f"The last credential in force ends on {last}, in {left} days.", "credentials")
