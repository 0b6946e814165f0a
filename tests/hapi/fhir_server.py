"""A FHIR server as a stranger sees it: plain requests, and its answers as they came."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

Json = dict[str, Any]
FHIR_JSON = "application/fhir+json"
TIMEOUT = (5, 120)


@dataclass(frozen=True)
class FhirServer:
    """A FHIR base and a session to it."""

    base: str
    http: requests.Session

    @staticmethod
    @contextmanager
    def at(base: str) -> Iterator[FhirServer]:
        """The server at this address."""
        with requests.Session() as http:
            http.trust_env = False
            http.headers.update({"Content-Type": FHIR_JSON, "Accept": FHIR_JSON})
            yield FhirServer(base, http)

    def empty(self) -> None:
        """Take out everything, for the next test."""
        everything = {"name": "expungeEverything", "valueBoolean": True}
        self.ask("POST", "/$expunge", {"resourceType": "Parameters", "parameter": [everything]})

    def ask(
        self, method: str, path: str, body: Json | None = None, expect: int = 200, **headers: str
    ) -> Json:
        """The body of the answer, which must have the status `expect`."""
        answer = self.raw(method, path, body, **headers)
        assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text[:1500]}"
        found: Json = answer.json()
        return found

    def raw(self, method: str, path: str, body: Json | None = None, **headers: str) -> requests.Response:
        """The answer as it is."""
        raw = None if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.request(method, f"{self.base}{path}", data=raw, headers=named, timeout=TIMEOUT)

    def put(self, reference: str, **elements: Any) -> None:
        """A record of the EHR's own at `Type/id`."""
        resource_type, own_id = reference.split("/")
        body = {**elements, "resourceType": resource_type, "id": own_id}
        answer = self.raw("PUT", f"/{reference}", body)
        assert answer.status_code in {200, 201}, answer.text[:1500]

    def send(self, bundle: Json) -> list[Json]:
        """The response of each entry of a transaction that must be taken."""
        return [entry["response"] for entry in self.ask("POST", "", bundle)["entry"]]

    def read(self, reference: str) -> Json:
        """One resource by `Type/id`."""
        return self.ask("GET", f"/{reference}")

    def search(self, resource_type: str, **params: str) -> list[Json]:
        """What a search answers, strictly: a parameter that the server does not know is an error."""
        answer = self.http.get(
            f"{self.base}/{resource_type}",
            params={"_count": "200", **params},
            headers={"Prefer": "handling=strict"},
            timeout=TIMEOUT,
        )
        assert answer.status_code == 200, answer.text[:1500]
        return [one["resource"] for one in answer.json().get("entry", ())]

    def total(self, resource_type: str, query: str = "") -> int:
        """How many match an encoded query."""
        found = self.ask("GET", f"/{resource_type}?{query}{'&' if query else ''}_summary=count")
        return int(found["total"])
