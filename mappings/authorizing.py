"""Which authorization a contact takes its units from, and what the rules say of a request for one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise

from mappings.checks.authorization import (
    BENEFITS_CHECK,
    UNITS_CHECK,
    counts_units,
    granted,
    required_by,
)
from mappings.findings import Finding, Judgement
from mappings.in_force import DayPack
from mappings.library import Library
from mappings.records import AuthorizationFields, Contact, Individual, Record
from mappings.rules import ReleasedUnits, find, judge
from mappings.sharing import EXTEND
from mappings.situation import Situation
from mappings.surroundings import Surrounding

INITIATED_CHECK = "initiated-by-payer"
ABOUT_UNITS = frozenset(
    {UNITS_CHECK, BENEFITS_CHECK, INITIATED_CHECK, "no-prior-approval", "extension-approved"}
)
# What can be said of a request before any contact takes units of it.
REQUEST_CHECKS = ("request-form", "request-answered", "authorization-of-member", INITIATED_CHECK)


@dataclass(frozen=True)
class Grant:
    """Units that a payer granted to one person: `fields` as a contact carries them, their `used` the units
    taken elsewhere, and the id of the grant that this one extends."""

    fields: AuthorizationFields
    extends: str | None = None


@dataclass(frozen=True)
class Request:
    """A request for units: the day on which the payer was asked (None before that) and the certificate
    number of the peer that the form names."""

    asked_on: date | None
    certificate: str = ""


def judge_authorized(
    beside: Sequence[Record],
    contacts: Sequence[Contact],
    person: str,
    grants: Sequence[Grant],
    library: Library,
    now: datetime,
    released: Sequence[ReleasedUnits],
    known: Sequence[Individual] = (),
) -> tuple[list[Contact], list[Judgement]]:
    """The contacts with the authorization each takes its units from, and their judgements, in the order
    given; `beside` are the other records, `person` is the individual the grants belong to.

    A contact takes the grant for its code that is in force on its day; an extension only when the one before
    it has too few units left. Contacts of a released claim keep what that claim names. Of two grants of which
    neither extends the other none is taken: nobody guesses (R084 to R086, R090).
    """
    around = Surrounding([*beside, *contacts], library)
    kept = {each.contact_id: each.authorization for each in released}
    ways = [_way(Situation(each, around, now), person, grants, kept) for each in contacts]
    steps = [0] * len(contacts)
    while True:
        carried = [_carrying(*each) for each in zip(contacts, ways, steps, strict=True)]
        judged = judge([*beside, *carried], library, now, released, known)
        judged = judged[len(judged) - len(carried) :]
        further = [
            n for n, each in enumerate(judged) if steps[n] + 1 < len(ways[n]) and _used_up(each, library)
        ]
        if not further:
            return carried, judged
        for number in further:
            steps[number] += 1


def span(
    contact: Contact, beside: Iterable[Record], library: Library, now: datetime
) -> tuple[int | None, date | None]:
    """The units that the contact's authorization counts for on its day and the last day it is in force, by
    the rules there; what it says itself where no rule counts them. None for what is not known or open."""
    return _span(Situation(contact, Surrounding([*beside, contact], library), now))


def concerns_units(rule: str, library: Library) -> bool:
    """Whether the rule of this id asks for an authorization or counts its units."""
    known = library.rules_by_id.get(rule)
    return known is not None and any(version.check in ABOUT_UNITS for version in known.versions)


def judge_request(
    contact: Contact, request: Request, beside: Iterable[Record], library: Library, now: datetime
) -> tuple[Finding, ...]:
    """What the rules say of a request for units on the day of `contact`, which stands in for the contacts to
    come: it names the person, the peer, the programme, the code and the authorization as asked. Also what is
    kept is answered where it has something to say, such as the day of the answer (R087, R088)."""
    s = _RequestSituation(contact, Surrounding([*beside, contact], library), now, request)
    if s.pack is None:
        return ()
    found = [(bound, find(bound, s)) for check in REQUEST_CHECKS for _, bound in s.pack.places.get(check, ())]
    return tuple(each for bound, each in found if each not in (bound.passed, bound.inapplicable))


class _RequestSituation(Situation):
    """The situation of a request: what is asked, when it was asked, with which certificate."""

    asks = True

    def __init__(self, contact: Contact, around: Surrounding, now: datetime, request: Request) -> None:
        super().__init__(contact, around, now)
        self.certificate, self._asked_on = request.certificate, request.asked_on

    @property
    def asked_on(self) -> date | None:
        """The day on which the payer was asked."""
        return self._asked_on


def _way(
    s: Situation, person: str, grants: Sequence[Grant], kept: Mapping[str, str]
) -> tuple[AuthorizationFields, ...]:
    """The authorizations that the contact may take its units from, one after the other."""
    if s.contact.individual.id != person:
        return ()
    if s.contact.id in kept:
        return tuple(each.fields for each in grants if each.fields.id == kept[s.contact.id])
    if s.pack is None or not _asks(s.pack, s.code):
        return ()
    own = _in_order(each for each in grants if each.fields.service == s.code)
    fitting = [each for each in own if _in_force(s, each)]
    if any(after.extends != before.fields.id for before, after in pairwise(_linked(fitting, own))):
        return ()
    # Outside all of its days the nearest one lets the rule say so, with the day and the units left.
    return tuple(each.fields for each in fitting or _nearest(own, s.day))


def _asks(pack: DayPack, code: str | None) -> bool:
    """Whether any rule there asks for an authorization of this code."""
    started = any(code in bound.settings["codes"] for _, bound in pack.places.get(INITIATED_CHECK, ()))
    return started or counts_units(pack, code) or required_by(pack, code)


def _in_order(grants: Iterable[Grant]) -> list[Grant]:
    """Each after the one it extends, those that extend none by their first day."""
    known = {each.fields.id: each for each in grants}

    def depth(each: Grant) -> int:
        steps, before = 0, known.get(each.extends or "")
        while before is not None and steps < len(known):
            steps, before = steps + 1, known.get(before.extends or "")
        return steps

    return sorted(known.values(), key=lambda g: (depth(g), g.fields.from_ or date.min, g.fields.id))


def _linked(fitting: Sequence[Grant], own: Sequence[Grant]) -> list[Grant]:
    """The grants from the first to the last that fit, with those between them that do not fit that day."""
    if len(fitting) < 2:
        return list(fitting)
    known = {each.fields.id: each for each in own}
    chain, wanted = [fitting[-1]], {each.fields.id for each in fitting}
    while chain[0].extends in known and len(chain) <= len(own):
        chain.insert(0, known[chain[0].extends or ""])
    return chain if wanted <= {each.fields.id for each in chain} else list(fitting)


def _in_force(s: Situation, grant: Grant) -> bool:
    carried = s.contact.model_copy(update={"authorization": grant.fields})
    _, last = _span(Situation(carried, s.around, s.now))
    first = grant.fields.from_
    return first is not None and first <= s.day and (last is None or s.day <= last)


def _span(s: Situation) -> tuple[int | None, date | None]:
    for _, bound in s.pack.places.get(UNITS_CHECK, ()) if s.pack is not None else ():
        if s.code in bound.settings["codes"]:
            return granted(s, bound)
    authorization = s.authorization
    return (None, None) if authorization is None else (authorization.units, authorization.to)


def _nearest(own: Sequence[Grant], day: date) -> list[Grant]:
    begun = [each for each in own if each.fields.from_ is not None and each.fields.from_ <= day]
    return begun[-1:] or list(own[:1])


def _carrying(contact: Contact, way: Sequence[AuthorizationFields], step: int) -> Contact:
    return contact.model_copy(update={"authorization": way[step] if way else None})


def _used_up(judgement: Judgement, library: Library) -> bool:
    """Whether nothing but units that are too few, or days, of its authorization hold the claim."""
    if judgement.claim != "held":
        return False
    holding = judgement.holding("signing", "claim")
    return all(_counts(each, library) for each in holding)


def _counts(finding: Finding, library: Library) -> bool:
    rule = library.rules_by_id.get(finding.rule)
    checks = {version.check for version in rule.versions} if rule is not None else set()
    by_benefits = BENEFITS_CHECK in checks and finding.fix == EXTEND
    return UNITS_CHECK in checks or by_benefits
