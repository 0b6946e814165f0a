"""Judging an input as a whole: versions, days, caps, packs, overlays, and any record whatever."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mappings.explaining import explain, prove
from mappings.findings import NO_PACK, SEVERITIES, STAGES, SUPERSEDED, Judgement
from mappings.intake import record_from
from mappings.library import load
from mappings.records import Record
from mappings.rules import ReleasedUnits, judge, judge_office
from tests.guidance.builder import NONE, NOW, PEER, PROGRAM, changed, contact_and_entry, records

INDETERMINATE = "indeterminate"
RESULTS = {"pass", "fail", "indeterminate", "advice", "not-applicable"}
MONDAY = datetime.fromisoformat("2026-03-02T08:00:00-05:00")


def _judged(*data: dict[str, Any]) -> list[Judgement]:
    return judge([record_from(each) for each in data], load(), NOW)


def _contact(**changes: Any) -> dict[str, Any]:
    return contact_and_entry("planned", changes)[0]


def _day_of_contacts(lengths: list[int], gap: int = 5) -> list[dict[str, Any]]:
    found, start = [], MONDAY
    for number, length in enumerate(lengths):
        end = start + timedelta(minutes=length)
        written = end + timedelta(minutes=1)
        found.append(
            _contact(
                **{
                    "id": f"ENC-{number:02}",
                    "start": start.isoformat(),
                    "end": end.isoformat(),
                    "note.edited_at": written.isoformat(),
                    "signatures[0].at": written.isoformat(),
                }
            )
        )
        start = end + timedelta(minutes=gap)
    return [*found, contact_and_entry("planned")[1]]


def test_peer_and_programme_given_by_id_are_looked_up_among_the_records() -> None:
    contact = _contact(peer={"id": PEER["id"]}, program={"id": PROGRAM["id"]})
    staff = {"kind": "staff", "jurisdiction": "us-ny", **PEER}
    program = {"kind": "program", "jurisdiction": "us-ny", **PROGRAM}
    judgement = _judged(contact, contact_and_entry("planned")[1], program, staff)[0]
    assert (judgement.signing, judgement.claim, judgement.units) == ("ready", "ready", 2)
    alone = _judged(contact)[0]
    missing = alone.finding("NY.REND.NYCPS.CRED")
    assert missing is not None
    assert (missing.result, alone.claim) == ("indeterminate", "held")


def test_highest_version_counts_and_the_older_one_has_nothing_to_bill() -> None:
    old = _contact(start="2026-03-04T10:00:00-05:00")
    new = changed(old, {"version": 2, "signatures[0].version": 2})
    entry = contact_and_entry("planned")[1]
    for order in ([old, new, entry], [new, old, entry]):
        by_version = {j.version: j for j in _judged(*order) if j.kind == "contact"}
        assert (by_version[2].claim, by_version[2].billed_units) == ("ready", 2)
        assert (by_version[1].signing, by_version[1].claim, by_version[1].units) == ("ready", "none", 0)
        assert [finding.rule for finding in by_version[1].findings] == [SUPERSEDED]
        assert not by_version[1].counts


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"jurisdiction": "us-xx"}, "us-xx"),
        ({"start": "2022-11-22T10:00:00-05:00", "end": "2022-11-22T10:40:00-05:00"}, "2022-11-22"),
        ({"program.program_kind": "core"}, "core"),
        ({"jurisdiction": ""}, ""),
    ],
)
def test_no_pack_for_place_day_or_programme_holds_both(changes: dict[str, Any], reason: str) -> None:
    contact = _contact(**{key: value for key, value in changes.items() if value})
    judgement = _judged(contact)[0] if reason else _judged(changed(contact, {"jurisdiction": "us-id"}))[0]
    assert (judgement.signing, judgement.claim) == ("held", "held")
    assert [finding.rule for finding in judgement.shown] == [NO_PACK]
    assert reason in judgement.shown[0].message


def test_first_day_of_the_pack_has_its_rules() -> None:
    contact = _contact(start="2022-11-23T10:00:00-05:00", end="2022-11-23T10:40:00-05:00")
    assert NO_PACK not in [finding.rule for finding in _judged(contact)[0].findings]


@pytest.mark.parametrize("status", ["planned", "cancelled", "no-show", "entered-in-error"])
def test_contact_that_did_not_happen_bills_nothing_and_holds_nothing(status: str) -> None:
    judgement = _judged(_contact(status=status, end=NONE, note=NONE, signatures=[]))[0]
    assert (judgement.signing, judgement.claim, judgement.units) == ("ready", "none", 0)


def test_contact_in_progress_cannot_be_signed_before_it_has_an_end() -> None:
    judgement = _judged(_contact(status="in-progress", end=NONE, signatures=[]))[0]
    assert (judgement.signing, judgement.claim) == ("held", "none")


def test_filed_units_without_a_full_unit_are_held_not_passed_over() -> None:
    filed = {"code": "H0038", "modifiers": [], "rate_code": "1474", "units": 1}
    judgement = _judged(_contact(end="2026-03-04T10:14:00-05:00", claim=filed))[0]
    assert (judgement.claim, judgement.units) == ("held", 0)


def test_released_units_come_first_and_are_never_counted_twice() -> None:
    day = _day_of_contacts([60, 60, 90])
    first = record_from(day[0])
    gone = [ReleasedUnits("ENC-02", "MRN-70001", PROGRAM["id"], date(2026, 3, 2), 6)]
    billed = {j.id: j.billed_units for j in judge([record_from(d) for d in day], load(), NOW, gone)}
    assert (billed["ENC-00"], billed["ENC-01"], billed["ENC-02"]) == (4, 2, 6)
    elsewhere = [ReleasedUnits("X", "MRN-70001", "another", date(2026, 3, 2), 12)]
    assert judge([first, record_from(day[-1])], load(), NOW, elsewhere)[0].billed_units == 4


@pytest.mark.parametrize(("zone", "billed"), [("America/New_York", [12, 1]), ("UTC", [12, 0])])
def test_the_day_is_the_day_of_the_programme(zone: str, billed: list[int]) -> None:
    day = _day_of_contacts([180])
    late = changed(
        day[0],
        {
            "id": "LATE",
            "start": "2026-03-03T00:10:00-05:00",
            "end": "2026-03-03T00:25:00-05:00",
            "note.edited_at": "2026-03-03T00:26:00-05:00",
            "signatures[0].at": "2026-03-03T00:27:00-05:00",
        },
    )
    first = changed(
        day[0],
        {
            "start": "2026-03-02T20:00:00-05:00",
            "end": "2026-03-02T23:00:00-05:00",
            "note.edited_at": "2026-03-02T23:01:00-05:00",
            "signatures[0].at": "2026-03-02T23:02:00-05:00",
        },
    )
    both = [changed(each, {"program.time_zone": zone}) for each in (first, late)]
    assert [j.billed_units for j in _judged(*both, day[-1]) if j.kind == "contact"] == billed


@pytest.mark.parametrize("zone", [None, "", "Mars/Base", "America", "../etc", "America/New_York\0"])
def test_programme_without_a_readable_time_zone_uses_the_offset_of_the_start(zone: str | None) -> None:
    contact = changed(_contact(), {"program.time_zone": zone})
    assert _judged(contact, contact_and_entry("planned")[1])[0].claim == "ready"


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 100), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_day_never_passes_the_cap_and_the_order_of_lines_changes_nothing(
    lengths: list[int], shuffle: random.Random
) -> None:
    day = [record_from(each) for each in _day_of_contacts(lengths)]
    judged = {j.id: j for j in judge(day, load(), NOW)}
    billed = defaultdict(int, {id: j.billed_units for id, j in judged.items()})
    assert sum(billed.values()) == min(12, sum(length // 15 for length in lengths))
    shuffle.shuffle(day)
    assert {j.id: j.to_json() for j in judge(day, load(), NOW)} == {
        id: j.to_json() for id, j in judged.items()
    }


@pytest.mark.parametrize("length", range(301))
def test_units_at_every_minute(length: int) -> None:
    judgement = _judged(*_day_of_contacts([length]))[0]
    assert (judgement.units, judgement.billed_units) == (length // 15, min(12, length // 15))
    assert judgement.claim == ("ready" if length >= 15 else "none")


_TEXTS = st.sampled_from(
    [
        "",
        " ",
        "n/a",
        "adult",
        "group",
        "telehealth",
        "planned",
        "x",
        "F33.1",
        "nycps",
        "crpa",
        "cosigner",
        "9" * 40,
    ]
) | st.text(max_size=6)
_DAYS = st.dates(date(1900, 1, 1), date(2199, 12, 31)).map(str)
_MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2199, 12, 31)).flatmap(  # noqa: DTZ001 - offset follows
    lambda m: st.sampled_from(["-05:00", "+00:00", "+14:00", "-12:00"]).map(
        lambda offset: m.isoformat(timespec="seconds") + offset
    )
)


def _junk(schema: dict[str, Any], root: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Any JSON that a schema of the intake lets in, often absent."""
    if "$ref" in schema:
        return _junk(root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root)
    if "const" in schema:
        return st.just(schema["const"])
    if "anyOf" in schema:
        return st.one_of([_junk(each, root) for each in schema["anyOf"]])
    simple: dict[str, st.SearchStrategy[Any]] = {
        "null": st.none(),
        "boolean": st.booleans(),
        "integer": st.integers(schema.get("minimum", -(10**6)), 10**6),
        "number": st.integers(-5, 50),
    }
    kind = schema.get("type", "")
    if kind == "string":
        return {"date": _DAYS, "date-time": _MOMENTS}.get(schema.get("format", ""), _TEXTS)
    if kind == "array":
        return st.lists(_junk(schema["items"], root), max_size=2)
    return simple[kind] if kind in simple else _junk_object(schema, root)


