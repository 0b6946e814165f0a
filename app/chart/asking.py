"""Several questions to an EHR at once: in one batch Bundle where it takes one, else one after the other."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from smart_launch.fhir_client import REFERENCE, FhirClient, FhirTrouble, ForeignReference

Json = dict[str, Any]
Params = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Question:
    """One question: a resource by reference, or a search. `name` is what people call the answer. One that is
    `not_granted` is never asked: it would only be refused."""

    name: str
    reference: str = ""
    resource_type: str = ""
    params: Params = ()
    not_granted: bool = False

    @property
    def kind(self) -> str:
        """The resource type that is asked for."""
        return self.resource_type or self.reference.partition("/")[0]

    @property
    def address(self) -> str:
        """The address relative to the FHIR base."""
        return self.reference or f"{self.resource_type}?{'&'.join(map(_param, self.params))}"


@lru_cache(maxsize=256)
def _param(one: tuple[str, str]) -> str:
    # Most of them are the same in every launch.
    return urlencode([one])


@dataclass(frozen=True)
class Reply:
    """What came back: the resources found, those included with them, and why not, where it was refused."""

    found: tuple[Json, ...] = ()
    included: tuple[Json, ...] = ()
    trouble: str = ""


def ask_all(
    client: FhirClient, questions: Sequence[Question], *, batch: bool, request_id: str
) -> list[Reply]:
    """A reply to each question, in order; trouble with one leaves the others as they are. An EHR that cannot
    answer a batch is asked singly."""
    asked = [question for question in questions if not question.not_granted]
    came = iter(_asked(client, asked, batch=batch, request_id=request_id))
    return [_refused(question) if question.not_granted else next(came) for question in questions]


def _refused(question: Question) -> Reply:
    return Reply(trouble=f"the EHR did not grant reading of {question.kind}")


def _asked(client: FhirClient, questions: Sequence[Question], *, batch: bool, request_id: str) -> list[Reply]:
    if not questions:
        return []
    replies = _batch(client, questions, request_id) if batch and len(questions) > 1 else None
    if replies is None:
        return [_single(client, question, request_id) for question in questions]
    # A batch answers with the first page only: what goes on is asked again, page by page.
    return [
        _single(client, question, request_id) if reply is None else reply
        for question, reply in zip(questions, replies, strict=True)
    ]


def _batch(client: FhirClient, questions: Sequence[Question], request_id: str) -> list[Reply | None] | None:
    entries = [{"request": {"method": "GET", "url": question.address}} for question in questions]
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}
    try:
        answer = client.transaction(json.dumps(bundle).encode(), request_id=request_id)
    except FhirTrouble:
        return None
    came = (answer.body or {}).get("entry")
    if not isinstance(came, list) or len(came) != len(questions):
        return None
    return [_of_entry(entry if isinstance(entry, dict) else {}) for entry in came]


def _of_entry(entry: Mapping[str, Any]) -> Reply | None:
    response, resource = entry.get("response"), entry.get("resource")
    status = str(response.get("status", ""))[:40] if isinstance(response, dict) else ""
    if not status.startswith("2") or not isinstance(resource, dict):
        return Reply(trouble=f"the EHR answered {status or 'nothing'}")
    if resource.get("resourceType") != "Bundle":
        return Reply(found=_usable([resource]))
    if any(link.get("relation") == "next" for link in _objects(resource.get("link"))):
        return None
    entries = _objects(resource.get("entry"))
    return Reply(
        found=_usable(one.get("resource") for one in entries if _mode(one) == "match"),
        included=_usable(one.get("resource") for one in entries if _mode(one) == "include"),
    )


def _mode(entry: Mapping[str, Any]) -> str:
    search = entry.get("search")
    return str(search.get("mode", "match")) if isinstance(search, dict) else "match"


def _objects(value: object) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _usable(resources: Iterable[object]) -> tuple[Json, ...]:
    """Those that say what they are and under which id: without, nothing can be referred to."""
    return tuple(one for one in resources if isinstance(one, dict) and _is_named(one))


def _is_named(resource: Json) -> bool:
    kind, own = resource.get("resourceType"), resource.get("id")
    return isinstance(kind, str) and isinstance(own, str) and bool(REFERENCE.fullmatch(f"{kind}/{own}"))


def _single(client: FhirClient, question: Question, request_id: str) -> Reply:
    try:
        if question.reference:
            answer = client.read(question.reference, request_id=request_id)
            return Reply(found=_usable([answer.body]))
        got = client.search(question.resource_type, question.params, request_id=request_id)
        return Reply(_usable(got.matches), _usable(got.included))
    except ForeignReference:
        return Reply(trouble="it lies in another system")
    except FhirTrouble as trouble:
        return Reply(trouble=trouble.message)
