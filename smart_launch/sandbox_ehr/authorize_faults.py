"""What may be wrong with the answer that the browser carries back to the app."""

from collections.abc import Callable
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from werkzeug.wrappers import Response

from .faults import Fault
from .striking import strike

Pairs = list[tuple[str, str]]


def spoiled(response: Response) -> Response:
    """Return the authorization response with every planned fault in it; a page stays as it is."""
    if not response.location:
        return response
    address = urlsplit(response.location)
    pairs = parse_qsl(address.query, keep_blank_values=True)
    if "code" in dict(pairs):
        for name, change in _CHANGES.items():
            if fault := strike(name):
                pairs = change(pairs, fault)
        response.location = urlunsplit(address._replace(query=urlencode(pairs)))
    return response


def _error(pairs: Pairs, fault: Fault) -> Pairs:
    kept = pairs if fault["with_code"] else _without(pairs, "code")
    said = {"error": fault["error"], "error_description": fault["description"], "error_uri": fault["uri"]}
    return kept + [(name, value) for name, value in said.items() if value is not None]


def _other(name: str) -> Callable[[Pairs, Fault], Pairs]:
    def change(pairs: Pairs, fault: Fault) -> Pairs:
        said = [] if fault["value"] is None else [(name, str(fault["value"]))]
        return _without(pairs, name) + said

    return change


def _without(pairs: Pairs, name: str) -> Pairs:
    return [(key, value) for key, value in pairs if key != name]


_CHANGES: dict[str, Callable[[Pairs, Fault], Pairs]] = {
    "mixed-up-issuer": _other("iss"),
    "no-issuer-parameter": lambda pairs, _: _without(pairs, "iss"),
    "wrong-state": _other("state"),
    "error-redirect": _error,
    "missing-code": lambda pairs, _: _without(pairs, "code"),
    "code-twice": lambda pairs, _: [*pairs, ("code", "another-code")],
}
