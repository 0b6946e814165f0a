"""Where people see which apps may act for them, and end that (SMART's management_endpoint)."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from .launches import users
from .sandbox import Ehr, current_ehr

manage_page = Blueprint("manage", __name__)


@manage_page.get("/manage")
def manage() -> str:
    """The apps that still hold a good token, with whose and for what."""
    return render_template("sandbox/manage.html", sign_ins=_sign_ins(current_ehr()))


@manage_page.post("/manage")
def end() -> Response:
    """End one sign-in: its access and refresh tokens are good for nothing from now on."""
    current_ehr().tokens.end_family(request.form.get("family", ""))
    return redirect(url_for("manage.manage"), 303)


def _sign_ins(ehr: Ehr) -> list[dict[str, str]]:
    names = {user.login: user.name for user in users(ehr)}
    apps = {client.client_id: client.name for client in ehr.config.clients}
    return [
        {
            "family": token.family,
            "app": apps.get(token.client_id, token.client_id),
            "user": names.get(token.user or "", str(token.user)),
            "patient": str(token.context.get("patient", "")),
            "scope": token.scope,
        }
        for token in ehr.tokens.running()
    ]
