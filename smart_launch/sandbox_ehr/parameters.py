"""Which types this EHR serves, which it owns, and by which parameters each may be searched (FHIR R4)."""

from dataclasses import dataclass

PATIENT = ("Patient",)


@dataclass(frozen=True)
class Parameter:
    """One search parameter: its kind and the paths below the resource; `only` narrows reference types."""

    kind: str
    paths: tuple[str, ...]
    only: tuple[str, ...] = ()


def _token(*paths: str) -> Parameter:
    return Parameter("token", paths)


def _string(*paths: str) -> Parameter:
    return Parameter("string", paths)


def _date(*paths: str) -> Parameter:
    return Parameter("date", paths)


def _reference(*paths: str, only: tuple[str, ...] = ()) -> Parameter:
    return Parameter("reference", paths, only)


_IDENTIFIER = {"identifier": _token("identifier")}
_SUBJECT = {"subject": _reference("subject"), "patient": _reference("subject", only=PATIENT)}
_STATUS = {"status": _token("status")}
_NAMED = {
    "name": _string("name"),
    "family": _string("name.family"),
    "given": _string("name.given"),
    "gender": _token("gender"),
    "active": _token("active"),
}

PARAMETERS: dict[str, dict[str, Parameter]] = {
    "Patient": _IDENTIFIER
    | _NAMED
    | {"birthdate": _date("birthDate"), "organization": _reference("managingOrganization")},
    "Practitioner": _IDENTIFIER | _NAMED,
    "PractitionerRole": _IDENTIFIER
    | {
        "practitioner": _reference("practitioner"),
        "organization": _reference("organization"),
        "role": _token("code"),
        "specialty": _token("specialty"),
        "active": _token("active"),
    },
    "Organization": _IDENTIFIER
    | {"name": _string("name", "alias"), "type": _token("type"), "active": _token("active")},
    "Location": _IDENTIFIER
    | _STATUS
    | {
        "name": _string("name", "alias"),
        "organization": _reference("managingOrganization"),
        "type": _token("type"),
    },
    "Coverage": _IDENTIFIER
    | _STATUS
    | {
        "patient": _reference("beneficiary", only=PATIENT),
        "beneficiary": _reference("beneficiary"),
        "payor": _reference("payor"),
        "type": _token("type"),
        "subscriber": _reference("subscriber"),
    },
    "RelatedPerson": _IDENTIFIER
    | _NAMED
    | {
        "patient": _reference("patient", only=PATIENT),
        "relationship": _token("relationship"),
        "birthdate": _date("birthDate"),
    },
    "Condition": _IDENTIFIER
    | _SUBJECT
    | {
        "encounter": _reference("encounter"),
        "category": _token("category"),
        "code": _token("code"),
        "clinical-status": _token("clinicalStatus"),
        "verification-status": _token("verificationStatus"),
        "onset-date": _date("onsetDateTime", "onsetPeriod"),
        "recorded-date": _date("recordedDate"),
        "asserter": _reference("asserter"),
    },
    "EpisodeOfCare": _IDENTIFIER
    | _STATUS
    | {
        "patient": _reference("patient", only=PATIENT),
        "type": _token("type"),
        "date": _date("period"),
        "organization": _reference("managingOrganization"),
        "care-manager": _reference("careManager"),
        "condition": _reference("diagnosis.condition"),
    },
    "Encounter": _IDENTIFIER
    | _SUBJECT
    | _STATUS
    | {
        "class": _token("class"),
        "type": _token("type"),
        "date": _date("period"),
        "participant": _reference("participant.individual"),
        "practitioner": _reference("participant.individual", only=("Practitioner",)),
        "episode-of-care": _reference("episodeOfCare"),
        "based-on": _reference("basedOn"),
        "service-provider": _reference("serviceProvider"),
        "location": _reference("location.location"),
        "part-of": _reference("partOf"),
        "reason-reference": _reference("reasonReference"),
    },
    "DocumentReference": {"identifier": _token("masterIdentifier", "identifier")}
    | _SUBJECT
    | _STATUS
    | {
        "encounter": _reference("context.encounter"),
        "category": _token("category"),
        "type": _token("type"),
        "date": _date("date"),
        "period": _date("context.period"),
        "author": _reference("author"),
        "authenticator": _reference("authenticator"),
        "custodian": _reference("custodian"),
        "relatesto": _reference("relatesTo.target"),
        "relation": _token("relatesTo.code"),
        "security-label": _token("securityLabel"),
        "related": _reference("context.related"),
    },
    "Provenance": {
        "target": _reference("target"),
        "recorded": _date("recorded"),
        "when": _date("occurredDateTime", "occurredPeriod"),
        "agent": _reference("agent.who"),
        "agent-type": _token("agent.type"),
        "entity": _reference("entity.what"),
        "signature-type": _token("signature.type"),
        # R4 means targets that are a Patient; here as in US Core's servers also what is about the patient.
        "patient": Parameter("compartment", ()),
    },
    "Task": _IDENTIFIER
    | _STATUS
    | {
        "subject": _reference("for"),
        "patient": _reference("for", only=PATIENT),
        "encounter": _reference("encounter"),
        "code": _token("code"),
        "focus": _reference("focus"),
        "owner": _reference("owner"),
        "requester": _reference("requester"),
        "intent": _token("intent"),
        "business-status": _token("businessStatus"),
        "performer": _token("performerType"),
        "authored-on": _date("authoredOn"),
        "modified": _date("lastModified"),
        "based-on": _reference("basedOn"),
        "part-of": _reference("partOf"),
    },
    "Goal": _IDENTIFIER
    | _SUBJECT
    | {
        "lifecycle-status": _token("lifecycleStatus"),
        "achievement-status": _token("achievementStatus"),
        "category": _token("category"),
        "start-date": _date("startDate"),
        "target-date": _date("target.dueDate"),
    },
    "CarePlan": _IDENTIFIER
    | _SUBJECT
    | _STATUS
    | {
        "encounter": _reference("encounter"),
        "category": _token("category"),
        "intent": _token("intent"),
        "date": _date("period"),
        "goal": _reference("goal"),
        "based-on": _reference("basedOn"),
        "part-of": _reference("partOf"),
        "replaces": _reference("replaces"),
        "care-team": _reference("careTeam"),
        "activity-reference": _reference("activity.reference"),
    },
    "CareTeam": _IDENTIFIER
    | _SUBJECT
    | _STATUS
    | {"category": _token("category"), "participant": _reference("participant.member")},
    "ServiceRequest": _IDENTIFIER
    | _SUBJECT
    | _STATUS
    | {
        "encounter": _reference("encounter"),
        "category": _token("category"),
        "code": _token("code"),
        "intent": _token("intent"),
        "authored": _date("authoredOn"),
        "occurrence": _date("occurrenceDateTime", "occurrencePeriod"),
        "requester": _reference("requester"),
        "performer": _reference("performer"),
        "based-on": _reference("basedOn"),
    },
    "Claim": _IDENTIFIER
    | _STATUS
    | {
        "patient": _reference("patient", only=PATIENT),
        "use": _token("use"),
        "created": _date("created"),
        "provider": _reference("provider"),
        "insurer": _reference("insurer"),
        "facility": _reference("facility"),
        "care-team": _reference("careTeam.provider"),
        "encounter": _reference("item.encounter"),
        "priority": _token("priority"),
    },
    "Consent": _IDENTIFIER
    | _STATUS
    | {
        "patient": _reference("patient", only=PATIENT),
        "category": _token("category"),
        "scope": _token("scope"),
        "date": _date("dateTime"),
        "period": _date("provision.period"),
        "organization": _reference("organization"),
        "consentor": _reference("performer"),
        "purpose": _token("provision.purpose"),
        "security-label": _token("provision.securityLabel"),
    },
    "AuditEvent": {
        "patient": _reference("agent.who", "entity.what", only=PATIENT),
        "date": _date("recorded"),
        "type": _token("type"),
        "subtype": _token("subtype"),
        "action": _token("action"),
        "outcome": _token("outcome"),
        "agent": _reference("agent.who"),
        "entity": _reference("entity.what"),
        "site": _token("source.site"),
    },
    "Communication": _IDENTIFIER
    | _SUBJECT
    | _STATUS
    | {
        "encounter": _reference("encounter"),
        "category": _token("category"),
        "sent": _date("sent"),
        "sender": _reference("sender"),
        "recipient": _reference("recipient"),
        "based-on": _reference("basedOn"),
    },
}

COMMON = {"_id": "token", "_lastUpdated": "date"}
RESULTS = ("_count", "_sort", "_include", "_format", "_total")

# The registration desk and the human resources of the clinic keep these; no app creates them.
OWNED = frozenset(
    {"Patient", "Practitioner", "PractitionerRole", "Organization", "Location", "Coverage"},
)
# Nobody changes or deletes what was written down of who did what.
ADDED_ONLY = frozenset({"AuditEvent"})
SHARED = frozenset({"Practitioner", "PractitionerRole", "Organization", "Location"})

# The element that names the patient whose record a resource belongs to.
PATIENT_ELEMENT = {
    "Coverage": "beneficiary",
    "RelatedPerson": "patient",
    "EpisodeOfCare": "patient",
    "Task": "for",
    "Claim": "patient",
    "Consent": "patient",
} | dict.fromkeys(
    (
        "Condition",
        "Encounter",
        "DocumentReference",
        "Goal",
        "CarePlan",
        "CareTeam",
        "ServiceRequest",
        "Communication",
    ),
    "subject",
)
