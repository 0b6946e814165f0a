"""The data files of mappings/fhir: what the models say of our types, and the shapes that they have passed.

python -m tests.fhir_data

writes them anew, from the golden files and from generated records of several seeds.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from mappings.claims import draft_claims
from mappings.fhir import from_models, gate
from mappings.fhir.bundle import ChartLinks, NotFit, contact_parts, plan_parts, with_people
from mappings.fhir.claim import claim_parts
from mappings.fhir.model import ELEMENTS, RESOURCES, SHAPES, as_kept, elements, file_of, shape
from mappings.fhir.part2 import label
from mappings.fhir.repeated import spread
from mappings.intake import Refused, read_record
from mappings.library import load
from mappings.office import Surroundings
from mappings.records import Contact, PlanEntry, Program, Record, Staff
from mappings.rules import judge
from tests.caseload import caseload, seen_at
from tests.generator import generate
from tests.intake_makers import NOW

Json = dict[str, Any]
GOLDEN = Path(__file__).parent / "golden"
SEEDS = (1, 2, 3)
# Without these no Bundle is made, or the record is nobody's.
_NEEDED = ("kind", "id", "version", "jurisdiction", "start", "individual", "signatures")


def element_file() -> bytes:
    """What the installed models say of every type that is written."""
    tables = from_models.tables(RESOURCES)
    return file_of({kind: [as_kept(each) for each in known.values()] for kind, known in tables.items()})


def shape_file() -> bytes:
    """Every shape of the examples, each passed by the models; raises ValueError where one is refused."""
    proven: dict[str, set[str]] = {}
    for resource in examples():
        fresh = [(kind, names) for kind, names in _shapes(resource) if names not in proven.get(kind, ())]
        if fresh and (wrong := from_models.refused(resource)):
            raise ValueError(f"the models refuse {resource['resourceType']}: {wrong}")
        for kind, names in fresh:
            proven.setdefault(kind, set()).add(names)
    return file_of({kind: sorted(names) for kind, names in proven.items()})


def examples() -> Iterator[Json]:
    """The golden files, and the Bundles of generated records with those of their claims."""
    for file in sorted(GOLDEN.glob("*.json")):
        made = json.loads(file.read_bytes(), parse_float=Decimal)
        # What a server makes of a withdrawal is no whole resource by itself.
        if "resourceType" in made and not gate.findings(made):
            yield made
    for seed in SEEDS:
        lines = [one.line for one in generate(seed=seed, records=150, bad=0)]
        known = [read_record(line) for line in lines]
        yield from _mapped(known, NOW)
        yield from _mapped(
            [one for one in known if one.id[-1] in "05" or one.kind != "contact"], NOW, part2=True
        )
        yield from _mapped([_thinned(line, seed) for line in lines], NOW)
        yield from _mapped([read_record(line) for line in caseload(seed, 100)], seen_at().isoformat())


def _thinned(line: bytes, seed: int) -> Record:
    """The record without some of what a record need not have."""
    made = json.loads(line)
    if made["kind"] not in ("contact", "plan-entry"):
        return read_record(line)
    chance = random.Random(f"{seed} {made['id']}")  # noqa: S311 - no secret
    for part in (made, *(each for each in made.values() if isinstance(each, dict))):
        for key in [key for key in part if key not in _NEEDED and chance.random() < 0.25]:
            del part[key]
    try:
        return read_record(json.dumps(made).encode())
    except Refused:
        return read_record(line)


def _mapped(records: list[Record], now: str, *, part2: bool = False) -> Iterator[Json]:
    program = next(one for one in records if isinstance(one, Program))
    staff = {one.id: one for one in records if isinstance(one, Staff)}
    plans = {one.id: one for one in records if isinstance(one, PlanEntry)}
    around = Surroundings(staff, program.model_copy(update={"part2": part2}), plans)
    yield from _bundles(records, around, datetime.fromisoformat(now))


def _bundles(records: list[Record], around: Surroundings, now: datetime) -> Iterator[Json]:
    library, links = load(), ChartLinks()
    judged = judge(records, library, now)
    by_id = {(one.kind, one.id): one for one in judged}
    for one in records:
        try:
            if isinstance(one, Contact):
                parts = contact_parts(one, by_id[one.kind, one.id], around, (), links, library, now)
                yield _labelled(with_people(spread(parts[0]), parts[1]), around)
            elif isinstance(one, PlanEntry):
                plan = plan_parts([one], around, (), links, library, now)
                yield _labelled(with_people(spread(plan[0]), plan[1]), around)
        except NotFit:
            continue  # what may not leave has no shape to prove
    contacts = [one for one in records if isinstance(one, Contact)]
    for draft in draft_claims(contacts, judged, around, library):
        claim = claim_parts(draft, around, links, library, now)
        yield _labelled(with_people(spread(claim[0]), claim[1]), around)


def _labelled(bundle: Json, around: Surroundings) -> Json:
    if around.program is not None and around.program.part2:
        for each in bundle["entry"]:
            label(each)
    return bundle


def _shapes(resource: Json) -> Iterator[tuple[str, str]]:
    yield from _inside(resource, str(resource["resourceType"]))


def _inside(value: Json, kind: str) -> Iterator[tuple[str, str]]:
    known = elements(kind)
    yield kind, shape(kind, value).removeprefix(f"{kind} ")
    for name, item in value.items():
        model = known[name].model if name != "resourceType" else None
        for each in item if isinstance(item, list) else [item]:
            if model is not None:
                yield from _inside(each, each["resourceType"] if model == "Resource" else model)


def main() -> None:
    """Write both files."""
    for path, made in ((ELEMENTS, element_file()), (SHAPES, shape_file())):
        path.write_bytes(made)
        print(f"{path.name}: {len(made):,} bytes")


if __name__ == "__main__":
    main()
