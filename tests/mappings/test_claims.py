"""Claims are drafted from what was judged ready, one a person, day and rate code, each unit traced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.claims import ClaimDraft, control_number, draft_claims
from mappings.fhir import gate
from mappings.fhir.bundle import ChartLinks, NotFit
from mappings.fhir.claim import TRACE, claim_bundle
from mappings.findings import Judgement
from mappings.records import Contact
from tests.mappings.fhir import contacts as c
from tests.mappings.fhir.makers import EHR, Json, library


def drafts(*records: Json, judged: Sequence[Judgement] | None = None) -> list[ClaimDraft]:
    found = [c.contact(each) for each in records]
    return draft_claims(found, judged or [c.judgement(each) for each in found], c.surroundings(), library())


def claim_of(draft: ClaimDraft, links: ChartLinks | None = None, **more: object) -> Json:
    bundle = claim_bundle(
        draft,
        c.surroundings(),
        links or ChartLinks(),
        library(),
        c.NOW,
        **more,  # type: ignore[arg-type]
    )
    gate.check(bundle, full=True)
    return c.one(bundle, "Claim")


def later(record: Json, **changes: object) -> Json:
    return c.changed(record, start="2026-03-04T14:00:00-05:00", end="2026-03-04T14:40:00-05:00", **changes)


def test_contacts_of_one_day_and_rate_code_are_one_line_with_their_units_summed() -> None:
    (draft,) = drafts(c.PLANNED, later(c.PLANNED, id="ENC-2"))
    (line,) = draft.lines
    assert (line.code, line.modifiers, line.units) == ("H0038", (), 4)
    assert line.contacts == (("ENC-2026-000452", 1, 2), ("ENC-2", 1, 2))


def test_on_site_and_off_site_contacts_of_one_day_are_two_claims() -> None:
    found = drafts(c.PLANNED, later(c.PLANNED, id="ENC-2", service__place="onsite"))
    assert [each.rate_code for each in found] == ["1474", "1507"]


def test_two_people_are_two_claims() -> None:
    assert len(drafts(c.PLANNED, c.FAMILY)) == 2


def test_a_group_contact_carries_its_modifier_on_a_line_of_its_own() -> None:
    (draft,) = drafts(c.GROUP, later(c.PLANNED, id="ENC-2", service__place="onsite"))
    assert [(line.code, line.modifiers) for line in draft.lines] == [("H0038", ()), ("H0038", ("HQ",))]


def test_the_day_is_the_programmes_day() -> None:
    late = c.changed(c.PLANNED, start="2026-03-05T04:00:00+00:00", end="2026-03-05T04:40:00+00:00")
    assert drafts(late)[0].day == date(2026, 3, 4)


def test_what_is_held_or_without_units_or_replaced_makes_no_claim() -> None:
    of = c.contact(c.PLANNED)
    ready = c.judgement(of)
    for judged in (
        replace(ready, claim="held"),
        replace(ready, claim="none"),
        replace(ready, billed_units=0),
        replace(ready, counts=False),
        replace(ready, version=2),
    ):
        assert drafts(c.PLANNED, judged=[judged]) == []


def test_units_cut_by_a_cap_are_not_claimed() -> None:
    (draft,) = drafts(c.PLANNED, judged=[c.judgement(c.contact(c.PLANNED), units=4, billed=1)])
    assert draft.units == 1


def test_a_place_without_a_rate_code_makes_no_claim() -> None:
    assert drafts(c.TELEHEALTH) == []


def test_before_admission_the_claim_carries_the_packs_diagnosis() -> None:
    told = c.changed(c.PRE_ADMISSION, diagnoses=[{"code": "F32.0", "rank": 1, "by": "1900000021"}])
    assert drafts(told)[0].diagnoses == ("R69",)


def test_after_admission_it_carries_what_a_clinician_recorded_never_what_the_peer_did() -> None:
    diagnoses = [
        {"code": "F41.1", "rank": 2, "by": "1900000039"},
        {"code": "F33.1", "rank": 1, "by": "1900000039"},
        {"code": "F99", "rank": 1, "by": "1900000021"},
    ]
    assert drafts(c.changed(c.PLANNED, diagnoses=diagnoses))[0].diagnoses == ("F33.1", "F41.1")


def test_the_attending_is_the_cosigner_else_the_supervisor_of_that_day() -> None:
    assert drafts(c.PRE_ADMISSION)[0].attending == "1900000039"
    assert drafts(c.PLANNED)[0].attending == "1900000039"
    early = c.changed(c.PLANNED, start="2025-01-06T10:00:00-05:00", end="2025-01-06T10:40:00-05:00")
    assert (
        drafts(c.changed(early, engagement__history=[{"status": "admitted", "at": "2025-01-02"}]))[
            0
        ].attending
        is None
    )


def test_a_contact_whose_claim_is_filed_elsewhere_is_not_billed_again() -> None:
    filed = {"code": "H0038", "modifiers": [], "rate_code": "1507", "units": 2, "filed": "2026-03-06"}
    (draft,) = drafts(c.changed(c.PLANNED, claim=filed), later(c.PLANNED, id="ENC-2"))
    assert [name for name, _, _ in draft.lines[0].contacts] == ["ENC-2"]


def test_somebody_who_signed_too_and_is_no_lpha_does_not_attend() -> None:
    beside = {"meaning": "cosigner", "by": "1900000070", "category": "peer-supervisor", "version": 1}
    told = c.changed(c.PLANNED)
    told["signatures"] = [*told["signatures"], {**beside, "at": "2026-03-05T09:00:00-05:00"}]
    assert drafts(told)[0].attending == "1900000039"


def test_the_coverage_in_force_that_day_is_billed() -> None:
    covers = [
        c.changed(c.COVERAGE, payer="OLD", to="2026-03-03"),
        c.changed(c.COVERAGE, payer="MEDICARE", class_="medicare", order=1),
        c.changed(c.COVERAGE, order=2),
    ]
    for each in covers:
        each["class"] = each.pop("class_", each["class"])
    (draft,) = drafts(c.changed(c.PLANNED, individual__coverages=covers))
    assert draft.coverage is not None
    assert draft.coverage.payer == "NYMEDICAID"
    insurance = claim_of(draft)["insurance"]
    assert [(each["sequence"], each["focal"]) for each in insurance] == [(1, False), (2, True)]


def test_a_draft_without_coverage_or_diagnosis_is_refused_by_name() -> None:
    for record, words in (
        (c.changed(c.PLANNED, individual__coverages=[]), "Claim.insurance"),
        (c.changed(c.PLANNED, diagnoses=[]), "Claim.diagnosis"),
    ):
        with pytest.raises(NotFit, match=words):
            claim_of(drafts(record)[0])


@given(st.text(), st.text(), st.dates(), st.text(max_size=8))
def test_a_control_number_is_twenty_letters_and_digits_at_most_and_always_the_same(
    program: str, individual: str, day: date, rate: str
) -> None:
    number = control_number(program, individual, day, rate)
    assert number.isascii()
    assert number.isalnum()
    assert len(number) <= 20
    assert number == control_number(program, individual, day, rate)
    assert number != control_number(program, individual, day, rate, "B")


def test_the_claim_is_institutional_with_rate_code_and_without_prices() -> None:
    claim = claim_of(drafts(c.PRE_ADMISSION)[0])
    assert claim["use"] == "claim"
    assert claim["type"]["coding"][0]["code"] == "institutional"
    (info,) = claim["supportingInfo"]
    assert info["code"]["coding"][0] == {
        "system": "https://www.nubc.org/CodeSystem/ValueCodesAndAmounts",
        "code": "24",
    }
    assert info["valueString"] == "1474"
    assert "total" not in claim
    assert not {"unitPrice", "net"} & claim["item"][0].keys()
    assert claim["item"][0]["quantity"]["code"] == "{15min}"


def test_a_type_of_bill_is_said_where_the_site_sets_one() -> None:
    claim = claim_of(drafts(c.PRE_ADMISSION)[0], type_of_bill="0761")
    assert claim["supportingInfo"][1]["code"]["coding"][0]["code"] == "0761"


def test_the_peer_is_rendering_with_the_peer_taxonomy_and_the_lpha_attending() -> None:
    rendering, attending = claim_of(drafts(c.PRE_ADMISSION)[0])["careTeam"]
    assert rendering["qualification"]["coding"][0]["code"] == "175T00000X"
    assert rendering["provider"]["identifier"]["value"] == "1900000021"
    assert attending["role"]["coding"][0]["code"] == "attending"
    assert attending["provider"]["identifier"]["value"] == "1900000039"


def test_encounters_are_literal_where_the_ehr_gave_them_else_named_by_identifier() -> None:
    (draft,) = drafts(c.PLANNED, later(c.PLANNED, id="ENC-2"))
    first, second = claim_of(draft, EHR, encounters={"ENC-2": "Encounter/77"})["item"][0]["encounter"]
    assert "reference" not in first
    assert first["identifier"]["value"] == "ENC-2026-000452"
    assert second["reference"] == "Encounter/77"


def test_an_authorization_number_goes_with_the_coverage_that_is_billed() -> None:
    record = c.changed(c.PLANNED, authorization={"id": "AUTH-1", "number": "A123"})
    assert claim_of(drafts(record)[0])["insurance"][0]["preAuthRef"] == ["A123"]


def test_the_claim_goes_in_once_by_its_control_number() -> None:
    (draft,) = drafts(c.PRE_ADMISSION)
    bundle = claim_bundle(draft, c.surroundings(), EHR, library(), c.NOW)
    (entry,) = bundle["entry"]
    assert entry["request"]["ifNoneExist"].endswith(f"%7C{draft.control_number}")
    again = claim_bundle(draft, c.surroundings(), EHR, library(), c.NOW + timedelta(days=1))
    assert again["entry"][0]["fullUrl"] == entry["fullUrl"]


UNITS = st.integers(0, 12)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["onsite", "offsite"]), st.booleans(), UNITS, UNITS), max_size=8))
def test_every_unit_of_every_claim_traces_to_one_signed_version(
    days: list[tuple[str, bool, int, int]],
) -> None:
    records = [
        c.changed(c.GROUP if group else c.PLANNED, id=f"E-{n}", service__place=place)
        for n, (place, group, _, _) in enumerate(days)
    ]
    found: list[Contact] = [c.contact(each) for each in records]
    judged = [
        c.judgement(of, units=units, billed=min(units, left))
        for of, (_, _, units, left) in zip(found, days, strict=True)
    ]
    made = draft_claims(found, judged, c.surroundings(), library())
    traced: dict[str, int] = {}
    for draft in made:
        for item in claim_of(draft)["item"]:
            parts = [each["extension"] for each in item["extension"] if each["url"] == TRACE]
            assert item["quantity"]["value"] == sum(part[1]["valuePositiveInt"] for part in parts)
            for note, units in parts:
                assert note["valueIdentifier"]["value"] not in traced
                traced[note["valueIdentifier"]["value"]] = units["valuePositiveInt"]
    assert traced == {f"{j.id}/note/1": j.billed_units for j in judged if j.billed_units > 0}


def test_the_order_of_the_input_does_not_change_the_claims() -> None:
    records = [c.PLANNED, later(c.PLANNED, id="ENC-2"), c.GROUP, c.FAMILY, c.PRE_ADMISSION]
    assert drafts(*records) == drafts(*reversed(records))
