"""Units a payer granted: for whom, for what, from when to when, how many, and who asked for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from mappings.calendars import business_days_after
from mappings.checks.registry import (
    NOT_APPLICABLE,
    PASS,
    Outcome,
    advises,
    by_codes,
    check,
    fails,
    missing,
    passes,
)
from mappings.checks.texts import blank, listed
from mappings.coding import Coding
from mappings.days import covers
from mappings.findings import Severity
from mappings.in_force import Bound, DayPack
from mappings.records import AuthorizationFields, Credential
from mappings.situation import Situation, only_id

APPROVED = "approved"
FORM_FIELDS = {
    "member": "the member id",
    "service": "the service",
    "units": "the units",
    "from": "the first day",
    "requested_by": "who requests",
    "requester_role": "the role of who requests",
}


UNITS_CHECK, BENEFITS_CHECK = "authorization-units", "authorization-and-benefits"


def _concerns(s: Situation, b: Bound) -> bool:
    return s.code in b.settings["codes"]


def counts_units(pack: DayPack, code: str | None) -> bool:
    """Whether a rule of the pack counts the units of an authorization of this code (R084, R085)."""
    return any(code in bound.settings["codes"] for _, bound in pack.places.get(UNITS_CHECK, ()))


def required_by(pack: DayPack, code: str | None) -> bool:
    """Whether the payer asks for an authorization of this code (R090)."""
    return code in (pack.value("auth.required") or ())


def is_extension(s: Situation, authorization: AuthorizationFields) -> bool:
    """Whether it extends an earlier one: it went through a review, or the member has an earlier one."""
    return authorization.review is not None or s.around.earlier_authorization(authorization) is not None


def granted(s: Situation, b: Bound) -> tuple[int | None, date | None]:
    """Units of the contact's authorization that count and its last day; None for what is not known or open.

    The first parameter of the rule is the most units that are granted at first, the second, where there is
    one, in how many days, the first of them counted. An extension grants what it says itself, unless the
    rule's setting `extends` is false.
    """
    authorization = s.authorization
    if authorization is None:
        return None, None
    units, last = authorization.units, authorization.to
    if b.settings.get("extends", True) and is_extension(s, authorization):
        return units, last
    names = b.version.parameters
    most = b[names[0]]
    if units is not None and most is not None:
        units = min(units, most)
    days = b[names[1]] if len(names) > 1 else None
    if days is not None and authorization.from_ is not None:
        end = authorization.from_ + timedelta(days=days - 1)
        last = end if last is None else min(last, end)
    return units, last


@check("authorization-units", settings=("codes",), chosen=1)
def authorization_units(s: Situation, b: Bound) -> Outcome:
    """An authorization for this service is in force on the day, with units left (R084, R085); the units are
    shared in `mappings.sharing`."""
    if not _concerns(s, b):
        return NOT_APPLICABLE
    authorization = s.authorization
    if authorization is None:
        return missing("the payer's authorization", "authorization")
    if only_id(authorization):
        return missing(f"the record of authorization {authorization.id}", "authorization")
    for value, name, words in (
        (authorization.service, "service", "the service that is authorized"),
        (authorization.units, "units", "the units that are authorized"),
        (authorization.used, "used", "the units used so far"),
        (authorization.from_, "from", "the first day of the authorization"),
    ):
        if value is None:
            return missing(words, f"authorization.{name}")
    if authorization.service != s.code:
        return fails(
            f"The authorization is for {authorization.service}; this service is {s.code}.",
            "authorization.service",
        )
    return _below_zero(authorization) or _in_its_days(s, b, authorization)


def _below_zero(authorization: AuthorizationFields, severity: Severity | None = None) -> Outcome | None:
    counted = (("units", authorization.units), ("used", authorization.used))
    wrong = tuple(f"authorization.{name}" for name, value in counted if value is not None and value < 0)
    message = "The units of the authorization are below zero."
    return fails(message, *wrong, severity=severity, fix="Correct the units.") if wrong else None


def _in_its_days(s: Situation, b: Bound, authorization: AuthorizationFields) -> Outcome:
    units, last = granted(s, b)
    if authorization.from_ is not None and s.day < authorization.from_:
        return fails(f"The authorization begins on {authorization.from_}.", "authorization.from", "start")
    if last is not None and s.day > last:
        left = max(0, (units or 0) - (authorization.used or 0))
        return fails(
            f"The authorization ended on {last}; {left} of its {units} units were left unused before this "
            f"input.",
            "authorization.to",
            "start",
        )
    return PASS


@check("extension-approved", settings=("codes",))
def extension_approved(s: Situation, b: Bound) -> Outcome:
    """Further units count once the payer's clinical review has approved them (R086)."""
    authorization = s.authorization
    if not _concerns(s, b) or authorization is None or not is_extension(s, authorization):
        return NOT_APPLICABLE
    if authorization.review is None:
        return missing("the outcome of the clinical review", "authorization.review")
    if authorization.review != APPROVED:
        return fails(f"The review of the extension is {authorization.review!r}.", "authorization.review")
    if authorization.from_ is None:
        return missing("the first day of the extension", "authorization.from")
    return PASS


