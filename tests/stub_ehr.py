"""A light EHR for load alone, in a process of its own: it takes its time over tokens and none over the rest.

    python -m tests.stub_ehr --token-seconds 0.7

It checks nothing and holds no data: what a code says of its launch (base64url of JSON: nonce and patient)
comes back in the token answer. The first line that it prints is its address.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey

from mappings.fhir.elements import NPI

KEY = ECKey.generate_key("P-256", {"kid": "stub"})
USER, USER_NPI, PROGRAM_NPI = "prac-rivera", "1900000021", "1900000013"
JSON = "application/fhir+json"


def code_for(nonce: str, patient: str) -> str:
    """The code that makes the token answer name this nonce and this patient."""
    return base64.urlsafe_b64encode(json.dumps([nonce, patient]).encode()).decode()


def main() -> None:
    """Serve until the process is told to stop."""
    parser = argparse.ArgumentParser(description="A light EHR for load alone.")
    parser.add_argument("--token-seconds", type=float, default=0.7)
    asyncio.run(_serve(parser.parse_args().token_seconds))


async def _serve(seconds: float) -> None:
    base = ""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await _one(reader, writer, base, seconds):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(client, "127.0.0.1", 0, backlog=1024)
    base = f"http://localhost:{server.sockets[0].getsockname()[1]}"
    print(base, flush=True)
    async with server:
        await server.serve_forever()


async def _one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, base: str, seconds: float) -> bool:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    path = first.split(" ")[1]
    if path == "/auth/token":
        await asyncio.sleep(seconds)
    said = json.dumps(_answer(path, body, base)).encode()
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {JSON}\r\nContent-Length: {len(said)}\r\n\r\n".encode())
    writer.write(said)
    await writer.drain()
    return True


def _answer(path: str, body: bytes, base: str) -> Any:
    fixed: dict[str, Callable[[], Any]] = {
        "/fhir/.well-known/smart-configuration": lambda: _configuration(base),
        "/fhir/metadata": lambda: METADATA,
        "/auth/jwks": lambda: {"keys": [KEY.as_dict(private=False)]},
        "/auth/token": lambda: _token(parse_qs(body.decode())["code"][0], base),
        "/fhir": lambda: _batch(json.loads(body)),
    }
    made = fixed.get(path)
    return made() if made else _resource(path.removeprefix("/fhir/"))


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


def _token(code: str, base: str) -> dict[str, Any]:
    nonce, patient = json.loads(base64.urlsafe_b64decode(code))
    at = int(time.time())
    claims = {"iss": base, "aud": "peerchart", "sub": "rivera", "iat": at, "exp": at + 300, "nonce": nonce}
    claims |= {"fhirUser": f"Practitioner/{USER}"}
    return {
        "access_token": f"token-{patient}",
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "launch openid fhirUser user/*.rs",
        "patient": patient,
        "id_token": jwt.encode({"alg": "ES256", "kid": "stub"}, claims, KEY, algorithms=["ES256"]),
    }


def _batch(bundle: dict[str, Any]) -> dict[str, Any]:
    entries = [
        {"response": {"status": "200"}, "resource": _resource(entry["request"]["url"])}
        for entry in bundle["entry"]
    ]
    return {"resourceType": "Bundle", "type": "batch-response", "entry": entries}


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
