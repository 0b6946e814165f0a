"""Individuals, coverages, programmes and staff ids read back from FHIR; the reverse of `people`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mappings.fhir.carried import PROGRAM, PROGRAM_RECORD
from mappings.fhir.elements import ICD10CM, IDENTIFIERS, NPI, PAYERS, THO
from mappings.fhir.loose import codings_of, local, text_of
from mappings.fhir.reading.extensions import Said, read_extension
from mappings.fhir.reading.nodes import Node
from mappings.fhir.reading.sources import Source, Sources
from mappings.fhir.staff import FhirMember

Json = dict[str, Any]
_OWN_INDIVIDUAL = f"{IDENTIFIERS}/individual"
_PATIENT = ("resourceType", "id", "meta", "text", "identifier")
_RECORD_NUMBER = (f"{THO}/v2-0203", "MR")


def individual(sources: Sources, one: Source, reference: Node, said: Said) -> Json | None:
    """The individual that a reference means: what the Patient says, else the identifier alone."""
    patient = sources.refer(one, reference, quietly=_identified(reference))
    found = _identifier_of(reference.data) if patient is None else _patient(patient)
    if found is None:
        return None
    if "individual-gender" in said.absent:
        found["gender"] = None
    elif said.get("individual-gender") is not None:
        found["gender"] = said.get("individual-gender")
    covers = said.get("individual-coverages") or []
    known = [(each.get("payer"), each.get("member_id")) for each in covers]
    others = _coverages(sources, patient) if patient is not None else []
    new = [each for each in others if (each["payer"], each["member_id"]) not in known]
    found["coverages"] = [*covers, *new]
    return found


def _identified(reference: Node) -> bool:
    return isinstance(reference.data.get("identifier"), dict)


def _identifier_of(reference: Mapping[str, Any]) -> Json | None:
    who = reference.get("identifier")
    if isinstance(who, dict) and text_of(who.get("value")):
        return _numbered(who)
    literal = local(text_of(reference.get("reference")))
    return {"id": literal} if literal else None


def _numbered(who: Mapping[str, Any]) -> Json:
    system = text_of(who.get("system"))
    return {"id": who["value"], "identifier_system": None if system == _OWN_INDIVIDUAL else system}


def _patient(patient: Source) -> Json:
    node = patient.node
    node.take(*("resourceType", "id", "meta", "text"))
    number = _record_number(node)
    found: Json = (
        _numbered(number.data) if number else {"id": f"Patient/{text_of(node.data.get('id')) or 'unknown'}"}
    )
    if number:
        number.take("system", "value", "type", "use")
    found["name"] = name_of(node)
    found["birth_date"] = day(node, "birthDate")
    found["gender"] = node.text("gender")
    found["address"] = _address(node)
    return found


def _record_number(node: Node) -> Node | None:
    """The record number: the identifier that is called so, else the first that is in use."""
    known = [each for each in node.nodes("identifier") if isinstance(each.data.get("value"), str)]
    for each in known:
        if _RECORD_NUMBER in [(system, code) for system, code, _ in codings_of(each.data.get("type"))]:
            return each
    return next((each for each in known if each.data.get("use") != "old"), None)


def name_of(node: Node) -> Json | None:
    """The name in use; none where it is said to be unknown."""
    ranked = sorted(
        (each for each in node.nodes("name") if each.data.get("use") not in ("old", "maiden", "nickname")),
        key=lambda each: {"official": 0, "usual": 1}.get(str(each.data.get("use")), 2),
    )
    for each in ranked:
        if "given" in each.data or "family" in each.data:
            each.take("use")
            return {"given": each.texts("given"), "family": each.text("family")}
        each.done()
    return None


def day(node: Node, name: str) -> str | None:
    """A whole day; a mere year or month stays unread."""
    value = node.data.get(name)
    if not isinstance(value, str) or len(value) < 10:
        return None
    node.take(name)
    return value[:10]


def _address(node: Node) -> Json | None:
    known = [each for each in node.nodes("address") if each.data.get("use") not in ("old", "work", "temp")]
    for each in known[:1]:
        each.take("use")
        found = {
            "lines": each.texts("line"),
            "city": each.text("city"),
            "state": each.text("state"),
            "postal_code": each.text("postalCode"),
        }
        return found if any(found.values()) else None
    return None


def _coverages(sources: Sources, patient: Source) -> list[Json]:
    found: dict[str, Json] = {}
    for each in sources.coverages_of(patient):
        made = _coverage(sources, each)
        found.setdefault(f"{made['payer']}/{made['member_id']}", made)
    return sorted(found.values(), key=lambda made: made["order"] or 99)


def _coverage(sources: Sources, one: Source) -> Json:
    node, one.read = one.node, True
    node.take("resourceType", "id", "meta", "text", "identifier", "status", "beneficiary", "relationship")
    during = node.node("period")
    payor = next(iter(node.nodes("payor")), Node({}))
    payer = sources.refer(one, payor, quietly=_identified(payor))
    return {
        "payer": _payer(payer, payor),
        "class": text_of(node.node("type").value("text")) if "text" in node.node("type").data else None,
        "member_id": node.text("subscriberId"),
        "order": node.value("order") if isinstance(node.data.get("order"), int) else None,
        "from": day(during, "start"),
        "to": day(during, "end"),
    }


def _payer(payer: Source | None, payor: Node) -> str | None:
    who = payor.data.get("identifier")
    known = payer.own(PAYERS) if payer is not None else None
    if known is None and isinstance(who, dict) and who.get("system") == PAYERS:
        known = text_of(who.get("value"))
    if payer is not None:
        payer.node.take(*_PATIENT, "active", "type", "name")
        return known or text_of(payer.located.resource.get("name"))
    return known or text_of(payor.data.get("display"))


def staff_id(sources: Sources, one: Source, reference: Node) -> str | None:
    """The id of the staff member whom a reference means: the office's own, else the NPI, else what there
    is."""
    found = sources.refer(one, reference, quietly=_identified(reference))
    if found is not None and found.kind == "PractitionerRole":
        return staff_id(sources, found, found.node.node("practitioner"))
    if found is not None:
        return staff_key(found)
    return _named(reference.data)


def program_id(sources: Sources, one: Source, reference: Node, said: Said) -> str | None:
    """The id of the programme whom a reference means: the office's own, else the NPI, else what there is."""
    found = sources.refer(one, reference, quietly=_identified(reference))
    if said.get("program-id") is not None:
        return str(said.get("program-id"))
    if found is not None:
        return program_key(found)
    return _named(reference.data)


