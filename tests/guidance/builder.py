"""Complete good records to start from, and the changes that a case makes to them."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any

from mappings.intake import record_from
from mappings.records import Record
from tests.guidance.places import PLACES

NONE = "<none>"
NOW = datetime.fromisoformat("2026-03-10T09:00:00-05:00")

PEER: dict[str, Any] = {
    "id": "1900000021",
    "npi": "1900000021",
    "name": {"given": ["Pat"], "family": "Rivera"},
    "birth_date": "1985-05-05",
    "hired": "2025-01-06",
    "employment": "employed",
    "credentials": [
        {
            "code": "nycps",
            "issuer": "omh-approved",
            "number": "NY-1",
            "from": "2025-02-01",
            "to": "2027-01-31",
        }
    ],
    "attestations": [{"kind": "lived-experience", "on": "2025-01-20", "by": "1900000039"}],
    "supervisor": {"id": "1900000039", "category": "lcsw", "from": "2025-02-01", "to": None},
}
PROGRAM: dict[str, Any] = {
    "id": "1900000013",
    "npi": "1900000013",
    "medicaid_id": "01234567",
    "name": "Riverbend MHOTRS",
    "program_kind": "mhotrs",
    "population": "all",
    "time_zone": "America/New_York",
}
AUTHOR = {"meaning": "author", "by": "1900000021", "at": "2026-03-04T11:05:00-05:00", "version": 1}
COSIGNER = {
    "meaning": "cosigner",
    "by": "1900000039",
    "category": "lcsw",
    "licence_from": "2020-07-01",
    "licence_to": "2027-06-30",
    "at": "2026-03-05T09:00:00-05:00",
    "version": 1,
}
PRE_ADMISSION: dict[str, Any] = {
    "kind": "contact",
    "id": "ENC-1",
    "version": 1,
    "jurisdiction": "us-ny",
    "status": "finished",
    "program": PROGRAM,
    "individual": {
        "id": "MRN-70001",
        "identifier_system": "urn:example:mrn",
        "name": {"given": ["Alex"], "family": "Moss"},
        "birth_date": "1990-02-03",
        "gender": "unknown",
        "coverages": [
            {
                "payer": "NYMEDICAID",
                "class": "medicaid",
                "member_id": "AA00001A",
                "order": 1,
                "from": "2026-01-01",
                "to": None,
                "checked_on": "2026-03-01",
            }
        ],
    },
    "engagement": {
        "goal": "Decide whether to start treatment",
        "goal_on": "2026-03-01",
        "history": [{"status": "undecided", "at": "2026-03-01"}],
    },
    "peer": PEER,
    "staff": [],
    "service": {
        "type": "adult",
        "format": "individual",
        "place": "onsite",
        "modality": "in-person",
        "location": {"kind": "clinic", "name": "Main Street"},
        "components": ["A-EBT"],
        "voluntary": True,
    },
    "start": "2026-03-04T10:00:00-05:00",
    "end": "2026-03-04T10:40:00-05:00",
    "excluded_minutes": 0,
    "technical_failure": False,
    "recipients": [{"role": "individual"}],
    "note": {
        "purpose": "Get to know each other and talk about what could help",
        "response": "Alex asked many questions",
        "progress": "First contact - goal set, no progress expected yet",
        "outcome": "We meet again on Friday",
        "own_words": "It was good to talk",
        "goals": [],
        "data_verified": True,
        "edited_at": "2026-03-04T10:58:00-05:00",
    },
    "signatures": [AUTHOR, COSIGNER],
}
ENTRY: dict[str, Any] = {
    "kind": "plan-entry",
    "id": "PLAN-1",
    "version": 1,
    "jurisdiction": "us-ny",
    "program": {"id": "1900000013"},
    "individual": {"id": "MRN-70001"},
    "status": "active",
    "basis": "planned",
    "service_type": "adult",
    "plan": {
        "id": "TP-1",
        "from": "2026-01-10",
        "to": "2026-07-09",
        "author": "1900000039",
        "review_due": "2026-07-01",
        "contributors": ["1900000021"],
    },
    "goal": {
        "id": "G-1",
        "text": "Go to the community choir by myself",
        "objective": "Attend twice",
        "target": "2026-06-30",
        "status": "active",
    },
    "frequency": {"units": 2, "times": 1, "per": "week"},
    "components": ["A-CCNT"],
    "event": None,
    "response": None,
    "signatures": [],
}
TARGETED_ENTRY = {
    "basis": "targeted",
    "event": {"text": "Emergency department visit", "on": "2026-03-02"},
    "response": "Peer support twice a week for four weeks",
}
ADMITTED = [{"status": "undecided", "at": "2026-01-02"}, {"status": "admitted", "at": "2026-01-05"}]
ENROLLED = {
    "engagement.history": ADMITTED,
    "service.basis": "planned",
    "service.plan_entry": "PLAN-1",
    "note.goals": ["G-1"],
    "diagnoses": [{"code": "F33.1", "rank": 1, "by": "1900000039"}],
    "signatures": [AUTHOR],
}
FAMILY = {
    "service.type": "family",
    "service.components": ["F-PSD"],
    "individual.birth_date": "2014-04-04",
    "recipients": [
        {
            "role": "family",
            "name": {"given": ["Kim"], "family": "Moss"},
            "relationship": "mother",
            "attachment": True,
        }
    ],
    "peer.credentials[0].code": "fpa-c",
    "entry:service_type": "family",
    "entry:components": ["F-PSD"],
}
YOUTH = {
    "service.type": "youth",
    "service.components": ["Y-SKILL"],
    "individual.birth_date": "2010-04-04",
    "peer.credentials[0].code": "ypa-c",
    "peer.birth_date": "2001-09-14",
    "entry:service_type": "youth",
    "entry:components": ["Y-SKILL"],
}
BASES: dict[str, Mapping[str, Any]] = {
    "pre-admission": {},
    "planned": ENROLLED,
    "targeted": {
        **ENROLLED,
        "service.basis": "targeted",
        **{f"entry:{key}": value for key, value in TARGETED_ENTRY.items()},
    },
    "ad-hoc": {
        **ENROLLED,
        "service.basis": "ad-hoc",
        "service.plan_entry": None,
        "service.rationale": "Support before the housing meeting",
    },
    "group": {
        **ENROLLED,
        "service.format": "group",
        "group": {"session": "GRP-1", "attendees": 9, "recipients": ["MRN-70001", "MRN-70002"]},
    },
    "family": {**ENROLLED, **FAMILY},
    "youth": {**ENROLLED, **YOUTH},
    "offsite": {**ENROLLED, "service.place": "offsite", "service.location.kind": "home"},
    "telehealth": {**ENROLLED, "service.place": "telehealth", "service.modality": "video"},
    "filed": {
        **ENROLLED,
        "claim": {"code": "H0038", "modifiers": [], "rate_code": "1474", "units": 2, "filed": "2026-03-06"},
    },
    "entry": {},
    "targeted-entry": {f"entry:{key}": value for key, value in TARGETED_ENTRY.items()},
}
BASES |= {
    **PLACES,
    "payer": {
        **ENROLLED,
        "individual.coverages[0].payer": "SAMPLE-MCO",
        "individual.coverages[0].class": "medicaid-mco",
        "authorization": {"id": "AUTH-9", "service": "H0038", "member": "MRN-70001", "number": "M9",
                          "units": 100, "used": 0, "from": "2026-01-01", "to": None},
    },
}  # fmt: skip
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def changed(record: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of JSON data with values set at paths such as `peer.credentials[0].from`; NONE takes away."""
    copied = copy.deepcopy(dict(record))
    for path, value in changes.items():
        _set(copied, [int(m[2]) if m[2] else m[1] for m in _STEP.finditer(path)], value)
    return copied


