"""A person's written consents as FHIR Consents, for whoever asks for them."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app import consents, individuals, judging
from mappings.fhir import gate
from mappings.fhir.consent import consent_entry
from mappings.fhir.elements import Json
from mappings.fhir.people import People


def of_patient(session: Session, issuer: str, patient: str) -> list[Json]:
    """The Consents of one person of an EHR, the latest first, checked; revoked ones are inactive. Raises
    NotFound where the chart was never read, NotFit."""
    around = judging.around(session, issuer, patient).surroundings()
    person = individuals.find(session, issuer, patient).record
    links = individuals.chart_links(session, issuer, patient, None)
    people = People(person, around.program, around, links)
    made = [
        consent_entry(one, people, at)["resource"] for one, at in consents.written(session, issuer, patient)
    ]
    for each in made:
        gate.check(each)
    return made