def program_key(found: Source) -> str:
    """The id of a programme from its Organization."""
    own = found.own(f"{IDENTIFIERS}/program") or found.own(NPI)
    return own or f"Organization/{text_of(found.located.resource.get('id')) or 'unknown'}"


def _named(reference: Mapping[str, Any]) -> str | None:
    who = reference.get("identifier")
    if isinstance(who, dict) and text_of(who.get("value")):
        return str(who["value"])
    return local(text_of(reference.get("reference"))) or text_of(reference.get("display"))


def diagnosis(sources: Sources, condition: Source) -> Json | None:
    """The ICD-10-CM code of a Condition and who recorded it; None where it has none."""
    node = condition.node
    code = node.node("code")
    known = next((code for system, code, _ in codings_of(code.data) if system == ICD10CM), None)
    if known is None:
        return None
    condition.read = True
    code.done()
    node.take(*_PATIENT, "clinicalStatus", "verificationStatus", "category", "subject", "encounter")
    return {"code": known, "by": staff_id(sources, condition, node.node("recorder"))}


def unscoped(key: str, individual: str) -> str:
    """A key that was unique only together with its individual, by itself."""
    return key.removeprefix(f"{individual}/") if individual else key


def program(one: Source, jurisdiction: str) -> Json | None:
    """The programme record of an Organization; None for a payer and for one that names no kind of ours."""
    node, kinds = one.node, _types(one.node)
    said = read_extension(node, PROGRAM_RECORD, PROGRAM)
    if not said.there and (kinds and "prov" not in kinds):
        return None
    node.take("resourceType", "id", "meta", "text", "active", "type", "identifier")
    one.read = True
    npi = one.own(NPI)
    made: Json = {"kind": "program", "id": program_key(one), "jurisdiction": jurisdiction}
    made |= {"npi": npi, "name": node.text("name")}
    made |= {name.replace("-", "_"): value for name, value in said.values.items()}
    return made


def _types(node: Node) -> list[str]:
    return [code for each in node.nodes("type") for _, code, _ in codings_of(each.data)]


def staff_key(one: Source) -> str:
    """The id of a staff member from their Practitioner."""
    own = one.own(f"{IDENTIFIERS}/staff") or one.own(NPI)
    return own or f"Practitioner/{text_of(one.located.resource.get('id')) or one.located.where}"


def take_staff(one: Source) -> None:
    """Note what `read_staff` reads of a Practitioner; what it did not understand is in its remarks."""
    node = one.node
    node.take("resourceType", "id", "meta", "text", "active", "birthDate")
    for each in node.nodes("identifier"):
        if each.data.get("system") in (NPI, f"{IDENTIFIERS}/staff"):
            each.done()
    name_of(node)
    _take_telecom(node)
    for each in node.nodes("qualification"):
        _take_qualification(each)


def take_role(one: Source) -> None:
    """Note what `read_staff` reads of a PractitionerRole: whose, which and how they are reached. Period,
    place and organization have no place in a staff record."""
    one.read = True
    one.node.take("resourceType", "id", "meta", "text", "active", "practitioner", "code", "specialty")
    _take_telecom(one.node)


def _take_telecom(node: Node) -> None:
    for each in node.nodes("telecom"):
        if each.data.get("use") not in ("old", "home"):
            each.take("system", "value", "use", "rank")


def _take_qualification(node: Node) -> None:
    node.take("code", "issuer", "modifierExtension")
    node.node("period").take("start", "end")
    for each in node.nodes("identifier"):
        each.take("system", "value", "use", "type")
    for outer in node.nodes("extension"):
        for inner in outer.nodes("extension"):
            if inner.data.get("url") == "status":
                outer.take("url")
                inner.done()


def staff_record(key: str, member: FhirMember, jurisdiction: str) -> Json:
    """The staff record of what was read of a Practitioner."""
    return {
        "kind": "staff",
        "id": key,
        "jurisdiction": jurisdiction,
        "npi": member.npi,
        "name": member.name.model_dump() if member.name else None,
        "birth_date": member.birth_date.isoformat() if member.birth_date else None,
        "credentials": [each.model_dump(mode="json", by_alias=True) for each in member.credentials],
        "telecom": [each.model_dump(mode="json") for each in member.telecom],
    }
