"""A draft claim as a FHIR Claim (use claim) in a Bundle of its own; no prices, which are the payer's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from mappings import terms
from mappings.claim_forms import CANCEL, ORIGINAL, PROFESSIONAL, with_frequency
from mappings.claims import ClaimDraft, ClaimLine
from mappings.fhir.bundle import checked, labelled, with_people
from mappings.fhir.care_plan import service_concept
from mappings.fhir.elements import (
    HCPCS,
    ICD10CM,
    NUCC,
    PEER_TAXONOMY,
    THO,
    Json,
    NotFit,
    coding,
    concept,
    entry,
    filled,
    full_url,
    identifier,
    local_concept,
    logical,
    narrative,
    period,
    present,
    reference,
    stamp,
    term_concept,
    units_of_15,
)
from mappings.fhir.people import ChartLinks, People
from mappings.library import Library
from mappings.office import Surroundings
from mappings.records import Coverage

VALUE_CODES = "https://www.nubc.org/CodeSystem/ValueCodesAndAmounts"
TYPE_OF_BILL = "https://www.nubc.org/CodeSystem/TypeOfBill"
OUTPATIENT = "http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBInstitutionalClaimSubType"
REVENUE = "https://www.nubc.org/CodeSystem/RevenueCodes"
_CLAIM_INFO = f"{THO}/us-claim-information-category"
_CARIN_ROLES = "http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBClaimCareTeamRole"
# R4's own copy of claimcareteamrole knows neither rendering nor attending; judges that hold it refuse them.
_ROLES = {
    "rendering": (_CARIN_ROLES, "rendering", "Rendering provider"),
    "attending": (_CARIN_ROLES, "attending", "Attending"),
    "supervisor": (f"{THO}/claimcareteamrole", "supervisor", "Supervising Provider"),
}


def claim_bundle(
    claim: ClaimDraft,
    surroundings: Surroundings,
    links: ChartLinks,
    library: Library,
    now: datetime,
    encounters: Mapping[str, str] | None = None,
    type_of_bill: str | None = None,
) -> Json:
    """The transaction Bundle of one Claim, on condition that its control number is new, checked.

    `encounters` are the references of the contacts' Encounters by contact id, where the EHR has given them;
    the others are named by their identifier, since a claim never waits for the EHR and conditional references
    are kept verbatim by some servers. `type_of_bill` is the site's; without one none is said. Raises NotFit
    when the draft has no coverage or no diagnosis.
    """
    found, people = claim_parts(claim, surroundings, links, library, now, encounters, type_of_bill)
    return checked(labelled(with_people(found, people), people))


def claim_parts(
    claim: ClaimDraft,
    surroundings: Surroundings,
    links: ChartLinks,
    library: Library,
    now: datetime,
    encounters: Mapping[str, str] | None = None,
    type_of_bill: str | None = None,
    people: People | None = None,
) -> tuple[list[Json], People]:
    """The Claim's own entry, unchecked, and the people whom it refers to; raises NotFit. `people` are those
    of an earlier claim of the same individual and programme, where they are kept."""
    people = people or People(claim.individual, claim.program, surroundings, links)
    who = identifier("claim", claim.control_number)
    resource = _claim(claim, who, people, library, now, encounters or {}, type_of_bill)
    return [entry(full_url("claim", claim.control_number), resource, who)], people


def _claim(
    claim: ClaimDraft,
    who: Json,
    people: People,
    library: Library,
    now: datetime,
    encounters: Mapping[str, str],
    type_of_bill: str | None,
) -> Json:
    covers = _insurance(claim)
    if claim.coverage is None or not claim.diagnoses:
        missing = "insurance" if claim.coverage is None else "diagnosis"
        raise NotFit([(f"Claim.{missing}", f"claim {claim.control_number} of {claim.day} has none")])
    team, professional = _team(claim), claim.form == PROFESSIONAL
    return present(
        resourceType="Claim",
        text=narrative("Peer support claim", _rows(claim)),
        identifier=[{"type": term_concept(f"{THO}/v2-0203", "PLAC", "Placer Identifier"), **who}],
        status="active",
        type=term_concept(f"{THO}/claim-type", claim.form, claim.form.capitalize()),
        subType=None if professional else term_concept(OUTPATIENT, "outpatient"),
        use="claim",
        patient=people.patient(),
        billablePeriod=period(claim.day, claim.day),
        created=stamp(now.astimezone(UTC)),
        insurer=people.payer(str(claim.coverage.payer)),
        provider=people.organization(),
        priority=term_concept(f"{THO}/processpriority", "normal", "Normal"),
        related=list(_related(claim)),
        payee={"type": term_concept(f"{THO}/payeetype", "provider", "Provider")},
        careTeam=list(_care_team(team, people, library)),
        supportingInfo=list(_information(claim, type_of_bill)),
        diagnosis=[_diagnosis(number, code) for number, code in enumerate(claim.diagnoses, start=1)],
        insurance=[
            present(
                sequence=number,
                focal=cover is claim.coverage,
                coverage=people.coverage(cover),
                preAuthRef=_authorization(claim) if cover is claim.coverage else None,
            )
            for number, cover in enumerate(covers, start=1)
        ],
        item=[
            _item(n, line, claim, team, library, encounters) for n, line in enumerate(claim.lines, start=1)
        ],
    )


def _insurance(claim: ClaimDraft) -> list[Coverage]:
    """Every coverage of the day in the order in which they pay."""
    known = [each for each in (claim.coverage, *claim.other_coverages) if each and filled(each.payer)]
    return sorted(known, key=lambda each: each.order if each.order is not None else 99)


def _rows(claim: ClaimDraft) -> list[tuple[str, str | None]]:
    lines = [
        f"{' '.join([each.code, *each.modifiers])}, {each.units} units: "
        + ", ".join(f"{name} version {version} ({units})" for name, version, units in each.contacts)
        for each in claim.lines
    ]
    facts = [
        ("Control number", claim.control_number),
        ("Day", str(claim.day)),
        *([("Rate code", claim.rate_code)] if claim.rate_code else []),
        *([("Voids" if claim.frequency == CANCEL else "Replaces", claim.prior)] if claim.prior else []),
    ]
    return [*facts, *(("Line", line) for line in lines)]


def _related(claim: ClaimDraft) -> Iterator[Json]:
    """The claim that this one replaces or voids, with the payer's own number of it once that is known."""
    if claim.prior:
        prior = coding(f"{THO}/ex-relatedclaimrelationship", "prior", "Prior Claim")
        yield present(
            claim=logical("Claim", identifier("claim", claim.prior)),
            relationship=concept(prior),
            reference={"value": claim.payer_number} if claim.payer_number else None,
        )


