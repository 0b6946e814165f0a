"""The FHIR R4 server over HTTP (FHIR R4, 3.1.0)."""

from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from flask import Blueprint, Response, request
from werkzeug.http import http_date

from .capability import capability_statement, smart_configuration
from .document_faults import spoiled_configuration, spoiled_metadata
from .outcomes import FhirError
from .parameters import PARAMETERS
from .records import Records, beyond_scope
from .results import find_bundle, history_bundle
from .sandbox import current_ehr
from .search_faults import spoiled
from .store import Stored
from .strict_json import read_json, write_json
from .striking import strike
from .surface_faults import refuse_beyond_surface
from .tokens import BearerRefused
from .transaction import run_bundle
from .transport_faults import closed

fhir_api = Blueprint("fhir", __name__, url_prefix="/fhir")
FHIR_JSON = "application/fhir+json"
_OPEN = ("fhir.metadata", "fhir.well_known")
_JSON_TYPES = (FHIR_JSON, "application/json", "text/json")


@fhir_api.before_request
def _planned_refusals() -> None:
    if _writes() and (refused := strike("refuse")):
        raise FhirError(422, "business-rule", refused["text"])
    if request.endpoint in _OPEN:
        return
    if strike("token-refused"):
        raise unauthorized(BearerRefused("The access token is over, says a planned fault.", "invalid_token"))
    if strike("scope-refused"):
        raise beyond_scope("The token carries no scope for this, says a planned fault.")
    refuse_beyond_surface()


@fhir_api.before_request
def _speaks_json() -> None:
    # A plus sign that was not percent-encoded arrives as a blank.
    wanted = request.args.get("_format", "").replace(" ", "+")
    if wanted and wanted not in ("json", *_JSON_TYPES):
        raise FhirError(406, "not-supported", f"_format={wanted}: this server speaks {FHIR_JSON} only.")
    accepted = request.accept_mimetypes
    if accepted and not wanted and not any(accepted[kind] for kind in _JSON_TYPES):
        raise FhirError(406, "not-supported", f"Accept {accepted}: this server speaks {FHIR_JSON} only.")


@fhir_api.after_request
def _planned_loss(response: Response) -> Response:
    if not _writes() or response.status_code >= 300:
        return response
    if strike("fail-after-commit"):
        return refusal(FhirError(500, "exception", "The server failed after it had stored the request."))
    if strike("drop-after-commit"):
        return Response(closed())
    return response


@fhir_api.errorhandler(FhirError)
def refusal(error: FhirError) -> Response:
    """Answer with the OperationOutcome of a refusal."""
    return _json(error.outcome(), error.status, error.headers)


@fhir_api.get("/metadata")
def metadata() -> Response:
    """What this server can do, asked without a token."""
    ehr = current_ehr()
    return _json(spoiled_metadata(capability_statement(ehr.config, ehr.started)))


@fhir_api.get("/.well-known/smart-configuration")
def well_known() -> Response:
    """SMART's discovery document."""
    document = spoiled_configuration(smart_configuration(current_ehr().config))
    response = Response(write_json(document), mimetype="application/json")
    response.headers["Cache-Control"] = "public, max-age=60"
    return response


@fhir_api.post("/")
@fhir_api.post("", strict_slashes=False)
def bundle() -> Response:
    """Carry out a batch or a transaction."""
    records = _records()
    wanted = _prefers("representation")
    return _json(run_bundle(records, _body(), representation=wanted))


@fhir_api.get("/<resource_type>")
def search(resource_type: str) -> Response:
    """Search by the parameters of the address."""
    return _json(spoiled(find_bundle(_records(), _served(resource_type), _query())))


@fhir_api.post("/<resource_type>/_search")
def search_by_form(resource_type: str) -> Response:
    """Search by a form, so that nothing about a person stands in an address."""
    records = _records()
    if request.mimetype != "application/x-www-form-urlencoded":
        raise FhirError(415, "not-supported", "POST _search takes application/x-www-form-urlencoded.")
    pairs = parse_qsl(request.get_data(as_text=True), keep_blank_values=True)
    return _json(spoiled(find_bundle(records, _served(resource_type), [*_query(), *pairs])))


