"""Signatures read back from Provenances."""

from __future__ import annotations

import json
from typing import Any

from mappings.fhir.loose import codings_of, text_of
from mappings.fhir.reading import people
from mappings.fhir.reading.sources import Source, Sources
from mappings.fhir.signature import seal_of
from mappings.seal import NotVerified

Json = dict[str, Any]
_HEAD = ("resourceType", "id", "meta", "text")


def signature_of(sources: Sources, provenance: Source) -> Json | None:
    """Meaning, signer and time of a Provenance; the statement tells the meaning better than the agent."""
    node, provenance.read = provenance.node, True
    node.take(*_HEAD, "target", "activity", "signature")
    agents = node.nodes("agent")
    recorded = node.text("recorded")
    if len(agents) != 1 or recorded is None:
        return None
    agent = agents[0]
    agent.take("type", "onBehalfOf")
    codes = [code for _, code, _ in codings_of(agent.data.get("type"))]
    by = people.staff_id(sources, provenance, agent.node("who"))
    meaning = "author" if "author" in codes else "cosigner" if "verifier" in codes else None
    return {"meaning": _stated(provenance) or meaning, "by": by, "at": recorded}


def _stated(provenance: Source) -> str | None:
    try:
        said = json.loads(seal_of(provenance.located.resource)[1])
    except (NotVerified, ValueError, AttributeError, TypeError):
        return None
    return text_of(said.get("meaning")) if isinstance(said, dict) else None
