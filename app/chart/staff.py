"""The staff as the EHR knows them: PractitionerRole with its Practitioner, read with the own token."""

from __future__ import annotations

from collections.abc import Sequence

from app.chart import reading
from app.fhir_files import Reading
from app.problems import Held
from mappings.fhir.staff import Given, Left
from smart_launch.fhir_client import REFERENCE, FhirClient, FhirTrouble, ForeignReference

_PRACTITIONER = "Practitioner/"
MOST_PAGES = 100
_ASK = (
    "Ask whoever runs the EHR whether our backend client may read PractitionerRole and Practitioner "
    "(system/PractitionerRole.rs, system/Practitioner.rs), and enter both in its backend_scopes."
)


def read_staff_of_ehr(client: FhirClient, *, organization: str | None, request_id: str) -> Reading:
    """Every PractitionerRole of the programme (`organization`, "Organization/id"; None: of the whole EHR)
    with its Practitioner; where the EHR does not send those along they are read one by one. Raises Held with
    what the EHR said."""
    params = [("_include", "PractitionerRole:practitioner"), ("_count", "100")]
    params += [("organization", organization)] if organization else []
    try:
        found = client.search("PractitionerRole", params, request_id=request_id, max_pages=MOST_PAGES)
    except FhirTrouble as trouble:
        raise Held(f"The staff could not be read from the EHR: {trouble.message}", _ASK) from trouble
    came = {_name(one): one for one in (*found.matches, *found.included)}
    missing = [name for name in _wanted(client, found.matches) if name not in came]
    left: list[Left] = []
    for name in missing:
        try:
            came[name] = client.read(name, request_id=request_id).body or {}
        except FhirTrouble as trouble:
            left.append(Left(name, trouble.message, "Ask the EHR's administrator."))
    if not found.complete:
        left.append(
            Left("the EHR", f"it has more than {MOST_PAGES} pages of staff", "Import a file instead.")
        )
    base = client.base.rstrip("/")
    given = tuple(Given(name, one, f"{base}/{name}") for name, one in came.items())
    return Reading(given, tuple(left))


def _wanted(client: FhirClient, roles: Sequence[reading.Json]) -> list[str]:
    wanted = []
    for role in roles:
        stated = reading.reference(role.get("practitioner")) or ""
        try:
            name = client.local(stated)
        except ForeignReference:
            continue
        if name.startswith(_PRACTITIONER) and REFERENCE.fullmatch(name):
            wanted.append(name)
    return list(dict.fromkeys(wanted))


def _name(resource: reading.Json) -> str:
    return f"{resource.get('resourceType')}/{resource.get('id')}"
