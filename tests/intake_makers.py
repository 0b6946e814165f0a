"""Intake records that are in order in every respect: the office, contacts and plan entries.

They are written as the intake record is described to people; nothing of the product is imported.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Json = dict[str, Any]

ZONE = ZoneInfo("America/New_York")
FIRST_DAY = date(2026, 2, 2)
NOW = "2026-07-01T12:00:00-04:00"
PROGRAM = "1900000013"
LPHA = "1900000039"
PEERS = {"adult": "1900000021", "family": "1900000047", "youth": "1900000054"}
COMPONENTS = {
    "adult": ("A-SASE", "A-EBT", "A-PRSC", "A-CCNT", "A-CRIS"),
    "family": ("F-EBT", "F-SASE", "F-PSD", "F-CCNS"),
    "youth": ("Y-SKILL", "Y-COACH", "Y-EBT", "Y-SASE", "Y-CCNS"),
}
GIVEN = ("Ada", "Björn", "Chidi", "Dolores", "Émile", "Fatima", "Grace", "Hồng", "Ines", "Juri")
FAMILY = ("Abara", "Berg", "Castillo", "D'Souza", "Eriksen", "Fox-Lane", "Gruber", "Hale", "Ito", "Jovanović")


# What a peer may write; of each list another one for every contact, so that hardly two notes are alike.
PURPOSES = (
    "Prepare for the visit at the housing office together.",
    "Practise what to say to the landlord before Friday.",
    "Look at what helped in the last hard week.",
    "Find out which group in the area fits.",
    "Go over the letter of the benefits office.",
    "Plan the first mornings at the new class.",
    "Talk about how to ask the doctor about sleep.",
)
RESPONSES = (
    "Took part with interest and named {n} questions to ask.",
    "Was quiet at first, then spoke for {n} minutes about the last move.",
    "Laughed about the first try and wanted to try again at number {n}.",
    "Said what was hard and chose {n} things to keep.",
    "Asked how I got through my own first weeks; I told of week {n}.",
)
PROGRESS = (
    "Wrote down question {n} alone.",
    "Spoke to the landlord alone after {n} tries in role play.",
    "Found the bus to {n} Mill Street on the map.",
    "Keeps a list of what helps; it has {n} lines now.",
    "Went to the open evening and stayed for {n} minutes.",
    "Told a friend about the plan for the {n}th day.",
    "Tried the breathing we practised {n} times this week.",
    "Opened the letter that lay there for {n} days.",
)
OUTCOMES = (
    "Both questions are on paper; we meet again next week.",
    "Wants to bring the list of {n} points to the appointment.",
    "Will bring {n} pages to the next meeting.",
    "Decided to wait for the answer and to rest on day {n}.",
    "Has the number of the warm line and {n} people to call.",
    "Wants to go alone next time and to take bus {n}.",
    "Chose the group on the {n}th floor.",
    "Will write down {n} things that went well.",
    "Asked for {n} more copies of the form.",
    "The next step is the visit itself.",
    "Feels ready to ask for what is needed at door {n}.",
)
OWN_WORDS = ("I can do the first call.", "It was easier than I thought.", "I want to try it my way.")


@dataclass(frozen=True)
class Generated:
    """One line of the file: its bytes, what made it, and what is expected of it. `lines_out` is 1 for a
    contact or plan entry that is judged; `rule` is one that must be among its findings."""

    line: bytes
    made_as: str
    id: str = ""
    refused: bool = False
    lines_out: int = 0
    signing: str = ""
    claim: str = ""
    units: int = 0
    billed: int = 0
    leaves: bool = False
    rule: str = ""


@dataclass
class Maker:
    """Hands out people, ids and hours nobody else has, so that records never disturb each other."""

    random: random.Random
    made: int = 0

    def number(self) -> int:
        """The next number."""
        self.made += 1
        return self.made

    def start(self, number: int) -> datetime:
        """A start of its own: four a day, two and a half hours apart, in the programme's zone."""
        day = FIRST_DAY + timedelta(days=number // 4)
        return datetime(day.year, day.month, day.day, 8, 0, tzinfo=ZONE) + timedelta(
            minutes=150 * (number % 4)
        )


def seeded(seed: int) -> Maker:
    """A maker whose choices are the same for the same seed."""
    return Maker(random.Random(seed))  # noqa: S311 - test data


def office() -> list[Json]:
    """The programme and its staff."""
    return [
        {
            "kind": "program", "id": PROGRAM, "jurisdiction": "us-ny", "npi": PROGRAM,
            "medicaid_id": "01234567", "name": "Example MHOTRS", "program_kind": "mhotrs",
            "population": "all",
            "time_zone": "America/New_York", "part2": False,
            "licences": [{"code": "omh-599", "number": "X", "from": "2024-01-01", "to": None}],
            "enrolments": [{"payer": "NYMEDICAID", "service": "peer-support",
                            "from": "2024-01-01", "to": None}],
            "policies": [{"kind": "peer-support", "on": "2025-12-01"}],
        },
        peer("1900000021", "Pat", "Rivera", "1985-05-05", "nycps"),
        peer("1900000047", "Ngozi", "Okafor", "1979-08-21", "fpa-c"),
        peer("1900000054", "Sam", "Delgado", "2001-09-14", "ypa-c"),
        {
            "kind": "staff", "id": LPHA, "jurisdiction": "us-ny", "npi": LPHA,
            "name": {"given": ["Dana"], "family": "Chen"}, "hired": "2020-07-01", "employment": "employed",
        },
    ]  # fmt: skip


def peer(npi: str, given: str, family: str, born: str, credential: str) -> Json:
    return {
        "kind": "staff", "id": npi, "jurisdiction": "us-ny", "npi": npi,
        "name": {"given": [given], "family": family}, "birth_date": born, "hired": "2025-01-06",
        "employment": "employed", "contract": None,
        "credentials": [{"code": credential, "issuer": "omh-approved", "number": f"NY-{npi[-3:]}",
                         "from": "2025-02-01", "to": "2027-01-31", "hours": None, "test_passed": None}],
        "attestations": [{"kind": "lived-experience", "on": "2025-01-20", "by": LPHA}],
        "education": [{"on": "2026-01-15", "hours": 2.0, "topic": "peer-support"}],
        "supervision": [{"on": "2026-02-20", "by": LPHA}],
        "supervisor": {"id": LPHA, "category": "lcsw", "from": "2025-02-01", "to": None, "ops": None},
    }  # fmt: skip


def individual(maker: Maker, number: int, young: bool = False) -> Json:
    born = date(2012 if young else 1985, 1, 1) + timedelta(days=maker.random.randrange(1500))
    return {
        "id": f"MRN-{80000 + number}", "identifier_system": "urn:example:mrn",
        "name": {"given": [maker.random.choice(GIVEN)], "family": maker.random.choice(FAMILY)},
        "birth_date": born.isoformat(), "gender": maker.random.choice(["female", "male", "other", "unknown"]),
        "coverages": [{"payer": "NYMEDICAID", "class": "medicaid", "member_id": f"AA{number:05}B", "order": 1,
                       "from": "2026-01-01", "to": None, "checked_on": "2026-02-01"}],
    }  # fmt: skip


def written(number: int) -> Json:
    """What the peer wrote of one contact."""
    lists = {"purpose": PURPOSES, "response": RESPONSES, "progress": PROGRESS, "outcome": OUTCOMES,
             "own_words": OWN_WORDS}  # fmt: skip
    return {name: texts[number % len(texts)].format(n=number + 2) for name, texts in lists.items()}


def contact(maker: Maker, service_type: str = "adult", minutes: int | None = None) -> Json:
    """A finished, signed contact of an admitted person, ad hoc with a rationale: ready in every respect."""
    number = maker.number()
    start = maker.start(number)
    length = minutes if minutes is not None else maker.random.randrange(15, 121)
    end = start + timedelta(minutes=length)
    by = PEERS[service_type]
    return {
        "kind": "contact", "id": f"ENC-2026-{number:06}", "version": 1, "jurisdiction": "us-ny",
        "status": "finished", "program": {"id": PROGRAM},
        "individual": individual(maker, number, young=service_type != "adult"),
        "engagement": {"goal": "Decide what helps", "goal_on": "2026-01-05",
                       "history": [{"status": "undecided", "at": "2026-01-02"},
                                   {"status": "admitted", "at": "2026-01-05"}]},
        "peer": {"id": by}, "staff": [],
        "service": {"type": service_type, "code": None, "format": "individual", "place": "onsite",
                    "modality": "in-person", "location": {"kind": "clinic", "name": "Main Street"},
                    "components": [maker.random.choice(COMPONENTS[service_type])], "basis": "ad-hoc",
                    "plan_entry": None, "rationale": "A letter about the housing visit came today.",
                    "rationale_ref": None, "accompaniment": None, "voluntary": True},
        "start": start.isoformat(), "end": end.isoformat(), "excluded_minutes": 0, "technical_failure": False,
        "recipients": [{"role": "individual"}], "group": None,
        "note": {**written(number), "goals": ["G-1"], "data_verified": True,
                 "edited_at": (end + timedelta(minutes=20)).isoformat()},
        "risk": None, "consents": [], "clinical_input": None, "collaboration": [],
        "diagnoses": [{"code": "F33.1", "rank": 1, "by": LPHA}], "authorization": None, "claim": None,
        "ehr": {"encounter": None}, "relates_to": None,
        "signatures": [{"meaning": "author", "by": by, "at": (end + timedelta(minutes=30)).isoformat(),
                        "version": 1}],
    }  # fmt: skip


def pre_admission(maker: Maker, minutes: int | None = None) -> Json:
    """A contact before any admission, signed by the peer and co-signed by an LPHA."""
    made = contact(maker, minutes=minutes)
    made["engagement"]["history"] = [{"status": "undecided", "at": "2026-01-02"}]
    made["service"] |= {"basis": None, "rationale": None}
    made["diagnoses"] = []
    made["signatures"].append(cosignature(made))
    return made


def cosignature(made: Json) -> Json:
    at = datetime.fromisoformat(made["signatures"][0]["at"]) + timedelta(hours=20)
    return {
        "meaning": "cosigner", "by": LPHA, "category": "lcsw", "licence_from": "2020-07-01",
        "licence_to": "2027-06-30", "at": at.isoformat(), "version": 1,
    }  # fmt: skip


def plan_entry(maker: Maker, individual: Json, basis: str = "planned", service_type: str = "adult") -> Json:
    """An active entry of the person's treatment plan, signed by the LPHA."""
    number = maker.number()
    event = {"text": "Visit to the emergency department", "on": "2026-01-20"} if basis == "targeted" else None
    return {
        "kind": "plan-entry", "id": f"PLAN-{number:06}", "version": 1, "jurisdiction": "us-ny",
        "program": {"id": PROGRAM}, "individual": individual, "status": "active", "basis": basis,
        "service_type": service_type,
        "plan": {"id": f"TP-{number:06}", "from": "2026-01-10", "to": "2026-07-09", "author": LPHA,
                 "review_due": "2026-07-01", "contributors": [PEERS[service_type]]},
        "goal": {"id": "G-1", "text": "Go to the community choir by myself", "objective": "Attend twice",
                 "target": "2026-06-30", "status": "active"},
        "frequency": {"units": 2, "times": 1, "per": "week"}, "components": [COMPONENTS[service_type][0]],
        "event": event, "response": "Peer support twice a week for four weeks" if event else None,
        "collaboration": [{"on": "2026-01-08", "with": [LPHA], "reference": "TEAM-2026-01-08"}],
        "signatures": [{"meaning": "author", "by": LPHA, "category": "lcsw", "licence_from": "2020-07-01",
                        "licence_to": "2027-06-30", "at": "2026-01-09T12:00:00-05:00", "version": 1}],
    }  # fmt: skip


def minutes_of(made: Json) -> int:
    length = datetime.fromisoformat(made["end"]) - datetime.fromisoformat(made["start"])
    return int(length.total_seconds()) // 60 - int(made["excluded_minutes"])


def as_line(made: Json) -> bytes:
    return json.dumps(made, ensure_ascii=False).encode()
