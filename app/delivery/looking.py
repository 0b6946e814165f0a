"""What already stands in an EHR of what is about to be sent, and what keeps that from being known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from mappings.fhir.audit_event import line_of
from smart_launch.fhir_client import FhirClient

Json = dict[str, Any]
MOST_AT_ONCE = "200"


class Several(Exception):
    """More than one resource stands under an identifier of ours: people must look, nothing more is sent."""


class TooMany(Several):
    """More stands there than could be looked through: whether a record of ours is among it is not known."""


class OfSomebodyElse(Several):
    """What stands under an identifier of ours is another person's: it is neither changed nor referred to."""


def whole(
    client: FhirClient, resource_type: str, asked: Sequence[tuple[str, str]], request_id: str
) -> Sequence[Json]:
    """Everything that a search finds. Raises FhirTrouble, and TooMany where it does not come to an end."""
    answer = client.search(resource_type, asked, request_id=request_id)
    if not answer.complete:
        raise TooMany(
            f"The EHR shows more {resource_type} than can be looked through, so it is not known whether this "
            "record stands there. Have somebody look for it in the chart; tell your administrator."
        )
    return answer.matches


def line_that_stands(client: FhirClient, by: str, ours: Json, request_id: str) -> Json | None:
    """The AuditEvent that was made of the same line of the trail, known by the line's number and hash, looked
    for `by` its time (`date`), among those of its person (`patient`), or by both. Raises as `whole`."""
    asked = [pair for name in by.split() for pair in (_around(ours) if name == "date" else _of_person(ours))]
    found = whole(client, "AuditEvent", [*asked, ("_count", MOST_AT_ONCE)], request_id)
    return next((one for one in found if _same_line(ours, one)), None)


def _around(event: Mapping[str, Any]) -> list[tuple[str, str]]:
    # A server may cut or round a time: a second more on each side is searched.
    second = datetime.fromisoformat(event["recorded"]).astimezone(UTC).replace(microsecond=0)
    bounds = ("ge", second - timedelta(seconds=1)), ("lt", second + timedelta(seconds=2))
    return [("date", f"{word}{at:%Y-%m-%dT%H:%M:%S}Z") for word, at in bounds]


def _of_person(event: Mapping[str, Any]) -> list[tuple[str, str]]:
    named = [(each.get("what") or {}).get("reference", "") for each in event.get("entity", ())]
    return [("patient", one) for one in named if one.startswith("Patient/")][:1]


def _same_line(ours: Json, theirs: Json) -> bool:
    mine, other = line_of(ours), line_of(theirs)
    # One of the two may not have been kept by the server; what it kept must be ours.
    kept = [(here, there) for here, there in zip(mine, other, strict=True) if there]
    return bool(kept) and all(here == there for here, there in kept)
