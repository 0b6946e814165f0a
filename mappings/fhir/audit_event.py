"""Lines of the audit trail as AuditEvents (R4), in the pattern of IHE Basic Audit Log Patterns.

An AuditEvent names who did what to which record of whom and when, and never what the record says. The
number and the hash of its line go along, so that it can be found again in the trail and compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mappings.audit_trace import Trace
from mappings.fhir import gate
from mappings.fhir.elements import (
    NPI,
    THO,
    Json,
    coding,
    concept,
    entry,
    filled,
    full_url,
    identifier,
    local_coding,
    narrative,
    present,
    stamp,
    transaction,
)
from mappings.fhir.people import NPI_FORM

DICOM = "http://dicom.nema.org/resources/ontology/DCM"
_REST = coding(f"{THO}/audit-event-type", "rest", "RESTful Operation")
_SIGNED = coding(DICOM, "113031", "Signed Manifest")
_EXPORT = coding(DICOM, "110106", "Export")
_LOGIN = coding(DICOM, "110114", "User Authentication")
_USER = concept(coding(f"{THO}/v3-ParticipationType", "IRCP", "information recipient"))
_APPLICATION = concept(coding(DICOM, "110150", "Application"))
_PERSON = coding(f"{THO}/audit-entity-type", "1", "Person")
_OBJECT = coding(f"{THO}/audit-entity-type", "2", "System Object")
_PATIENT = coding(f"{THO}/object-role", "1", "Patient")
_RECORD = coding(f"{THO}/object-role", "4", "Domain Resource")
_SERVER = coding(f"{THO}/security-source-type", "4", "Application Server")
_KINDS = (
    (("signed", "co-signed"), _SIGNED),
    (("export", "delivered", "disclosed"), _EXPORT),
    (("session", "launch", "sign in", "signed out"), _LOGIN),
)
# The first word of an action that fits says what was done to the record: create, read, update, delete.
_ACTIONS = (
    ("R", ("read", "opened", "looked", "exported", "shown")),
    ("D", ("discarded", "struck", "revoked", "entered in error")),
    ("C", ("begun", "recorded", "noted", "added", "signed", "assigned", "written")),
    ("E", ("delivery", "delivered", "session", "launch", "refused", "verified", "disclosed")),
)
OTHERWISE = "U"


def audit_event(trace: Trace, site: str) -> Json:
    """The AuditEvent of a line, checked; `site` names the installation. Raises NotFit."""
    event = _event(trace, site)
    gate.check(event)
    return event


def trail_bundle(traces: Iterable[Trace], site: str) -> Json:
    """The AuditEvents of some lines, oldest first, as entries that are each created: they have no identifier
    (R4), so that no condition can go along. Raises NotFit."""
    entries = [
        entry(full_url("audit-line", f"{site}/{one.digest}"), audit_event(one, site), None) for one in traces
    ]
    return transaction(entries)


def line_of(event: Mapping[str, Any]) -> tuple[str, str]:
    """The number and the hash of the line of the trail that an AuditEvent was made of, each blank where it
    does not say."""
    system = identifier("audit-line", "")["system"]
    entities = event.get("entity", ())
    named = ((each.get("what") or {}).get("identifier") or {} for each in entities)
    number = next((str(one.get("value", "")) for one in named if one.get("system") == system), "")
    # The entity of a record carries a hash too, and has a role.
    details = (one for each in entities if "role" not in each for one in each.get("detail", ()))
    return number, next(
        (str(one.get("valueString", "")) for one in details if one.get("type") == "sha256"), ""
    )


def _event(trace: Trace, site: str) -> Json:
    return present(
        resourceType="AuditEvent",
        text=narrative("Line of the audit trail", _rows(trace)),
        type=_kind(trace.action),
        subtype=[local_coding("audit-action", trace.action.replace(" ", "-"), trace.action)],
        action=_action(trace.action),
        recorded=stamp(trace.at),
        outcome="4" if "refused" in trace.action else "0",
        agent=[*_user(trace), _application(requestor=not trace.actor)],
        source={"site": site, "observer": {"type": "Device", "display": "Peerchart"}, "type": [_SERVER]},
        entity=[*_patient(trace), *_record(trace), _line(trace), *_request(trace)],
    )


def _rows(trace: Trace) -> list[tuple[str, str | None]]:
    version = None if trace.version is None else str(trace.version)
    return [
        ("Action", trace.action),
        ("By", filled(trace.actor) or "Peerchart"),
        ("Time", stamp(trace.at)),
        ("Record", trace.subject),
        ("Version", version),
    ]


def _kind(action: str) -> Json:
    return next((kind for words, kind in _KINDS if any(word in action for word in words)), _REST)


def _action(action: str) -> str:
    return next((code for code, words in _ACTIONS if any(word in action for word in words)), OTHERWISE)


def _user(trace: Trace) -> list[Json]:
    if not trace.actor:
        return []
    npi = NPI_FORM.fullmatch(trace.actor)
    who = {"system": NPI, "value": trace.actor} if npi else identifier("staff", trace.actor)
    return [{"type": _USER, "who": {"type": "Practitioner", "identifier": who}, "requestor": True}]


def _application(*, requestor: bool) -> Json:
    who = {"type": "Device", "display": "Peerchart"}
    return {"type": _APPLICATION, "who": who, "requestor": requestor}


def _patient(trace: Trace) -> list[Json]:
    if not trace.patient:
        return []
    return [{"what": {"reference": f"Patient/{trace.patient}"}, "type": _PERSON, "role": _PATIENT}]


def _record(trace: Trace) -> list[Json]:
    if not filled(trace.subject):
        return []
    details = _details(trace)
    what = {"identifier": identifier("record", str(trace.subject))}
    version = None if trace.version is None else f"version {trace.version}"
    return [present(what=what, type=_OBJECT, role=_RECORD, name=version, detail=details)]


def _details(trace: Trace) -> list[Json]:
    plain = {name: value for name, value in trace.detail.items() if isinstance(value, str | int | bool)}
    told = ((name, str(value)) for name, value in plain.items() if str(value).strip())
    return [{"type": name, "valueString": value} for name, value in told]


def _line(trace: Trace) -> Json:
    what = {"identifier": identifier("audit-line", str(trace.number))}
    return {"what": what, "type": _OBJECT, "detail": [{"type": "sha256", "valueString": trace.digest}]}


def _request(trace: Trace) -> list[Json]:
    given = trace.detail.get("request_id")
    return (
        [{"what": {"identifier": identifier("x-request-id", str(given))}, "type": _OBJECT}] if given else []
    )


__all__ = ["Trace", "audit_event"]
