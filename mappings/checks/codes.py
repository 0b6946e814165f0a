"""Procedure code, modifier, rate code, coverage and diagnosis: what a claim must carry."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from mappings.checks.registry import (
    PASS,
    Outcome,
    advises,
    by_codes,
    check,
    coded_check,
    fails,
    missing,
    passes,
)
from mappings.checks.texts import blank, listed
from mappings.coding import CodedContact, Coding
from mappings.days import covers
from mappings.in_force import Bound
from mappings.records import Coverage, Diagnosis
from mappings.situation import Situation

_ICD10CM = re.compile(r"[A-TV-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?")


@check("service-code", "code.individual", "scope.allowed_codes")
def service_code(s: Situation, b: Bound) -> Outcome:
    """The service and a filed claim carry the code of the guidance, counted in units (R074)."""
    code, allowed = s.service.code, b["scope.allowed_codes"]
    if code is not None and code not in allowed:
        return fails(
            f"{code!r} is not the code of peer support here: {listed(allowed, 'or')}.", "service.code"
        )
    filed = s.contact.claim
    if filed is None:
        return passes(f"{code or b['code.individual']}, per unit.")
    if filed.code is None:
        return missing("the code of the filed claim", "claim.code")
    if filed.code != (code or b["code.individual"]):
        return fails(f"{filed.code} is filed; this service is {code or b['code.individual']}.", "claim.code")
    if filed.units is not None and filed.units > s.units and filed.units in (s.minutes, s.gross):
        return fails(f"{filed.units} looks like minutes; the quantity is units.", "claim.units")
    return PASS


@by_codes("service-code")
def _not_filed(codes: Coding, b: Bound) -> Outcome | None:
    allowed = codes.code is None or codes.code in b["scope.allowed_codes"]
    if codes.filed is not None or not allowed:
        return None
    return passes(f"{codes.code or b['code.individual']}, per unit.")


@coded_check("group-modifier", "code.group_modifier")
def group_modifier(s: CodedContact, b: Bound) -> Outcome:
    """The group modifier stands on a group service and on no other (R075)."""
    modifier = b["code.group_modifier"]
    if s.codes.format is None:
        return missing("whether this was an individual or a group service", "service.format")
    group = s.codes.format == "group"
    if not group and s.codes.is_group:
        return fails(
            "The contact is recorded as individual, but a group of several people stands on it.",
            "service.format",
            "group",
            fix="Choose group as the format, or take the group off this contact.",
        )
    if s.codes.filed is None:
        return passes(f"Modifier {modifier}." if group else "No modifier.")
    if group and modifier not in s.codes.filed.modifiers:
        return fails(f"A group service needs the modifier {modifier}.", "claim.modifiers")
    if not group and modifier in s.codes.filed.modifiers:
        return fails(f"The modifier {modifier} is for groups; this was individual.", "claim.modifiers")
    others = [m for m in s.codes.filed.modifiers if m != modifier]
    if others:
        return advises(
            f"The guidance knows no modifier {listed(others)} here.", "claim.modifiers", severity="warn"
        )
    return PASS


@coded_check("rate-code")
def rate_code(s: CodedContact, b: Bound) -> Outcome:
    """The rate code of the place, configured and, on a filed claim, the same (R076, R077, AMB-06)."""
    name = b.version.parameters[0]
    code, filed, place = b[name], s.codes.filed, s.codes.place
    if blank(s.codes.program_kind):
        return missing("the kind of programme", "program.program_kind")
    if code is None:
        return fails(
            f"No rate code is configured for {place}.",
            "service.place",
            fix=f"Configure the rate code: set {name} in the site overlay.",
        )
    if filed is not None and filed.rate_code is None:
        return missing("the rate code of the filed claim", "claim.rate_code")
    if filed is not None and filed.rate_code != code:
        return fails(
            f"Rate code {filed.rate_code} is filed; {place} is {code}{b.standing(name)}.",
            "claim.rate_code",
            "service.place",
        )
    if b.standing(name) and b.values[name].status != "site":
        return advises(
            f"Rate code {code} is {b.values[name].standing}.",
            "service.place",
            severity="info",
            fix=f"Confirm it by setting {name} in the site overlay.",
        )
    return passes(f"Rate code {code}.")


@check("coverage-active", "eligibility.recheck_days", "payer.classes")
def coverage_active(s: Situation, b: Bound) -> Outcome:
    """A coverage with a member id is active on the day, checked not long ago (R128)."""
    coverages = s.contact.individual.coverages
    if not coverages:
        return missing("the person's coverage", "individual.coverages")
    key = coverage_active, id(coverages), id(b)
    known = s.around.kept.get(key)
    if known is None:
        # The contact is held, so that nothing else can come to have the identity of its coverages.
        known = s.around.kept[key] = _only_complete(coverages, b), s
    only, day = known[0], s.day
    if only is not None and only.from_ <= day <= only.to:
        return _recently_checked(only, day)
    classes = b["payer.classes"]
    active = [(n, c) for n, c in enumerate(coverages) if covers(c.from_, c.to, day)]
    if not active:
        return _inactive(s, coverages)
    of_class = [each for each in active if each[1].class_ in classes]
    place, coverage = (of_class or active)[0]
    at = f"individual.coverages[{place}]"
    if not (coverage.payer or "").strip():
        return missing("the payer of the coverage", f"{at}.payer")
    if not (coverage.member_id or "").strip():
        return missing("the member id of the coverage", f"{at}.member_id")
    if not of_class:
        return advises(
            f"The active coverage is {coverage.class_ or 'of no class'}, "
            f"not {listed(b['payer.classes'], 'or')}.",
            f"{at}.class",
            severity="warn",
        )
    return _recently_checked(_Complete.of(coverage, at, b), day)


def _inactive(s: Situation, coverages: tuple[Coverage, ...]) -> Outcome:
    for place, coverage in enumerate(coverages):
        if coverage.from_ is None and coverage.to is None:
            return missing("the period of the coverage", f"individual.coverages[{place}].from")
    return fails(f"No coverage is active on {s.day}: {_spans(coverages)}.", "individual.coverages")


class _Complete(NamedTuple):
    """A coverage with payer, member id and a class that the claim goes to: its days, and how old the last
    look at it may be."""

    from_: date
    to: date
    checked_on: date | None
    at: str
    days: int
    standing: str

    @classmethod
    def of(cls, coverage: Coverage, at: str, b: Bound) -> _Complete:
        days, standing = b["eligibility.recheck_days"], b.standing("eligibility.recheck_days")
        first, last = coverage.from_ or date.min, coverage.to or date.max
        return cls(first, last, coverage.checked_on, at, days, standing)


def _only_complete(coverages: tuple[Coverage, ...], b: Bound) -> _Complete | None:
    """The one coverage of most people where nothing of it is missing."""
    if len(coverages) != 1 or coverages[0].class_ not in b["payer.classes"]:
        return None
    (only,) = coverages
    # Without any day nothing is known of when it holds.
    if blank(only.payer) or blank(only.member_id) or (only.from_ is None and only.to is None):
        return None
    return _Complete.of(only, "individual.coverages[0]", b)


def _recently_checked(coverage: _Complete, day: date) -> Outcome:
    if coverage.checked_on is None:
        return advises(
            "When eligibility was last checked is not recorded.", f"{coverage.at}.checked_on", severity="info"
        )
    since = (day - coverage.checked_on).days
    return PASS if since <= coverage.days else _long_ago(since, coverage.days, coverage.standing, coverage.at)


@lru_cache(maxsize=1024)
def _long_ago(since: int, days: int, standing: str, at: str) -> Outcome:
    return advises(
        f"Eligibility was last checked {since} days before the service; {days} is the limit{standing}.",
        f"{at}.checked_on",
        severity="warn",
        fix="Check eligibility again.",
    )


def _spans(coverages: tuple[Coverage, ...]) -> str:
    return listed(f"{c.payer or 'a payer'} {c.from_ or '...'} to {c.to or 'open'}" for c in coverages)


@check("diagnosis-by-clinician", "diagnosis.expected_prefixes", "credentials.peers")
def diagnosis_by_clinician(s: Situation, b: Bound) -> Outcome:
    """A diagnosis recorded by a clinician, never by the peer, stands on the record (R130)."""
    diagnoses = s.contact.diagnoses
    if not diagnoses:
        return fails("No diagnosis by a clinician is recorded; the claim needs one.", "diagnoses")
    for place, diagnosis in enumerate(diagnoses):
        problem = _problem(s, b, diagnosis, f"diagnoses[{place}]")
        if problem is not None:
            return problem
    prefixes = tuple(b["diagnosis.expected_prefixes"])
    if not any((d.code or "").upper().startswith(prefixes) for d in diagnoses):
        return advises(
            f"No code begins with {listed(prefixes, 'or')}{b.standing('diagnosis.expected_prefixes')}: "
            "is it a mental illness diagnosis?",
            "diagnoses",
            severity="warn",
        )
    return PASS


def _problem(s: Situation, b: Bound, diagnosis: Diagnosis, at: str) -> Outcome | None:
    if blank(diagnosis.by):
        return missing("who recorded the diagnosis", f"{at}.by")
    if by_a_peer(s, b, diagnosis):
        return fails(f"The diagnosis {diagnosis.code or ''} was recorded by a peer.", f"{at}.by")
    if diagnosis.code is None:
        return missing("the diagnosis code", f"{at}.code")
    if not _ICD10CM.fullmatch(diagnosis.code.strip().upper()):
        return fails(f"{diagnosis.code!r} is no ICD-10-CM code.", f"{at}.code")
    return None


def by_a_peer(s: Situation, b: Bound, diagnosis: Diagnosis) -> bool:
    """Whether a diagnosis comes from this contact's peer or from a staff member with a peer's credential."""
    by = diagnosis.by
    if s.peer_id is not None and by == s.peer_id:
        return True
    return s.around.holds_any(by, s.jurisdiction, b["credentials.peers"])
