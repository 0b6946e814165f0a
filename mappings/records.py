"""The records of the office, frozen: contacts, plan entries, staff, programmes and authorizations.

The form is that of the intake record: one JSON object a record, field names fixed. Only `kind`, `id`,
`jurisdiction` and the individual's id must be there; anything else may be absent, since what is merely
missing is a finding of a rule and no reason to refuse the line. Codes are plain text for the same reason.
"""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from mappings.written_values import (
    OR_NONE,
    Day,
    DayOrMoment,
    Flag,
    Id,
    Minutes,
    Moment,
    Number,
    Text,
    Texts,
    Version,
    Whole,
)

# The topic of the education ledger that means hours specific to peer support.
PEER_SUPPORT = "peer-support"


class Part(BaseModel):
    """A frozen piece of a record that refuses fields it does not know."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        arbitrary_types_allowed=False,
        # Each kind is built when a record of it is first read: most inputs have few kinds, and most parts
        # are only read inside of another.
        defer_build=True,
    )


class Name(Part):
    """A person's name; `given` in order."""

    given: Texts = ()
    family: Text = None

    @property
    def full(self) -> str:
        """The name as people read it: given names, then family name."""
        return " ".join([*self.given, *([self.family] if self.family else [])])


class Coverage(Part):
    """One payer's cover of the individual; both ends of the period count, an open end is null."""

    payer: Text = None
    class_: Text = Field(default=None, alias="class")
    member_id: Text = None
    order: Whole = None
    from_: Day = Field(default=None, alias="from")
    to: Day = None
    checked_on: Day = None


class Address(Part):
    """Where somebody lives in the United States: street lines, city, the state's two letters, ZIP code."""

    lines: Texts = ()
    city: Text = None
    state: Text = None
    postal_code: Text = None


class Individual(Part):
    """The person who receives support (FHIR Patient); the address is for claims alone."""

    id: Id
    identifier_system: Text = None
    name: Name | None = None
    birth_date: Day = None
    gender: Text = None
    address: Address | None = None
    coverages: Annotated[tuple[Coverage, ...], OR_NONE] = ()


class EngagementEntry(Part):
    """One state of the engagement: undecided, admitted, declined, discharged; a day or a time."""

    status: Text = None
    at: DayOrMoment = None


class Engagement(Part):
    """The goal of the engagement and its history."""

    goal: Text = None
    goal_on: Day = None
    history: Annotated[tuple[EngagementEntry, ...], OR_NONE] = ()


class Credential(Part):
    """A certification or licence of a staff member with its issuer and period."""

    code: Text = None
    issuer: Text = None
    number: Text = None
    from_: Day = Field(default=None, alias="from")
    to: Day = None
    hours: Number = None
    test_passed: Day = None


class Attestation(Part):
    """A dated yes or no of a kind such as lived-experience; never a diagnosis of the employee.

    An older record has no `answer`: it was a yes.
    """

    kind: Text = None
    answer: Flag = None
    on: Day = None
    by: Text = None

    @property
    def affirmed(self) -> bool:
        """Whether the answer was yes."""
        return self.answer is not False


class Education(Part):
    """Hours of continuing education on a day: the topic, and whether they were specific to peer support."""

    on: Day = None
    hours: Number = None
    topic: Text = None
    specific: Flag = None

    def on_topic(self, topic: str) -> bool:
        """Whether the hours are on a topic; on peer support also when they are said to be specific to it."""
        if topic == PEER_SUPPORT and self.specific is not None:
            return self.specific
        return self.topic == topic


class SupervisionSession(Part):
    """One session of supervision or of support in the own discipline: with whom (`by`), minutes, kind."""

    on: Day = None
    by: Text = None
    minutes: Whole = None
    kind: Text = None


class Supervisor(Part):
    """Who supervises the peer, in which professional category and from when to when."""

    id: Text = None
    category: Text = None
    from_: Day = Field(default=None, alias="from")
    to: Day = None
    ops: Day = None

    def covers(self, day: date) -> bool:
        """Whether the assignment is in force on the day; both ends count, and one of them must be known."""
        known = self.from_ is not None or self.to is not None
        return known and (self.from_ is None or self.from_ <= day) and (self.to is None or day <= self.to)


