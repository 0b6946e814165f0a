"""What a payer asks of the programme and of the coding: enrolment, licence, setting, encounter table."""

from __future__ import annotations

from mappings.checks.registry import NOT_APPLICABLE, PASS, Outcome, advises, check, fails, missing
from mappings.checks.texts import listed
from mappings.days import covers
from mappings.encounters import awaits_table, table_of
from mappings.in_force import Bound
from mappings.records import Enrolment, Licence
from mappings.situation import Situation, only_id


@check("programme-enrolled", settings=("service",))
def programme_enrolled(s: Situation, b: Bound) -> Outcome:
    """The programme is enrolled with the payer for the service on the day (R024)."""
    if s.program is None or only_id(s.program):
        return missing("the programme's record", "program")
    own = [(n, e) for n, e in enumerate(s.program.enrolments) if e.service == b.settings["service"]]
    for place, enrolment in own:
        if covers(enrolment.from_, enrolment.to, s.day):
            return _of_the_payer(s, enrolment, place)
    for place, enrolment in own:
        if enrolment.from_ is None and enrolment.to is None:
            return missing("the day of the approval", f"program.enrolments[{place}].from")
    if not own:
        return missing(f"the programme's enrolment for {b.settings['service']}", "program.enrolments")
    return fails(f"The programme was not approved for peer support on {s.day}.", "program.enrolments")


def _of_the_payer(s: Situation, enrolment: Enrolment, place: int) -> Outcome:
    payer = s.coverage.payer if s.coverage is not None else None
    if enrolment.payer is None or payer is None or enrolment.payer == payer:
        return PASS
    return advises(
        f"The approval is {enrolment.payer}'s, the coverage is {payer}'s.",
        f"program.enrolments[{place}].payer",
        severity="warn",
        fix="Check that the approval counts for this payer.",
    )


@check("programme-licensed", "licence.codes")
def programme_licensed(s: Situation, b: Bound) -> Outcome:
    """A licence of the programme is in force on the day (R030)."""
    if s.program is None or only_id(s.program):
        return missing("the programme's record", "program")
    own = [(n, x) for n, x in enumerate(s.program.licences) if x.code in b["licence.codes"]]
    if not own:
        return missing(f"the programme's licence ({listed(b['licence.codes'], 'or')})", "program.licences")
    in_force = [(n, x) for n, x in own if covers(x.from_, x.to, s.day)]
    if in_force:
        return _numbered(*in_force[0])
    for place, licence in own:
        if licence.from_ is None and licence.to is None:
            return missing("the period of the licence", f"program.licences[{place}].from")
    return fails(f"No licence of the programme was in force on {s.day}.", "program.licences")


def _numbered(place: int, licence: Licence) -> Outcome:
    if (licence.number or "").strip():
        return PASS
    return missing("the number of the licence", f"program.licences[{place}].number")


@check("payer-setting", "payer.classes", "payer.note_only_classes")
def payer_setting(s: Situation, b: Bound) -> Outcome:
    """Whether the coverage is one these rules bill, one for notes alone, or another payer's (R093)."""
    if s.coverage is None:
        return NOT_APPLICABLE
    kind = s.coverage.class_
    if kind in b["payer.classes"]:
        return PASS
    if kind in b["payer.note_only_classes"]:
        return advises(f"The coverage is {kind}: the note is kept, no claim is made.", "individual.coverages")
    return advises(
        f"The coverage is {kind or 'of no class'}: its payer's own rules belong in a payer layer.",
        "individual.coverages",
    )


@check("encounter-table", "encounter.table")
def encounter_table(s: Situation, b: Bound) -> Outcome:
    """The code, format and modifiers stand in the place's loaded table of service encounters (R092)."""
    if s.pack is None or not awaits_table(s.pack):
        return NOT_APPLICABLE
    place = s.contact.jurisdiction
    if table_of(s.around.library, s.pack) is None:
        return fails(
            f"No service-encounter table is loaded for {place}; no claim is made until one is.",
            "service.code",
            fix=f"Load it: peerchart rules load-table {place} FILE.csv --from DAY.",
        )
    if s.code is None:
        return missing("the procedure code", "service.code")
    if s.service.format is None:
        return missing("whether this was an individual or a group service", "service.format")
    rows = s.encounter_rows
    if not rows:
        filed = s.contact.claim
        with_ = f" with {listed(filed.modifiers)}" if filed is not None and filed.modifiers else ""
        return fails(
            f"{s.code}{with_} as {s.service.format} service does not stand in the table on {s.day}.",
            "service.code",
            "service.format",
            "claim.modifiers",
        )
    if len(rows) > 1:
        return missing(f"which of {len(rows)} sets of modifiers the claim carries", "claim.modifiers")
    return _by_whom(s, tuple(rows[0].properties.get("credentials", ())))


def _by_whom(s: Situation, credentials: tuple[str, ...]) -> Outcome:
    if not credentials:
        return PASS
    if s.peer is None or not s.peer_known:
        return missing("the peer's credentials", "peer.credentials")
    held = [c.code for c in s.peer.credentials if covers(c.from_, c.to, s.day)]
    if set(held) & set(credentials):
        return PASS
    return fails(f"The table has this code for {listed(credentials, 'or')} alone.", "peer.credentials")


@check("policies-on-file", "credentialing.papers")
def policies_on_file(s: Situation, b: Bound) -> Outcome:
    """The papers that a payer asks of an agency are dated among the programme's policies (R025)."""
    if s.program is None or only_id(s.program):
        return NOT_APPLICABLE
    dated = {policy.kind for policy in s.program.policies if policy.on is not None and policy.on <= s.day}
    lacking = [paper for paper in b["credentialing.papers"] if paper not in dated]
    if not lacking:
        return PASS
    return advises(f"Not on file on {s.day}: {listed(lacking)}.", "program.policies")