def _junk_object(schema: dict[str, Any], root: dict[str, Any]) -> st.SearchStrategy[Any]:
    required = set(schema.get("required", ()))
    own = {name: _junk(each, root) for name, each in schema.get("properties", {}).items()}
    return st.fixed_dictionaries(
        {name: each for name, each in own.items() if name in required},
        optional={name: each for name, each in own.items() if name not in required},
    )


def _schemas() -> dict[str, dict[str, Any]]:
    from mappings.intake import json_schema

    return json_schema()


def _accepted(data: dict[str, Any]) -> Record | None:
    from mappings.intake import Refused

    try:
        return record_from(data)
    except Refused:
        return None


def _ids_meet(data: dict[str, Any], id: str) -> dict[str, Any]:
    return {**data, "id": id, "jurisdiction": "us-ny"}


_RECORDS = st.one_of(
    [_junk(schema, schema).map(lambda data: _ids_meet(data, "SAME")) for schema in _schemas().values()]
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(_RECORDS, min_size=1, max_size=3))
def test_judge_never_raises_on_a_record_that_intake_accepts(lines: list[dict[str, Any]]) -> None:
    accepted = [record for record in map(_accepted, lines) if record is not None]
    _well_formed(judge(accepted, load(), NOW), accepted)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(_RECORDS, min_size=1, max_size=3))
