"""The addresses on a page: worked out once for all launches, since a page carries a score of them."""

from __future__ import annotations

import re
from typing import Any

from flask import Flask, current_app, g, request, url_for

_ID = re.compile(r"[0-9A-Za-z]{1,64}")
# Stands for the launch in an address that is kept; no address of ours holds it.
_ANY = "LaunchOfThisPage"
_PLAIN = frozenset({"launch_id", "filename"})
_KEPT = "peerchart_links"
_MOST = 2000


def link(endpoint: str, **values: Any) -> str:
    """As Flask's `url_for`, for the templates."""
    launch_id = values.get("launch_id") or g.get("launch_id") or ""
    if (
        not values.keys() <= _PLAIN
        or endpoint.startswith(".")
        or (launch_id and not _ID.fullmatch(launch_id))
    ):
        return url_for(endpoint, **values)
    kept: dict[tuple[Any, ...], str] = current_app.extensions[_KEPT]
    key = (endpoint, values.get("filename"), bool(launch_id), request.script_root)
    found = kept.get(key)
    if found is None:
        found = _worked_out(endpoint, values, bool(launch_id))
        if len(kept) < _MOST:
            kept[key] = found
    return found.replace(_ANY, launch_id)


def install(app: Flask) -> None:
    """Give an application the place where the addresses are kept."""
    app.extensions[_KEPT] = {}


def _worked_out(endpoint: str, values: dict[str, Any], launch: bool) -> str:
    of_launch = launch and current_app.url_map.is_endpoint_expecting(endpoint, "launch_id")
    return url_for(endpoint, **{**values, **({"launch_id": _ANY} if of_launch else {})})
