"""What an app may keep at the EHR for one person signed in: one small text under a code of the app's own.

Source: SMART App Launch 2.2, "Persisting App State" (experimental there, offered by few EHRs).
"""

import json
from dataclasses import dataclass, field
from typing import Any

from smart_launch.fhir_client import FhirClient, Refused

LONGEST = 16 * 1024
_CONFLICT = frozenset({409, 412})


@dataclass(frozen=True)
class Shelf:
    """Where the state of one person stands: a code in our own system (the origin of our addresses), and the
    person as an absolute reference."""

    system: str
    code: str
    subject: str

    @property
    def extension(self) -> str:
        """The address that names the text in the resource."""
        return f"{self.system}/fhir/StructureDefinition/{self.code}"


@dataclass(frozen=True)
class Kept:
    """What stands there: the text, and the id and version it must still have to be replaced."""

    text: str
    id: str = field(default="")
    version: str = field(default="")


def load(client: FhirClient, shelf: Shelf, *, request_id: str) -> Kept | None:
    """What is kept, None when nothing is, or nothing of our form. Raises FhirTrouble."""
    asked = {"code": f"{shelf.system}|{shelf.code}", "subject": shelf.subject}
    found = client.search("Basic", asked, request_id=request_id, max_pages=1)
    for one in found.matches:
        if (one.get("subject") or {}).get("reference") == shelf.subject:
            return _kept(one, shelf)
    return None


def save(client: FhirClient, shelf: Shelf, text: str, *, request_id: str) -> None:
    """Keep the text in place of what stands there; once again where another window was faster. Raises
    FhirTrouble, and ValueError for a text of more than 16 KiB."""
    if len(text.encode()) > LONGEST:
        raise ValueError(f"app state has at most {LONGEST} bytes")
    try:
        _save(client, shelf, text, request_id)
    except Refused as refused:
        if refused.status not in _CONFLICT:
            raise
        _save(client, shelf, text, request_id)


def _save(client: FhirClient, shelf: Shelf, text: str, request_id: str) -> None:
    before = load(client, shelf, request_id=request_id)
    resource: dict[str, Any] = {
        "resourceType": "Basic",
        "code": {"coding": [{"system": shelf.system, "code": shelf.code}]},
        "subject": {"reference": shelf.subject},
        "extension": [{"url": shelf.extension, "valueString": text}],
    }
    if before is None:
        client.create("Basic", json.dumps(resource).encode(), request_id=request_id)
        return
    body = json.dumps({**resource, "id": before.id}).encode()
    client.update(f"Basic/{before.id}", body, request_id=request_id, if_match=before.version)


def _kept(resource: dict[str, Any], shelf: Shelf) -> Kept:
    listed = resource.get("extension")
    texts = [
        one.get("valueString")
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, dict) and one.get("url") == shelf.extension
    ]
    text = texts[0] if len(texts) == 1 and isinstance(texts[0], str) else ""
    version = (resource.get("meta") or {}).get("versionId")
    return Kept(text, str(resource.get("id", "")), str(version or ""))