def test_judge_office_never_raises_and_holds_nothing(lines: list[dict[str, Any]]) -> None:
    accepted = [record for record in map(_accepted, lines) if record is not None]
    judged = judge_office(accepted, load(), NOW)
    assert [j.id for j in judged] == [r.id for r in accepted if r.kind in ("staff", "program")]
    for judgement in judged:
        json.dumps(judgement.to_json(all=True))
        assert (judgement.signing, judgement.claim) == ("ready", "none")
        assert all(f.message and f.fix and f.fields for f in judgement.findings if f.result == INDETERMINATE)


_PLACES = ["pre-admission", "planned", "targeted", "family", "group", "us-id", "us-wa", "us-pa", "payer"]
_KINDS = ("staff", "program", "authorization", "plan-entry")


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(_PLACES),
    st.fixed_dictionaries({kind: _junk(_schemas()[kind], _schemas()[kind]) for kind in _KINDS}),
)
def test_good_contact_that_names_strange_records_is_judged_and_what_is_missing_is_named(
    base: str, strange: dict[str, dict[str, Any]]
) -> None:
    ids = {kind: f"SAME-{kind}" for kind in _KINDS}
    named: dict[str, Any] = {"peer": {"id": ids["staff"]}, "program": {"id": ids["program"]}}
    named |= {"authorization": {"id": ids["authorization"]}, "service.plan_entry": ids["plan-entry"]}
    contact, _ = contact_and_entry(base, named)
    place = {"jurisdiction": contact["jurisdiction"]}
    beside = [_accepted({**data, **place, "id": ids[kind]}) for kind, data in strange.items()]
    accepted = [record_from(contact), *(record for record in beside if record is not None)]
    judged = judge(accepted, load(), NOW)
    _well_formed(judged, accepted)
    undecided = [f for j in judged for f in j.findings if f.result == INDETERMINATE]
    assert all("missing" in f.message and f.fix.startswith("Fill in") and f.fields for f in undecided)


