"""The addresses of the authorization server: authorize, token, keys, introspection, revocation."""

import json

from authlib.oauth2 import OAuth2Error
from flask import Blueprint, Response, jsonify, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from .authorize_faults import spoiled as spoiled_redirect
from .capability import openid_configuration
from .document_faults import spoiled_keys, spoiled_openid
from .grants import SignedIn
from .sandbox import Ehr, current_ehr
from .sign_in import sign_in_page, signed_in_by
from .token_faults import spoiled

oauth_pages = Blueprint("oauth", __name__)


@oauth_pages.route("/auth/authorize", methods=["GET", "POST"])
def authorize() -> AnyResponse | tuple[str, int] | str:
    """Authorize an app: a launch is already signed in, without one a sign-in page is shown, and always when
    the app asks for it by prompt=login or max_age=0 (OpenID Connect Core 1.0, section 3.1.2.1).

    An unknown client or redirect address is answered by a page and never by a redirect.
    """
    ehr = current_ehr()
    launched = _launched(ehr)
    try:
        signed_in = None if _must_sign_in() else launched
        grant = ehr.authorization.get_consent_grant(end_user=signed_in and signed_in.user)
    except OAuth2Error as error:
        return _refused(ehr, error)
    signed_in = signed_in or signed_in_by(ehr, grant, launched)
    if signed_in is None and request.form.get("decision") != "cancel":
        return sign_in_page(ehr, grant)
    response: AnyResponse = ehr.authorization.create_authorization_response(grant=grant, grant_user=signed_in)
    return spoiled_redirect(response)


@oauth_pages.post("/auth/token")
def token() -> AnyResponse:
    """Exchange a code, a refresh token or a client assertion for an access token."""
    response: AnyResponse = current_ehr().authorization.create_token_response()
    if response.status_code == 200:
        response.set_data(json.dumps(spoiled(json.loads(response.get_data()))))
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
    response = jsonify({"keys": spoiled_keys(current_ehr().signing_keys.published())})
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@oauth_pages.get("/.well-known/openid-configuration")
def openid() -> Response:
    """OpenID's discovery document."""
    return jsonify(spoiled_openid(openid_configuration(current_ehr().config)))


def _must_sign_in() -> bool:
    return "login" in request.values.get("prompt", "").split() or request.values.get("max_age") == "0"


def _launched(ehr: Ehr) -> SignedIn | None:
    launch = ehr.tokens.launch(request.values.get("launch", ""), request.values.get("client_id", ""))
    return SignedIn(launch.user, launch.context, launch.digest) if launch else None


def _refused(ehr: Ehr, error: OAuth2Error) -> AnyResponse | tuple[str, int]:
    if error.redirect_uri:
        response: AnyResponse = ehr.authorization.handle_error_response(None, error)
        return response
    sentence = error.description or error.error
    return render_template("sandbox/refused.html", error=error.error, sentence=sentence), 400
