"""Cases of staff and programmes, and of rules that are off until a site sets a value."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from mappings.findings import Judgement
from mappings.intake import record_from
from mappings.library import Library, load
from mappings.library_parts import Overlay
from mappings.rules import judge, judge_office
from tests.guidance.builder import NOW, PEER, PROGRAM, changed, contact_and_entry, records

STAFF = {
    "kind": "staff",
    "jurisdiction": "us-ny",
    **PEER,
    "supervision": [{"on": "2026-03-04", "by": "1900000039"}],
}
OFFICE: dict[str, Mapping[str, Any]] = {
    "staff": STAFF,
    "program": {
        "kind": "program",
        "jurisdiction": "us-ny",
        **PROGRAM,
        "licences": [{"code": "omh-599", "number": "X", "from": "2024-01-01", "to": None}],
        "enrolments": [{"payer": "NYMEDICAID", "service": "peer-support", "from": "2024-01-01", "to": None}],
    },
}
OFFICE_CASES: list[dict[str, Any]] = [
    case
    for path in sorted((Path(__file__).parent / "office").glob("*.toml"))
    for case in tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)["case"]
]


def library_with(values: Mapping[str, Any]) -> Library:
    """The shipped library where a site has set the values, in force on every day."""
    return _with(tuple(sorted((name, _frozen(value)) for name, value in values.items())))


@lru_cache(maxsize=64)
def _with(values: tuple[tuple[str, Any], ...]) -> Library:
    overlay = Overlay("site", "", date.min, None, dict(values), {})
    return replace(load(), overlay=overlay, _days={}) if values else load()


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def judged(case: Mapping[str, Any], library: Library) -> Judgement:
    """The judgement of a case's first record."""
    if case["base"] not in OFFICE:
        return judge(records(case["base"], case.get("set"), case.get("others")), library, NOW)[0]
    beside = [
        contact_and_entry("planned", {"id": f"ENC-{n}", "individual.id": f"MRN-{n}", **own})[0]
        for n, own in enumerate(case.get("beside_contacts", ()))
    ]
    data = [changed(OFFICE[case["base"]], case.get("set", {})), *beside]
    return judge_office([record_from(each) for each in data], library, NOW)[0]