_SCHEMA = _schemas()["contact"]
_FIELDS = sorted(set(_SCHEMA["properties"]) - {"kind", "id", "jurisdiction", "program", "start"})


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(_PLACES),
    _junk(_SCHEMA, _SCHEMA),
    st.sets(st.sampled_from(_FIELDS), min_size=1, max_size=8),
    st.booleans(),
)
def test_strange_fields_of_a_contact_are_judged_by_the_pack_of_its_place_and_day(
    base: str, strange: dict[str, Any], fields: set[str], absent: bool
) -> None:
    contact, entry = contact_and_entry(base)
    junk = {name: None if absent else strange.get(name) for name in fields}
    if not isinstance(junk.get("individual"), dict):
        junk.pop("individual", None)
    accepted = [r for r in (_accepted({**contact, **junk}), record_from(entry)) if r is not None]
    judged = judge(accepted, load(), NOW)
    _well_formed(judged, accepted)
    found = [f for j in judged for f in j.findings]
    assert NO_PACK not in {f.rule for f in found}
    undecided = [f for f in found if f.result == INDETERMINATE]
    assert all("missing" in f.message and f.fix.startswith("Fill in") and f.fields for f in undecided)


_PATHS = [
    "program", "individual.coverages", "engagement", "engagement.history", "peer", "peer.credentials",
    "peer.supervisor", "service", "service.type", "service.place", "service.components", "start", "end",
    "excluded_minutes", "recipients", "group", "note", "note.purpose", "note.edited_at", "signatures",
    "diagnoses", "claim", "status", "technical_failure", "service.plan_entry", "program.time_zone",
]  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(["pre-admission", "planned", "targeted", "group", "family", "youth", "filed"]),
    st.dictionaries(
        st.sampled_from(_PATHS),
        st.none() | _TEXTS | st.integers(-100, 2000) | _MOMENTS | st.just([]) | st.just({}),
        max_size=4,
    ),
)
def test_good_record_with_pieces_replaced_is_judged_in_form(base: str, changes: dict[str, Any]) -> None:
    contact, entry = contact_and_entry(base)
    try:
        data = changed(contact, dict(sorted(changes.items())))
    except (TypeError, AttributeError, KeyError, IndexError):
        return
    record = _accepted(data)
    if record is not None:
        _well_formed(judge([record, record_from(entry)], load(), NOW), [record, record_from(entry)])


def _well_formed(judgements: list[Judgement], given_: list[Record]) -> None:
    assert [j.id for j in judgements] == [r.id for r in given_ if r.kind in ("contact", "plan-entry")]
    for judgement in judgements:
        line = json.loads(json.dumps(judgement.to_json(all=True)))
        assert list(line) == ["id", "kind", "signing", "claim", "units", "billed_units", "findings"]
        assert line["signing"] in ("ready", "held")
        assert line["claim"] in ("ready", "held", "none")
        assert 0 <= line["billed_units"] <= line["units"]
        assert line["billed_units"] <= 12
        for finding in line["findings"]:
            words = ["words"] if "words" in finding else []
            assert list(finding) == ["rule", "result", "severity", "stage", "message", "fix", "cite", *words]
            assert finding["result"] in RESULTS
            assert finding["severity"] in SEVERITIES
            assert finding["stage"] in STAGES


def _overlay(folder: Path, text: str) -> Path:
    file = folder / "site.toml"
    file.write_text(text, "utf-8")
    return file


