"""What the state of an app must be, and which state an app may touch.

Source: SMART App Launch 2.2, "Persisting App State".
"""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from .config import Client, Config
from .outcomes import FhirError
from .records import beyond_scope
from .references import read_local
from .scopes import Grant, Reach
from .validation import shaped

MOST_BYTES = 256 * 1024
_SUBJECTS = ("Patient", "Practitioner", "PractitionerRole", "RelatedPerson", "Person")


def checked(resource: Any, base: str) -> tuple[str, str]:
    """Return code (`system|code`) and absolute subject ("" without one) of a Basic that may be kept.

    Raises FhirError 400 or 422 when it is none.
    """
    if not isinstance(resource, dict) or resource.get("resourceType") != "Basic":
        raise FhirError(400, "structure", "App state is a Basic resource.")
    shaped(resource)
    for extension in resource.get("extension", []):
        if set(extension) - {"id", "url"} != {"valueString"}:
            raise FhirError(422, "business-rule", "Every extension of app state has a valueString.")
    return _code(resource), _subject(resource, base)


def may(grant: Grant, client: Client, config: Config, action: str, code: str, subject: str) -> None:
    """Refuse (403) a state that is not the app's own, or not of the patient or user of this launch."""
    if code.partition("|")[0] not in _own_systems(client):
        raise beyond_scope(f"{code} is no state of this app: its system must be the app's own origin.")
    if not any(_carries(one, grant, config, code, subject) for one in grant.reaches("Basic", action)):
        raise beyond_scope("The token carries no scope for this state, its patient or its user.")


def _carries(reach: Reach, grant: Grant, config: Config, code: str, subject: str) -> bool:
    patient = f"{config.fhir_base}/Patient/{grant.patient}" if grant.patient else None
    user = f"{config.fhir_base}/Practitioner/prac-{grant.user}" if grant.user else None
    subjects = {patient} if reach.patient_only else {patient, user, ""}
    codes = parse_qs(reach.query).get("code", []) if reach.query else [code]
    return subject in subjects and code in codes


def _code(resource: dict[str, Any]) -> str:
    codings = resource["code"].get("coding", [])
    if len(codings) != 1 or not codings[0].get("system") or not codings[0].get("code"):
        raise FhirError(
            422,
            "business-rule",
            "App state has exactly one coding, with system and code.",
            expression="Basic.code",
        )
    return f"{codings[0]['system']}|{codings[0]['code']}"


def _subject(resource: dict[str, Any], base: str) -> str:
    if "subject" not in resource:
        return ""
    text = str(resource["subject"].get("reference", ""))
    local = read_local(text, base)
    if local is None or local.type not in _SUBJECTS or not text.startswith(f"{base}/"):
        raise FhirError(
            422,
            "business-rule",
            f"The subject of app state is an absolute reference to a person of {base}.",
            expression="Basic.subject",
        )
    return text


def _own_systems(client: Client) -> set[str]:
    addresses = [urlsplit(one) for one in (*client.redirect_uris, client.launch_uri or "")]
    return {f"{one.scheme}://{one.netloc}" for one in addresses} | set(client.state_systems)
