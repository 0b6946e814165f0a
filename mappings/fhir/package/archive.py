"""The FHIR package itself: a gzipped tar, the same bytes for the same library and examples."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence

from mappings.fhir import gate
from mappings.fhir.elements import BASE, Json, to_bytes
from mappings.fhir.package.heads import COPYRIGHT, DATED, FHIR_VERSION, PUBLISHER, VERSION
from mappings.fhir.package.profiles import capability, extensions, profiles
from mappings.fhir.package.snapshots import Published, with_snapshot
from mappings.fhir.package.terminology import code_systems, concept_maps, naming_systems, value_sets
from mappings.library import Library

NAME = "example.peerchart"
# What it builds on, by package and version.
DEPENDS = {"hl7.fhir.r4.core": "4.0.1", "hl7.fhir.us.core": "6.1.0"}


def artefacts(library: Library, published: Published | None = None) -> list[Json]:
    """Every artefact of our own, in order of type and id, each through the gate; definitions of structures
    with snapshots where the `published` definitions they build on are given. Raises NotFit, NotPublished."""
    structures = [*extensions(), *profiles()]
    if published is not None:
        structures = [with_snapshot(each, published) for each in structures]
    found = [
        *code_systems(library), *value_sets(library), *concept_maps(library), *naming_systems(),
        *structures, capability(),
    ]  # fmt: skip
    for each in found:
        gate.check(each, full=True)
    return sorted(found, key=lambda each: (each["resourceType"], each["id"]))


def package_bytes(
    library: Library, examples: Mapping[str, Json] | None = None, published: Published | None = None
) -> bytes:
    """The package as .tgz: package.json, .index.json, a file for each artefact, the examples under their
    names. Raises NotFit when one of them is not fit to leave, and NotPublished."""
    made = artefacts(library, published)
    shown = examples or {}
    for each in shown.values():
        gate.check(each, full=True)
    files = {"package/package.json": to_bytes(_manifest(), indent=True) + b"\n"}
    files |= {f"package/{_file(each)}": to_bytes(each, indent=True) + b"\n" for each in made}
    files["package/.index.json"] = to_bytes(_index((_file(each), each) for each in made), indent=True) + b"\n"
    named = [(f"{each['resourceType']}-{name}.json", each) for name, each in sorted(shown.items())]
    files |= {f"package/example/{name}": to_bytes(each, indent=True) + b"\n" for name, each in named}
    if named:
        files["package/example/.index.json"] = to_bytes(_index(named), indent=True) + b"\n"
    return _archived(files)


def _file(resource: Json) -> str:
    return f"{resource['resourceType']}-{resource['id']}.json"


def _manifest() -> Json:
    return {
        "name": NAME,
        "version": VERSION,
        "canonical": BASE,
        "url": BASE,
        "title": "Peerchart",
        "description": f"What Peerchart writes as FHIR. {COPYRIGHT}",
        "type": "IG",
        "license": "CC0-1.0",
        "date": DATED.replace("-", "") + "000000",
        "author": PUBLISHER,
        "fhirVersions": [FHIR_VERSION],
        "dependencies": DEPENDS,
        "directories": {"lib": "package", "example": "example"},
    }


def _index(files: Iterable[tuple[str, Json]]) -> Json:
    names = ("resourceType", "id", "url", "version", "kind", "type", "derivation")
    return {
        "index-version": 2,
        "files": [
            {"filename": name, **{key: each[key] for key in names if isinstance(each.get(key), str)}}
            for name, each in files
        ],
    }


def _archived(files: Mapping[str, bytes]) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in _in_order(files):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(data), 0o644, 0
            archive.addfile(entry, io.BytesIO(data))
    return gzip.compress(held.getvalue(), mtime=0)


def _in_order(files: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    first: Sequence[str] = ("package/package.json", "package/.index.json")
    for name in (*first, *sorted(set(files) - set(first))):
        yield name, files[name]
