"""What the chart says of the individuals, as it was last read, so that no use case has to ask the EHR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.util import identity_key

from app.actor import not_here
from app.store import rows
from app.tables import IndividualRow, ProgramRow, StaffRow
from app.tables.base import Table
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
    said = {
        "record": record,
        "seen_at": now,
        "diagnoses": [diagnosis.model_dump(mode="json", by_alias=True) for diagnosis in diagnoses],
        "links": {
            "coverages": dict(links.coverages),
            "payers": dict(links.payers),
            "conditions": dict(links.conditions),
        },
    }
    session.flush()
    # What a session holds as a record would not see what is written past it.
    held = session.identity_map.get(identity_key(IndividualRow, (issuer, patient)))
    if not rows(session, _CHANGE, whose=issuer, who=patient, **said).rowcount:
        rows(session, _ADD, issuer=issuer, patient=patient, **said)
    if held is not None:
        session.expire(held)


def find(session: Session, issuer: str, patient: str) -> Person:
    """The person with this id in this EHR; raises NotFound where the chart was never read."""
    person = known(session, issuer, patient)
    if person is None:
        raise not_here("individual")
    return person


def known(session: Session, issuer: str, patient: str) -> Person | None:
    """The person with this id in this EHR, None where the chart was never read."""
    row = rows(session, _ONE, whose=issuer, who=patient).first()
    return None if row is None else _person(row)


def names(session: Session, issuer: str) -> dict[str, str]:
    """The names of all known individuals of one EHR by the EHR's id, for worklists."""
    found = session.scalars(select(IndividualRow).where(IndividualRow.issuer == issuer))
    return {row.patient: name_of(row.record) for row in found}


def by_record_number(session: Session, issuer: str) -> dict[str, str]:
    """The EHR's ids of all known individuals of one EHR by their record number."""
    found = session.scalars(select(IndividualRow).where(IndividualRow.issuer == issuer))
    return {row.record.id: row.patient for row in found}


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


_PEOPLE = Table.metadata.tables[IndividualRow.__tablename__]
_THIS_ONE = (_PEOPLE.c.issuer == bindparam("whose"), _PEOPLE.c.patient == bindparam("who"))
_ONE = select(_PEOPLE).where(*_THIS_ONE)
_CHANGE = update(_PEOPLE).where(*_THIS_ONE)
_ADD = insert(_PEOPLE)


def _person(row: Row[Any]) -> Person:
    links: dict[str, Any] = row.links
    return Person(
        row.patient,
        row.record,
        tuple(Diagnosis.model_validate(each) for each in row.diagnoses),
        PersonLinks(**links),
        row.seen_at,
    )