@check("authorization-of-member")
def authorization_of_member(s: Situation, b: Bound) -> Outcome:
    """The authorization is this person's own (R089)."""
    authorization = s.authorization
    if authorization is None or only_id(authorization):
        return NOT_APPLICABLE
    if blank(authorization.member):
        return missing("the member of the authorization", "authorization.member")
    if authorization.member in _members(s):
        return PASS
    return fails(_of_another(s, authorization), "authorization.member", "individual.id")


@check("initiated-by-payer", "auth.initiators", settings=("codes",))
def initiated_by_payer(s: Situation, b: Bound) -> Outcome:
    """The payer's own coordinator asked for it and the member approved (R083)."""
    if not _concerns(s, b):
        return NOT_APPLICABLE
    authorization = s.authorization
    if authorization is None:
        return missing("the payer's authorization", "authorization")
    if authorization.requester_role is None:
        return missing("the role of who asked for it", "authorization.requester_role")
    if authorization.requester_role not in b["auth.initiators"]:
        return fails(
            f"It was asked for by a {authorization.requester_role}; only a "
            f"{listed(b['auth.initiators'], 'or')} starts this service.",
            "authorization.requester_role",
        )
    if authorization.member_approved is None:
        return missing("whether the member approved", "authorization.member_approved")
    if not authorization.member_approved:
        return fails("The member has not approved.", "authorization.member_approved")
    return PASS


@check("clinician-and-peer", "team.clinicians", settings=("codes",))
def clinician_and_peer(s: Situation, b: Bound) -> Outcome:
    """A licensed clinician takes part beside the peer (R082)."""
    if not _concerns(s, b):
        return NOT_APPLICABLE
    others = [
        present for present in s.contact.staff if s.contact.peer is None or present.id != s.contact.peer.id
    ]
    if any(present.category in b["team.clinicians"] for present in others):
        return PASS
    for place, present in enumerate(s.contact.staff):
        if present.category is None:
            return missing(
                f"the category of {present.id or 'the other member of staff'}", f"staff[{place}].category"
            )
    return fails(
        f"{s.code} is given by a licensed clinician and a peer together; no clinician is recorded"
        f"{b.standing('team.clinicians')}.",
        "staff",
    )


@check("no-prior-approval", "auth.required")
def no_prior_approval(s: Situation, b: Bound) -> Outcome:
    """No authorization is needed, unless the payer's contract asks for one (R079)."""
    required = b["auth.required"]
    return _required(s) if required and s.code in required else PASS


@check("authorization-and-benefits", "auth.required")
def authorization_and_benefits(s: Situation, b: Bound) -> Outcome:
    """Where the payer asks for an authorization there is one; of several coverages an order (R090)."""
    required = b["auth.required"]
    outcome = _required(s) if required and s.code in required else PASS
    if outcome is not PASS or len(s.contact.individual.coverages) < 2:
        return outcome
    places = [n for n, c in enumerate(s.contact.individual.coverages) if covers(c.from_, c.to, s.day)]
    orders = [s.contact.individual.coverages[n].order for n in places]
    if len(places) > 1 and (None in orders or len(set(orders)) < len(orders)):
        payers = listed(s.contact.individual.coverages[n].payer or "a payer" for n in places)
        return fails(
            f"In which order {payers} pay is not recorded.",
            *(f"individual.coverages[{n}].order" for n in places),
            fix="Record which coverage pays first.",
        )
    return PASS


@by_codes("no-prior-approval", "authorization-and-benefits")
def _nothing_required(codes: Coding, b: Bound) -> Outcome | None:
    return PASS if not b["auth.required"] and len(codes.coverages) < 2 else None


def _required(s: Situation) -> Outcome:
    authorization = s.authorization
    if authorization is None:
        payer = s.coverage.payer if s.coverage is not None else None
        return fails(
            f"{payer or 'The payer'} asks for an authorization of {s.code}; none is recorded.",
            "authorization",
            severity="block",
            fix="Request the authorization and record it.",
        )
    counted = s.pack is not None and counts_units(s.pack, s.code)
    if counted and only_id(authorization):
        return PASS
    other = None if counted else _another(s, authorization) or _outside_its_days(s, authorization)
    if other is None and blank(authorization.number):
        return fails(
            "The authorization has no number; the claim would go without it.",
            "authorization.number",
            severity="warn",
            fix="Record the payer's number.",
        )
    return other or PASS


