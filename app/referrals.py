"""A referral that was made after a decline goes to the EHR as a request, once for each line that says so."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy.orm import Session

from app import beside, individuals, judging, outbox
from app.actor import Actor, person_of
from app.typed_text import sendable
from mappings.fhir.bundle import checked, labelled, with_people
from mappings.fhir.people import People
from mappings.fhir.referral import Onward, referral_entries


def note(session: Session, actor: Actor, outcome: str, to: str, on: date | None, now: datetime) -> None:
    """Note what came of the offer of a referral as `beside.note_referral` does; one that was made goes to the
    EHR. Raises NotAllowed, MendInput, Held."""
    number = beside.note_referral(session, actor, outcome, to, on, now)
    if outcome == beside.MADE and on is not None:
        made = Onward(f"referral-{number}", sendable(to, "to"), on, actor.staff_id)
        _send(session, actor.issuer, person_of(actor), made, now)


def _send(session: Session, issuer: str, patient: str, made: Onward, now: datetime) -> None:
    around = judging.around(session, issuer, patient).surroundings()
    person = individuals.find(session, issuer, patient).record
    links = individuals.chart_links(session, issuer, patient, None)
    people = People(person, around.program, around, links)
    entries = referral_entries(made, people)
    payload = judging.payload("referral", lambda: checked(labelled(with_people(entries, people), people)))
    key = f"referral/{made.key}"
    outbox.add(session, issuer, outbox.CHART, outbox.REFERRAL, key, patient, key, payload, now)
