"""A light EHR for load alone, in a process of its own: it takes its time over tokens and none over the rest.

    python -m tests.stub_ehr --token-seconds 0.7

Everybody who comes to its sign-in is signed in. Each code is good once, for the redirect address and the code
verifier it was given out for, and for a client that shows an assertion, whose signature is not looked at. The
id_token is signed (RS256) when the code is given out, so that a burst does not wait for this machine to sign.
Batches that ask the same are answered the same. The first line that it prints is its address.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from mappings.fhir.elements import NPI

KEY = RSAKey.generate_key(2048, {"kid": "stub"})
USER, USER_NPI, PROGRAM_NPI = "prac-rivera", "1900000021", "1900000013"
JSON = "application/fhir+json"
PEOPLE = 20
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

Given = dict[str, str]
Reply = tuple[str, bytes, str]


def main() -> None:
    """Serve until the process is told to stop."""
    parser = argparse.ArgumentParser(description="A light EHR for load alone.")
    parser.add_argument("--token-seconds", type=float, default=0.7)
    asyncio.run(_serve(parser.parse_args().token_seconds))


async def _serve(seconds: float) -> None:
    ehr = Ehr(seconds)

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await _one(reader, writer, ehr)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(client, "127.0.0.1", 0, backlog=1024)
    ehr.base = f"http://localhost:{server.sockets[0].getsockname()[1]}"
    print(ehr.base, flush=True)
    async with server:
        await server.serve_forever()


async def _one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ehr: Ehr) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    length = next((line for line in lines if line.lower().startswith("content-length:")), ":0")
    body = await reader.readexactly(int(length.partition(":")[2]))
    status, said, more = await ehr.answer(first.split(" ")[1], body)
    told = f"HTTP/1.1 {status}\r\nContent-Type: {JSON}\r\nContent-Length: {len(said)}\r\n{more}\r\n"
    writer.write(told.encode() + said)
    await writer.drain()


class Ehr:
    """What it gave out and to whom; `base` is its address."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self.base = seconds, ""
        self._codes: dict[str, tuple[Given, bytes]] = {}

    async def answer(self, address: str, body: bytes) -> Reply:
        """Status, body and further header lines."""
        parts = urlsplit(address)
        if parts.path == "/auth/authorize":
            return self._signed_in(_once(parts.query))
        if parts.path == "/auth/token":
            found = self._token(_once(body.decode()))
            await asyncio.sleep(self._seconds)
            return ("200 OK", found, "") if found else ("400 Bad Request", b'{"error":"invalid_grant"}', "")
        return "200 OK", self._read(parts.path, address, body), ""

    def _signed_in(self, asked: Given) -> Reply:
        code = secrets.token_urlsafe(16)
        self._codes[code] = (asked, json.dumps(_granted(asked, self.base)).encode())
        back = urlencode({"code": code, "state": asked["state"]})
        return "302 Found", b"", f"Location: {asked['redirect_uri']}?{back}\r\n"

    def _token(self, asked: Given) -> bytes | None:
        given, said = self._codes.pop(asked["code"], ({}, b""))
        verifier = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
        holds = (
            given.get("code_challenge") == base64.urlsafe_b64encode(verifier).rstrip(b"=").decode(),
            given.get("redirect_uri") == asked.get("redirect_uri"),
            asked.get("client_assertion_type") == ASSERTION,
            asked.get("client_assertion", "").count(".") == 2,
        )
        return said if all(holds) else None

    def _read(self, path: str, address: str, body: bytes) -> bytes:
        fixed: dict[str, Callable[[], Any]] = {
            "/fhir/.well-known/smart-configuration": lambda: _configuration(self.base),
            "/fhir/metadata": lambda: METADATA,
            "/auth/jwks": lambda: {"keys": [KEY.as_dict(private=False)]},
        }
        if path == "/fhir":
            return _batch(body)
        made = fixed.get(path)
        return json.dumps(made() if made else _resource(address.removeprefix("/fhir/"))).encode()


def _once(query: str) -> Given:
    return {name: values[0] for name, values in parse_qs(query).items()}


