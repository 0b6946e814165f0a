"""An agency in Idaho in March 2024: its payer's authorizations count, and the clock stands in that month."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app import authorizations, billing, engagement, individuals, staff
from app.authorization_check import Details
from app.authorization_views import AuthorizationView
from app.billing import ClaimView
from app.keyring import Keyring
from app.migrations import upgrade
from app.registry import register
from app.settings import Settings
from app.store import open_store
from mappings.intake import record_from
from mappings.library import load
from mappings.records import Diagnosis, Individual, Program, Staff
from smart_launch.issuers import Issuer
from tests.app.office import CHEN, ISSUER, MORENO, MOSS, NAMES, RIVERA, ROLES, Office, actor, final

SITE = Path(__file__).parent / "sites" / "idaho.toml"
MARCH = datetime(2024, 3, 4, 20, 0, tzinfo=UTC)  # one in the afternoon in Boise
PEOPLE = {MOSS: ("MRN-70001", "Moss", "AA00001A"), "pat-sibling": ("MRN-70099", "Moss", "AA00099Z")}
CERTIFICATE = {
    "code": "id-cpss",
    "issuer": "mountain-states",
    "number": "ID-7",
    "from": "2022-02-01",
    "to": "2025-01-31",
    "hours": 40,
    "test_passed": "2022-01-20",
}
EDUCATION = [{"on": f"{year}-10-01", "hours": 12, "topic": "peer-support"} for year in (2022, 2023)]


def furnish_idaho(folder: Path) -> None:
    """Make the agency in a new folder."""
    settings = Settings(data_dir=folder)
    upgrade(settings)
    office = open_idaho(folder)
    with office.store.write() as session:
        register(session, office.keyring, issuer(), MARCH - timedelta(days=60))
        furnish(session, office)
    office.close()


def open_idaho(folder: Path) -> Office:
    """Open the agency in `folder`."""
    settings = Settings(data_dir=folder)
    store = open_store(settings)
    return Office(store, Keyring(store, settings), load(SITE), settings, MARCH)


def issuer() -> Issuer:
    """The EHR of the agency."""
    return Issuer(
        id=ISSUER,
        iss="http://localhost:1/fhir",
        client_id="peerchart",
        auth_method="private_key_jwt",
        redirect_uri="http://127.0.0.1:1/cb/sandbox",
        scopes=("launch", "openid"),
        jurisdiction="us-id",
    )


def furnish(session: Session, office: Office) -> None:
    """Programme, staff and people, admitted in January."""
    setter, now = actor("setting-up"), office.now
    staff.save_program(session, setter, program(), now, organization="Organization/agency")
    for staff_id in NAMES:
        staff.save(session, setter, member(staff_id), frozenset(ROLES[staff_id]), True, now)
        staff.link_practitioner(session, ISSUER, staff_id, f"Practitioner/{staff_id}", now)
    for patient in PEOPLE:
        links = individuals.PersonLinks(
            coverages={"OPTUMIDAHO": f"Coverage/cov-{patient}"}, payers={"OPTUMIDAHO": "Organization/payer"}
        )
        known = (Diagnosis(code="F33.1", rank=1, by=CHEN),)
        individuals.remember(session, ISSUER, patient, individual(patient), known, links, now)
        day = date(2024, 1, 5)
        for status in ("undecided", "admitted"):
            engagement.record(session, actor(CHEN, patient), status, day, office.library, now)


def program() -> Program:
    """The agency, approved by the payer."""
    record = record_from(
        {
            "kind": "program",
            "id": "1900000013",
            "jurisdiction": "us-id",
            "npi": "1900000013",
            "name": "River Street Peers",
            "program_kind": "peer-agency",
            "population": "all",
            "time_zone": "America/Boise",
            "enrolments": [{"payer": "OPTUMIDAHO", "service": "peer-support", "from": "2014-02-01"}],
        }
    )
    assert isinstance(record, Program)
    return record


def member(staff_id: str, **changes: object) -> Staff:
    """One member of the staff; the peer is certified by Mountain States."""
    given, family = NAMES[staff_id]
    licence = {"code": "lcsw", "number": "L-1", "from": "2020-01-01"}
    record = record_from(
        {
            "kind": "staff",
            "id": staff_id,
            "jurisdiction": "us-id",
            "npi": staff_id,
            "name": {"given": [given], "family": family},
            "birth_date": "1985-05-05",
            "hired": "2022-02-01",
            "employment": "employed",
            "credentials": [CERTIFICATE] if staff_id == RIVERA else [licence] if staff_id == CHEN else [],
            "education": EDUCATION if staff_id == RIVERA else [],
            "attestations": [{"kind": "lived-experience", "on": "2022-01-20", "by": CHEN}],
            "supervisor": {"id": CHEN, "category": "lcsw", "from": "2022-02-01"}
            if staff_id == RIVERA
            else None,
            **changes,
        }
    )
    assert isinstance(record, Staff)
    return record


def individual(patient: str) -> Individual:
    """One person with the payer's coverage."""
    mrn, family, member_id = PEOPLE[patient]
    return Individual.model_validate(
        {
            "id": mrn,
            "identifier_system": "urn:example:mrn",
            "name": {"given": ["Alex"], "family": family},
            "birth_date": "1990-02-03",
            "gender": "unknown",
            "coverages": [
                {
                    "payer": "OPTUMIDAHO",
                    "class": "medicaid",
                    "member_id": member_id,
                    "order": 1,
                    "from": "2024-01-01",
                    "checked_on": "2024-03-01",
                }
            ],
        }
    )


APPROVED: Mapping[str, Any] = {
    "service": "H0038",
    "member": "AA00001A",
    "peer": RIVERA,
    "certificate": "ID-7",
    "asked": 16,
    "requested_by": "Dana Chen",
    "requester_role": "provider",
    "requested_on": date(2024, 2, 28),
    "sent_on": date(2024, 2, 28),
    "answer": "approved",
    "answered_on": date(2024, 3, 1),
    "number": "A123",
    "units": 16,
    "first_day": date(2024, 3, 1),
    "member_approved": True,
}


def authorized(
    office: Office, patient: str = MOSS, extends: str | None = None, by: str = MORENO, **changes: Any
) -> AuthorizationView:
    """What the payer granted: 16 units of H0038 from the first of March, unless changed."""
    with office.store.write() as session:
        return authorizations.record(
            session,
            actor(by, patient),
            Details(**{**APPROVED, **changes}),
            office.library,
            office.now,
            extends=extends,
        )


def shown(office: Office, id: str) -> AuthorizationView:
    """One authorization as a biller sees it."""
    with office.store.read() as session:
        return authorizations.view(session, actor(MORENO), id, office.library, office.now)


def contact(office: Office, units: int, patient: str = MOSS) -> str:
    """A signed contact of so many units that begins now; its id."""
    at = office.now
    office.later(minutes=15 * units + 30)
    return final(office, patient, at=at, minutes=15 * units)


def claims(office: Office, state: str | None = None) -> list[ClaimView]:
    """The claims and held contacts, in order of day."""
    with office.store.read() as session:
        return billing.listing(session, actor(MORENO), state)[::-1]


def release(office: Office, claim: ClaimView) -> billing.Release:
    """The biller releases what was shown."""
    with office.store.write() as session:
        return billing.release(
            session, actor(MORENO), claim.control_number, office.library, office.now, claim.digest
        )
