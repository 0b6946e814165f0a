"""The FHIR server that keeps the state of apps, at an address of its own.

Source: SMART App Launch 2.2, "Persisting App State (Experimental)".
"""

from typing import Any, NoReturn

from flask import Blueprint, Response, request

from .app_state_rules import MOST_BYTES, checked, may
from .app_state_store import State
from .config import Client
from .fhir_api import FHIR_JSON, refusal, unauthorized
from .outcomes import FhirError
from .sandbox import Ehr, current_ehr
from .scopes import Grant
from .strict_json import read_json, write_json
from .tokens import BearerRefused

app_state = Blueprint("app_state", __name__, url_prefix="/appstate")


@app_state.before_request
def _only_where_offered() -> None:
    if not current_ehr().config.app_state:
        raise FhirError(404, "not-supported", "This EHR keeps no state of apps.")


@app_state.errorhandler(FhirError)
def _refused(error: FhirError) -> Response:
    return refusal(error)


@app_state.get("/Basic")
def search() -> Response:
    """The states of one code, for one subject or (subject:missing=true) for all."""
    ehr = current_ehr()
    grant, client = _bearer(ehr)
    code, subject = _asked()
    may(grant, client, ehr.config, "s", code, subject)
    found = [
        {"resource": one.resource, "search": {"mode": "match"}} for one in ehr.states.find(code, subject)
    ]
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": len(found)}
    return _json(bundle | ({"entry": found} if found else {}))


@app_state.post("/Basic")
def create() -> Response:
    """Keep a new state; one for each code and subject."""
    ehr = current_ehr()
    grant, client = _bearer(ehr)
    resource = _body()
    code, subject = checked(resource, ehr.config.fhir_base)
    if "id" in resource or "versionId" in resource.get("meta", {}):
        raise FhirError(400, "invariant", "New app state has no id and no meta.versionId.")
    may(grant, client, ehr.config, "c", code, subject)
    made = ehr.states.create(code, subject, resource)
    if made is None:
        raise FhirError(409, "duplicate", f"There is a state {code} of this subject already: change that.")
    return _json(made.resource, 201, made)


@app_state.put("/Basic/<state_id>")
def update(state_id: str) -> Response:
    """Keep the next version; If-Match is required, code and subject stay what they were."""
    ehr = current_ehr()
    grant, client = _bearer(ehr)
    resource = _body()
    code, subject = checked(resource, ehr.config.fhir_base)
    if resource.get("id") != state_id:
        raise FhirError(400, "invariant", f"The address says id {state_id}, the body {resource.get('id')}.")
    before = _matched(ehr, state_id)
    may(grant, client, ehr.config, "u", before.code, before.subject)
    if (code, subject) != (before.code, before.subject):
        _failed("code and subject of app state never change.")
    made = ehr.states.update(before, resource) or _failed("Another request was faster: read it again.")
    return _json(made.resource, 200, made)


@app_state.delete("/Basic/<state_id>")
def delete(state_id: str) -> Response:
    """Delete a state; If-Match is required, and every later request about it fails."""
    ehr = current_ehr()
    grant, client = _bearer(ehr)
    before = _matched(ehr, state_id)
    may(grant, client, ehr.config, "d", before.code, before.subject)
    if not ehr.states.delete(before):
        _failed("Another request was faster: read it again.")
    return Response(status=204)


def _bearer(ehr: Ehr) -> tuple[Grant, Client]:
    try:
        grant = ehr.tokens.grant_of(request.headers.get("Authorization"))
    except BearerRefused as error:
        raise unauthorized(error) from error
    client = ehr.config.client(grant.client_id)
    if client is None:
        raise unauthorized(BearerRefused("The app of this token is no longer registered.", "invalid_token"))
    return grant, client


def _asked() -> tuple[str, str]:
    missing = request.args.get("subject:missing") == "true"
    subject = request.args.get("subject", "")
    wanted = {"code", "subject:missing" if missing else "subject"}
    if set(request.args) != wanted or missing == bool(subject):
        raise FhirError(400, "value", "Ask by code and subject, or by code and subject:missing=true.")
    return request.args["code"], subject


def _body() -> Any:
    if request.mimetype not in (FHIR_JSON, "application/json"):
        raise FhirError(415, "not-supported", f"Content-Type {request.mimetype!r}: send {FHIR_JSON}.")
    data = request.get_data()
    if len(data) > MOST_BYTES:
        raise FhirError(413, "too-long", f"App state has at most {MOST_BYTES // 1024} KiB.")
    return read_json(data)


def _matched(ehr: Ehr, state_id: str) -> State:
    if_match = request.headers.get("If-Match")
    if if_match is None:
        raise FhirError(428, "required", "Send If-Match with the version that was read.")
    before = ehr.states.read(state_id)
    if before is None or before.deleted or if_match not in (f'W/"{before.version}"', f'"{before.version}"'):
        _failed(f"There is no state {state_id} of the version {if_match}.")
    return before


def _failed(sentence: str) -> NoReturn:
    raise FhirError(412, "conflict", sentence)


def _json(value: Any, status: int = 200, state: State | None = None) -> Response:
    response = Response(write_json(value), status, content_type=f"{FHIR_JSON}; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    if state:
        response.headers["ETag"] = f'W/"{state.version}"'
        response.headers["Location"] = f"{current_ehr().config.state_base}/Basic/{state.id}"
    return response
