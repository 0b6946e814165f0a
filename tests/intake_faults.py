"""Intake records that are bad, each in a way of its own: refused at the door, or judged and held."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.intake_makers import (
    PEERS,
    Generated,
    Json,
    Maker,
    as_line,
    contact,
    minutes_of,
    peer,
    pre_admission,
)


def _text(maker: Maker) -> str:
    return json.dumps(contact(maker), ensure_ascii=False)


def _changed(maker: Maker, change: Callable[[Json], object]) -> bytes:
    made = contact(maker)
    change(made)
    return as_line(made)


def _deep(maker: Maker) -> bytes:
    return _text(maker).replace('"risk": null', '"risk": ' + '{"seen":' * 70 + "true" + "}" * 70).encode()


REFUSED: dict[str, Callable[[Maker], bytes]] = {
    "bad JSON": lambda m: _text(m)[:-20].encode(),
    "duplicate key": lambda m: (_text(m)[:-1] + ', "status": "finished"}').encode(),
    "unknown field": lambda m: _changed(m, lambda c: c.update(colour="green")),
    "unknown inner field": lambda m: _changed(m, lambda c: c["note"].update(mood="good")),
    "wrong type": lambda m: _changed(m, lambda c: c.update(excluded_minutes="10")),
    "number for a text": lambda m: _changed(m, lambda c: c["note"].update(purpose=7)),
    "unreadable date": lambda m: _changed(m, lambda c: c["individual"].update(birth_date="03/02/1990")),
    "time without offset": lambda m: _changed(m, lambda c: c.update(start="2026-03-04T10:00:00")),
    "no such day": lambda m: _changed(m, lambda c: c["engagement"].update(goal_on="2026-02-30")),
    "missing kind": lambda m: _changed(m, lambda c: c.pop("kind")),
    "unknown kind": lambda m: _changed(m, lambda c: c.update(kind="visit")),
    "missing id": lambda m: _changed(m, lambda c: c.pop("id")),
    "blank id": lambda m: _changed(m, lambda c: c.update(id="  ")),
    "missing jurisdiction": lambda m: _changed(m, lambda c: c.pop("jurisdiction")),
    "missing individual": lambda m: _changed(m, lambda c: c.pop("individual")),
    "missing individual id": lambda m: _changed(m, lambda c: c["individual"].pop("id")),
    "NaN": lambda m: _text(m).replace('"excluded_minutes": 0', '"excluded_minutes": NaN').encode(),
    "too deep": _deep,
    "too large": lambda m: _changed(m, lambda c: c["note"].update(purpose="long " * 250_000)),
    "XML": lambda _: b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e "e">]><Encounter>&e;</Encounter>',
    "not UTF-8": lambda m: _changed(m, lambda c: c["note"].update(purpose="caf\xe9")).replace(
        b"\xc3\xa9", b"\xe9"
    ),
    "half a character": lambda m: _text(m).replace('"purpose": "', '"purpose": "\\ud800 ').encode(),
    "a list": lambda _: b"[1, 2, 3]",
}


@dataclass(frozen=True)
class Fault:
    """How a good contact is spoiled, what is held then, and a rule that must say so."""

    spoil: Callable[[Json], object]
    rule: str
    signing: str = "ready"
    claim: str = "held"
    leaves: bool = False
    before_admission: bool = False
    units: int | None = None


def _history(*entries: tuple[str, str]) -> list[Json]:
    return [{"status": status, "at": at} for status, at in entries]


def _cosigned_by(**changes: object) -> Callable[[Json], object]:
    return lambda made: made["signatures"][1].update(changes)


def _next_version(made: Json) -> None:
    made["version"] = 2


def _as_group(attendees: int) -> Callable[[Json], object]:
    def spoil(made: Json) -> None:
        made["service"]["format"] = "group"
        made["group"] = {
            "session": f"GRP-{made['id'][-4:]}", "attendees": attendees,
            "recipients": [made["individual"]["id"], *(f"MRN-{91000 + n}" for n in range(attendees - 1))],
        }  # fmt: skip

    return spoil


def _lapsed(made: Json) -> None:
    whole = copy.deepcopy(peer("1900000021", "Pat", "Rivera", "1985-05-05", "nycps"))
    whole["credentials"][0]["to"] = "2026-01-31"
    made["peer"] = {name: value for name, value in whole.items() if name not in {"kind", "jurisdiction"}}


HELD: dict[str, Fault] = {
    "unsigned": Fault(lambda c: c.update(signatures=[]), "NY.SIG.ENROLLED"),
    "unsigned before admission": Fault(
        lambda c: c.update(signatures=[]), "NY.SIG.PEER", before_admission=True
    ),
    "not co-signed": Fault(lambda c: c["signatures"].pop(), "NY.PRE.COSIGN", before_admission=True),
    "co-signed by the peer": Fault(_cosigned_by(by=PEERS["adult"]), "NY.PRE.COSIGN", before_admission=True),
    "co-signer no LPHA": Fault(
        _cosigned_by(category="peer-supervisor"), "NY.SIG.LPHA_ROLE", before_admission=True
    ),
    "co-signer's licence lapsed": Fault(
        _cosigned_by(licence_to="2026-01-31"), "NY.SIG.LPHA_ROLE", before_admission=True
    ),
    "amended after signing": Fault(_next_version, "NY.PRE.COSIGN", before_admission=True),
    "no purpose": Fault(lambda c: c["note"].update(purpose=None), "NY.NOTE.FIELDS", signing="held"),
    "blank response": Fault(lambda c: c["note"].update(response="  "), "NY.NOTE.FIELDS", signing="held"),
    "no progress": Fault(lambda c: c["note"].update(progress=""), "NY.NOTE.FIELDS", signing="held"),
    "no outcome before admission": Fault(
        lambda c: c["note"].update(outcome=None), "NY.PRE.NOTE_FIELDS", signing="held", before_admission=True
    ),
    "no goal before admission": Fault(
        lambda c: c["engagement"].update(goal=None),
        "NY.PRE.PURPOSE_GOAL",
        signing="held",
        before_admission=True,
    ),
    "no component": Fault(lambda c: c["service"].update(components=[]), "NY.NOTE.COMPONENT", signing="held"),
    "component of another service": Fault(
        lambda c: c["service"].update(components=["F-PSD"]), "NY.NOTE.COMPONENT", signing="held"
    ),
    "no end": Fault(lambda c: c.update(end=None), "GEN.NOTE.TIMES", signing="held", units=0),
    "end before start": Fault(
        lambda c: c.update(end=c["start"], start=c["end"]),
        "GEN.NOTE.TIMES",
        signing="held",
        claim="none",
        units=0,
    ),
    "credential lapsed": Fault(_lapsed, "NY.REND.NYCPS.CRED", leaves=True),
    "peer nobody knows": Fault(
        lambda c: (c.update(peer={"id": "1900009999"}), c["signatures"][0].update(by="1900009999")),
        "NY.REND.NYCPS.CRED",
        leaves=True,
    ),
    "group before admission": Fault(
        _as_group(3), "NY.PRE.INDIVIDUAL_ONLY", leaves=True, before_admission=True
    ),
    "group of thirteen": Fault(_as_group(13), "NY.UNIT.GROUP12", leaves=True),
    "after a decline": Fault(
        lambda c: c["engagement"].update(
            history=_history(("undecided", "2026-01-02"), ("declined", "2026-01-10"))
        ),
        "NY.PRE.DECLINE",
        leaves=True,
        before_admission=True,
    ),
    "plan entry missing": Fault(
        lambda c: c["service"].update(basis="planned", plan_entry="PLAN-NONE"), "NY.PLAN.PLANNED", leaves=True
    ),
    "no place": Fault(lambda c: c["service"].update(place=None), "NY.MODE.SETTING", leaves=True),
    "another code": Fault(
        lambda c: c.update(
            claim={"code": "H2015", "modifiers": [], "rate_code": "1474", "units": None, "filed": None}
        ),
        "NY.CODE.H0038",
        leaves=True,
    ),
    "coerced": Fault(lambda c: c["service"].update(voluntary=False), "GEN.SCOPE.VOLUNTARY", leaves=True),
    "no pack for the place": Fault(
        lambda c: c.update(jurisdiction="us-zz"), "NO_PACK", signing="held", units=0
    ),
}


def _held(maker: Maker, name: str) -> Generated:
    fault = HELD[name]
    made = pre_admission(maker) if fault.before_admission else contact(maker)
    fault.spoil(made)
    units = fault.units if fault.units is not None else minutes_of(made) // 15
    return Generated(
        line=as_line(made), made_as=f"held: {name}", id=made["id"], lines_out=1, signing=fault.signing,
        claim=fault.claim, units=units, leaves=fault.leaves, rule=fault.rule,
    )  # fmt: skip


def bad_ones(maker: Maker) -> Iterator[Generated]:
    kinds = [*REFUSED, *HELD]
    maker.random.shuffle(kinds)
    while True:
        for kind in kinds:
            if kind in REFUSED:
                yield Generated(REFUSED[kind](maker), f"refused: {kind}", refused=True)
            else:
                yield _held(maker, kind)
