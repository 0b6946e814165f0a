"""Puts the pieces of the sandbox EHR together; the only place where they are joined."""

from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, render_template, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge, SecurityError

from .app_state import app_state
from .app_state_store import AppStates
from .config import MAX_BODY, Config
from .database import Database
from .fault_pages import fault_pages
from .faults import Faults
from .fhir_api import fhir_api, refuse_unrouted
from .launch_pages import launch_pages
from .manage import manage_page
from .oauth_pages import oauth_pages
from .oauth_server import make_server
from .people import seed
from .sandbox import EXTENSION, Ehr, current_ehr
from .signing_keys import SigningKeys
from .store import Store
from .style import style_page
from .tokens import Tokens
from .transport_faults import after_answer, before_answer


def create_app(config: Config) -> Flask:
    """Make the EHR as a Flask app and write its invented people into its file.

    Call `app.extensions["sandbox-ehr"].close()` at the end.
    """
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.config["TRUSTED_HOSTS"] = ["localhost", "127.0.0.1"]
    app.url_map.redirect_defaults = False
    database = Database(config.database)
    store = Store(database, config.fhir_base, config.zone, config.clock)
    seed(store, config.today, config.zone)
    tokens, keys = Tokens(database, config.clock), SigningKeys(database, config.id_token_algorithm)
    authorization = make_server(app, config, tokens)
    states, started = AppStates(database), config.clock()
    app.extensions[EXTENSION] = Ehr(config, store, states, tokens, Faults(), started, authorization, keys)
    for blueprint in (fhir_api, oauth_pages, launch_pages, fault_pages, style_page, app_state, manage_page):
        app.register_blueprint(blueprint)
    app.register_error_handler(HTTPException, _error_page)
    app.before_request(before_answer)
    app.after_request(after_answer)
    app.after_request(_with_headers)
    return app


def _error_page(error: HTTPException) -> Any:
    status = error.code or 500
    if isinstance(error, SecurityError):
        # For a foreign host name no address can be made, so no page of ours either.
        return error.get_response()
    if request.path.startswith("/fhir"):
        return refuse_unrouted(status, _sentence(error))
    page = render_template("sandbox/refused.html", error=error.name, sentence=_sentence(error))
    allowed = error.valid_methods or () if isinstance(error, MethodNotAllowed) else ()
    return page, status, {"Allow": ", ".join(allowed)} if allowed else {}


def _sentence(error: HTTPException) -> str:
    if isinstance(error, RequestEntityTooLarge):
        return f"The request is larger than {MAX_BODY // (1024 * 1024)} MiB."
    return error.description or error.name


def _with_headers(response: Response) -> Response:
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    if response.mimetype == "text/html":
        response.headers["Cache-Control"] = "no-store"
        response.headers["Content-Security-Policy"] = _policy(current_ehr().config)
    return response


def _policy(config: Config) -> str:
    """Return the content policy: own styles, and only registered apps in frames and after forms."""
    apps = {client.launch_uri for client in config.clients if client.launch_uri}
    answers = {address for client in config.clients for address in client.redirect_uris}
    return "; ".join(
        (
            "default-src 'none'",
            "style-src 'self'",
            "img-src 'self'",
            f"frame-src 'self' {_origins(apps)}".rstrip(),
            f"form-action 'self' {_origins(answers)}".rstrip(),
            "frame-ancestors 'self'",
            "base-uri 'none'",
        )
    )


def _origins(addresses: set[str]) -> str:
    found = {f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, addresses)}
    return " ".join(sorted(found))
