"""Starting a launch: who is signed in, in whose chart, in which app."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from .config import Client
from .faults import Fault, read_faults
from .launch_context import check_fhir_context, of_task
from .sandbox import Ehr
from .store import Window

_FIELDS = {"user", "patient", "encounter", "client_id", "task", "faults", "standalone"}
_EXTRAS = {
    "fhirContext": list,
    "intent": str,
    "tenant": str,
    "smart_style_url": str,
    "appContext": str,
    "need_patient_banner": bool,
}


@dataclass(frozen=True)
class User:
    """One person who may be signed in at the EHR; `login` is the Practitioner's id without `prac-`."""

    login: str
    name: str
    role: str


def users(ehr: Ehr) -> list[User]:
    """Return everybody who may be signed in, in the order of the people file."""
    roles = {
        role.resource["practitioner"]["reference"]: role.resource["code"][0]["text"]
        for role in ehr.store.find("PractitionerRole", (), Window())
    }
    return [
        User(
            one.id.removeprefix("prac-"),
            one.resource["name"][0]["text"],
            roles.get(f"Practitioner/{one.id}", ""),
        )
        for one in ehr.store.find("Practitioner", (), Window())
    ]


def make_launch(ehr: Ehr, asked: dict[str, Any]) -> str:
    """Start a launch and return the address that opens the app.

    `asked` has user, and optionally patient, encounter, client_id, SMART's further context fields, task (the
    id of a Task whose patient, visit and application context are taken) and faults (names, or objects). With
    standalone no one is signed in yet: the faults hold for the client's launches that bring no launch token.
    Raises ValueError when something named does not exist.
    """
    unknown = set(asked) - _FIELDS - set(_EXTRAS)
    if unknown:
        raise ValueError(f"unknown field {sorted(unknown)[0]}")
    client = _client(ehr, asked.get("client_id"))
    faults = _faults(ehr, asked)
    if asked.get("standalone"):
        ehr.faults.begin(standalone(client.client_id), faults)
        return _opening(client, {"iss": ehr.config.fhir_base})
    user = _login(ehr, asked.get("user"))
    asked = of_task(ehr, asked) if "task" in asked else asked
    context = style(ehr) | _context(ehr, asked.get("patient"), asked.get("encounter")) | _extras(asked)
    token = ehr.tokens.new_launch(client.client_id, user, context, ehr.config.launch_seconds)
    ehr.faults.begin(ehr.tokens.digest(token), faults)
    return _opening(client, {"iss": ehr.config.fhir_base, "launch": token})


def standalone(client_id: str) -> str:
    """Return the name under which the launches of a client that come without a launch token bear faults."""
    return f"standalone of {client_id}"


def known_login(ehr: Ehr, name: object) -> str | None:
    """Return the login of a user named by login or by Practitioner id, or None."""
    login = str(name or "").removeprefix("prac-")
    stored = ehr.store.read("Practitioner", f"prac-{login}")
    return login if login and stored and not stored.deleted else None


def known_patient(ehr: Ehr, name: object) -> str | None:
    """Return the id of an existing patient, or None."""
    stored = ehr.store.read("Patient", str(name or ""))
    return stored.id if stored else None


def _opening(client: Client, query: dict[str, str]) -> str:
    joint = "&" if "?" in str(client.launch_uri) else "?"
    return f"{client.launch_uri}{joint}{urlencode(query)}"


def _login(ehr: Ehr, name: object) -> str:
    login = known_login(ehr, name)
    if login is None:
        known = ", ".join(user.login for user in users(ehr))
        raise ValueError(f"user {name!r} is unknown; choose one of {known}")
    return login


def _client(ehr: Ehr, client_id: str | None) -> Client:
    launchable = [client for client in ehr.config.clients if client.launch_uri]
    if client_id is None and launchable:
        return launchable[0]
    client = next((client for client in launchable if client.client_id == client_id), None)
    if client is None:
        raise ValueError(f"no registered app {client_id or ''} has a launch_uri")
    return client


def _faults(ehr: Ehr, asked: dict[str, Any]) -> tuple[Fault, ...]:
    if "faults" not in asked:
        return ()
    if not ehr.config.faults:
        raise ValueError("this EHR was started without faults")
    return read_faults(asked["faults"])


def style(ehr: Ehr) -> dict[str, Any]:
    """Return the context that names the style of the EHR, where it has one."""
    return {"smart_style_url": f"{ehr.config.base_url}/style.json"} if ehr.config.style else {}


def _context(ehr: Ehr, patient: object, encounter: object) -> dict[str, Any]:
    if not patient:
        if encounter:
            raise ValueError("an encounter needs its patient")
        return {}
    if known_patient(ehr, patient) is None:
        raise ValueError(f"patient {patient!r} is unknown")
    context: dict[str, Any] = {"patient": patient, "need_patient_banner": False}
    if encounter:
        stored = ehr.store.read("Encounter", str(encounter))
        if stored is None or stored.deleted or ehr.store.patients_of(stored.resource) != {patient}:
            raise ValueError(f"encounter {encounter!r} is not one of patient {patient!r}")
        context["encounter"] = encounter
    return context


def _extras(asked: dict[str, Any]) -> dict[str, Any]:
    found = {name: asked[name] for name in _EXTRAS if name in asked}
    wrong = [name for name, value in found.items() if not isinstance(value, _EXTRAS[name])]
    if wrong:
        raise ValueError(f"{wrong[0]} has the wrong type")
    check_fhir_context(found.get("fhirContext", []))
    return found
