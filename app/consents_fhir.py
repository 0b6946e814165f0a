"""A person's written consents as FHIR Consents, for whoever asks for them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app import consents, individuals, judging
from app.actor import not_here
from mappings.disclosure import WrittenConsent
from mappings.fhir import gate
from mappings.fhir.consent import consent_bundle, consent_entry, revocation
from mappings.fhir.elements import Json
from mappings.fhir.people import People


def of_patient(session: Session, issuer: str, patient: str) -> list[Json]:
    """The Consents of one person of an EHR, the latest first, checked; revoked ones are inactive. Raises
    NotFound where the chart was never read, NotFit."""
    people = _people(session, issuer, patient)
    made = [
        consent_entry(one, people, at)["resource"] for one, at in consents.written(session, issuer, patient)
    ]
    for each in made:
        gate.check(each)
    return made


def bundle_of(session: Session, issuer: str, patient: str, number: int) -> Json:
    """The Bundle that brings one consent into the EHR, checked. Raises as `of_patient`."""
    made = consent_bundle(*_one(session, issuer, patient, number))
    gate.check(made)
    return made


def revocation_of(session: Session, issuer: str, patient: str, number: int) -> Json:
    """What tells the EHR that a consent which it holds was revoked. Raises as `of_patient`."""
    return revocation(*_one(session, issuer, patient, number))


def _one(session: Session, issuer: str, patient: str, number: int) -> tuple[WrittenConsent, People, datetime]:
    kept = consents.written(session, issuer, patient)
    found = next((each for each in kept if each[0].number == number), None)
    if found is None:
        raise not_here("consent")
    return found[0], _people(session, issuer, patient), found[1]


def _people(session: Session, issuer: str, patient: str) -> People:
    around = judging.around(session, issuer, patient).surroundings()
    person = individuals.find(session, issuer, patient).record
    links = individuals.chart_links(session, issuer, patient, None)
    return People(person, around.program, around, links)
