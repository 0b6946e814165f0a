"""The pages of the EHR: charts, what stands in them, and the frame in which an app is opened."""

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, abort, jsonify, render_template, request

from .asked import json_object
from .index import folded
from .launches import make_launch, users
from .parameters import PARAMETERS
from .sandbox import Ehr, current_ehr
from .search import in_compartment
from .store import Stored, Window
from .strict_json import pretty_json

launch_pages = Blueprint("pages", __name__)

_NOTES_FIRST = (
    "DocumentReference",
    "Provenance",
    "Task",
    "Claim",
    "Goal",
    "CarePlan",
    "ServiceRequest",
)


@launch_pages.get("/")
def charts() -> str:
    """The list of charts, narrowed by a part of a name or of a record number."""
    ehr = current_ehr()
    wanted = request.args.get("q", "").strip()
    patients = [one.resource for one in ehr.store.find("Patient", (), Window())]
    shown = [patient for patient in patients if folded(wanted) in folded(_label(patient))]
    return render_template("sandbox/charts.html", patients=shown, wanted=wanted)


@launch_pages.get("/charts/<patient_id>")
def chart(patient_id: str) -> str:
    """One chart: banner, what is recorded, and the form that opens an app."""
    ehr = current_ehr()
    patient = _patient(ehr, patient_id)
    groups = {
        resource_type: list(reversed(ehr.store.find(resource_type, (in_compartment(patient_id),), Window())))
        for resource_type in _types()
    }
    return render_template(
        "sandbox/chart.html",
        patient=patient,
        groups={name: [_line(one) for one in found] for name, found in groups.items() if found},
        visits=[one.resource for one in groups["Encounter"] if one.resource["status"] == "in-progress"],
        users=users(ehr),
        clients=_launchable(ehr),
    )


@launch_pages.get("/charts/<patient_id>/app")
def app_in_chart(patient_id: str) -> str:
    """The chart with an app opened in it; every load is a new launch."""
    ehr = current_ehr()
    return _framed(ehr, _patient(ehr, patient_id), {**_chosen(), "patient": patient_id})


@launch_pages.get("/menu")
def menu() -> str:
    """The EHR's menu: opens an app without a patient."""
    ehr = current_ehr()
    return render_template("sandbox/menu.html", users=users(ehr), clients=_launchable(ehr))


@launch_pages.get("/menu/app")
def app_from_menu() -> str:
    """An app opened without a patient."""
    return _framed(current_ehr(), None, _chosen())


@launch_pages.get("/charts/<patient_id>/<resource_type>/<resource_id>")
def resource_page(patient_id: str, resource_type: str, resource_id: str) -> str:
    """One resource for reading: its note or signature decoded, its JSON, its versions."""
    ehr = current_ehr()
    patient = _patient(ehr, patient_id)
    versions = ehr.store.history(resource_type, resource_id)
    if not versions or versions[0].deleted:
        abort(404)
    latest = versions[0].resource
    if patient_id not in ehr.store.patients_of(latest):
        abort(404)
    return render_template(
        "sandbox/resource.html",
        patient=patient,
        resource=latest,
        readable=list(_readable(latest)),
        json=pretty_json(latest),
        versions=versions,
    )


@launch_pages.post("/launches")
def launches() -> tuple[Response, int]:
    """Start a launch for a script: JSON in, the address that opens the app out."""
    try:
        return jsonify({"launch_url": make_launch(current_ehr(), json_object())}), 201
    except ValueError as error:
        return jsonify({"error": str(error)}), 400


@launch_pages.app_template_global("person_label")
def _label(resource: dict[str, Any]) -> str:
    identifiers = resource.get("identifier") or [{}]
    return f"{resource['name'][0]['text']} {identifiers[0].get('value', '')}".strip()


def _chosen() -> dict[str, Any]:
    return {key: value for key, value in request.args.items() if value}


