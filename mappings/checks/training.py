"""What stands behind a credential: its training file, the ages it asks for, continuing education."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from mappings.checks.registry import (
    NOT_APPLICABLE,
    PASS,
    Outcome,
    advises,
    fails,
    missing,
    passes,
    peer_check,
)
from mappings.checks.rendering import unknown_peer
from mappings.checks.texts import listed
from mappings.days import age_on, covers, plus_months
from mappings.in_force import Bound
from mappings.peer_days import PeerOnDay
from mappings.records import Credential, Education

SOON = timedelta(days=60)


def _own(s: PeerOnDay, codes: Iterable[str]) -> tuple[int, Credential] | None:
    """The credential of these codes in force on the day, else the last of them, with its place."""
    wanted = tuple(codes)
    held = [(n, c) for n, c in enumerate(s.peer.credentials if s.peer else ()) if c.code in wanted]
    in_force = [(n, c) for n, c in held if covers(c.from_, c.to, s.day)]
    return next(iter([*in_force, *reversed(held)]), None)


@peer_check("training-complete", "training.hours", settings=("credentials",))
def training_complete(s: PeerOnDay, b: Bound) -> Outcome:
    """The credential's file has the hours, the day of the test and the number of the certificate (R021)."""
    unknown = unknown_peer(s)
    if unknown is not None:
        return unknown
    own = _own(s, b.settings["credentials"])
    if own is None:
        return NOT_APPLICABLE
    place, credential = own
    at = f"peer.credentials[{place}]"
    if credential.hours is None:
        return missing("the hours of training", f"{at}.hours")
    if credential.hours < b["training.hours"]:
        return fails(
            f"{credential.hours} hours of training; {b['training.hours']} are needed.", f"{at}.hours"
        )
    if credential.test_passed is None:
        return missing("the day the written test was passed", f"{at}.test_passed")
    if not (credential.number or "").strip():
        return missing("the number of the written certificate", f"{at}.number")
    return PASS


@peer_check("age-at-certification", "age.min", settings=("credentials",))
def age_at_certification(s: PeerOnDay, b: Bound) -> Outcome:
    """The peer was old enough on the first day of the credential (R022); the issuer decides, not we."""
    own = _own(s, b.settings["credentials"]) if s.peer_known else None
    born = s.peer.birth_date if s.peer is not None else None
    if own is None or born is None or own[1].from_ is None:
        return NOT_APPLICABLE
    age = age_on(born, own[1].from_)
    if age >= b["age.min"]:
        return PASS
    return advises(
        f"The peer was {age} on {own[1].from_}; the training is from {b['age.min']} on.", "peer.birth_date"
    )


@peer_check("credential-ages", "credentials.min_age", "credentials.max_age", offered=True)
def credential_ages(s: PeerOnDay, b: Bound) -> Outcome:
    """The peer's age on the day lies within those of a credential held that day; both ages count."""
    unknown = unknown_peer(s)
    if unknown is not None:
        return unknown
    youngest, oldest = b["credentials.min_age"], b["credentials.max_age"]
    held = [c.code or "" for c in (s.peer.credentials if s.peer else ()) if covers(c.from_, c.to, s.day)]
    asked = [code for code in held if code in youngest or code in oldest]
    if not asked:
        return NOT_APPLICABLE
    if s.peer is None or s.peer.birth_date is None:
        return missing("the peer's birth date", "peer.birth_date")
    age = age_on(s.peer.birth_date, s.day)
    if any(youngest.get(code, 0) <= age <= oldest.get(code, age) for code in asked):
        return PASS
    code = asked[0]
    span = f"from {youngest.get(code, 0)}" + (f" to {oldest[code]}" if code in oldest else "")
    return fails(f"The peer is {age} on {s.day}; {code} is {span} years old.", "peer.birth_date")


@peer_check("education-each-certification-year", "ceu.hours", settings=("credentials",))
def education_each_certification_year(s: PeerOnDay, b: Bound) -> Outcome:
    """The hours of the certification year that ended stand in the ledger; a countdown in the running one
    (R023)."""
    unknown = unknown_peer(s)
    if unknown is not None:
        return unknown
    own = _own(s, b.settings["credentials"])
    if own is None:
        return NOT_APPLICABLE
    place, credential = own
    if credential.from_ is None:
        return missing("the first day of the credential", f"peer.credentials[{place}].from")
    ledger = s.peer.education if s.peer is not None else ()
    for number, entry in enumerate(ledger):
        if entry.on is None or entry.hours is None:
            field = "on" if entry.on is None else "hours"
            return missing(
                "the day or the hours of continuing education", f"peer.education[{number}].{field}"
            )
    start = _year_start(credential.from_, s.day)
    asked = b["ceu.hours"]
    if start > credential.from_:
        before = plus_months(credential.from_, _months(credential.from_, start) - 12)
        done = hours_between(ledger, before, start - timedelta(days=1))
        if done < asked:
            return fails(
                f"{_plain(done)} of {asked} hours stand for the year from {before} until "
                f"{start - timedelta(days=1)}; {_plain(asked - done)} are missing.",
                "peer.education",
            )
    return _running_year(s, ledger, start, credential.from_, asked)


