"""What a person likes to see, kept at the EHR where it keeps the state of apps: the filters of lists.

Nothing depends on it: where the EHR keeps none, refuses, or is away, the lists stand unfiltered.
"""

from __future__ import annotations

import json
import re
from urllib.parse import urlsplit
from uuid import uuid4

import structlog
from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.chart.granted import reasons
from app.problems import MendInput, NotAllowed
from app.web import launches, tokens
from app.web.access import EVERYBODY, allow, launch
from app.web.kit import kit
from app.web.registry import issuer_of
from smart_launch import app_state
from smart_launch.app_state import Shelf
from smart_launch.fhir_client import FhirClient, FhirTrouble
from smart_launch.issuers import Issuer
from smart_launch.refusal import LaunchRefused

log = structlog.get_logger()
preferences = Blueprint("preferences", __name__, url_prefix="/l/<launch_id>/preferences")

# The lists that have a filter, by the endpoint that shows them.
FILTERS = ("deliveries.listing",)
CODE = "peerchart-preferences"
_VALUE = re.compile(r"[a-z][a-z\- ]{0,40}|")
_TROUBLE = (FhirTrouble, LaunchRefused, tokens.OpenAgain, tokens.ComeBack)


@preferences.post("/<name>")
@allow(*EVERYBODY)
def keep(name: str) -> ResponseReturnValue:
    """Remember the filter of a list for this person, at the EHR."""
    value = request.form.get("value", "")
    if name not in FILTERS or not _VALUE.fullmatch(value):
        raise MendInput("There is no such filter.", "Go back to the list and choose one there.")
    if not offered():
        raise NotAllowed(
            "This EHR keeps no filters for Peerchart.", "Choose the filter on the list each time."
        )
    liked = {**_liked(), name: value}
    said = "remembered" if _save(liked) else "not-remembered"
    return redirect(url_for(name, state=value or None, said=said), 303)


def offered() -> bool:
    """Whether this launch may keep filters at its EHR: the EHR offers it and granted it."""
    told = launch().context
    return bool(told.get("app_state")) and "scope" in told and "preferences" not in reasons(told)


def remembered(name: str) -> str:
    """The filter this person likes for a list, blank where none is known."""
    return _liked().get(name, "") if offered() else ""


def _liked() -> dict[str, str]:
    """The filters as this launch knows them; the EHR is asked once."""
    known = launch().context.get("preferences")
    if isinstance(known, dict):
        return known
    liked = _load()
    with kit().store.write() as session:
        launches.learn(session, launch().id, {"preferences": liked})
    launch().context["preferences"] = liked
    return liked


def _load() -> dict[str, str]:
    try:
        client, shelf = _shelf()
        kept = app_state.load(client, shelf, request_id=str(uuid4()))
        said = json.loads(kept.text) if kept and kept.text else {}
    except (*_TROUBLE, ValueError) as trouble:
        log.info("preferences not read", kind=type(trouble).__name__)
        return {}
    listed = said.items() if isinstance(said, dict) else ()
    return {
        name: value
        for name, value in listed
        if name in FILTERS and isinstance(value, str) and _VALUE.fullmatch(value)
    }


def _save(liked: dict[str, str]) -> bool:
    try:
        client, shelf = _shelf()
        app_state.save(client, shelf, json.dumps(liked), request_id=str(uuid4()))
    except _TROUBLE as trouble:
        log.info("preferences not kept", kind=type(trouble).__name__)
        return False
    with kit().store.write() as session:
        launches.learn(session, launch().id, {"preferences": liked})
    return True


def _shelf() -> tuple[FhirClient, Shelf]:
    issuer: Issuer = issuer_of(launch().issuer)
    context = tokens.good(kit(), issuer, launch().id)
    profile = kit().profiles.get(kit().http, issuer, kit().now())
    ours = urlsplit(issuer.redirect_uri)
    shelf = Shelf(f"{ours.scheme}://{ours.netloc}", CODE, f"{issuer.base}/{launch().practitioner}")
    base = profile.app_state_base or issuer.base
    return FhirClient(kit().http, base, lambda: context.access_token, (3, 5)), shelf
