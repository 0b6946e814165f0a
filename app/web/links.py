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


class Links:
    """The addresses of one page, by the names of what stands there. It is asked as Flask's `url_for`."""

    def __init__(self) -> None:
        self._launch_id: str = g.get("launch_id") or ""
        self._root = request.script_root
        self._kept: dict[tuple[Any, ...], str] = current_app.extensions[_KEPT]

    def __call__(self, endpoint: str, **values: Any) -> str:
        """As Flask's `url_for`."""
        launch_id = values.get("launch_id") or self._launch_id
        if (
            not values.keys() <= _PLAIN
            or endpoint.startswith(".")
            or (launch_id and not _ID.fullmatch(launch_id))
        ):
            return url_for(endpoint, **values)
        key = (endpoint, values.get("filename"), bool(launch_id), self._root)
        found = self._kept.get(key)
        if found is None:
            found = _worked_out(endpoint, values, bool(launch_id))
            if len(self._kept) < _MOST:
                self._kept[key] = found
        return found.replace(_ANY, launch_id)


def install(app: Flask) -> None:
    """Give an application the place where the addresses are kept."""
    app.extensions[_KEPT] = {}


def _worked_out(endpoint: str, values: dict[str, Any], launch: bool) -> str:
    of_launch = launch and current_app.url_map.is_endpoint_expecting(endpoint, "launch_id")
    return url_for(endpoint, **{**values, **({"launch_id": _ANY} if of_launch else {})})
