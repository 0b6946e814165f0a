"""A referral onward after a decline: a request to another programme, so that nobody is left without peers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from mappings.fhir.elements import (
    SNOMED,
    Json,
    coding,
    concept,
    entry,
    filled,
    full_url,
    identifier,
    narrative,
    present,
    reference,
    stamp,
)
from mappings.fhir.people import People
from mappings.fhir.scene import scoped_key

# US Behavioral Health Profiles; the task is as in SDOH Clinical Care.
_TO_PEERS = coding(SNOMED, "461481000124109", "Referral to peer support")
_FULFILL = coding("http://hl7.org/fhir/CodeSystem/task-code", "fulfill", "Fulfill the focal request")


@dataclass(frozen=True)
class Onward:
    """A referral that was made: its key, to whom (`to`, in words), on which day and by whom (staff id)."""

    key: str
    to: str
    on: date
    by: str


def referral_entries(made: Onward, people: People) -> list[Json]:
    """The ServiceRequest of a referral, and the Task by which the other programme takes it up."""
    key = scoped_key(people.individual.id, made.key)
    request, task = identifier("referral", key), identifier("referral-task", key)
    focus = reference(full_url("referral", key), to="ServiceRequest")
    return [
        entry(full_url("referral", key), _request(made, people, request), request),
        entry(full_url("referral-task", key), _task(made, people, task, focus), task),
    ]


def _request(made: Onward, people: People, who: Json) -> Json:
    return present(
        resourceType="ServiceRequest",
        text=narrative("Referral to peer support", [("To", made.to), ("Day", str(made.on))]),
        identifier=[who],
        status="active",
        intent="order",
        category=[concept(coding(SNOMED, "410606002", "Social service procedure"))],
        code=concept(_TO_PEERS, text="Referral to peer support"),
        subject=people.patient(),
        occurrencePeriod={"start": stamp(made.on)},
        authoredOn=stamp(made.on),
        requester=people.practitioner(made.by),
        performer=_performer(made),
        reasonCode=[concept(text="Declined the services of this programme")],
    )


def _task(made: Onward, people: People, who: Json, focus: Json) -> Json:
    return present(
        resourceType="Task",
        text=narrative("Referral to peer support", [("To", made.to)]),
        identifier=[who],
        status="requested",
        intent="order",
        code=concept(_FULFILL),
        focus=focus,
        for_=people.patient(),
        authoredOn=stamp(made.on),
        requester=people.practitioner(made.by),
        owner=next(iter(_performer(made)), None),
    )


def _performer(made: Onward) -> list[Json]:
    """The programme as it is named; whose record it is in an EHR is not known here."""
    return [{"type": "Organization", "display": filled(made.to)}] if filled(made.to) else []
