"""The programme of the tests: its EHR, its people, and short ways to go through its day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from app import individuals, planning, signing, staff
from app.actor import ADMINISTRATOR, BILLER, CLINICIAN, LPHA, PEER, SUPERVISOR, Actor
from app.charting import Draft, save_draft, start
from app.engagement import record, set_goal
from app.keyring import Keyring
from app.migrations import upgrade
from app.registry import register
from app.settings import Settings
from app.store import Store, open_store
from mappings.intake import record_from
from mappings.library import Library, load
from mappings.records import Contact, Coverage, Diagnosis, Individual, Name, PlanEntry, Program, Staff
from smart_launch.issuers import Issuer

ISSUER, ELSEWHERE = "sandbox", "elsewhere"
MOSS, LINDQVIST, FARRELL = "pat-moss", "pat-lindqvist", "pat-farrell"
RIVERA, OKAFOR, CHEN, HADDAD = "1900000021", "1900000047", "1900000039", "1900000062"
WHITFIELD, MORENO = "1900000070", "1900000088"
NOW = datetime(2026, 3, 4, 16, 0, tzinfo=UTC)
ROLES = {
    RIVERA: {PEER},
    OKAFOR: {PEER},
    CHEN: {LPHA, CLINICIAN},
    HADDAD: {LPHA},
    WHITFIELD: {SUPERVISOR},
    MORENO: {BILLER},
}
NAMES = {
    RIVERA: ("Pat", "Rivera"),
    OKAFOR: ("Ngozi", "Okafor"),
    CHEN: ("Dana", "Chen"),
    HADDAD: ("Omar", "Haddad"),
    WHITFIELD: ("Lee", "Whitfield"),
    MORENO: ("Iris", "Moreno"),
}
CREDENTIALS = {
    RIVERA: ("nycps", "omh-approved"),
    OKAFOR: ("fpa-c", "omh-approved"),
    CHEN: ("lcsw", "nysed"),
    HADDAD: ("psychiatrist", "nysed"),
    WHITFIELD: ("peer-supervisor", "programme"),
}


@dataclass
class Office:
    """One installation with its store, keys and rules, and a clock that the tests move."""

    store: Store
    keyring: Keyring
    library: Library
    settings: Settings
    now: datetime = NOW

    def later(self, **span: int) -> datetime:
        """Move the clock and tell the time."""
        self.now += timedelta(**span)
        return self.now

    def close(self) -> None:
        """Give the database back."""
        self.store.close()


def actor(staff_id: str, patient: str | None = None, issuer: str = ISSUER, *roles: str) -> Actor:
    """One person of the staff in a launch of their own."""
    return Actor(
        issuer=issuer,
        staff_id=staff_id,
        name=" ".join(NAMES.get(staff_id, ("Set", "Up"))),
        roles=frozenset(roles or ROLES.get(staff_id, {ADMINISTRATOR})),
        launch_id=f"launch-{staff_id}-{patient}",
        patient=patient,
        encounter=None,
    )


SETTING_UP = actor("setting-up")


def furnish(folder: Path) -> None:
    """Make a new installation in `folder` with one programme in two EHRs, its staff and three individuals."""
    settings = Settings(data_dir=folder)
    upgrade(settings)
    office = open_office(folder)
    with office.store.write() as session:
        for issuer in (ISSUER, ELSEWHERE):
            _furnish(session, office, issuer)
    office.close()


def open_office(folder: Path) -> Office:
    """Open the installation in `folder`."""
    settings = Settings(data_dir=folder)
    store = open_store(settings)
    return Office(store, Keyring(store, settings), load(), settings)


def _furnish(session: Session, office: Office, issuer: str) -> None:
    register(session, office.keyring, _issuer(issuer), NOW)
    setter = actor("setting-up", None, issuer)
    staff.save_program(session, setter, program(), NOW, organization="Organization/org-riverbend")
    for staff_id in NAMES:
        staff.save(session, setter, member(staff_id), frozenset(ROLES[staff_id]), True, NOW)
        staff.link_practitioner(session, issuer, staff_id, f"Practitioner/{issuer}-{staff_id}", NOW)
    for number, patient in enumerate((MOSS, LINDQVIST, FARRELL), start=70001):
        links = individuals.PersonLinks(
            coverages={"NYMEDICAID": f"Coverage/cov-{patient}"}, payers={"NYMEDICAID": "Organization/payer"}
        )
        known = (Diagnosis(code="F33.1", rank=1, by=CHEN),) if patient == LINDQVIST else ()
        individuals.remember(session, issuer, patient, individual(number), known, links, NOW)


def _issuer(issuer: str) -> Issuer:
    return Issuer(
        id=issuer,
        iss=f"http://localhost:1/{issuer}/fhir",
        client_id="peerchart",
        auth_method="private_key_jwt",
        redirect_uri=f"http://127.0.0.1:1/cb/{issuer}",
        scopes=("launch", "openid"),
        jurisdiction="us-ny",
    )


def program() -> Program:
    """The programme."""
    return Program.model_validate(
        {
            "kind": "program",
            "id": "1900000013",
            "jurisdiction": "us-ny",
            "npi": "1900000013",
            "medicaid_id": "01234567",
            "name": "Riverbend MHOTRS",
            "program_kind": "mhotrs",
            "population": "all",
            "time_zone": "America/New_York",
            "part2": False,
            "licences": [{"code": "omh-599", "number": "X", "from": "2024-01-01", "to": None}],
            "enrolments": [
                {"payer": "NYMEDICAID", "service": "peer-support", "from": "2024-01-01", "to": None}
            ],
            "policies": [{"kind": "peer-support", "on": "2025-12-01"}],
        }
    )


def member(staff_id: str, **changes: object) -> Staff:
    """One member of the staff with a credential in force."""
    code, issuer = CREDENTIALS.get(staff_id, (None, None))
    given, family = NAMES[staff_id]
    credential = {"code": code, "issuer": issuer, "number": "N-1", "from": "2025-02-01", "to": "2027-01-31"}
    data = {
        "kind": "staff",
        "id": staff_id,
        "jurisdiction": "us-ny",
        "npi": staff_id,
        "name": {"given": [given], "family": family},
        "birth_date": "1985-05-05",
        "hired": "2025-01-06",
        "employment": "employed",
        "credentials": [credential] if code else [],
        "attestations": [{"kind": "lived-experience", "on": "2025-01-20", "by": CHEN}],
        "supervisor": {"id": CHEN, "category": "lcsw", "from": "2025-02-01", "to": None},
    }
    record_ = record_from({**data, **changes})
    assert isinstance(record_, Staff)
    return record_


def individual(number: int) -> Individual:
    """One individual with Medicaid coverage."""
    family = {70001: "Moss", 70002: "Lindqvist", 70003: "Farrell"}[number]
    cover = Coverage.model_validate(
        {
            "payer": "NYMEDICAID",
            "class": "medicaid",
            "member_id": "AA00001A",
            "order": 1,
            "from": "2026-01-01",
            "to": None,
            "checked_on": "2026-03-01",
        }
    )
    return Individual(
        id=f"MRN-{number}",
        identifier_system="urn:example:mrn",
        name=Name(given=("Alex",), family=family),
        birth_date=date(1990, 2, 3),
        gender="unknown",
        coverages=(cover,),
    )


def written(contact: Contact, start: datetime, minutes: int = 40, **changes: object) -> Contact:
    """The contact as a peer fills it in: a pre-admission contact on site, unless changed."""
    data = contact.model_dump(mode="json", by_alias=True)
    data |= {
        "status": "finished",
        "start": start.isoformat(),
        "end": (start + timedelta(minutes=minutes)).isoformat(),
        "recipients": [{"role": "individual"}],
        "service": {
            "type": "adult",
            "format": "individual",
            "place": "onsite",
            "modality": "in-person",
            "location": {"kind": "clinic", "name": "Main Street"},
            "components": ["A-EBT"],
            "voluntary": True,
        },
        "note": {
            "purpose": "Talk about what treatment here is like.",
            "response": "Asked many questions and told of an earlier stay.",
            "progress": "Knows now who would be in the room.",
            "outcome": "Wants to meet again on Friday.",
            "own_words": "I want to know first.",
            "data_verified": True,
        },
    }
    record_ = record_from({**data, **changes})
    assert isinstance(record_, Contact)
    return record_


def undecided(office: Office, patient: str = MOSS, on: date = date(2026, 3, 1)) -> None:
    """The person is known and has a goal, and nothing is decided."""
    who = actor(RIVERA, patient)
    with office.store.write() as session:
        set_goal(session, who, "Decide whether to start treatment", office.now)
        record(session, who, "undecided", on, office.library, office.now)


def drafted(
    office: Office,
    patient: str = MOSS,
    by: str = RIVERA,
    at: datetime | None = None,
    minutes: int = 40,
    **changes: object,
) -> Draft:
    """A contact that is begun and saved."""
    who = actor(by, patient)
    with office.store.write() as session:
        begun = start(session, who, office.now)
        moment = at or office.now - timedelta(minutes=60)
        contact = written(begun.contact, moment, minutes, **changes)
        return save_draft(session, who, contact, begun.edit, office.library, office.now)


def signed(office: Office, contact_id: str, by: str = RIVERA, patient: str = MOSS) -> signing.Signed:
    """The author signs what is shown."""
    who = actor(by, patient)
    with office.store.write() as session:
        digest = signing.shown(session, who, contact_id, office.library, office.now).digest
        return signing.sign(session, who, contact_id, digest, office.library, office.keyring, office.now)


def cosigned(office: Office, contact_id: str, by: str = CHEN, patient: str = MOSS) -> signing.Signed:
    """An LPHA co-signs what is shown."""
    who = actor(by, patient)
    with office.store.write() as session:
        digest = signing.shown(session, who, contact_id, office.library, office.now).digest
        return signing.cosign(session, who, contact_id, digest, office.library, office.keyring, office.now)


def entry_written(entry: PlanEntry, on: date, **changes: object) -> PlanEntry:
    """The plan entry as a clinician fills it in."""
    data = entry.model_dump(mode="json", by_alias=True)
    plan = data["plan"] | {"from": on.isoformat(), "to": (on + timedelta(days=180)).isoformat()}
    data |= {
        "service_type": "adult",
        "plan": plan,
        "goal": {
            "id": "G-1",
            "text": "Go to the choir by myself",
            "objective": "Go twice",
            "status": "active",
        },
        "frequency": {"units": 2, "times": 1, "per": "week"},
        "components": ["A-CCNT"],
        "collaboration": [{"on": on.isoformat(), "with": [CHEN], "reference": "TEAM-1"}],
    }
    if entry.basis == "targeted":
        data |= {"event": {"text": "Lost the flat", "on": on.isoformat()}, "response": "Meet twice a week"}
    record_ = record_from({**data, **changes})
    assert isinstance(record_, PlanEntry)
    return record_


def planned(
    office: Office,
    patient: str = LINDQVIST,
    on: date = date(2026, 3, 1),
    basis: str = "planned",
    by: str = CHEN,
) -> str:
    """A signed plan entry; answers its id."""
    who = actor(by, patient)
    with office.store.write() as session:
        begun = planning.start(session, who, basis, office.now)
        entry = entry_written(begun.entry, on)
        planning.save_entry(session, who, entry, begun.edit, office.library, office.now)
        shown = planning.shown_entry(session, who, entry.id, office.library, office.now)
        planning.sign_entry(session, who, entry.id, shown.digest, office.library, office.keyring, office.now)
    return entry.id


def admitted(office: Office, patient: str = LINDQVIST, on: date = date(2026, 1, 5)) -> None:
    """The person is admitted."""
    with office.store.write() as session:
        record(session, actor(CHEN, patient), "admitted", on, office.library, office.now)


def final(office: Office, patient: str = MOSS, by: str = RIVERA, **how: object) -> str:
    """A final note; answers the contact's id. `how` as for `drafted`."""
    office.later(minutes=1)
    contact = drafted(office, patient, by, **how).contact.id  # type: ignore[arg-type]
    office.later(minutes=1)
    done = signed(office, contact, by, patient)
    if not done.final:
        office.later(minutes=1)
        done = cosigned(office, contact, CHEN, patient)
    assert done.final
    return contact
