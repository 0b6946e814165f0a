"""What may be wrong with a search result: a page on another host, a stranger's record among the found."""

from typing import Any

from .sandbox import current_ehr
from .striking import strike


def spoiled(bundle: dict[str, Any]) -> dict[str, Any]:
    """Return the searchset with every planned fault in it."""
    changed = dict(bundle)
    if fault := strike("foreign-next-link"):
        kept = [link for link in bundle["link"] if link["relation"] != "next"]
        changed["link"] = [*kept, {"relation": "next", "url": fault["url"]}]
    if fault := strike("other-patient-in-search"):
        stored = current_ehr().store.read("Patient", fault["patient"])
        entry = {"resource": stored.resource if stored else {}, "search": {"mode": "match"}}
        changed["entry"] = [*bundle.get("entry", []), entry]
    return changed
