"""The invented people of this EHR as FHIR resources; their days hold relative to a given today."""

import tomllib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from importlib.resources import files
from typing import Any

from .store import Store

NPI = "http://hl7.org/fhir/sid/us-npi"
MRN = "urn:example:mrn"
PAYER = "urn:example:payer"
MEDICAID_PROVIDER = "urn:example:ny-medicaid-provider"
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
_US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition"

Resource = dict[str, Any]
Row = dict[str, Any]


def seed(store: Store, today: date, zone: tzinfo) -> None:
    """Write the people into an EHR; one that already has them keeps them, with today's visits.

    `zone` is the time zone of the clinic.
    """
    with store.database.transaction():
        for resource in people(today, zone):
            before = store.read(resource["resourceType"], resource["id"])
            moved = before and not before.deleted and before.resource.get("period") != resource.get("period")
            if before is None or (moved and resource["resourceType"] == "Encounter"):
                store.write(resource, resource["id"])


def people(today: date, zone: tzinfo) -> Iterator[Resource]:
    """Yield every resource of the invented people, those referred to before those that refer."""
    data = tomllib.loads(files(__package__).joinpath("people.toml").read_text(encoding="utf-8"))
    yield from (_organization(row) for row in data["organization"])
    yield from (_location(row) for row in data["location"])
    for row in data["practitioner"]:
        yield _practitioner(row)
        yield _role(row)
    for row in data["patient"]:
        yield from _chart(row, today, zone)


def _chart(row: Row, today: date, zone: tzinfo) -> Iterator[Resource]:
    yield _patient(row, today)
    if related := row.get("related"):
        yield _related(row, related)
    for order, coverage in enumerate(row["coverages"], start=1):
        yield _coverage(row, coverage, order, today)
    for condition in row.get("conditions", []):
        yield _condition(row, condition)
    if episode := row.get("episode"):
        yield _episode(row, episode, today)
    if visit := row.get("visit"):
        yield _visit(row, visit, datetime.combine(today, time(visit["hour"]), zone))


def _concept(system: str, code: str, display: str) -> Resource:
    coding = {"system": system, "code": code, "display": display}
    return {"coding": [coding], "text": display}


def _to(address: str, display: str | None = None) -> Resource:
    return {"reference": address} | ({"display": display} if display else {})


def _profile(name: str) -> Resource:
    return {"profile": [f"{_US_CORE}/{name}"]}


def _phone(number: str) -> list[Resource]:
    return [{"system": "phone", "value": f"+1 518 555 {number}", "use": "work"}]


def _organization(row: Row) -> Resource:
    systems = {"npi": NPI, "medicaid": MEDICAID_PROVIDER, "payer": PAYER}
    identifiers = [{"system": system, "value": row[key]} for key, system in systems.items() if key in row]
    names = {"prov": "Healthcare Provider", "pay": "Payer"}
    return {
        "resourceType": "Organization",
        "id": row["id"],
        "meta": _profile("us-core-organization"),
        "identifier": identifiers,
        "active": True,
        "type": [_concept(f"{_TERMINOLOGY}/organization-type", row["type"], names[row["type"]])],
        "name": row["name"],
        "telecom": _phone("0100"),
    }


def _location(row: Row) -> Resource:
    return {
        "resourceType": "Location",
        "id": row["id"],
        "meta": _profile("us-core-location"),
        "status": "active",
        "name": row["name"],
        "type": [_concept(f"{_TERMINOLOGY}/v3-RoleCode", "PSY", "Psychiatry clinic")],
        "address": {"line": ["12 Main Street"], "city": "Albany", "state": "NY", "postalCode": "12207"},
        "managingOrganization": _to(f"Organization/{row['organization']}"),
    }


def _name(row: Row) -> list[Resource]:
    full = f"{row['given']} {row['family']}"
    return [{"use": "official", "text": full, "family": row["family"], "given": [row["given"]]}]


def _practitioner(row: Row) -> Resource:
    return {
        "resourceType": "Practitioner",
        "id": row["id"],
        "meta": _profile("us-core-practitioner"),
        "identifier": [{"system": NPI, "value": row["npi"]}],
        "active": True,
        "name": _name(row),
        "telecom": _phone(row["npi"][-4:]),
        "birthDate": row["born"],
        "qualification": [{"code": {"text": row["qualification"]}}],
    }


def _role(row: Row) -> Resource:
    return {
        "resourceType": "PractitionerRole",
        "id": row["id"].replace("prac-", "role-"),
        "meta": _profile("us-core-practitionerrole"),
        "active": True,
        "practitioner": _to(f"Practitioner/{row['id']}", f"{row['given']} {row['family']}"),
        "organization": _to("Organization/org-riverbend", "Riverbend MHOTRS"),
        "code": [{"text": row["role"]}],
        "location": [_to("Location/loc-riverbend")],
        "telecom": _phone(row["npi"][-4:]),
    }


