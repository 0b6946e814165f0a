"""CodeSystems, ValueSets, ConceptMaps and NamingSystems of our own, from the tables of the library."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from mappings.fhir.elements import CODE_SYSTEMS, IDENTIFIERS, THO, Json, concept, present
from mappings.fhir.local_codes import IDENTIFIER_KINDS, SYSTEMS
from mappings.fhir.package.heads import head, without
from mappings.library import Library
from mappings.library_parts import Code, Table

# A property of a table's codes that says which code of another system stands for it.
_TARGETS = {
    "encounter_class": (f"{THO}/v3-ActCode", "the class of an Encounter"),
    "place_of_service": (
        "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set",
        "the place of service of a claim",
    ),
}


def code_systems(library: Library) -> Iterator[Json]:
    """A CodeSystem for each table that has a system of our own, and for the codes that are in no table."""
    for system, tables in sorted(_ours(library).items()):
        codes = {code.code: code for table in tables for code in table.codes.values()}
        about = f"{tables[0].title}: {tables[0].cite.source}, {tables[0].cite.at}."
        yield _code_system(_name(system), tables[0].title, about, map(_concept, codes.values()))
    for name, kept in SYSTEMS.items():
        concepts = [{"code": code, "display": display} for code, display in kept.codes.items()]
        about = f"{kept.title}." + (" A code is the action's words, joined by dashes." if kept.open else "")
        yield _code_system(name, kept.title, about, concepts)


def _code_system(name: str, title: str, about: str, concepts: Iterable[Json]) -> Json:
    held = list(concepts)
    return present(
        **head("CodeSystem", name, title, about),
        caseSensitive=True,
        valueSet=f"{CODE_SYSTEMS.removesuffix('CodeSystem')}ValueSet/{name}",
        content="complete" if held else "not-present",
        count=len(held) or None,
        concept=held,
    )


def _concept(code: Code) -> Json:
    return present(code=code.code, display=code.display, definition=code.definition or None)


def value_sets(library: Library) -> Iterator[Json]:
    """All codes of each of our code systems, as a ValueSet."""
    for system in code_systems(library):
        name = system["url"].rsplit("/", 1)[-1]
        about = f"All codes of {system['title']}."
        yield {
            **head("ValueSet", name, system["title"], about),
            "compose": {"include": [{"system": system["url"]}]},
        }


def concept_maps(library: Library) -> Iterator[Json]:
    """What the codes of a table mean in other code systems, from its properties."""
    for table in sorted(library.tables.values(), key=lambda each: each.id):
        for name, (target, words) in _TARGETS.items():
            mapped = [each for each in table.codes.values() if each.properties.get(name)]
            if mapped and _is_ours(table.system):
                yield _concept_map(table, name, target, words, mapped)


def _concept_map(table: Table, name: str, target: str, words: str, mapped: Iterable[Code]) -> Json:
    title = f"{table.title}: {words}"
    elements = [
        {
            "code": each.code,
            "display": each.display,
            "target": [{"code": str(each.properties[name]), "equivalence": "wider"}],
        }
        for each in mapped
    ]
    return {
        **head("ConceptMap", f"{table.id}-{name.replace('_', '-')}", title, f"{title}."),
        "group": [{"source": table.system, "target": target, "element": elements}],
    }


def naming_systems() -> Iterator[Json]:
    """A NamingSystem for each kind of business identifier of our own."""
    for kind, words in sorted(IDENTIFIER_KINDS.items()):
        made = head("NamingSystem", f"id-{kind}", f"Identifier of Peerchart: {kind}", words)
        kept = without(made, "url", "version", "title", "experimental", "copyright")
        yield {
            **kept,
            "kind": "identifier",
            "type": concept(text=words),
            "uniqueId": [{"type": "uri", "value": f"{IDENTIFIERS}/{kind}", "preferred": True}],
        }


def _ours(library: Library) -> Mapping[str, list[Table]]:
    found: dict[str, list[Table]] = {}
    for table in sorted(library.tables.values(), key=lambda each: each.id):
        if _is_ours(table.system):
            found.setdefault(table.system, []).append(table)
    return found


def _is_ours(system: str) -> bool:
    return system.startswith(f"{CODE_SYSTEMS}/")


def _name(system: str) -> str:
    return system.removeprefix(f"{CODE_SYSTEMS}/")
