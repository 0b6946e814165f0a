"""The JSON object that a script sends to an address of this EHR itself."""

from typing import Any

from flask import request

from .outcomes import FhirError
from .strict_json import read_json


def json_object() -> dict[str, Any]:
    """Return the JSON object of the current request; raises ValueError saying what is wrong with it."""
    if request.mimetype != "application/json":
        raise ValueError("send Content-Type: application/json")
    try:
        value = read_json(request.get_data())
    except FhirError as error:
        raise ValueError(str(error)) from error
    if not isinstance(value, dict):
        raise ValueError("send a JSON object")
    return value
