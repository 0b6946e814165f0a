"""Where the current request is and whose it is, so that a fault strikes there and nowhere else."""

from flask import g, request
from werkzeug.exceptions import RequestEntityTooLarge

from .faults import Fault
from .launches import standalone
from .sandbox import current_ehr

_PLACES = {
    "fhir.metadata": "metadata",
    "fhir.well_known": "configuration",
    "oauth.openid": "openid-configuration",
    "oauth.keys": "keys",
    "oauth.authorize": "authorize",
    "oauth.token": "token",
    "oauth.introspect": "introspection",
    "oauth.revoke": "revocation",
    "style.style": "style",
}
_GRANTS = {"authorization_code": "code", "refresh_token": "refresh", "client_credentials": "backend"}
_DOCUMENTS = frozenset({"metadata", "configuration", "openid-configuration", "keys", "style"})


def strike(name: str) -> Fault | None:
    """Return the fault of this name when it strikes at the current request, and count it down."""
    here = places()
    # What is planned for the whole FHIR server meets its documents too; a launch means its own calls.
    own = here - {"fhir"} if here & _DOCUMENTS else here
    return current_ehr().faults.strike(name, _who(), here, own)


def places() -> frozenset[str]:
    """Return the names of where the current request is; none for the pages of the EHR."""
    endpoint = request.endpoint or ""
    named = _PLACES.get(endpoint)
    found = {named} if named else set()
    if request.path.startswith("/fhir"):
        found.add("fhir")
    if endpoint.startswith("app_state."):
        found.add("app-state")
    if named == "token" and (grant := _GRANTS.get(_form("grant_type"))):
        found.add(grant)
    if found & {"refresh", "introspection"}:
        found.add("later")
    return frozenset(found | {"everywhere"}) if found else frozenset()


def _who() -> str | None:
    """Return the launch or the family of tokens that the current request belongs to."""
    if not hasattr(g, "launch_or_family"):
        g.launch_or_family = _found()
    who: str | None = g.launch_or_family
    return who


def _found() -> str | None:
    ehr, here = current_ehr(), places()
    if here & _DOCUMENTS:
        return ehr.faults.newest_launch
    if "authorize" in here:
        launch, client_id = (request.args.get(name) or _form(name) for name in ("launch", "client_id"))
        return ehr.tokens.digest(launch) if launch else standalone(client_id)
    if here & {"token", "introspection", "revocation"}:
        asked = [_form(name) for name in ("code", "refresh_token", "token")]
    else:
        asked = [request.headers.get("Authorization", "").partition(" ")[2]]
    return next((family for one in asked if one and (family := ehr.tokens.family(one))), None)


def _form(name: str) -> str:
    try:
        return request.form.get(name, "")
    except RequestEntityTooLarge:
        # The same request was refused for its size; here it only belongs to nobody.
        return ""
