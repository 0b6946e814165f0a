"""Contacts as the office writes them, one of each kind, and the seals of their signatures."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

from mappings import seal as seals
from mappings.findings import Judgement
from mappings.intake import record_from
from mappings.office import Surroundings
from mappings.records import Contact, PlanEntry, ProgramFields, StaffFields
from mappings.seal import Seal

Json = dict[str, Any]
NOW = datetime(2026, 3, 9, 17, 0, tzinfo=UTC)

PROGRAM: Json = {
    "id": "1900000013",
    "npi": "1900000013",
    "medicaid_id": "01234567",
    "name": "Riverbend MHOTRS",
    "program_kind": "mhotrs",
    "population": "all",
    "time_zone": "America/New_York",
    "part2": False,
}
STAFF: dict[str, Json] = {
    "1900000021": {"name": {"given": ["Pat"], "family": "Rivera"}, "birth_date": "1985-05-05"},
    "1900000047": {"name": {"given": ["Ngozi"], "family": "Okafor"}},
    "1900000039": {"name": {"given": ["Dana"], "family": "Chen"}},
}
SUPERVISOR: Json = {"id": "1900000039", "category": "lcsw", "from": "2025-02-01", "to": None}
COVERAGE: Json = {
    "payer": "NYMEDICAID",
    "class": "medicaid",
    "member_id": "AA00001A",
    "order": 1,
    "from": "2026-01-01",
    "to": None,
}
ADMITTED = [{"status": "undecided", "at": "2025-12-20"}, {"status": "admitted", "at": "2026-01-05"}]

PRE_ADMISSION: Json = {
    "kind": "contact",
    "id": "ENC-2026-000451",
    "version": 1,
    "jurisdiction": "us-ny",
    "status": "finished",
    "program": {"id": "1900000013"},
    "individual": {
        "id": "MRN-70001",
        "identifier_system": "urn:example:mrn",
        "name": {"given": ["Alex"], "family": "Moss"},
        "birth_date": "1990-02-03",
        "gender": "unknown",
        "coverages": [COVERAGE],
    },
    "engagement": {
        "goal": "Decide whether to start treatment",
        "goal_on": "2026-03-01",
        "history": [{"status": "undecided", "at": "2026-03-01"}],
    },
    "peer": {"id": "1900000021"},
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
    "recipients": [{"role": "individual"}],
    "note": {
        "purpose": "Get to know each other and talk over what treatment here would look like.",
        "response": "Alex asked about the groups and took the list of times.",
        "progress": "First contact; the goal was set together.",
        "outcome": "Alex would like to meet again on Friday and bring a friend.",
        "own_words": "I am not sure yet, but I would like to see the place.",
        "goals": [],
        "data_verified": True,
        "edited_at": "2026-03-04T10:58:00-05:00",
    },
    "signatures": [
        {"meaning": "author", "by": "1900000021", "at": "2026-03-04T11:05:00-05:00", "version": 1},
        {
            "meaning": "cosigner",
            "by": "1900000039",
            "category": "lcsw",
            "licence_from": "2020-07-01",
            "licence_to": "2027-06-30",
            "at": "2026-03-05T09:00:00-05:00",
            "version": 1,
        },
    ],
}


def changed(base: Json, **changes: Any) -> Json:
    """A copy of a record with fields replaced; `note__purpose=...` reaches into an object."""
    record = copy.deepcopy(base)
    for path, value in changes.items():
        *outer, last = path.split("__")
        place = record
        for each in outer:
            place = place[each]
        place[last] = value
    return record


MAJA: Json = {
    "id": "MRN-70002",
    "identifier_system": "urn:example:mrn",
    "name": {"given": ["Maja"], "family": "Lindqvist"},
    "birth_date": "1979-11-30",
    "gender": "female",
    "coverages": [changed(COVERAGE, member_id="AA00002A")],
}
PLANNED: Json = changed(
    PRE_ADMISSION,
    id="ENC-2026-000452",
    individual=MAJA,
    engagement={"goal": None, "goal_on": None, "history": ADMITTED},
    service__basis="planned",
    service__plan_entry="PLAN-70002-1",
    service__place="offsite",
    service__location={"kind": "community", "name": "Choir hall"},
    service__components=["A-CCNT"],
    note={
        "purpose": "Practise going to the choir together.",
        "response": "Maja stayed for the whole rehearsal.",
        "progress": "Second rehearsal attended.",
        "outcome": "Next week Maja goes with her neighbour.",
        "own_words": "I sang. Nobody looked at me.",
        "goals": ["G-1"],
        "data_verified": True,
    },
    diagnoses=[{"code": "F33.1", "rank": 1, "by": "1900000039"}],
    signatures=PRE_ADMISSION["signatures"][:1],
)
TARGETED = changed(
    PLANNED,
    id="ENC-2026-000453",
    service__basis="targeted",
    service__plan_entry="PLAN-70002-2",
    service__components=["A-CRIS"],
    service__location={"kind": "home", "name": None},
    note__purpose="Go through the list of people to call at night.",
    note__response="Maja called her neighbour while we sat together.",
    note__progress="Slept five hours last night.",
    note__outcome="We meet again tomorrow.",
    note__own_words=None,
    note__goals=["G-2"],
)
AD_HOC = changed(
    PLANNED,
    note__purpose="Company before work after a night without sleep.",
    note__response="We walked to the bus together.",
    note__progress="Maja asked for help on her own.",
    note__outcome="Maja went to work.",
    note__own_words="I did not want to cancel again.",
    note__goals=[],
    id="ENC-2026-000454",
    service__basis="ad-hoc",
    service__plan_entry=None,
    service__place="offsite",
    service__location={"kind": "home", "name": None},
    service__rationale="Maja called after a sleepless night and asked for company before work.",
    service__rationale_ref={"id": "TEAM-2026-03-04", "on": "2026-03-04"},
)
GROUP = changed(
    PLANNED,
    service__location={"kind": "clinic", "name": "Main Street"},
    note__purpose="Share how each of us starts a difficult day.",
    note__response="Maja spoke first and listened to the others.",
    note__progress="Tells others about the choir.",
    note__outcome="Maja comes again next week.",
    note__own_words="It is good not to be the only one.",
    id="ENC-2026-000455",
    service__format="group",
    service__place="onsite",
    group={"session": "GRP-1", "attendees": 9, "recipients": ["MRN-70002", "MRN-70005", "MRN-70006"]},
)
FAMILY = changed(
    PLANNED,
    id="ENC-2026-000456",
    individual=changed(
        MAJA, id="MRN-70003", name={"given": ["Robin"], "family": "Farrell"}, birth_date="2014-06-01"
    ),
    peer={"id": "1900000047"},
    service__type="family",
    service__components=["F-PSD"],
    service__plan_entry="PLAN-70003-1",
    recipients=[
        {
            "role": "family",
            "name": {"given": ["Jo"], "family": "Farrell"},
            "relationship": "mother",
            "attachment": True,
        }
    ],
    note__goals=["G-3"],
    note__purpose="Find a calm way to start the morning with Robin.",
    note__response="Jo tried out the list of pictures we made.",
    note__progress="Two mornings without shouting.",
    note__outcome="Jo tells the school about the list.",
    note__own_words="I thought it was only us.",
    signatures=[{"meaning": "author", "by": "1900000047", "at": "2026-03-04T11:05:00-05:00", "version": 1}],
)
TELEHEALTH = changed(
    PLANNED,
    note__purpose="Plan the way to the next rehearsal.",
    note__response="Maja looked up the bus herself.",
    id="ENC-2026-000457",
    service__place="telehealth",
    service__modality="video",
    service__location=None,
)
AUDIO = changed(
    TELEHEALTH,
    id="ENC-2026-000459",
    service__modality="audio",
    note__response="Maja told on the phone which bus she takes.",
)
NO_SHOW = changed(
    PLANNED,
    id="ENC-2026-000460",
    status="no-show",
    recipients=[],
    note__purpose="Go to the rehearsal together.",
    note__response="Maja did not come to the bus stop; I waited 20 minutes and called.",
    note__progress="None today.",
    note__outcome="Maja calls back when she likes.",
    note__own_words=None,
)
CANCELLED = changed(
    NO_SHOW,
    id="ENC-2026-000461",
    status="cancelled",
    note__response="Maja cancelled in the morning; she has a cold.",
)
COLLATERAL = changed(
    PLANNED,
    id="ENC-2026-000462",
    recipients=[
        {"role": "individual"},
        {"role": "collateral", "name": {"given": ["Sam"], "family": "Ortiz"}, "relationship": "neighbour"},
    ],
    note__purpose="Agree with Sam on how to go to the choir.",
    note__response="Maja asked Sam herself.",
)
ADDENDUM = changed(
    PLANNED,
    id="ENC-2026-000463",
    relates_to={"id": "ENC-2026-000452", "how": "appends"},
    note__outcome="The rehearsal of next week is on Thursday, not on Wednesday.",
)
CORRECTION = changed(
    PLANNED,
    version=2,
    relates_to={"id": "ENC-2026-000452", "how": "replaces"},
    note__progress="Third rehearsal attended.",
    signatures=[{**PRE_ADMISSION["signatures"][0], "at": "2026-03-05T10:00:00-05:00", "version": 2}],
)
VISIT = changed(PLANNED, id="ENC-2026-000458", ehr={"encounter": "enc-visit-70002"})

ENTRY: Json = {
    "kind": "plan-entry",
    "id": "PLAN-70002-1",
    "version": 1,
    "jurisdiction": "us-ny",
    "program": {"id": "1900000013"},
    "individual": {"id": "MRN-70002"},
    "status": "active",
    "basis": "planned",
    "service_type": "adult",
    "plan": {
        "id": "TP-70002",
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
    "collaboration": [{"on": "2026-01-08", "with": ["1900000039"], "reference": "TEAM-2026-01-08"}],
    "signatures": [],
}
TARGETED_ENTRY = changed(
    ENTRY,
    id="PLAN-70002-2",
    basis="targeted",
    goal={"id": "G-2", "text": "Sleep again after the fire next door", "status": "active"},
    frequency=None,
    event={"text": "A fire in the house next door on 1 March", "on": "2026-03-01"},
    response="Daily company and a list of people to call, up to four weeks.",
)
CHILD_ENTRY = changed(
    ENTRY,
    id="PLAN-70003-1",
    individual={"id": "MRN-70003"},
    service_type="family",
    plan__id="TP-70003",
    plan__contributors=["1900000047"],
    goal={"id": "G-3", "text": "Mornings without shouting", "status": "active"},
    components=["F-PSD"],
)

KINDS: dict[str, Json] = {
    "pre-admission": PRE_ADMISSION,
    "planned": PLANNED,
    "targeted": TARGETED,
    "ad-hoc": AD_HOC,
    "group": GROUP,
    "family": FAMILY,
    "telehealth": TELEHEALTH,
    "visit": VISIT,
    "audio": AUDIO,
    "no-show": NO_SHOW,
    "cancelled": CANCELLED,
    "collateral": COLLATERAL,
    "addendum": ADDENDUM,
    "correction": CORRECTION,
}
# The claims of a day are of these: the others are the same contact once more, or nothing to bill.
BILLED = ("pre-admission", "planned", "targeted", "ad-hoc", "group", "family", "telehealth", "visit")


def contact(record: Json) -> Contact:
    """The intake JSON as a record."""
    return cast(Contact, record_from(record))


def entry(record: Json) -> PlanEntry:
    """The intake JSON of a plan entry as a record."""
    return cast(PlanEntry, record_from(record))


def surroundings(**program: Any) -> Surroundings:
    """The office around the contacts."""
    staff = {
        each: StaffFields.model_validate({"id": each, "npi": each, "supervisor": SUPERVISOR, **fields})
        for each, fields in STAFF.items()
    }
    entries = {each["id"]: entry(each) for each in (ENTRY, TARGETED_ENTRY, CHILD_ENTRY)}
    return Surroundings(staff, ProgramFields.model_validate({**PROGRAM, **program}), entries)


def judgement(of: Contact, *, minutes: int = 40, units: int = 2, billed: int | None = None) -> Judgement:
    """A judgement that holds nothing."""
    if of.status in ("no-show", "cancelled"):
        return Judgement(of.id, "contact", of.version, "ready", "none", 0, 0, ())
    left = units if billed is None else billed
    return Judgement(of.id, "contact", of.version, "ready", "ready", units, left, (), minutes=minutes)


def sealed(of: Contact, text: str, key: Json) -> tuple[Seal, ...]:
    """The seals of the contact's signatures over the text, each naming the one before it."""
    made: list[Seal] = []
    for each in of.signatures:
        said = seals.statement_of(of, each, text, made[-1].jws if made else None)
        made.append(Seal(str(each.meaning), str(each.by), _at(each.at), said, seals.seal(said, key)))
    return tuple(made)


def _at(value: datetime | None) -> datetime:
    assert value is not None
    return value


def resources(bundle: Json, kind: str) -> Sequence[Json]:
    """The resources of a type in a Bundle."""
    return [each["resource"] for each in bundle["entry"] if each["resource"]["resourceType"] == kind]


def one(bundle: Json, kind: str) -> Json:
    """The one resource of a type in a Bundle."""
    (found,) = resources(bundle, kind)
    return found
