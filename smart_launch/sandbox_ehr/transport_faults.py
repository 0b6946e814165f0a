"""Faults of the wire: late, down, not JSON, cut off, too large. They strike at the place that they name."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

from flask import Response, jsonify, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from .faults import Fault
from .outcomes import FhirError
from .strict_json import write_json
from .striking import places, strike

_DEEP = 5000
_SECRET_MEMBERS = ("access_token", "authorization_endpoint", "keys", "active", "resourceType")


def before_answer() -> AnyResponse | None:
    """Wait, or answer in place of the EHR, as planned. Hung before every request of the app."""
    if not places():
        return None
    if fault := strike("slow"):
        time.sleep(float(fault["seconds"]))
    if strike("down"):
        return _down()
    if strike("html"):
        return Response("<!doctype html><title>Sign in</title><p>Please sign in.", mimetype="text/html")
    if fault := strike("redirect"):
        return redirect(fault["to"], fault["status"])
    if "token" in places() and (fault := strike("token-error")):
        said = {"error": fault["error"], "error_description": fault["description"]}
        answer = jsonify(said)
        answer.status_code = fault["status"]
        return answer
    return None


def after_answer(response: Response) -> Response:
    """Spoil the answer as planned. Hung after every request of the app."""
    if not places():
        return response
    if strike("no-answer"):
        return Response(closed())
    if strike("wrong-content-type"):
        response.mimetype = "text/html"
    if response.is_json:
        for name, change in _BODIES.items():
            if fault := strike(name):
                response.set_data(change(response.get_data(), fault))
    return response


def closed() -> Iterator[bytes]:
    """Close the connection in place of an answer."""
    connection: socket.socket = request.environ["werkzeug.socket"]

    def closing() -> Iterator[bytes]:
        connection.shutdown(socket.SHUT_RDWR)
        raise ConnectionResetError("planned fault: the answer is lost")
        yield b""

    return closing()


def _down() -> Response:
    error = FhirError(503, "transient", "The EHR is down for maintenance.")
    body: Any = error.outcome() if "fhir" in places() else {"error": "temporarily_unavailable"}
    kind = "application/fhir+json" if "fhir" in places() else "application/json"
    return Response(write_json(body), 503, {"Retry-After": "1"}, content_type=f"{kind}; charset=utf-8")


def _twice(body: bytes, fault: Fault) -> bytes:
    value = json.loads(body)
    key = fault["key"] or next((name for name in _SECRET_MEMBERS if name in value), next(iter(value), "x"))
    again = json.dumps({key: fault["value"]}, default=str).encode()
    return body.rstrip()[:-1] + b", " + again[1:]


def _padded(body: bytes, fault: Fault) -> bytes:
    padding = b"x" * int(float(fault["megabytes"]) * 1024 * 1024)
    return body.rstrip()[:-1] + b', "padding": "' + padding + b'"}'


_BODIES: dict[str, Callable[[bytes, Fault], bytes]] = {
    "duplicate-keys": _twice,
    "huge-body": _padded,
    "deep-json": lambda body, _: body.rstrip()[:-1] + b', "deep": ' + b"[" * _DEEP + b"]" * _DEEP + b"}",
    "list-instead-of-object": lambda body, _: b"[" + body + b"]",
    "truncated-json": lambda body, _: body[: len(body) // 2],
}
