"""A seeded generator of intake records: varied good ones, and bad ones of every kind, each with what is to be
expected of it. It knows the intake record as it is described to people and imports nothing of the product,
so that what it expects is counted independently.

    python -m tests.generator --seed 7 --records 240 --bad 40 > records.ndjson
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from tests.intake_faults import bad_ones
from tests.intake_makers import (
    Generated,
    Json,
    Maker,
    as_line,
    contact,
    minutes_of,
    office,
    plan_entry,
    pre_admission,
    seeded,
)


def _good(made: Json, made_as: str, claim: str = "") -> Generated:
    units = minutes_of(made) // 15
    return Generated(
        line=as_line(made), made_as=made_as, id=made["id"], lines_out=1, signing="ready",
        claim=claim or ("ready" if units else "none"), units=units,
        billed=0 if claim == "held" else min(units, 12), leaves=True,
    )  # fmt: skip


def _good_plan(made: Json, made_as: str) -> Generated:
    return Generated(
        as_line(made), made_as, made["id"], lines_out=1, signing="ready", claim="none", leaves=True
    )


def _make_ad_hoc(maker: Maker) -> list[Generated]:
    return [_good(contact(maker), "ad hoc")]


def _make_pre_admission(maker: Maker) -> list[Generated]:
    return [_good(pre_admission(maker), "pre-admission")]


def _in_plan(maker: Maker, basis: str, service_type: str = "adult") -> list[Generated]:
    made = contact(maker, service_type)
    entry = plan_entry(maker, {"id": made["individual"]["id"]}, basis, service_type)
    made["service"] |= {"basis": basis, "plan_entry": entry["id"], "rationale": None}
    pair = [_good(made, f"{basis} {service_type}"), _good_plan(entry, f"plan entry {basis}")]
    return pair if maker.random.random() < 0.5 else pair[::-1]


def _make_family(maker: Maker) -> list[Generated]:
    made = contact(maker, "family")
    made["recipients"] = [
        {"role": "family", "name": {"given": ["Rosa"], "family": made["individual"]["name"]["family"]},
         "relationship": "mother", "attachment": True}
    ]  # fmt: skip
    return [_good(made, "family")]


def _make_youth(maker: Maker) -> list[Generated]:
    return [_good(contact(maker, "youth"), "youth")]


def _make_group(maker: Maker) -> list[Generated]:
    made = contact(maker)
    made["service"]["format"] = "group"
    made["group"] = {
        "session": f"GRP-{made['id'][-4:]}", "attendees": 5,
        "recipients": [made["individual"]["id"], *(f"MRN-{90000 + n}" for n in range(4))],
    }  # fmt: skip
    return [_good(made, "group")]


def _make_off_site(maker: Maker) -> list[Generated]:
    made = contact(maker)
    made["service"] |= {"place": "offsite", "location": {"kind": "home", "name": None}}
    return [_good(made, "off site")]


def _make_telehealth(maker: Maker) -> list[Generated]:
    # Telehealth has no rate code until a site sets one: the note leaves, the claim waits.
    made = contact(maker)
    made["service"] |= {"place": "telehealth", "modality": "video", "location": None}
    return [_good(made, "telehealth", claim="held")]


def _make_short(maker: Maker) -> list[Generated]:
    return [_good(contact(maker, minutes=maker.random.randrange(1, 15)), "short")]


def _make_break(maker: Maker) -> list[Generated]:
    made = contact(maker, minutes=75)
    made["excluded_minutes"] = 16
    return [_good(made, "with a break")]


def _make_long_day(maker: Maker) -> list[Generated]:
    # 7 units in the morning and 7 later the same day: the cap of 12 leaves 5 for the second.
    first, second = contact(maker, minutes=110), contact(maker, minutes=110)
    second["individual"] = first["individual"]
    start = datetime.fromisoformat(first["start"]).replace(hour=19, minute=0)
    shift = start - datetime.fromisoformat(second["start"])
    _shift(second, shift)
    return [_good(first, "long day"), replace(_good(second, "long day, cut"), billed=5)]


def _shift(made: Json, by: timedelta) -> None:
    for holder, key in [
        (made, "start"),
        (made, "end"),
        (made["note"], "edited_at"),
        (made["signatures"][0], "at"),
    ]:
        holder[key] = (datetime.fromisoformat(holder[key]) + by).isoformat()


def _make_authorization(maker: Maker) -> list[Generated]:
    number = maker.number()
    made: Json = {
        "kind": "authorization", "id": f"AUTH-{number}", "jurisdiction": "us-id", "service": "H0038",
        "member": "MRN-90001", "number": "A123", "units": 16, "used": 0, "from": "2024-03-01",
        "to": "2024-03-30", "requested_by": "1900000088", "requester_role": "provider",
        "member_approved": True, "review": None,
    }  # fmt: skip
    return [Generated(as_line(made), "authorization", made["id"])]


GOOD: tuple[Callable[[Maker], list[Generated]], ...] = (
    _make_pre_admission,
    lambda maker: _in_plan(maker, "planned"),
    lambda maker: _in_plan(maker, "targeted"),
    _make_ad_hoc,
    _make_family,
    _make_youth,
    _make_group,
    _make_off_site,
    _make_telehealth,
    _make_short,
    _make_break,
    _make_long_day,
    _make_pre_admission,
    lambda maker: _in_plan(maker, "planned", "youth"),
    _make_authorization,
)


def generate(seed: int = 7, records: int = 240, bad: int = 40) -> list[Generated]:
    """`records` lines in a mixed order, `bad` of them bad, each in another way as long as there are ways."""
    maker = seeded(seed)
    made = [Generated(as_line(record), "office", record["id"]) for record in office()]
    spoiled = bad_ones(maker)
    made += [next(spoiled) for _ in range(bad)]
    turn = 0
    while len(made) < records:
        group = GOOD[turn % len(GOOD)](maker)
        turn += 1
        made += group if len(made) + len(group) <= records else _make_ad_hoc(maker)
    maker.random.shuffle(made)
    return made


def main() -> None:
    """Write the lines to standard output."""
    parser = argparse.ArgumentParser(description="Seeded intake records, one a line.")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--records", type=int, default=240)
    parser.add_argument("--bad", type=int, default=40)
    given = parser.parse_args()
    for one in generate(given.seed, given.records, given.bad):
        sys.stdout.buffer.write(one.line + b"\n")


if __name__ == "__main__":
    main()
