"""Practitioner and PractitionerRole as EHRs send them (US Core), for the tests of the import."""

from __future__ import annotations

import json
from typing import Any

from mappings.fhir.staff import Given

Json = dict[str, Any]
BASE = "https://ehr.example/fhir"
NPI = "http://hl7.org/fhir/sid/us-npi"
NUCC = "http://nucc.org/provider-taxonomy"
V2_0360 = "http://terminology.hl7.org/CodeSystem/v2-0360"
LCSW = {
    "identifier": [{"system": "urn:example:nysed", "value": "LCSW-0311"}],
    "code": {"coding": [{"system": NUCC, "code": "1041C0700X"}], "text": "LCSW"},
    "period": {"start": "2019-07-01", "end": "2029-06-30"},
    "issuer": {"display": "New York State Education Department"},
}


def practitioner(id_: str = "p1", npi: str | None = "1900000311", **changes: Any) -> Json:
    """A clinical social worker of the EHR, unless changed; None takes an element away."""
    resource = {
        "resourceType": "Practitioner",
        "id": id_,
        "identifier": [{"system": NPI, "value": npi}] if npi else [],
        "active": True,
        "name": [{"use": "official", "family": "Amari", "given": ["Noor"]}],
        "telecom": [{"system": "phone", "value": "555-0142", "use": "work"}],
        "gender": "female",
        "birthDate": "1981-03-09",
        "qualification": [LCSW],
    } | changes
    return {name: value for name, value in resource.items() if value is not None}


def role(id_: str = "r1", of: str = "Practitioner/p1", **changes: Any) -> Json:
    """The role of a practitioner at the programme, unless changed."""
    resource = {
        "resourceType": "PractitionerRole",
        "id": id_,
        "active": True,
        "practitioner": {"reference": of},
        "organization": {"reference": "Organization/org-riverbend"},
        "code": [{"text": "Peer supervisor"}],
        "specialty": [{"coding": [{"system": NUCC, "code": "1041C0700X"}]}],
    } | changes
    return {name: value for name, value in resource.items() if value is not None}


def bundle(*resources: Json, kind: str = "collection", base: str = BASE) -> Json:
    """A Bundle of these, each with its address on the EHR."""
    entries = [{"fullUrl": f"{base}/{one['resourceType']}/{one['id']}", "resource": one} for one in resources]
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


def as_bytes(resource: Any) -> bytes:
    """The JSON text."""
    return json.dumps(resource).encode()


def given(*resources: Json) -> list[Given]:
    """The resources as they would have been read, one a line."""
    return [Given(f"line {number}", one) for number, one in enumerate(resources, start=1)]
