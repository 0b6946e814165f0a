"""Planning faults over HTTP; only where the EHR was started with faults."""

from flask import Blueprint, Response, abort, jsonify

from .asked import json_object
from .fault_catalogue import KINDS
from .faults import described, read_fault
from .sandbox import current_ehr

fault_pages = Blueprint("faults", __name__)


@fault_pages.before_request
def _only_where_asked_for() -> None:
    if not current_ehr().config.faults:
        abort(404)


@fault_pages.get("/_faults")
def listed() -> Response:
    """Every fault by name, where it strikes, one line about it, its options; and what is planned."""
    planned = [
        {"name": one.name, "count": one.count, **one.options} for one in current_ehr().faults.planned()
    ]
    return jsonify({"faults": [described(kind) for kind in KINDS.values()], "planned": planned})


@fault_pages.post("/_faults")
def planned() -> tuple[Response, int]:
    """Plan a fault for the whole EHR."""
    try:
        fault = read_fault(json_object())
    except ValueError as error:
        return jsonify({"error": str(error)}), 400
    current_ehr().faults.plan(fault)
    return jsonify({"planned": fault.name, "count": fault.count}), 200


@fault_pages.delete("/_faults")
def cleared() -> tuple[str, int]:
    """Forget every planned fault, of launches too."""
    current_ehr().faults.clear()
    return "", 204