def _configuration(base: str) -> dict[str, Any]:
    return {
        "issuer": base,
        "authorization_endpoint": f"{base}/auth/authorize",
        "token_endpoint": f"{base}/auth/token",
        "jwks_uri": f"{base}/auth/jwks",
        "capabilities": ["launch-ehr", "sso-openid-connect", "permission-v2"],
        "code_challenge_methods_supported": ["S256"],
    }


METADATA = {
    "resourceType": "CapabilityStatement",
    "fhirVersion": "4.0.1",
    "rest": [{"mode": "server", "interaction": [{"code": "batch"}]}],
}


def _granted(asked: Given, base: str) -> dict[str, Any]:
    patient, at = f"p-{int(asked['launch'].lstrip('x')) % PEOPLE}", int(time.time())
    claims = {"iss": base, "aud": asked["client_id"], "sub": "rivera", "iat": at, "exp": at + 300}
    claims |= {"nonce": asked["nonce"], "fhirUser": f"Practitioner/{USER}"}
    return {
        "access_token": f"token-{secrets.token_urlsafe(16)}",
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "launch openid fhirUser user/*.rs",
        "patient": patient,
        "id_token": jwt.encode({"alg": "RS256", "kid": "stub"}, claims, KEY, algorithms=["RS256"]),
    }


@lru_cache(maxsize=1000)
def _batch(body: bytes) -> bytes:
    entries = [
        {"response": {"status": "200"}, "resource": _resource(entry["request"]["url"])}
        for entry in json.loads(body)["entry"]
    ]
    return json.dumps({"resourceType": "Bundle", "type": "batch-response", "entry": entries}).encode()


def _resource(address: str) -> dict[str, Any]:
    parts = urlsplit(address)
    kind, _, own = parts.path.partition("/")
    if own:
        return _patient(own) if kind == "Patient" else _practitioner(own)
    patient = parse_qs(parts.query).get("patient", [""])[0]
    listed: dict[str, list[dict[str, Any]]] = {
        "Coverage": [_coverage(patient), _payer()],
        "Condition": [_condition(patient), _practitioner(USER)],
        "Organization": [_organization()],
        "Location": [{"resourceType": "Location", "id": "loc-1"}],
    }
    found = listed.get(kind, [])
    entries = [
        {"resource": one, "search": {"mode": "match" if one["resourceType"] == kind else "include"}}
        for one in found
    ]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries}


def _patient(own: str) -> dict[str, Any]:
    number = {"type": {"coding": [{"code": "MR"}]}, "system": "urn:example:mrn", "value": f"MRN-{own}"}
    name = {"use": "official", "family": "Example", "given": ["Load"]}
    return {"resourceType": "Patient", "id": own, "identifier": [number], "name": [name]} | {
        "birthDate": "1990-02-03",
        "gender": "unknown",
    }


def _practitioner(own: str) -> dict[str, Any]:
    npi = {"system": NPI, "value": USER_NPI}
    name = {"family": "Rivera", "given": ["Pat"]}
    return {"resourceType": "Practitioner", "id": own, "identifier": [npi], "name": [name]}


def _coverage(patient: str) -> dict[str, Any]:
    return {
        "resourceType": "Coverage",
        "id": f"cov-{patient}",
        "status": "active",
        "beneficiary": {"reference": f"Patient/{patient}"},
        "payor": [{"reference": "Organization/payer"}],
        "subscriberId": "AA00001A",
        "order": 1,
    }


def _payer() -> dict[str, Any]:
    return {"resourceType": "Organization", "id": "payer", "name": "Payer"}


def _organization() -> dict[str, Any]:
    own = {"system": NPI, "value": PROGRAM_NPI}
    return {"resourceType": "Organization", "id": "org-riverbend", "identifier": [own], "name": "Riverbend"}


def _condition(patient: str) -> dict[str, Any]:
    coded = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "F32.9"}]}
    return {
        "resourceType": "Condition",
        "id": f"cond-{patient}",
        "subject": {"reference": f"Patient/{patient}"},
        "code": coded,
        "asserter": {"reference": f"Practitioner/{USER}"},
    }


if __name__ == "__main__":
    main()
