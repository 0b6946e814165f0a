"""What the chart says of the individuals, as it was last read, so that no use case has to ask the EHR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.actor import not_here
from app.tables import IndividualRow, ProgramRow, StaffRow
from mappings.fhir.people import ChartLinks
from mappings.records import Diagnosis, Individual


@dataclass(frozen=True)
class PersonLinks:
    """Where the EHR keeps what belongs to one person: coverage and payer references by payer code, Condition
    references by diagnosis code ("Coverage/cov-moss")."""

    coverages: Mapping[str, str] = field(default_factory=dict)
    payers: Mapping[str, str] = field(default_factory=dict)
    conditions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Person:
    """One individual of one EHR: `patient` is the EHR's id, `record` the intake form (its id is the MRN)."""

    patient: str
    record: Individual
    diagnoses: tuple[Diagnosis, ...]
    links: PersonLinks
    seen_at: datetime


def remember(
    session: Session,
    issuer: str,
    patient: str,
    record: Individual,
    diagnoses: tuple[Diagnosis, ...],
    links: PersonLinks,
    now: datetime,
) -> None:
    """Keep what the chart said of this person at `now`; what was kept before is replaced."""
    row = session.get(IndividualRow, (issuer, patient))
    if row is None:
        row = IndividualRow(issuer=issuer, patient=patient)
        session.add(row)
    row.record, row.seen_at = record, now
    row.diagnoses = [diagnosis.model_dump(mode="json", by_alias=True) for diagnosis in diagnoses]
    row.links = {
        "coverages": dict(links.coverages),
        "payers": dict(links.payers),
        "conditions": dict(links.conditions),
    }
    session.flush()


def find(session: Session, issuer: str, patient: str) -> Person:
    """The person with this id in this EHR; raises NotFound where the chart was never read."""
    person = known(session, issuer, patient)
    if person is None:
        raise not_here("individual")
    return person


def known(session: Session, issuer: str, patient: str) -> Person | None:
    """The person with this id in this EHR, None where the chart was never read."""
    row = session.get(IndividualRow, (issuer, patient))
    return None if row is None else _person(row)


def names(session: Session, issuer: str) -> dict[str, str]:
    """The names of all known individuals of one EHR by the EHR's id, for worklists."""
    rows = session.scalars(select(IndividualRow).where(IndividualRow.issuer == issuer))
    return {row.patient: name_of(row.record) for row in rows}


def by_record_number(session: Session, issuer: str) -> dict[str, str]:
    """The EHR's ids of all known individuals of one EHR by their record number."""
    rows = session.scalars(select(IndividualRow).where(IndividualRow.issuer == issuer))
    return {row.record.id: row.patient for row in rows}


def name_of(record: Individual) -> str:
    """The name as people read it, or the record number where no name is known."""
    return record.name.full if record.name and record.name.full else record.id


def chart_links(session: Session, issuer: str, patient: str, encounter: str | None) -> ChartLinks:
    """References to what the EHR owns, for the Bundles; empty where the EHR showed nothing."""
    person = find(session, issuer, patient)
    staff = session.scalars(select(StaffRow).where(StaffRow.issuer == issuer))
    program = session.scalars(
        select(ProgramRow).where(ProgramRow.issuer == issuer).order_by(ProgramRow.id)
    ).first()
    return ChartLinks(
        patient=f"Patient/{patient}",
        practitioners={row.id: row.practitioner for row in staff if row.practitioner},
        organization=program.organization if program else None,
        coverages=dict(person.links.coverages),
        payers=dict(person.links.payers),
        encounter=f"Encounter/{encounter}" if encounter else None,
        location=program.location if program else None,
        conditions=dict(person.links.conditions),
    )


def _person(row: IndividualRow) -> Person:
    links: dict[str, Any] = row.links
    return Person(
        row.patient,
        row.record,
        tuple(Diagnosis.model_validate(each) for each in row.diagnoses),
        PersonLinks(**links),
        row.seen_at,
    )
