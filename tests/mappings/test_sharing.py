"""Units of authorizations, limits and pooled days: never over, in any order, each unit once."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.claims import draft_claims
from mappings.fhir.bundle import ChartLinks
from mappings.fhir.claim import claim_bundle
from mappings.findings import NO_PACK, Judgement
from mappings.intake import record_from
from mappings.library import load
from mappings.office import Surroundings
from mappings.records import Authorization, Contact
from mappings.rules import ReleasedUnits, judge
from mappings.units import ROUNDINGS, pooled_units, units_of
from tests.guidance.builder import AUTHOR, changed, contact_and_entry
from tests.guidance.places import AUTHORIZATION

NOW = datetime.fromisoformat("2026-03-10T09:00:00-05:00")
ZZ = Path(__file__).parents[1] / "guidance" / "packs"
AD_HOC = {"service.basis": "ad-hoc", "service.plan_entry": None, "service.rationale": "The housing meeting"}
MONDAY = datetime.fromisoformat("2024-03-04T08:00:00-07:00")


def _at(start: datetime, minutes: int) -> dict[str, Any]:
    late = (start + timedelta(hours=20)).isoformat()
    return {
        "start": start.isoformat(),
        "end": (start + timedelta(minutes=minutes)).isoformat(),
        "note.edited_at": late,
        "signatures": [{**AUTHOR, "at": late}],
    }


def _contacts(base: str, *each: dict[str, Any]) -> list[dict[str, Any]]:
    contact, _ = contact_and_entry(base)
    return [changed(contact, {"id": f"C-{n:02}", **change}) for n, change in enumerate(each)]


def _billed(data: list[dict[str, Any]], released: tuple[ReleasedUnits, ...] = ()) -> dict[str, Judgement]:
    return {j.id: j for j in judge([record_from(d) for d in data], load(), NOW, released)}


# Day, third hour of it and minutes; none overlaps another, since that would hold both.
SLOTS = st.lists(
    st.tuples(st.integers(0, 25), st.integers(0, 4), st.integers(1, 170)),
    min_size=1,
    max_size=9,
    unique_by=lambda slot: slot[:2],
)


@settings(max_examples=60, deadline=None)
@given(slots=SLOTS, used=st.integers(0, 20), order=st.randoms(use_true_random=False))
def test_authorization_is_never_passed_whatever_the_order_of_the_input(
    slots: list[tuple[int, int, int]], used: int, order: Any
) -> None:
    authorization = {**AUTHORIZATION, "used": used}
    times = [(MONDAY + timedelta(days=d, hours=3 * h), m) for d, h, m in slots]
    data = _contacts("us-id", *({"authorization": authorization, **_at(t, m)} for t, m in times))
    judged = _billed(data)
    given_units = sum(j.billed_units for j in judged.values())
    assert used + given_units <= max(16, used)
    held = [j for j in judged.values() if j.claim == "held"]
    assert all(each.holding("claim") and each.billed_units == 0 for each in held)
    again = list(data)
    order.shuffle(again)
    assert {id: (j.claim, j.billed_units) for id, j in _billed(again).items()} == {
        id: (j.claim, j.billed_units) for id, j in judged.items()
    }


@settings(max_examples=60, deadline=None)
@given(
    minutes=st.lists(st.integers(0, 200), max_size=12),
    per_unit=st.integers(1, 60),
    rounding=st.sampled_from(sorted(ROUNDINGS)),
)
def test_pooled_minutes_make_the_units_of_their_sum_each_given_once(
    minutes: list[int], per_unit: int, rounding: str
) -> None:
    given_units = pooled_units(minutes, per_unit, rounding)
    assert sum(given_units) == units_of(sum(minutes), per_unit, rounding)
    assert all(units >= 0 for units in given_units)
    assert len(given_units) == len(minutes)


@settings(max_examples=200, deadline=None)
@given(minutes=st.integers(0, 2000), per_unit=st.integers(1, 60))
def test_roundings_lie_in_their_order_and_grow_with_the_minutes(minutes: int, per_unit: int) -> None:
    floor, eight, ceiling = (
        units_of(minutes, per_unit, name) for name in ("floor", "eight-minute", "ceiling")
    )
    assert floor <= eight <= ceiling <= floor + 1
    for name in ROUNDINGS:
        assert units_of(minutes, per_unit, name) <= units_of(minutes + 1, per_unit, name)


@settings(max_examples=40, deadline=None)
@given(slots=SLOTS, order=st.randoms(use_true_random=False))
def test_limits_of_a_payer_are_never_passed_whatever_the_order(
    slots: list[tuple[int, int, int]], order: Any
) -> None:
    first = datetime.fromisoformat("2026-01-12T06:00:00-05:00")
    times = [(first + timedelta(days=d, hours=3 * h), m) for d, h, m in slots]
    data = _contacts("payer", *({**AD_HOC, **_at(t, m)} for t, m in times))
    judged = _billed(data)
    weeks: dict[tuple[int, int], int] = {}
    days: dict[date, int] = {}
    months: dict[int, int] = {}
    for one, (start, _) in zip(data, times, strict=True):
        units = judged[one["id"]].billed_units
        week = start.isocalendar()
        weeks[week.year, week.week] = weeks.get((week.year, week.week), 0) + (units > 0)
        days[start.date()] = days.get(start.date(), 0) + units
        months[start.month] = months.get(start.month, 0) + units
    assert any(days.values()) == any(j.units for j in judged.values())
    assert max(weeks.values()) <= 4
    assert max(days.values()) <= 8
    assert max(months.values()) <= 40
    again = list(data)
    order.shuffle(again)
    assert {id: j.billed_units for id, j in _billed(again).items()} == {
        id: j.billed_units for id, j in judged.items()
    }


def test_units_of_a_pooled_day_are_the_same_in_any_order() -> None:
    library = load(packs=ZZ)
    data = [
        changed(contact_and_entry("us-id")[0], {"id": f"P-{n}", "jurisdiction": "us-zz", **_at(start, 10)})
        for n, start in enumerate(
            datetime.fromisoformat(f"2026-03-04T{hour}:00:00-05:00") for hour in ("08", "10", "12")
        )
    ]
    own = {"program.program_kind": "recovery-house"}
    records = [record_from(changed(d, own)) for d in data]
    units = {j.id: j.units for j in judge(records, library, NOW)}
    assert units == {j.id: j.units for j in judge(records[::-1], library, NOW)}
    assert sum(units.values()) == 2


def test_released_units_take_their_part_of_the_authorization_first() -> None:
    data = _contacts("us-id", {**_at(MONDAY, 60)}, {**_at(MONDAY + timedelta(days=1), 60)})
    data = [changed(d, {"authorization.used": 10}) for d in data]
    gone = ReleasedUnits("C-01", "MRN-70001", "1900000013", date(2024, 3, 5), 4)
    judged = _billed(data, (gone,))
    assert (judged["C-00"].claim, judged["C-00"].billed_units) == ("held", 0)
    assert judged["C-01"].billed_units == 4
    finding = judged["C-00"].finding("ID.AUTH.INITIAL16")
    assert finding is not None
    assert "2 of 16 are left until 2024-03-30" in finding.message
    assert "extension" in finding.fix


def test_released_units_of_a_contact_outside_the_input_count_by_the_authorization_they_name() -> None:
    data = _contacts("us-id", {**_at(MONDAY, 60)})
    gone = ReleasedUnits("ELSEWHERE", "MRN-70001", "1900000013", date(2024, 3, 2), 13, "AUTH-1")
    assert _billed(data, (gone,))["C-00"].claim == "held"
    other = ReleasedUnits("ELSEWHERE", "MRN-70001", "1900000013", date(2024, 3, 2), 13, "AUTH-2")
    assert _billed(data, (other,))["C-00"].claim == "ready"


def test_released_sessions_count_once_for_each_contact() -> None:
    monday = datetime.fromisoformat("2026-03-02T08:00:00-05:00")
    data = _contacts("payer", {**AD_HOC, **_at(monday + timedelta(days=3), 30)})
    three = [ReleasedUnits(f"R-{n}", "MRN-70001", "P", date(2026, 3, 2 + n), 1) for n in range(3)]
    assert _billed(data, tuple(three * 2))["C-00"].claim == "ready"
    four = [*three, ReleasedUnits("R-9", "MRN-70001", "P", date(2026, 3, 6), 1)]
    assert _billed(data, tuple(four))["C-00"].claim == "held"


@pytest.mark.parametrize(
    ("base", "day", "known"),
    [
        ("us-id", "2013-08-31", False),
        ("us-id", "2013-09-01", True),
        ("us-id", "2024-06-30", True),
        ("us-id", "2024-07-01", False),
        ("us-wa", "2025-06-30", False),
        ("us-wa", "2025-07-01", True),
        ("planned", "2022-11-22", False),
        ("planned", "2022-11-23", True),
    ],
)
def test_day_outside_a_pack_has_no_rules_and_never_another_place_s(base: str, day: str, known: bool) -> None:
    start = datetime.fromisoformat(f"{day}T15:00:00-05:00")
    judged = next(iter(_billed(_contacts(base, _at(start, 30))).values()))
    rules = [f.rule for f in judged.findings]
    assert (rules != [NO_PACK]) == known
    if not known:
        assert (judged.signing, judged.claim) == ("held", "held")


def test_claim_of_a_place_without_rate_codes_leaves_with_its_authorization() -> None:
    second = {**AUTHORIZATION, "id": "AUTH-2", "number": "B456", "review": "approved", "units": 8}
    diagnoses = [{"code": "F33.1", "rank": 1, "by": "1900000039"}]
    data = _contacts(
        "us-id",
        {**_at(MONDAY, 30), "diagnoses": diagnoses, "authorization": {"id": "AUTH-1"}},
        {**_at(MONDAY + timedelta(hours=3), 30), "diagnoses": diagnoses, "authorization": second},
    )
    granted = {"kind": "authorization", "jurisdiction": "us-id", **AUTHORIZATION}
    records = [record_from(d) for d in (*data, granted)]
    contacts = [record for record in records if isinstance(record, Contact)]
    around = Surroundings(authorizations={r.id: r for r in records if isinstance(r, Authorization)})
    judged = judge(records, load(), NOW)
    assert draft_claims(contacts, judged, around, load()) == [], "nobody said which place of service it is"
    site = load(Path(__file__).parents[1] / "app" / "sites" / "idaho.toml")
    claims = draft_claims(contacts, judged, around, site)
    assert [(c.units, c.rate_code) for c in claims] == [(2, ""), (2, "")]
    assert len({c.control_number for c in claims}) == 2
    numbers = []
    for claim in claims:
        bundle = claim_bundle(claim, around, ChartLinks(), load(), NOW)
        resource = next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Claim")
        numbers += resource["insurance"][0]["preAuthRef"]
        assert "supportingInfo" not in resource
        assert resource["type"]["coding"][0]["code"] == "professional"
        assert resource["item"][0]["locationCodeableConcept"]["coding"][0]["code"] == "53"
    assert sorted(numbers) == ["A123", "B456"]


@pytest.mark.parametrize("base", ["pre-admission", "us-id"])
@pytest.mark.parametrize("later", [0, 15, 120], ids=["the same time", "within it", "after it"])
def test_what_appends_to_a_note_is_no_contact_of_its_own(base: str, later: int) -> None:
    contact, entry = contact_and_entry(base)
    start = datetime.fromisoformat(contact["start"]) + timedelta(minutes=later)
    added = {
        "id": "C-ADDED",
        "relates_to": {"id": contact["id"], "how": "appends"},
        "start": start.isoformat(),
        "end": (start + timedelta(minutes=15)).isoformat(),
    }
    data = [contact, *([entry] if entry else [])]
    alone, both = _billed(data), _billed([*data, changed(contact, added)])
    assert both["C-ADDED"].claim == "none"
    assert (both["C-ADDED"].units, both["C-ADDED"].billed_units) == (0, 0)
    assert both[contact["id"]] == alone[contact["id"]]
    overlaps = {
        f.rule for f in both["C-ADDED"].findings if f.result == "fail" and "overlap" in f.message.lower()
    }
    assert overlaps == set()