def _framed(ehr: Ehr, patient: dict[str, Any] | None, asked: dict[str, Any]) -> str:
    try:
        address = make_launch(ehr, asked)
    except ValueError as error:
        abort(400, f"This launch is not possible: {error}.")
    user = next(one for one in users(ehr) if one.login == asked["user"].removeprefix("prac-"))
    return render_template("sandbox/app.html", patient=patient, user=user, address=address, asked=asked)


def _patient(ehr: Ehr, patient_id: str) -> dict[str, Any]:
    stored = ehr.store.read("Patient", patient_id)
    if stored is None or stored.deleted:
        abort(404)
    return stored.resource


def _launchable(ehr: Ehr) -> list[Any]:
    return [client for client in ehr.config.clients if client.launch_uri]


def _types() -> list[str]:
    shown = [*_NOTES_FIRST, *(name for name in PARAMETERS if name not in _NOTES_FIRST)]
    return [name for name in shown if name != "Patient"]


def _line(stored: Stored) -> dict[str, str]:
    """Return what the chart shows of a resource: address, a title, a status and the day it is about."""
    resource = stored.resource
    return {
        "type": stored.type,
        "id": stored.id,
        "title": _title(resource),
        "status": _status(resource),
        "when": _when(resource) or stored.updated[:10],
    }


def _title(resource: dict[str, Any]) -> str:
    if resource["resourceType"] == "Provenance":
        return _provenance_title(resource)
    if resource["resourceType"] == "Coverage":
        return f"{_text(resource.get('type'))}, member {resource.get('subscriberId', '')}"
    if resource["resourceType"] == "EpisodeOfCare":
        return _text(resource.get("type")) or "Episode of care"
    for name in ("title", "description", "code", "type", "category", "relationship", "class"):
        text = _text(resource.get(name))
        if text:
            return text
    return str(resource["id"])


def _provenance_title(provenance: dict[str, Any]) -> str:
    agent = provenance["agent"][0]
    who = agent["who"].get("display") or agent["who"].get("reference", "")
    act = _text(agent.get("type")) or "agent"
    return f"{'Signature' if 'signature' in provenance else 'Record'}: {act} {who}"


def _text(value: Any) -> str:
    if isinstance(value, list):
        return _text(value[0]) if value else ""
    if isinstance(value, dict):
        found = (
            value.get("text") or value.get("display") or _text(value.get("coding")) or value.get("code", "")
        )
        return str(found)
    return value if isinstance(value, str) else ""


def _status(resource: dict[str, Any]) -> str:
    parts = [
        _text(resource.get(name))
        for name in ("status", "docStatus", "lifecycleStatus", "clinicalStatus", "businessStatus")
    ]
    return ", ".join(part for part in parts if part)


def _when(resource: dict[str, Any]) -> str:
    history = resource.get("statusHistory") or [{}]
    period = resource.get("period") or history[-1].get("period", {})
    names = ("recorded", "date", "authoredOn", "created", "startDate", "onsetDateTime")
    found = period.get("start") or next((resource[name] for name in names if name in resource), "")
    return str(found)[:16].replace("T", " ")


def _readable(resource: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (heading, text) for what is base64 in the JSON: notes and signatures."""
    for content in resource.get("content", []) if resource["resourceType"] == "DocumentReference" else []:
        attachment = content.get("attachment", {})
        kind = attachment.get("contentType", "")
        if "data" in attachment and kind.startswith(("text/", "application/xhtml", "application/fhir+json")):
            yield attachment.get("title", "Note"), _decoded(attachment["data"])
    for signature in resource.get("signature", []) if resource["resourceType"] == "Provenance" else []:
        if "data" in signature:
            who = signature.get("who", {})
            name = who.get("display") or who.get("reference", "")
            yield f"Signature of {name} at {signature.get('when', '')}", _decoded(signature["data"])


def _decoded(data: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return "(not text)"