@fhir_api.post("/<resource_type>")
def create(resource_type: str) -> Response:
    """Create a resource, on If-None-Exist only when none matches."""
    records = _records()
    condition = request.headers.get("If-None-Exist")
    written = records.create(_body(), expected=_served(resource_type), condition=condition)
    return _written(written.stored, 201 if written.created else 200)


@fhir_api.get("/<resource_type>/<resource_id>")
def read(resource_type: str, resource_id: str) -> Response:
    """Read the latest version."""
    stored = _records().read(_served(resource_type), resource_id)
    if request.headers.get("If-None-Match") == f'W/"{stored.version}"':
        return Response(status=304, headers=_version_headers(stored))
    return _resource(stored)


@fhir_api.put("/<resource_type>/<resource_id>")
def update(resource_type: str, resource_id: str) -> Response:
    """Store the next version; If-Match is required."""
    records = _records()
    if_match = request.headers.get("If-Match")
    return _written(records.update(_body(), _served(resource_type), resource_id, if_match).stored, 200)


@fhir_api.delete("/<resource_type>/<resource_id>")
def delete(resource_type: str, resource_id: str) -> Response:
    """Delete; afterwards a read answers 410."""
    _records().delete(_served(resource_type), resource_id, request.headers.get("If-Match"))
    return Response(status=204)


@fhir_api.get("/<resource_type>/<resource_id>/_history")
def history(resource_type: str, resource_id: str) -> Response:
    """Every version of one resource, newest first."""
    records = _records()
    _no_parameters()
    versions = records.history(_served(resource_type), resource_id)
    return _json(history_bundle(records.store.base, versions))


@fhir_api.get("/<resource_type>/<resource_id>/_history/<version>")
def vread(resource_type: str, resource_id: str, version: str) -> Response:
    """One version of one resource."""
    return _resource(_records().version(_served(resource_type), resource_id, version))


def _records() -> Records:
    ehr = current_ehr()
    try:
        return Records(ehr.store, ehr.tokens.grant_of(request.headers.get("Authorization")))
    except BearerRefused as error:
        raise unauthorized(error) from error


def unauthorized(error: BearerRefused) -> FhirError:
    """Return the 401 for a call without a usable token."""
    return FhirError(401, "login", str(error), headers={"WWW-Authenticate": error.challenge})


def _served(resource_type: str) -> str:
    if resource_type not in PARAMETERS:
        raise FhirError(404, "not-supported", f"This server does not know the type {resource_type}.")
    return resource_type


def _query() -> list[tuple[str, str]]:
    return parse_qsl(request.query_string.decode("utf-8", "replace"), keep_blank_values=True)


def _no_parameters() -> None:
    unknown = [key for key, _ in _query() if key != "_format"]
    if unknown:
        raise FhirError(400, "not-supported", f"The parameter {unknown[0]} is not supported here.")


def _body() -> Any:
    if request.mimetype not in _JSON_TYPES:
        raise FhirError(415, "not-supported", f"Content-Type {request.mimetype!r}: send {FHIR_JSON}.")
    return read_json(request.get_data())


def _writes() -> bool:
    return request.method in ("PUT", "DELETE") or (
        request.method == "POST" and not request.path.endswith("/_search")
    )


def _prefers(wanted: str) -> bool:
    return f"return={wanted}" in request.headers.get("Prefer", "").replace(" ", "")


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    response = Response(write_json(value), status=status, content_type=f"{FHIR_JSON}; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    response.headers.update(headers or {})
    return response


def _resource(stored: Stored, status: int = 200) -> Response:
    response = Response(stored.body, status=status, content_type=f"{FHIR_JSON}; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    response.headers.update(_version_headers(stored))
    return response


def _written(stored: Stored, status: int) -> Response:
    response = _resource(stored, status)
    place = f"{current_ehr().config.fhir_base}/{stored.type}/{stored.id}/_history/{stored.version}"
    response.headers["Location"] = place
    if _prefers("minimal"):
        response.set_data(b"")
    return response


def _version_headers(stored: Stored) -> dict[str, str]:
    return {
        "ETag": f'W/"{stored.version}"',
        "Last-Modified": http_date(datetime.fromisoformat(stored.updated)),
    }


def refuse_unrouted(status: int, sentence: str) -> Response:
    """Answer an unknown address or method below the FHIR base."""
    code = {404: "not-found", 405: "not-supported", 413: "too-long"}.get(status, "processing")
    return refusal(FhirError(status, code, sentence))