def _patient(row: Row, today: date) -> Resource:
    medical_record = _concept(f"{_TERMINOLOGY}/v2-0203", "MR", "Medical record number")
    return {
        "resourceType": "Patient",
        "id": row["id"],
        "meta": _profile("us-core-patient"),
        "identifier": [{"use": "usual", "type": medical_record, "system": MRN, "value": row["mrn"]}],
        "active": True,
        "name": _name(row),
        "telecom": _phone(row["mrn"][-4:]),
        "gender": row["gender"],
        "birthDate": _born(row["born"], today),
        "address": [{"city": "Albany", "state": "NY", "postalCode": "12207"}],
        "managingOrganization": _to(f"Organization/{row.get('organization', 'org-riverbend')}"),
    }


def _born(value: str | Row, today: date) -> str:
    """Return the birth date; one given in years is the age reached by today."""
    if isinstance(value, str):
        return value
    birthday = date(today.year, value["month"], value["day"])
    years = value["years"] + (birthday > today)
    return birthday.replace(year=today.year - years).isoformat()


def _related(row: Row, related: Row) -> Resource:
    return {
        "resourceType": "RelatedPerson",
        "id": row["id"].replace("pat-", "rel-"),
        "meta": _profile("us-core-relatedperson"),
        "active": True,
        "patient": _to(f"Patient/{row['id']}"),
        "relationship": [_concept(f"{_TERMINOLOGY}/v3-RoleCode", related["code"], related["display"])],
        "name": _name(related),
        "telecom": _phone(row["mrn"][-4:]),
    }


def _coverage(row: Row, coverage: Row, order: int, today: date) -> Resource:
    commercial = coverage.get("kind") == "commercial"
    kind = (
        ("HIP", "health insurance plan policy") if commercial else ("SUBSIDIZ", "subsidized health program")
    )
    period = {"start": "2025-01-01"}
    if days := coverage.get("ended_days_ago"):
        period["end"] = (today - timedelta(days=days)).isoformat()
    return {
        "resourceType": "Coverage",
        "id": f"cov-{row['mrn'][-5:]}-{order}",
        "meta": _profile("us-core-coverage"),
        "status": "active",
        "type": _concept(f"{_TERMINOLOGY}/v3-ActCode", *kind),
        "subscriberId": coverage["member"],
        "beneficiary": _to(f"Patient/{row['id']}"),
        "relationship": _concept(f"{_TERMINOLOGY}/subscriber-relationship", "self", "Self"),
        "period": period,
        "payor": [_to(f"Organization/{coverage.get('payer', 'payer-nymedicaid')}")],
        "order": order,
    }


def _condition(row: Row, condition: Row) -> Resource:
    code = condition["code"]
    since = row["episode"]["from"]
    category = _concept(f"{_TERMINOLOGY}/condition-category", "problem-list-item", "Problem List Item")
    return {
        "resourceType": "Condition",
        "id": f"cond-{row['mrn'][-5:]}-{code.lower().replace('.', '-')}",
        "meta": _profile("us-core-condition-problems-health-concerns"),
        "clinicalStatus": _concept(f"{_TERMINOLOGY}/condition-clinical", "active", "Active"),
        "verificationStatus": _concept(f"{_TERMINOLOGY}/condition-ver-status", "confirmed", "Confirmed"),
        "category": [category],
        "code": _concept("http://hl7.org/fhir/sid/icd-10-cm", code, condition["display"]),
        "subject": _to(f"Patient/{row['id']}"),
        "onsetDateTime": since,
        "recordedDate": since,
        "asserter": _to(f"Practitioner/{condition['by']}"),
    }


def _episode(row: Row, episode: Row, today: date) -> Resource:
    period = {"start": episode["from"]}
    if days := episode.get("ended_days_ago"):
        period["end"] = (today - timedelta(days=days)).isoformat()
    return {
        "resourceType": "EpisodeOfCare",
        "id": f"episode-{row['mrn'][-5:]}",
        "status": "finished" if "end" in period else "active",
        "patient": _to(f"Patient/{row['id']}"),
        "managingOrganization": _to("Organization/org-riverbend", "Riverbend MHOTRS"),
        "period": period,
        "careManager": _to("Practitioner/prac-chen"),
    }


def _visit(row: Row, visit: Row, start: datetime) -> Resource:
    display = {"AMB": "ambulatory", "VR": "virtual"}[visit["class"]]
    resource = {
        "resourceType": "Encounter",
        "id": f"enc-visit-{row['mrn'][-5:]}",
        "meta": _profile("us-core-encounter"),
        "identifier": [{"system": "urn:example:visit", "value": f"VISIT-{row['mrn'][-5:]}"}],
        "status": "in-progress",
        "class": {"system": f"{_TERMINOLOGY}/v3-ActCode", "code": visit["class"], "display": display},
        "type": [_concept("http://snomed.info/sct", "308335008", "Patient encounter procedure")],
        "subject": _to(f"Patient/{row['id']}"),
        "episodeOfCare": [_to(f"EpisodeOfCare/episode-{row['mrn'][-5:]}")],
        "period": {"start": start.isoformat()},
        "serviceProvider": _to("Organization/org-riverbend"),
    }
    if visit["class"] == "AMB":
        resource["location"] = [{"location": _to("Location/loc-riverbend")}]
    return resource
