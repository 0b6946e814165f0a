"""What public mapping tools make of the same contacts, where they are installed: rows a second of the
processor.

They are no part of the lock: PEERCHART_BENCH_PYTHON names the interpreter of an environment that has them
(`pip install hl7v2-fhir-bridge jsonata-python`). They do less than `map`: they judge nothing, and make no
note, plan, signature or claim.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

ENVIRONMENT = "PEERCHART_BENCH_PYTHON"
Json = dict[str, Any]
# The bridge reads an admission message: Patient, Practitioner, Encounter and Provenance in a Bundle.
_BRIDGE = """
import json, sys, time
from v2fhir.config import load_config
from v2fhir.convert import convert
from v2fhir.hl7.parser import parse
from v2fhir.validate import validate_bundle
config = load_config(overrides={"default_timezone": "America/New_York"})
messages = json.load(sys.stdin)
def once(check):
    began = time.process_time()
    for text in messages:
        bundle = convert(parse(text), config).bundle
        if check:
            validate_bundle(bundle)
        json.dumps(bundle)
    return len(messages) / (time.process_time() - began)
once(True)
print(json.dumps([max(once(False) for _ in range(3)), once(True)]))
"""
# A mapping in JSONata, of the same four resources.
_JSONATA = """
import json, sys, time
from jsonata import Jsonata
mapping = Jsonata('''
{"resourceType": "Bundle", "type": "transaction", "entry": [
  {"fullUrl": "urn:person:" & individual.id, "request": {"method": "POST", "url": "Patient"},
   "resource": {"resourceType": "Patient", "active": true,
    "identifier": [{"system": individual.identifier_system, "value": individual.id}],
    "name": [{"family": individual.name.family, "given": [individual.name.given]}],
    "gender": individual.gender, "birthDate": individual.birth_date}},
  {"fullUrl": "urn:peer:" & peer.id, "request": {"method": "POST", "url": "Practitioner"},
   "resource": {"resourceType": "Practitioner",
    "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": peer.id}]}},
  {"fullUrl": "urn:visit:" & id, "request": {"method": "POST", "url": "Encounter"},
   "resource": {"resourceType": "Encounter", "status": status, "class": {"code": "AMB"},
    "subject": {"reference": "urn:person:" & individual.id},
    "participant": [{"individual": {"reference": "urn:peer:" & peer.id}}],
    "period": {"start": start, "end": end},
    "location": [{"location": {"display": service.place}}]}},
  {"fullUrl": "urn:signed:" & id, "request": {"method": "POST", "url": "Provenance"},
   "resource": {"resourceType": "Provenance", "target": [{"reference": "urn:visit:" & id}],
    "recorded": signatures[0].at, "agent": [{"who": {"reference": "urn:peer:" & peer.id}}]}}]}
''')
contacts = json.load(sys.stdin)
def once():
    began = time.process_time()
    for each in contacts:
        json.dumps(mapping.evaluate(each))
    return len(contacts) / (time.process_time() - began)
print(json.dumps([max(once() for _ in range(2))]))
"""


def other_figures(lines: Sequence[bytes]) -> Iterator[tuple[str, str]]:
    """What is measured on the contacts among these intake lines, and the figure."""
    contacts = [one for one in map(json.loads, lines) if one["kind"] == "contact"]
    found = _asked(_BRIDGE, "v2fhir", json.dumps([_message(one) for one in contacts]))
    yield "hl7v2-fhir-bridge, a Bundle of 4 entries a row", _told(found, 0)
    yield "  each validated by fhir.resources", _told(found, 1)
    found = _asked(_JSONATA, "jsonata", json.dumps(contacts))
    yield "jsonata-python, the same 4 entries, not validated", _told(found, 0)


def _asked(program: str, module: str, given: str) -> list[float] | None:
    python = os.environ.get(ENVIRONMENT, sys.executable)
    there = subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False, timeout=120)
    if there.returncode:
        return None
    done = subprocess.run(
        [python, "-c", program], input=given, capture_output=True, text=True, check=True, timeout=1800
    )
    figures: list[float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _told(found: list[float] | None, place: int) -> str:
    return f"not installed (see {ENVIRONMENT})" if found is None else f"{found[place]:>10,.0f} a second"


def _message(one: Json) -> str:
    """The contact as a message that registers a visit, as far as one can say it."""
    who, name = one["individual"], one["individual"].get("name") or {}
    begun, ended = (str(one.get(each) or "").replace("-", "").replace(":", "") for each in ("start", "end"))
    peer = (one.get("peer") or {}).get("id", "")
    place = (one.get("service") or {}).get("place", "")
    given = "^".join(name.get("given") or ["?"])
    born = str(who.get("birth_date") or "").replace("-", "")
    sex = str(who.get("gender") or "u")[:1].upper()
    return "\r".join(
        [
            f"MSH|^~\\&|EHR|CLINIC|MAP|BENCH|{begun[:15].replace('T', '')}||ADT^A04|{one['id']}|P|2.5.1",
            f"EVN|A04|{begun[:15].replace('T', '')}",
            f"PID|1||{who['id']}^^^CLINIC^MR||{name.get('family') or '?'}^{given}||{born}|{sex}",
            f"PV1|1|O|{place}||||{peer}^Peer^A^^^^^^NPI||||||||||||{one['id']}^^^CLINIC^VN|"
            + "|" * 24
            + f"{begun[:15].replace('T', '')}|{ended[:15].replace('T', '')}",
        ]
    )
