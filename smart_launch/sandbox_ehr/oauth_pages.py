"""The addresses of the authorization server: authorize, token, keys, introspection, revocation."""

from typing import Any

from authlib.oauth2 import OAuth2Error
from flask import Blueprint, Response, jsonify, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from .capability import openid_configuration
from .launches import known_login, known_patient, users
from .oauth_server import SignedIn
from .sandbox import Ehr, current_ehr
from .store import Window

oauth_pages = Blueprint("oauth", __name__)

_ANSWERS = ("user", "patient", "decision")


@oauth_pages.route("/auth/authorize", methods=["GET", "POST"])
def authorize() -> AnyResponse | tuple[str, int] | str:
    """Authorize an app: a launch is already signed in, without one a sign-in page is shown.

    An unknown client or redirect address is answered by a page and never by a redirect.
    """
    ehr = current_ehr()
    launched = _launched(ehr)
    try:
        grant = ehr.authorization.get_consent_grant(end_user=launched and launched.user)
    except OAuth2Error as error:
        return _refused(ehr, error)
    signed_in = launched or _from_form(ehr, grant)
    if signed_in is None and request.form.get("decision") != "cancel":
        return _sign_in_page(ehr, grant)
    response: AnyResponse = ehr.authorization.create_authorization_response(grant=grant, grant_user=signed_in)
    return response


@oauth_pages.post("/auth/token")
def token() -> AnyResponse:
    """Exchange a code, a refresh token or a client assertion for an access token."""
    response: AnyResponse = current_ehr().authorization.create_token_response()
    return response


@oauth_pages.post("/auth/introspect")
def introspect() -> AnyResponse:
    """Say what a token is worth, to the client it was given to (RFC 7662)."""
    response: AnyResponse = current_ehr().authorization.create_endpoint_response("introspection")
    return response


@oauth_pages.post("/auth/revoke")
def revoke() -> AnyResponse:
    """End a token (RFC 7009)."""
    response: AnyResponse = current_ehr().authorization.create_endpoint_response("revocation")
    return response


@oauth_pages.get("/auth/jwks")
def keys() -> Response:
    """The public keys that verify id_tokens."""
    response = jsonify({"keys": [current_ehr().signing_key.as_dict(private=False, use="sig", alg="RS256")]})
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@oauth_pages.get("/.well-known/openid-configuration")
def openid() -> Response:
    """OpenID's discovery document."""
    return jsonify(openid_configuration(current_ehr().config))


def _launched(ehr: Ehr) -> SignedIn | None:
    launch = ehr.tokens.launch(request.values.get("launch", ""), request.values.get("client_id", ""))
    return SignedIn(launch.user, launch.context, launch.digest) if launch else None


def _refused(ehr: Ehr, error: OAuth2Error) -> AnyResponse | tuple[str, int]:
    if error.redirect_uri:
        response: AnyResponse = ehr.authorization.handle_error_response(None, error)
        return response
    sentence = error.description or error.error
    return render_template("sandbox/refused.html", error=error.error, sentence=sentence), 400


def _from_form(ehr: Ehr, grant: Any) -> SignedIn | None:
    if request.form.get("decision") != "sign-in":
        return None
    user = known_login(ehr, request.form.get("user"))
    if user is None or not _wants_patient(grant):
        return SignedIn(user, {}) if user else None
    patient = known_patient(ehr, request.form.get("patient"))
    return SignedIn(user, {"patient": patient, "need_patient_banner": True}) if patient else None


def _wants_patient(grant: Any) -> bool:
    return "launch/patient" in grant.request.scope.split()


def _sign_in_page(ehr: Ehr, grant: Any) -> str:
    hidden = [(key, value) for key, value in request.values.items(multi=True) if key not in _ANSWERS]
    patients = ehr.store.find("Patient", (), Window()) if _wants_patient(grant) else []
    return render_template(
        "sandbox/sign_in.html",
        client=grant.request.client,
        scopes=grant.request.scope.split(),
        users=users(ehr),
        patients=[one.resource for one in patients],
        hidden=hidden,
        again=request.form.get("decision") == "sign-in",
    )