class StaffFields(Part):
    """A staff member as other records carry it: whole, or by id alone."""

    id: Id
    npi: Text = None
    name: Name | None = None
    birth_date: Day = None
    hired: Day = None
    employment: Text = None
    contract: Text = None
    credentials: Annotated[tuple[Credential, ...], OR_NONE] = ()
    attestations: Annotated[tuple[Attestation, ...], OR_NONE] = ()
    education: Annotated[tuple[Education, ...], OR_NONE] = ()
    supervision: Annotated[tuple[SupervisionSession, ...], OR_NONE] = ()
    supervisor: Supervisor | None = None
    earlier_supervisors: Annotated[tuple[Supervisor, ...], OR_NONE] = ()

    def supervisor_on(self, day: date) -> Supervisor | None:
        """The assignment in force on the day; without one `supervisor` as it stands, in force or not."""
        if not self.earlier_supervisors:
            return self.supervisor
        every = (self.supervisor, *reversed(self.earlier_supervisors))
        return next((each for each in every if each is not None and each.covers(day)), self.supervisor)


class Licence(Part):
    """A licence of the programme."""

    code: Text = None
    number: Text = None
    from_: Day = Field(default=None, alias="from")
    to: Day = None


class Enrolment(Part):
    """The programme's enrolment with a payer for a service."""

    payer: Text = None
    service: Text = None
    from_: Day = Field(default=None, alias="from")
    to: Day = None


class Policy(Part):
    """A dated policy of the programme."""

    kind: Text = None
    on: Day = None


class ProgramFields(Part):
    """A programme as other records carry it: whole, or by id alone."""

    id: Id
    npi: Text = None
    medicaid_id: Text = None
    name: Text = None
    program_kind: Text = None
    population: Text = None
    time_zone: Text = None
    part2: Flag = None
    licences: Annotated[tuple[Licence, ...], OR_NONE] = ()
    enrolments: Annotated[tuple[Enrolment, ...], OR_NONE] = ()
    policies: Annotated[tuple[Policy, ...], OR_NONE] = ()


class AuthorizationFields(Part):
    """Units a payer granted to a member for a service, as other records carry it."""

    id: Id
    service: Text = None
    member: Text = None
    number: Text = None
    units: Whole = None
    used: Whole = None
    from_: Day = Field(default=None, alias="from")
    to: Day = None
    requested_by: Text = None
    requester_role: Text = None
    member_approved: Flag = None
    review: Text = None


class Present(Part):
    """Another staff member who was present at the contact."""

    id: Text = None
    category: Text = None
    role: Text = None


class Location(Part):
    """Where the contact was: its kind and its name."""

    kind: Text = None
    name: Text = None


class RationaleReference(Part):
    """Team minutes that carry the rationale of an ad hoc contact."""

    id: Text = None
    on: Day = None


class Accompaniment(Part):
    """Going along with the individual: asked for, with support, and minutes of travel without it."""

    requested: Flag = None
    support: Flag = None
    travel_minutes: Whole = None


class Service(Part):
    """What was delivered: type, code, format, place, components and its basis in the plan."""

    type: Text = None
    code: Text = None
    format: Text = None
    place: Text = None
    modality: Text = None
    location: Location | None = None
    components: Texts = ()
    basis: Text = None
    plan_entry: Text = None
    rationale: Text = None
    rationale_ref: RationaleReference | None = None
    accompaniment: Accompaniment | None = None
    voluntary: Flag = None


class Recipient(Part):
    """Who received the service; one who is not the individual has a name and a relationship."""

    role: Text = None
    name: Name | None = None
    relationship: Text = None
    attachment: Flag = None


class Group(Part):
    """A group session: its shared id, how many attended, and the recipients' ids."""

    session: Text = None
    attendees: Whole = None
    recipients: Texts = ()


class Note(Part):
    """The text of the note in its parts."""

    purpose: Text = None
    response: Text = None
    progress: Text = None
    outcome: Text = None
    own_words: Text = None
    goals: Texts = ()
    data_verified: Flag = None
    edited_at: Moment = None


class Risk(Part):
    """Risk that was seen and who was told, when."""

    seen: Flag = None
    notified: Text = None
    at: Moment = None


class Consent(Part):
    """A consent with its scope and period."""

    scope: Text = None
    from_: Day = Field(default=None, alias="from")
    to: Day = None
    revoked_at: DayOrMoment = None


class ClinicalInput(Part):
    """Input of a clinician before a re-engagement."""

    by: Text = None
    on: Day = None


class Collaboration(Part):
    """A meeting or consult about the individual."""

    on: Day = None
    with_: Texts = Field(default=(), alias="with")
    reference: Text = None


class Diagnosis(Part):
    """An ICD-10-CM code that a clinician recorded; never from the peer."""

    code: Text = None
    rank: Whole = None
    by: Text = None


