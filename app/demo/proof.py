"""What must stand in the EHR after the walk, resource by resource, and what does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.delivery.plan import ANCHORS
from app.demo.chart_reader import ChartReader, Json, named, note_text
from app.demo.walk import LINDQVIST, MOSS, UNITS, VISIT, Walk
from mappings.fhir.signature import verify_signature
from mappings.seal import NotVerified

CONTACTS = ("pre-admission", "planned", "targeted", "ad-hoc")
# What each kind of EHR takes, as the operator's overrides say.
TAKES: Mapping[str, frozenset[str]] = {
    "full": frozenset(
        {"Encounter", "DocumentReference", "Provenance", "Task", "EpisodeOfCare", "Goal", "CarePlan", "Claim"}
    ),
    "oracle": frozenset({"Encounter", "DocumentReference", "Provenance"}),
    "epic": frozenset({"DocumentReference"}),
}


@dataclass(frozen=True)
class Line:
    """One expectation: which resource, what was expected, what was found, and whether it is right."""

    resource: str
    expected: str
    found: str
    ok: bool

    def to_json(self) -> dict[str, Any]:
        """The line as JSON data."""
        return {"resource": self.resource, "expected": self.expected, "found": self.found, "ok": self.ok}


@dataclass(frozen=True)
class Proof:
    """All that is compared: the walk, the EHR now, what it owned before, the published keys, and its kind."""

    walk: Walk
    reader: ChartReader
    before: Mapping[str, int]
    keys: Mapping[str, Any]
    takes: str

    def lines(self) -> list[Line]:
        """Every expectation with what was found."""
        parts: tuple[Callable[[], Iterator[Line]], ...] = (
            self._typing,
            self._encounters,
            self._notes,
            self._signatures,
            self._task,
            self._episode,
            self._plan,
            self._claims,
            self._owned,
            self._deliveries,
        )
        return [line for part in parts for line in part()]

    def _takes(self, resource_type: str) -> bool:
        return resource_type in TAKES[self.takes]

    def _count(self, resource: str, what: str, found: list[Json], wanted: int, takes: str) -> Line:
        expected = wanted if self._takes(takes) else 0
        return Line(resource, f"{expected} {what}", str(len(found)), len(found) == expected)

    def _typing(self) -> Iterator[Line]:
        seen = self.walk.seen.get("while typing", "")
        ok = "NY.PRE.NOTE_FIELDS" in seen and "line" in seen
        yield Line("Page", "findings with citation while typing", "shown" if ok else "not shown", ok)

    def _encounters(self) -> Iterator[Line]:
        for name in CONTACTS:
            found = named(self.reader.all_of("Encounter"), "encounter", self.walk.contacts[name])
            # The visit's own Encounter is linked, so the planned contact makes none.
            wanted = 0 if name == "planned" else 1
            yield self._count("Encounter", f"of the {name} contact", found, wanted, "Encounter")
            for one in found:
                yield _same("Encounter", f"{name} status", "finished", one.get("status"))

    def _notes(self) -> Iterator[Line]:
        for name in CONTACTS:
            found = self._note_of(name)
            yield self._count("DocumentReference", f"{name} note", found, 1, "DocumentReference")
            for one in found:
                same = note_text(one) == self.walk.texts[name]
                yield Line(
                    "DocumentReference", f"{name} text as signed", "the same" if same else "another", same
                )
                yield _same("DocumentReference", f"{name} docStatus", "final", one.get("docStatus"))
        for one in self._note_of("planned"):
            linked = [each.get("reference") for each in one.get("context", {}).get("encounter", ())]
            yield _same("DocumentReference", "planned note's Encounter", f"Encounter/{VISIT}", _only(linked))

    def _note_of(self, name: str) -> list[Json]:
        return named(self.reader.all_of("DocumentReference"), "note", f"{self.walk.contacts[name]}/note/1")

    def _signatures(self) -> Iterator[Line]:
        for name in CONTACTS:
            for document in self._note_of(name):
                found = self.reader.signatures_on(f"DocumentReference/{document['id']}")
                wanted = 2 if name == "pre-admission" else 1
                yield self._count("Provenance", f"on the {name} note", found, wanted, "Provenance")
                for place, one in enumerate(found):
                    earlier = found[place - 1] if place else None
                    yield self._verified(name, one, document, earlier)

    def _verified(self, name: str, one: Json, document: Json, earlier: Json | None) -> Line:
        what = f"{name} seal holds over text and statement"
        try:
            said = verify_signature(one, document, self.keys, earlier)
        except NotVerified as error:
            return Line("Provenance", what, str(error), ok=False)
        return Line(
            "Provenance", f"{name} seal holds over text and statement", f"{said['meaning']} ok", ok=True
        )

    def _task(self) -> Iterator[Line]:
        found = self.reader.of_person("Task", MOSS)
        yield self._count("Task", "of the co-signature", found, 1, "Task")
        for one in found:
            yield _same("Task", "status", "completed", one.get("status"))

    def _episode(self) -> Iterator[Line]:
        found = self.reader.of_person("EpisodeOfCare", MOSS)
        yield self._count("EpisodeOfCare", "of Alex Moss", found, 1, "EpisodeOfCare")
        for one in found:
            yield _same("EpisodeOfCare", "status before admission", "planned", one.get("status"))

    def _plan(self) -> Iterator[Line]:
        yield self._count("Goal", "of Alex Moss", self.reader.of_person("Goal", MOSS), 1, "Goal")
        goals = self.reader.of_person("Goal", LINDQVIST)
        yield self._count("Goal", "of Maja Lindqvist", goals, 2, "Goal")
        plans = self.reader.of_person("CarePlan", LINDQVIST)
        yield self._count("CarePlan", "of Maja Lindqvist", plans, 1, "CarePlan")
        services = self.reader.of_person("ServiceRequest", LINDQVIST)
        yield self._count("ServiceRequest", "of her plan", services, 2, "CarePlan")
        for one in services:
            signed = self.reader.signatures_on(f"ServiceRequest/{one['id']}")
            yield self._count("Provenance", "on a service of her plan", signed, 1, "CarePlan")
        for one in plans:
            named_in = {each.get("reference", {}).get("reference") for each in one.get("activity", ())}
            wanted = {f"ServiceRequest/{each['id']}" for each in services}
            both = named_in == wanted
            yield Line("CarePlan", "activities are her services", "both" if both else str(named_in), both)

    def _claims(self) -> Iterator[Line]:
        wanted = {MOSS: (UNITS, "R69"), LINDQVIST: (3 * UNITS, "F33.1")}
        for patient, (units, code) in wanted.items():
            found = self.reader.of_person("Claim", patient)
            yield self._count("Claim", f"of {patient}", found, 1, "Claim")
            for one in found:
                billed = sum(item["quantity"]["value"] for item in one["item"])
                yield _same("Claim", f"{patient} units", str(units), str(billed))
                yield _same("Claim", f"{patient} rate code", "1474", _rate_code(one))
                yield _same("Claim", f"{patient} diagnosis", code, _diagnosis(one))

    def _owned(self) -> Iterator[Line]:
        for name, count in self.reader.counts().items():
            yield _same(name, "none created or doubled", str(self.before[name]), str(count))

    def _deliveries(self) -> Iterator[Line]:
        for line in self.reader.deliveries():
            if self._takes(ANCHORS[line.kind]):
                yield _same("Delivery", line.kind, "in the chart", line.word)
                continue
            stays = line.word in {"held", "waiting"}
            yield Line("Delivery", f"{line.kind}: held, or waiting behind a held one", line.word, stays)


def _same(resource: str, what: str, wanted: str, found: object) -> Line:
    return Line(resource, f"{what}: {wanted}", str(found), wanted == found)


def _only(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values


def _rate_code(claim: Json) -> str:
    infos = claim.get("supportingInfo", ())
    return next((str(one["valueString"]) for one in infos if "valueString" in one), "none")


def _diagnosis(claim: Json) -> str:
    concepts = [one.get("diagnosisCodeableConcept", {}) for one in claim.get("diagnosis", ())]
    codes = [coding.get("code") for concept in concepts for coding in concept.get("coding", ())]
    return str(_only(codes))