def test_site_sets_the_rate_code_of_telehealth(tmp_path: Path) -> None:
    site = load(_overlay(tmp_path, '[parameters]\n"rate_code.telehealth" = "1599"\n'))
    judgement = judge(records("telehealth"), site, NOW)[0]
    assert judgement.claim == "ready"
    assert site.digest != load().digest


def test_site_asks_for_a_cosignature_after_admission_too(tmp_path: Path) -> None:
    site = load(_overlay(tmp_path, 'parameters.cosign.required_when = ["pre-admission", "enrolled"]\n'))
    assert judge(records("planned"), site, NOW)[0].claim == "held"
    assert judge(records("planned"), load(), NOW)[0].claim == "ready"


def test_site_raises_a_warning_to_a_block_from_a_day_on(tmp_path: Path) -> None:
    text = '[severity]\n"NY.PLAN.ADHOC" = "block"\n'
    for start, claim in (("2026-03-04", "held"), ("2026-03-05", "ready")):
        site = load(_overlay(tmp_path, f"from = {start}\n{text}"))
        judgement = judge(records("ad-hoc", {"service.rationale": None}), site, NOW)[0]
        assert judgement.claim == claim


def test_site_turns_the_reminder_before_admission_on(tmp_path: Path) -> None:
    site = load(_overlay(tmp_path, "[parameters]\n'preadmission.review_after_contacts' = 2\n"))
    earlier = {"start": "2026-03-02T10:00:00-05:00", "end": "2026-03-02T10:40:00-05:00"}
    alone, second = records("pre-admission"), records("pre-admission", None, [earlier])
    results = [judge(each, site, NOW)[0].finding("NY.PRE.NOT_STANDALONE") for each in (alone, second)]
    assert [finding.result for finding in results if finding is not None] == ["pass", "fail"]


def test_plan_written_by_a_peer_cannot_be_signed() -> None:
    peer = {"kind": "staff", "jurisdiction": "us-ny", **PEER}
    judgement = _judged(contact_and_entry("entry", {"entry:plan.author": PEER["id"]})[1], peer)[0]
    assert [finding.rule for finding in judgement.holding("signing")] == ["NY.PLAN.AUTHOR"]
    assert judgement.holding()[0].result == "fail"


def test_diagnosis_by_another_peer_is_no_diagnosis_by_a_clinician() -> None:
    other = {"kind": "staff", "jurisdiction": "us-ny", **PEER, "id": "1900000047"}
    contact = _contact(**{"diagnoses[0].by": "1900000047"})
    finding = _judged(contact, contact_and_entry("planned")[1], other)[0].finding("NY.DIAG.ENROLLED")
    assert finding is not None
    assert finding.result == "fail"


def test_explained_rule_names_sentence_quote_source_and_values() -> None:
    whole = explain(load(), "NY.UNIT.DAYCAP", date(2026, 3, 4))
    assert whole["no"] == "R065"
    assert whole["in_force"] is True
    assert whole["parameters"]["cap.units_per_day"] == {
        "value": 12,
        "status": "confirmed",
        "from": "2022-11-23",
    }
    assert "twelve units per day" in whole["versions"][0]["cite"]["quote"]
    assert whole["versions"][0]["source"]["checked"]
    assert explain(load(), "R065", date(2022, 11, 22))["in_force"] is False
    json.dumps([explain(load(), rule.id, date(2026, 3, 4)) for rule in load().rules()])


def test_unknown_rule_cannot_be_explained() -> None:
    with pytest.raises(KeyError, match="rules list"):
        explain(load(), "NY.NOTHING", date(2026, 3, 4))


def test_library_is_sound_and_a_changed_quote_is_found(tmp_path: Path) -> None:
    library = load()
    assert prove(library) == []
    quotes = [v.cite.quote for rule in library.rules() for v in rule.versions]
    (tmp_path / "guidance.txt").write_text("\n".join(quotes).replace(" ... ", "\n"), "utf-8")
    assert prove(library, tmp_path) == []
    (tmp_path / "guidance.txt").write_text("\n".join(quotes).replace("twelve", "eleven"), "utf-8")
    assert {problem.split(":")[0] for problem in prove(library, tmp_path)} == {"rule NY.UNIT.DAYCAP"}
