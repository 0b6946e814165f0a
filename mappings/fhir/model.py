"""The elements of each FHIR type as the R4B models know them, and the shapes that the models have passed.

R4 and R4B have the same elements for every resource written here, so the R4B models serve for R4. What they
say of these types stands in data files beside this module, since building the models takes a second or two:
they are asked where a type or a shape is not there, or where fhir.resources has another version. A shape is
the elements that an object has: a model asks of an object only which of its own elements are there and of
what type each is, so that an object inside another is a shape of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from fhir_core.fhirabstractmodel import FHIRAbstractModel

ELEMENTS = Path(__file__).with_name("elements.json")
SHAPES = Path(__file__).with_name("shapes.json")
# What is written here, and what others' charts are read from.
RESOURCES = (
    *("AuditEvent", "Binary", "Bundle", "CarePlan", "Claim", "Condition", "Consent", "Coverage"),
    *("DocumentReference", "Encounter", "EpisodeOfCare", "Goal", "Location", "OperationOutcome"),
    *("Organization", "Patient", "Practitioner", "PractitionerRole", "Provenance", "RelatedPerson"),
    *("ServiceRequest", "Task"),
)


@dataclass(frozen=True)
class Element:
    """One element of a type: its JSON name, primitive or model, whether it repeats or must be there."""

    name: str
    primitive: str | None
    model: str | None
    repeats: bool
    required: bool
    codes: frozenset[str] | None
    targets: frozenset[str] | None
    choice: str | None


def model_class(name: str) -> type[FHIRAbstractModel]:
    """The R4B model class of a type such as "Encounter" or "EncounterParticipant"; ValueError if unknown."""
    from mappings.fhir import from_models

    return from_models.model_class(name)


@lru_cache(maxsize=512)
def elements(name: str) -> dict[str, Element]:
    """The elements of a type by JSON name, in the order of the specification; ValueError if unknown."""
    known = _kept(ELEMENTS).get(name)
    if known is not None:
        return {each["name"]: _element(each) for each in known}
    from mappings.fhir import from_models

    return from_models.elements_of(name)


@lru_cache(maxsize=1)
def proven_shapes() -> frozenset[str]:
    """The shapes that the models of this version have passed, as `shape` names them."""
    return frozenset(f"{kind} {names}" for kind, all_names in _kept(SHAPES).items() for names in all_names)


def shape(kind: str, names: Iterable[str]) -> str:
    """The shape of an object of a type with elements of these names, the same whatever their order."""
    return " ".join([kind, *sorted(names)])


def models_version() -> str:
    """The version of fhir.resources that is installed."""
    return version("fhir.resources")


@lru_cache(maxsize=2)
def _kept(path: Path) -> dict[str, Any]:
    """What a data file says by type; nothing where it was written for other models than those installed."""
    data = orjson.loads(path.read_bytes())
    known: dict[str, Any] = data["types"] if data["models"] == models_version() else {}
    return known


def _element(kept: dict[str, Any]) -> Element:
    codes, targets = kept.get("codes"), kept.get("targets")
    return Element(
        name=kept["name"],
        primitive=kept.get("primitive"),
        model=kept.get("model"),
        repeats=kept.get("repeats", False),
        required=kept.get("required", False),
        codes=None if codes is None else frozenset(codes),
        targets=None if targets is None else frozenset(targets),
        choice=kept.get("choice"),
    )


def as_kept(element: Element) -> dict[str, Any]:
    """An element as it stands in the data file."""
    said = {key: value for key, value in asdict(element).items() if value}
    return {key: sorted(value) if isinstance(value, frozenset) else value for key, value in said.items()}


def file_of(types: dict[str, list[Any]]) -> bytes:
    """A data file of what the installed models say by type: one line for each of its items."""
    lines = [b'{"models":%b,"types":{' % orjson.dumps(models_version())]
    for number, (kind, items) in enumerate(sorted(types.items())):
        lines.append(b"%b%b:[" % (b"," if number else b"", orjson.dumps(kind)))
        lines.append(b",\n".join(orjson.dumps(each) for each in items))
        lines.append(b"]")
    return b"\n".join([*lines, b"}}", b""])