def _running_year(
    s: PeerOnDay, ledger: tuple[Education, ...], start: date, first: date, asked: int
) -> Outcome:
    end = plus_months(first, _months(first, start) + 12) - timedelta(days=1)
    done = hours_between(ledger, start, min(end, s.day))
    if done >= asked or end - s.day > SOON:
        return passes(f"{_plain(done)} of {asked} hours stand for the year until {end}.")
    return advises(
        f"{_plain(done)} of {asked} hours stand for the year until {end}: {_plain(asked - done)} are "
        f"missing, {(end - s.day).days} days are left.",
        "peer.education",
        severity="warn",
        fix="Complete and record the missing hours before that day.",
    )


def _year_start(first: date, day: date) -> date:
    months = _months(first, day)
    return plus_months(first, max(0, months - months % 12))


def _months(first: date, day: date) -> int:
    months = (day.year - first.year) * 12 + day.month - first.month
    return months if plus_months(first, months) <= day else months - 1


def hours_between(ledger: Iterable[Education], start: date, end: date, topic: str | None = None) -> Decimal:
    """Hours of continuing education from one day to another, both counted, of a topic where one is given."""
    return sum(
        (
            entry.hours
            for entry in ledger
            if entry.hours is not None
            and entry.on is not None
            and start <= entry.on <= end
            and (topic is None or entry.on_topic(topic))
        ),
        Decimal(0),
    )


def _plain(hours: Decimal) -> str:
    return f"{hours.normalize():f}"


@peer_check("education-in-year", "employer.posts", settings=("post", "period", "topic"), chosen=2)
def education_in_year(s: PeerOnDay, b: Bound) -> Outcome:
    """An employer's hours of a year and those of one topic (R026, R027): the calendar year of the day, or the
    twelve months until it."""
    if b.settings["post"] not in b["employer.posts"] or not s.peer_known or s.peer is None:
        return NOT_APPLICABLE
    total, specific = (b[name] for name in b.version.parameters[:2])
    calendar = b.settings["period"] == "calendar-year"
    start = date(s.day.year, 1, 1) if calendar else plus_months(s.day, -12) + timedelta(days=1)
    done = hours_between(s.peer.education, start, s.day)
    own = hours_between(s.peer.education, start, s.day, b.settings["topic"])
    if done >= total and own >= specific:
        return PASS
    topic = b.settings["topic"]
    words = f"{_plain(done)} of {total} hours since {start}, {_plain(own)} of {specific} on {topic}."
    end = date(s.day.year, 12, 31)
    if calendar and end - s.day > SOON:
        return advises(f"{words} The year ends on {end}.", "peer.education", severity="info")
    return fails(words, "peer.education")


@peer_check("experienced", "employer.posts", "employer.years", settings=("credentials",))
def experienced(s: PeerOnDay, b: Bound) -> Outcome:
    """The years since the credential began, beside those an employer asks for a post (R028)."""
    own = _own(s, b.settings["credentials"]) if s.peer_known else None
    if own is None:
        return advises("The peer holds no credential of a certified peer specialist.", "peer.credentials")
    if own[1].from_ is None:
        return NOT_APPLICABLE
    years = age_on(own[1].from_, s.day)
    short = [post for post in b["employer.posts"] if years < b["employer.years"].get(post, 0)]
    if not short:
        return PASS
    asked = listed(f"{b['employer.years'][post]} for a {post}" for post in short)
    return advises(f"Certified for {years} years; the employer asks for {asked}.", "peer.credentials")


@peer_check("supervisor-ops-training", "ops.required_categories")
def supervisor_ops_training(s: PeerOnDay, b: Bound) -> Outcome:
    """A supervisor who must take the state's training has attended it by the day (R031)."""
    supervisor = s.peer.supervisor_on(s.day) if s.peer is not None and s.peer_known else None
    if supervisor is None or supervisor.category not in b["ops.required_categories"]:
        return NOT_APPLICABLE
    if supervisor.ops is not None and supervisor.ops <= s.day:
        return PASS
    return fails("That the supervisor attended the OPS training is not recorded.", "peer.supervisor.ops")