def _set(data: Any, steps: list[int | str], value: Any) -> None:
    for step, following in pairwise(steps):
        if isinstance(data, dict) and data.get(step) is None:
            data[step] = [] if isinstance(following, int) else {}
        data = data[step]
    data[steps[-1]] = None if value == NONE else copy.deepcopy(value)


def contact_and_entry(
    base: str, changes: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A good contact and its plan entry as intake data, with a case's changes (`entry:` for the entry)."""
    both = {**BASES[base], **(changes or {})}
    contact = changed(PRE_ADMISSION, {path: v for path, v in both.items() if not path.startswith("entry:")})
    entry = changed(
        ENTRY, {path.removeprefix("entry:"): v for path, v in both.items() if path.startswith("entry:")}
    )
    return contact, entry


def records(
    base: str,
    changes: Mapping[str, Any] | None = None,
    others: list[Mapping[str, Any]] | None = None,
    beside: list[Mapping[str, Any]] | None = None,
) -> list[Record]:
    """The records of a case: the contact (or the entry) to judge first, then everything around it.

    `others` are further contacts like the first, `beside` whole records of any kind.
    """
    contact, entry = contact_and_entry(base, changes)
    first = [entry] if base.endswith("entry") else [contact, entry]
    alike = [changed(contact, {"id": f"ENC-{n}", **other}) for n, other in enumerate(others or (), start=2)]
    return [record_from(dict(data)) for data in [*first, *alike, *(beside or ())]]