class FiledClaim(Part):
    """A claim as filed elsewhere, to be judged."""

    code: Text = None
    modifiers: Texts = ()
    rate_code: Text = None
    units: Whole = None
    filed: Day = None


class EhrLinks(Part):
    """What the EHR already holds of this contact: the visit's Encounter."""

    encounter: Text = None


class Relation(Part):
    """How this contact's note relates to another: appends or replaces."""

    id: Text = None
    how: Text = None


class Signature(Part):
    """A signature on one version: meaning author, cosigner or second-cosigner."""

    meaning: Text = None
    by: Text = None
    category: Text = None
    licence_from: Day = None
    licence_to: Day = None
    at: Moment = None
    version: Whole = None


class Contact(Part):
    """One delivered service, before or after admission, with its note and signatures."""

    kind: Literal["contact"]
    id: Id
    version: Version = 1
    jurisdiction: Id
    status: Text = None
    program: ProgramFields | None = None
    individual: Individual
    engagement: Engagement | None = None
    peer: StaffFields | None = None
    staff: Annotated[tuple[Present, ...], OR_NONE] = ()
    service: Service | None = None
    start: Moment = None
    end: Moment = None
    excluded_minutes: Minutes = 0
    technical_failure: Flag = None
    recipients: Annotated[tuple[Recipient, ...], OR_NONE] = ()
    group: Group | None = None
    note: Note | None = None
    risk: Risk | None = None
    consents: Annotated[tuple[Consent, ...], OR_NONE] = ()
    clinical_input: ClinicalInput | None = None
    collaboration: Annotated[tuple[Collaboration, ...], OR_NONE] = ()
    diagnoses: Annotated[tuple[Diagnosis, ...], OR_NONE] = ()
    authorization: AuthorizationFields | None = None
    claim: FiledClaim | None = None
    ehr: EhrLinks | None = None
    relates_to: Relation | None = None
    signatures: Annotated[tuple[Signature, ...], OR_NONE] = ()


class Telecom(Part):
    """A phone, e-mail or other address at work: `system` as in FHIR ContactPoint."""

    system: Text = None
    value: Text = None


class Staff(StaffFields):
    """A staff record of its own; how to reach the member is not part of what other records carry."""

    kind: Literal["staff"]
    jurisdiction: Id
    telecom: Annotated[tuple[Telecom, ...], OR_NONE] = ()


class Program(ProgramFields):
    """A programme record of its own."""

    kind: Literal["program"]
    jurisdiction: Id


class Authorization(AuthorizationFields):
    """An authorization record of its own."""

    kind: Literal["authorization"]
    jurisdiction: Id


class Plan(Part):
    """The treatment plan an entry belongs to; `replaces` is the id of the plan before it, `diagnoses` what it
    addresses, as a clinician recorded it."""

    id: Text = None
    replaces: Text = None
    diagnoses: Annotated[tuple[Diagnosis, ...], OR_NONE] = ()
    from_: Day = Field(default=None, alias="from")
    to: Day = None
    author: Text = None
    review_due: Day = None
    contributors: Texts = ()


class Goal(Part):
    """A goal of the plan in the individual's words."""

    id: Text = None
    text: Text = None
    objective: Text = None
    target: Day = None
    status: Text = None


class Frequency(Part):
    """Units each time, how many times per day, week or month."""

    units: Whole = None
    times: Whole = None
    per: Text = None


class PlanEvent(Part):
    """The event that a targeted service answers."""

    text: Text = None
    on: Day = None


class PlanEntry(Part):
    """A service in the treatment plan: planned, or targeted after an event."""

    kind: Literal["plan-entry"]
    id: Id
    version: Version = 1
    jurisdiction: Id
    program: ProgramFields | None = None
    individual: Individual
    status: Text = None
    basis: Text = None
    service_type: Text = None
    plan: Plan | None = None
    goal: Goal | None = None
    frequency: Frequency | None = None
    components: Texts = ()
    event: PlanEvent | None = None
    response: Text = None
    collaboration: Annotated[tuple[Collaboration, ...], OR_NONE] = ()
    signatures: Annotated[tuple[Signature, ...], OR_NONE] = ()


Record = Contact | PlanEntry | Staff | Program | Authorization
KINDS: dict[str, type[Part]] = {
    "contact": Contact,
    "plan-entry": PlanEntry,
    "staff": Staff,
    "program": Program,
    "authorization": Authorization,
}
