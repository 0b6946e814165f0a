"""What every artefact begins with: its address, version, status, publisher and licence."""

from __future__ import annotations

import re
from typing import Any

from mappings.fhir.elements import BASE, Json, narrative

VERSION = "0.1.0"
# The day of this version: a package is the same bytes whenever it is built.
DATED = "2026-11-22"
PUBLISHER = "Peerchart maintainers"
COPYRIGHT = (
    "Definitions of Peerchart: CC0-1.0, as HL7's own; the program that writes them: Apache-2.0. Codes of "
    "other publishers are named here and stay theirs."
)
FHIR_VERSION = "4.0.1"


def head(kind: str, name: str, title: str, description: str) -> dict[str, Any]:
    """The beginning of an artefact of a kind such as "CodeSystem"; `name` is the last part of its address."""
    return {
        "resourceType": kind,
        "id": f"{name}-{_SHORT[kind]}" if kind in _SHORT else name,
        "text": narrative(title, [("About", description)]),
        "url": f"{BASE}/{kind}/{name}",
        "version": VERSION,
        "name": computable(name),
        "title": title,
        "status": "active",
        "experimental": False,
        "date": DATED,
        "publisher": PUBLISHER,
        "description": description,
        "copyright": COPYRIGHT,
    }


def computable(name: str) -> str:
    """A name as machines want it (invariant xxx-0): `plan-basis` becomes `PlanBasis`."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", name))


def without(resource: Json, *names: str) -> Json:
    """The resource without elements that its type does not have."""
    return {key: value for key, value in resource.items() if key not in names}


# Artefacts of several kinds share a name; in one package their ids must differ.
_SHORT = {"CodeSystem": "codes", "ValueSet": "values"}