def _another(s: Situation, authorization: AuthorizationFields) -> Outcome | None:
    """What shows that it is not known to be one of this service and this person."""
    if only_id(authorization):
        return missing(f"the record of authorization {authorization.id}", "authorization", severity="block")
    for value, name, words in (
        (authorization.service, "service", "the service that is authorized"),
        (authorization.member, "member", "the member of the authorization"),
    ):
        if blank(value):
            return missing(words, f"authorization.{name}", severity="block")
    if authorization.units is None:
        return missing("the units that are authorized", "authorization.units", severity="block", many=True)
    if authorization.service != s.code:
        return fails(
            f"The authorization is for {authorization.service}; this service is {s.code}.",
            "authorization.service",
            severity="block",
        )
    if authorization.member not in _members(s):
        return fails(_of_another(s, authorization), "authorization.member", severity="block")
    return _below_zero(authorization, "block")


def _members(s: Situation) -> set[str | None]:
    person = s.contact.individual
    return {person.id, *(c.member_id for c in person.coverages)}


def _of_another(s: Situation, authorization: AuthorizationFields) -> str:
    return f"The authorization is attached to {authorization.member}, not to {s.contact.individual.id}."


def _outside_its_days(s: Situation, authorization: AuthorizationFields) -> Outcome | None:
    if covers(authorization.from_, authorization.to, s.day) is not False:
        return None
    begun = authorization.from_ is None or authorization.from_ <= s.day
    word = f"ended on {authorization.to}" if begun else f"begins on {authorization.from_}"
    return fails(
        f"The authorization {word}.",
        "authorization.to" if begun else "authorization.from",
        "start",
        severity="block",
        fix="Ask the payer for an extension and record its answer.",
    )


@check("request-form", "auth.form_fields")
def request_form(s: Situation, b: Bound) -> Outcome:
    """A request for units is complete and accurate before it is sent: its fields are there, and the
    certificate number on it is one of the peer's that is in force (R087)."""
    authorization = s.authorization
    if authorization is None or only_id(authorization):
        return NOT_APPLICABLE
    data = authorization.model_dump(by_alias=True)
    names = [name for name in b["auth.form_fields"] if data.get(name) in (None, "")]
    lacking = [FORM_FIELDS.get(name, name) for name in names]
    paths = [f"authorization.{name}" for name in names]
    certificates = s.peer.credentials if s.peer is not None and s.peer_known else ()
    if s.peer_known and not any((c.number or "").strip() for c in certificates):
        lacking.append("the peer's certificate number")
        paths.append("peer.credentials")
    elif s.asks and not s.certificate:
        lacking.append("the peer's certificate number")
        paths.append("authorization.certificate")
    wrong = _wrong_certificate(s, certificates) if s.certificate and s.peer_known else ""
    if wrong:
        paths.append("authorization.certificate")
    if not lacking and not wrong:
        return PASS
    verb = "is" if len(lacking) == 1 else "are"
    said = [f"{listed(lacking)} {verb} missing"] if lacking else []
    return fails(f"The form would be returned: {'; '.join([*said, *([wrong] if wrong else [])])}.", *paths)


def _wrong_certificate(s: Situation, certificates: Iterable[Credential]) -> str:
    same = [c for c in certificates if (c.number or "").strip() == s.certificate]
    if not same:
        return f"certificate {s.certificate} is none of the peer's"
    if any(covers(c.from_, c.to, s.day) is not False for c in same):
        return ""
    return f"certificate {s.certificate} is not in force on {s.day}"


@check("request-answered", "auth.answer_business_days", "calendar.holidays")
def request_answered(s: Situation, b: Bound) -> Outcome:
    """When the payer's answer to a request is expected, counted in business days; that holidays are none of
    them is a choice, which is said where one was left out (R088)."""
    authorization = s.authorization
    waiting = authorization is not None and authorization.review == "pending"
    if not waiting or s.asked_on is None:
        return NOT_APPLICABLE
    counted = business_days_after(s.asked_on, b["auth.answer_business_days"], b["calendar.holidays"])
    if counted.day is None:
        return missing(f"the list of holidays of {counted.unlisted}", "authorization.from")
    note = _left_out(counted.left_out, b.standing("calendar.holidays"))
    if s.day_of(s.now) <= counted.day:
        return passes(f"An answer is expected by {counted.day}{note}.")
    return advises(
        f"An answer was expected by {counted.day} and none is recorded{note}.",
        "authorization.review",
        severity="warn",
        fix="Ask the payer.",
    )


def _left_out(holidays: Sequence[str], standing: str) -> str:
    return f"; {listed(holidays)} not counted{standing}" if holidays else ""
