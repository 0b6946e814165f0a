"""A written consent to disclose records of a programme under 42 CFR Part 2, as a Consent (R4)."""

from __future__ import annotations

from datetime import datetime

from mappings.disclosure import OPERATIONS, PAYMENT, PURPOSES, TREATMENT, WrittenConsent
from mappings.fhir.elements import (
    LOINC,
    THO,
    Json,
    coding,
    concept,
    entry,
    full_url,
    identifier,
    if_none_exist,
    narrative,
    period,
    present,
    stamp,
    transaction,
)
from mappings.fhir.part2 import PART2, marked
from mappings.fhir.people import People
from mappings.fhir.scene import scoped_key

_POLICY = {
    "authority": "https://www.hhs.gov",
    "uri": "https://www.ecfr.gov/current/title-42/chapter-I/subchapter-A/part-2",
}
_REASONS = {
    TREATMENT: coding(f"{THO}/v3-ActReason", "TREAT", "treatment"),
    PAYMENT: coding(f"{THO}/v3-ActReason", "HPAYMT", "healthcare payment"),
    OPERATIONS: coding(f"{THO}/v3-ActReason", "HOPERAT", "healthcare operations"),
}
_RECIPIENT = concept(coding(f"{THO}/v3-ParticipationType", "IRCP", "information recipient"))
_DISCLOSE = concept(coding(f"{THO}/consentaction", "disclose", "Disclose"))

# Which consent and whose, and what its revocation changes of it.
_REVOKED = ("resourceType", "identifier", "patient", "status", "provision", "text")


def consent_entry(consent: WrittenConsent, people: People, at: datetime) -> Json:
    """The Consent, labelled, as an entry on condition that it is new; `at` is when it was recorded."""
    key = consent_key(consent, people)
    who = identifier("consent", key)
    return entry(full_url("consent", key), marked(_consent(consent, people, at, who)), who)


def consent_bundle(consent: WrittenConsent, people: People, at: datetime) -> Json:
    """What brings one consent into an EHR: a transaction of it alone, on condition that it is new."""
    return transaction([consent_entry(consent, people, at)])


def revocation(consent: WrittenConsent, people: People, at: datetime) -> Json:
    """What tells an EHR that a consent which it holds was revoked: a batch that changes its status, the end
    of its period and its text, where it is found by its identifier. Nothing is put there that is not."""
    resource = consent_entry(consent, people, at)["resource"]
    said = {name: value for name, value in resource.items() if name in _REVOKED}
    request = {"method": "PUT", "url": f"Consent?{if_none_exist(resource['identifier'][0])}"}
    return {"resourceType": "Bundle", "type": "batch", "entry": [{"resource": said, "request": request}]}


def consent_key(consent: WrittenConsent, people: People) -> str:
    """The business key of a consent, unique with its individual."""
    return scoped_key(people.individual.id, str(consent.number))


def _consent(consent: WrittenConsent, people: People, at: datetime, who: Json) -> Json:
    return present(
        resourceType="Consent",
        text=narrative("Consent to disclose records", _rows(consent)),
        identifier=[who],
        status="inactive" if consent.revoked_at else "active",
        scope=concept(coding(f"{THO}/consentscope", "patient-privacy", "Privacy Consent")),
        category=[
            concept(coding(LOINC, "59284-0", "Consent Document")),
            concept(coding(f"{THO}/v3-ActCode", "IDSCL", "information disclosure")),
        ],
        patient=people.patient(),
        dateTime=stamp(at),
        organization=[people.organization()],
        sourceAttachment={"title": consent.copy} if consent.copy else None,
        policy=[_POLICY],
        provision=_provision(consent),
    )


def _provision(consent: WrittenConsent) -> Json:
    until = consent.revoked_at or consent.until
    named = [{"role": _RECIPIENT, "reference": {"type": "Organization", "display": consent.recipient}}]
    return present(
        type="permit",
        # A Period holds days or times at both ends; what was revoked ended at that very moment.
        period=period(consent.from_, until),
        actor=named,
        action=[_DISCLOSE],
        securityLabel=[PART2],
        purpose=[_REASONS[each] for each in PURPOSES.get(consent.scope, ())],
    )


def _rows(consent: WrittenConsent) -> list[tuple[str, str | None]]:
    revoked = stamp(consent.revoked_at)
    return [("Scope", consent.words), ("Revoked", revoked), ("Signed copy", consent.copy)]
