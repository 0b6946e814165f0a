"""Intake records that have much to do with each other: overlaps, groups, versions, twins, shared plans and
authorizations, copied notes and names of others, in any order."""

from __future__ import annotations

import random
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

from tests.generator import generate
from tests.intake_makers import FAMILY, GIVEN, LPHA, PROGRAM, as_line, contact, office, plan_entry, seeded

Json = dict[str, Any]
_PEERS = ("1900000021", "1900000047", "1900000099")


def tangled(seed: int, count: int) -> list[bytes]:
    """Lines of so many contacts with all that lies around them, a few refused ones among them."""
    pick = random.Random(seed)  # noqa: S311 - test data
    maker = seeded(seed)
    made = [_tangle(contact(maker), pick, count) for _ in range(count)]
    made += [_entry(maker, pick) for _ in range(count // 6)]
    made += [_again(pick.choice(made), pick) for _ in range(count // 8)]
    made += [_authorization(number, pick) for number in range(6)]
    people = [*office(), *_more_staff()]
    lines = [as_line(one) for one in [*people, *made]]
    lines += [one.line for one in generate(seed=seed, records=count // 4, bad=4)]
    pick.shuffle(lines)
    return lines


def _tangle(made: Json, pick: random.Random, count: int) -> Json:
    number = pick.randrange(max(12, count // 5))
    made["individual"]["id"] = f"MRN-{number}"
    made["individual"]["name"] = {"given": [GIVEN[number % 10]], "family": FAMILY[(number * 3) % 10]}
    made["peer"] = {"id": pick.choice(_PEERS)}
    made["signatures"][0]["by"] = made["peer"]["id"]
    _at(
        made,
        datetime.fromisoformat("2026-03-02T09:00:00-05:00")
        + timedelta(minutes=15 * pick.randrange(max(160, 3 * count))),
    )
    for change in pick.sample(_CHANGES, pick.randrange(4)):
        change(made, pick)
    return made


def _at(made: Json, start: datetime) -> None:
    shift = start - datetime.fromisoformat(made["start"])
    for holder, key in (
        (made, "start"),
        (made, "end"),
        (made["note"], "edited_at"),
        (made["signatures"][0], "at"),
    ):
        holder[key] = (datetime.fromisoformat(holder[key]) + shift).isoformat()


def _group(made: Json, pick: random.Random) -> None:
    made["service"]["format"] = "group"
    made["group"] = {"session": f"GRP-{pick.randrange(4)}", "attendees": 3, "recipients": []}


def _same_note(made: Json, pick: random.Random) -> None:
    made["note"]["response"] = "Took part with interest and named the very same questions to ask as before."
    made["note"]["progress"] = pick.choice(
        ["Wrote down the question alone.", "Found the bus to Mill Street."]
    )
    made["note"]["outcome"] = "Both questions are on paper and we will meet again in the next week."


def _names_another(made: Json, pick: random.Random) -> None:
    other = pick.randrange(12)
    name = f"{GIVEN[other % 10]} {FAMILY[(other * 3) % 10]}"
    made["note"]["progress"] = f"Spoke with {name} about the group and then went home again."


def _planned(made: Json, pick: random.Random) -> None:
    made["service"] |= {"basis": "planned", "plan_entry": f"PLAN-{pick.randrange(6)}", "rationale": None}


def _authorized(made: Json, pick: random.Random) -> None:
    made["jurisdiction"], made["authorization"] = "us-id", {"id": f"AUTH-{pick.randrange(4)}"}


def _whole_peer(made: Json, pick: random.Random) -> None:
    given = pick.choice(GIVEN)
    made["peer"] |= {"name": {"given": [given], "family": "Castillo"}, "employment": "contracted"}


def _filed(made: Json, pick: random.Random) -> None:
    made["claim"] = {"code": "H0038", "modifiers": [], "rate_code": "1474", "units": pick.randrange(3)}


def _not_admitted(made: Json, pick: random.Random) -> None:
    made["engagement"]["history"] = made["engagement"]["history"][:1]
    made["service"] |= {"basis": None, "rationale": None}


def _met(made: Json, pick: random.Random) -> None:
    made["collaboration"] = [{"on": "2026-03-01", "with": [pick.choice(_PEERS)], "reference": "TEAM-1"}]


def _did_not_come(made: Json, pick: random.Random) -> None:
    made["status"] = pick.choice(["no-show", "cancelled", "in-progress", "planned"])


def _corrected(made: Json, pick: random.Random) -> None:
    made["relates_to"] = {"id": f"ENC-2026-{pick.randrange(1, 40):06}", "how": "replaces"}


def _other_place(made: Json, pick: random.Random) -> None:
    made["program"] = pick.choice([None, {"id": "unknown"}, {"id": PROGRAM, "time_zone": "Asia/Tokyo"}])


def _unnamed(made: Json, pick: random.Random) -> None:
    made["individual"]["name"] = pick.choice([None, {"given": ["Grace"], "family": None}])


def _no_times(made: Json, pick: random.Random) -> None:
    made[pick.choice(["start", "end"])] = None


_CHANGES = (
    _group, _group, _same_note, _same_note, _names_another, _names_another, _planned, _authorized,
    _whole_peer, _filed, _not_admitted, _met, _did_not_come, _corrected, _other_place, _unnamed, _no_times,
)  # fmt: skip


def _entry(maker: Any, pick: random.Random) -> Json:
    made = plan_entry(maker, {"id": f"MRN-{pick.randrange(12)}"}, "planned", "adult")
    made["id"], made["version"] = f"PLAN-{pick.randrange(6)}", pick.randrange(1, 3)
    made["collaboration"] = [{"on": "2026-02-20", "with": [LPHA], "reference": None}]
    return made


def _again(one: Json, pick: random.Random) -> Json:
    """A further version, a twin, or another record of the same id, maybe of somebody else."""
    again = deepcopy(one)
    way = pick.randrange(4)
    if way == 0:
        again["version"] = again.get("version", 1) + 1
    elif way == 1:
        again["individual"]["id"] = f"MRN-{pick.randrange(12)}"
    elif way == 2 and again["kind"] == "contact":
        again["note"]["purpose"] = "Another purpose."
    return again


def _authorization(number: int, pick: random.Random) -> Json:
    return {
        "kind": "authorization", "id": f"AUTH-{number}", "jurisdiction": "us-id", "service": "H0038",
        "member": f"MRN-{number % 2}", "number": f"A{number}", "units": pick.randrange(2, 30), "used": 0,
        "from": f"2026-0{1 + number % 3}-01", "to": "2026-12-31", "requested_by": "1900000088",
        "requester_role": "provider", "member_approved": True, "review": None,
    }  # fmt: skip


def _more_staff() -> list[Json]:
    third = {
        **office()[1],
        "id": "1900000099",
        "npi": "1900000099",
        "name": {"given": ["Ines"], "family": "Hale"},
    }
    elsewhere = {**third, "jurisdiction": "us-id", "name": {"given": ["Juri"], "family": "Ito"}}
    return [third, elsewhere]