def _team(claim: ClaimDraft) -> dict[tuple[str, str], int]:
    """Sequence by (role, staff id): the rendering peers, then the attending or supervising practitioner."""
    second = "supervisor" if claim.form == PROFESSIONAL else "attending"
    peers = [("rendering", each) for line in claim.lines for each in line.rendering]
    attending = [(second, claim.attending)] if claim.attending else []
    return {key: number for number, key in enumerate(dict.fromkeys([*peers, *attending]), start=1)}


def _care_team(team: Mapping[tuple[str, str], int], people: People, library: Library) -> Iterator[Json]:
    for (role, staff_id), number in team.items():
        peer = role == "rendering"
        taxonomy = PEER_TAXONOMY if peer else terms.taxonomy(library, people.around.member(staff_id))
        yield present(
            sequence=number,
            provider=people.practitioner(staff_id),
            role=term_concept(*_ROLES[role]),
            qualification=term_concept(NUCC, *taxonomy) if taxonomy else None,
        )


def _information(claim: ClaimDraft, type_of_bill: str | None) -> Iterator[Json]:
    """What `informationSequence` counts: the rate code first, the type of bill, the frequency."""
    bill = with_frequency(claim.type_of_bill or type_of_bill, claim.frequency)
    found = [_rate_code(claim.rate_code)] if claim.rate_code else []
    if bill and claim.form != PROFESSIONAL:
        bill_type = term_concept(TYPE_OF_BILL, bill)
        found.append({"category": term_concept(_CLAIM_INFO, "type-of-bill"), "code": bill_type})
    if claim.frequency != ORIGINAL or claim.prior:
        kind = term_concept(_CLAIM_INFO, "claim-frequency")
        found.append({"category": kind, "valueString": claim.frequency})
    for number, each in enumerate(found, start=1):
        yield {"sequence": number, **each}


def _rate_code(code: str) -> Json:
    # A code, not an amount, though it stands in a value code on the paper form: R4 has no money here anyway.
    return {
        "category": local_concept("claim-information", "value-code"),
        "code": term_concept(VALUE_CODES, "24", text="Medicaid rate code"),
        "valueString": code,
    }


def _diagnosis(number: int, code: str) -> Json:
    principal = term_concept(f"{THO}/ex-diagnosistype", "principal", "Principal Diagnosis")
    return present(
        sequence=number,
        diagnosisCodeableConcept=term_concept(ICD10CM, code),
        type=[principal] if number == 1 else None,
    )


def _authorization(claim: ClaimDraft) -> list[str]:
    number = filled(claim.authorization.number) if claim.authorization else None
    return [number] if number else []


def _item(
    number: int,
    line: ClaimLine,
    claim: ClaimDraft,
    team: Mapping[tuple[str, str], int],
    library: Library,
    encounters: Mapping[str, str],
) -> Json:
    peers = [team["rendering", each] for each in line.rendering]
    attending = [place for (role, _), place in team.items() if role != "rendering"]
    return present(
        sequence=number,
        extension=[_traced(*each) for each in line.contacts],
        careTeamSequence=[*peers, *attending],
        diagnosisSequence=[claim.diagnoses.index(code) + 1 for code in line.diagnoses],
        informationSequence=[1] if claim.rate_code else [],
        revenue=term_concept(REVENUE, line.revenue_code) if line.revenue_code else None,
        productOrService=service_concept(library, line.code),
        modifier=[_modifier(library, each) for each in line.modifiers],
        servicedDate=stamp(claim.day),
        locationCodeableConcept=_place(library, line.place_of_service),
        quantity=units_of_15(line.units),
        encounter=[_encounter(name, encounters) for name in dict.fromkeys(each[0] for each in line.contacts)],
    )


def _modifier(library: Library, code: str) -> Json:
    return term_concept(*(terms.term(library, "modifiers", code) or (HCPCS, code)))


def _place(library: Library, code: str | None) -> Json | None:
    if code is None:
        return None
    table = library.table("place-of-service")
    return term_concept(*(terms.term(library, "place-of-service", code) or (table.system, code)))


def _encounter(contact_id: str, encounters: Mapping[str, str]) -> Json:
    who = identifier("encounter", contact_id)
    known = encounters.get(contact_id)
    return reference(known, to="Encounter", identifier=who) if known else logical("Encounter", who)


def _traced(contact_id: str, version: int, units: int) -> Json:
    """Which version of which note the units come from."""
    note = {"url": "note", "valueIdentifier": identifier("note", f"{contact_id}/note/{version}")}
    return {"url": TRACE, "extension": [note, {"url": "units", "valuePositiveInt": units}]}


TRACE = "https://peerchart.example/StructureDefinition/units-of-note"
