"""From the replies of an EHR to the facts of a chart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

from app.chart import reading
from app.chart.asking import Json, Question, Reply
from app.chart.facts import ChartFacts, ChartProblem, Episode, Practitioner, Visit
from app.chart.granted import may_ask
from app.individuals import PersonLinks
from mappings.fhir.elements import NPI
from mappings.records import Coverage
from smart_launch.context import LaunchContext
from smart_launch.fhir_client import REFERENCE

PERSON, COVERAGE, CONDITION, EPISODE = "person", "coverage", "diagnoses", "episode of care"
VISIT, USER, PROGRAM, LOCATION = "visit", "person signed in", "programme", "location"


@dataclass(frozen=True)
class Answers:
    """The replies by name, and what was referred to in them and read afterwards, by reference."""

    context: LaunchContext
    replies: Mapping[str, Reply]
    referred: Mapping[str, Json]

    def found(self, name: str) -> tuple[Json, ...]:
        """The resources a question found. A server that does not know a search parameter answers with what it
        has of everybody: what says that it is another person's is none."""
        return self._own.get(name, ())

    def foreign(self, name: str) -> bool:
        """Whether a question about the person brought something of another person."""
        return name in self.replies and len(self._own[name]) < len(self.replies[name].found)

    @cached_property
    def _own(self) -> Mapping[str, tuple[Json, ...]]:
        """What each question found, without what is another person's."""
        return {
            name: tuple(one for one in reply.found if not self._foreign(one))
            for name, reply in self.replies.items()
        }

    @cached_property
    def _by_reference(self) -> Mapping[str, Json]:
        came = (one for reply in self.replies.values() for one in (*reply.included, *reply.found))
        return {f"{one.get('resourceType')}/{one.get('id')}": one for one in came}

    def _foreign(self, resource: Json) -> bool:
        patient = self.context.patient
        return patient is not None and reading.of_somebody_else(resource, patient)

    def one(self, name: str) -> Json | None:
        """The only resource a question found, None when there is none or several."""
        found = self.found(name)
        return found[0] if len(found) == 1 else None

    @cached_property
    def diagnoses(self) -> tuple[list[tuple[str, str | None]], dict[str, str]]:
        """The codes of the diagnoses with who recorded each, and the Condition that stands for each code."""
        return _diagnoses(self)

    def behind(self, target: str | None) -> Json | None:
        """The resource a reference means, where it was included or read."""
        if target is None:
            return None
        return self._by_reference.get(target) or self.referred.get(target)


def questions(context: LaunchContext, program_npi: str | None, organization: str | None) -> list[Question]:
    """What is asked of the chart of this launch; `organization` is where the programme was found before."""
    asked: list[Question] = []
    if context.patient:
        whose = ("patient", context.patient)
        asked += [
            Question(PERSON, reference=f"Patient/{context.patient}"),
            Question(COVERAGE, resource_type="Coverage", params=(whose, ("_include", "Coverage:payor"))),
            Question(
                CONDITION, resource_type="Condition", params=(whose, ("_include", "Condition:asserter"))
            ),
            Question(EPISODE, resource_type="EpisodeOfCare", params=(whose,)),
        ]
    if context.patient and context.encounter:
        asked.append(Question(VISIT, reference=f"Encounter/{context.encounter}"))
    if context.fhir_user and REFERENCE.fullmatch(context.fhir_user):
        asked.append(Question(USER, reference=context.fhir_user))
    if program_npi:
        by_npi = (("identifier", f"{NPI}|{program_npi}"),)
        asked.append(Question(PROGRAM, resource_type="Organization", params=by_npi))
        asked += [_location(organization)] if organization else []
    return [as_granted(context, one) for one in asked]


def as_granted(context: LaunchContext, question: Question) -> Question:
    """The question, marked where the granted scopes do not carry it."""
    letter = "r" if question.reference else "s"
    granted = may_ask(context.scope, question.kind, letter)
    return question if granted else replace(question, not_granted=True)


def still_open(answers: Answers) -> list[str]:
    """References in the answers whose resources are needed and did not come with them."""
    wanted = [*_payors(answers), *_recorders(answers), _user_practitioner(answers)]
    missing = [one for one in wanted if one and REFERENCE.fullmatch(one) and answers.behind(one) is None]
    return list(dict.fromkeys(missing))


def location_question(answers: Answers, before: str | None) -> tuple[Answers, Question | None]:
    """The question for the programme's Location once its Organization is known, None where it was asked of
    that very one (`before`) already; and the answers without those about another one's."""
    found = answers.one(PROGRAM)
    known = f"Organization/{found['id']}" if found else None
    if known == before:
        return answers, None
    kept = {name: reply for name, reply in answers.replies.items() if name != LOCATION}
    return replace(answers, replies=kept), _location(known) if known else None


def _location(organization: str) -> Question:
    return Question(LOCATION, resource_type="Location", params=(("organization", organization),))


def gather(answers: Answers) -> ChartFacts:
    """The facts of the chart. Raises ChartProblem for a person who cannot be told apart."""
    program = answers.one(PROGRAM)
    organization = f"Organization/{program['id']}" if program else None
    location = answers.one(LOCATION)
    facts = ChartFacts(
        practitioner=_practitioner(answers),
        organization=organization,
        location=f"Location/{location['id']}" if location else None,
        not_known=tuple(_not_known(answers)),
        unread=frozenset(name for name, reply in answers.replies.items() if reply.trouble),
    )
    return _with_person(answers, facts) if answers.context.patient else facts


def _with_person(answers: Answers, facts: ChartFacts) -> ChartFacts:
    person = answers.one(PERSON)
    if person is None:
        why = answers.replies[PERSON].trouble or "nothing came back"
        raise ChartProblem(
            f"The EHR opened this chart but did not show whose it is ({why}).",
            "Close this window and open Peerchart from the chart again. If it goes on, ask your "
            "administrator whether Peerchart may read Patient.",
        )
    if person.get("id") != answers.context.patient:
        # Seen where charts were merged: the EHR answers with the chart that took the place of the other.
        raise ChartProblem(
            "The EHR opened one person's chart and showed another person's.",
            "Close this window and open Peerchart from the chart of the person you are with. If it goes on, "
            "tell your administrator.",
        )
    coverages, covers, payers = _coverages(answers)
    codes, conditions = answers.diagnoses
    return ChartFacts(
        patient=answers.context.patient,
        individual=reading.individual(person, coverages),
        diagnoses=reading.diagnoses(codes),
        links=PersonLinks(covers, payers, conditions),
        visit=_visit(answers),
        episodes=tuple(_episodes(answers, facts.organization)),
        practitioner=facts.practitioner,
        organization=facts.organization,
        location=facts.location,
        not_known=facts.not_known,
        unread=facts.unread,
        remarks=tuple(_remarks(answers, person, facts.organization)),
    )


def _coverages(answers: Answers) -> tuple[list[Coverage], dict[str, str], dict[str, str]]:
    records: list[Coverage] = []
    covers: dict[str, str] = {}
    payers: dict[str, str] = {}
    # The latest first: of several coverages by one payer the one that began last is the one referred to.
    latest = sorted(answers.found(COVERAGE), key=lambda one: reading.begun(one) or date.min, reverse=True)
    for resource in latest:
        payor = _payor(resource)
        organization = answers.behind(payor)
        code = reading.payer_code(organization) if organization else None
        record = reading.coverage(resource, code)
        if record is None:
            continue
        records.append(record)
        if code and payor:
            covers.setdefault(code, f"Coverage/{resource['id']}")
            payers.setdefault(code, payor)
    return sorted(records, key=lambda one: (one.order is None, one.order or 0)), covers, payers


def _diagnoses(answers: Answers) -> tuple[list[tuple[str, str | None]], dict[str, str]]:
    codes: list[tuple[str, str | None]] = []
    conditions: dict[str, str] = {}
    listed = sorted(answers.found(CONDITION), key=lambda one: str(one.get("recordedDate", "9999")))
    for condition in listed:
        code = reading.diagnosis_code(condition)
        if code is None:
            continue
        who = answers.behind(reading.recorder(condition))
        codes.append((code, (reading.identifier(who, NPI) if who else None) or reading.recorder(condition)))
        conditions.setdefault(code, f"Condition/{condition['id']}")
    return codes, conditions


def _episodes(answers: Answers, organization: str | None) -> Iterator[Episode]:
    # An episode of another organization is no admission here; where ours is not known, none is.
    for resource in answers.found(EPISODE):
        if (
            organization is not None
            and reading.reference(resource.get("managingOrganization")) == organization
        ):
            yield reading.episode(resource)


def _visit(answers: Answers) -> Visit | None:
    encounter = answers.one(VISIT)
    if encounter is None or encounter.get("id") != answers.context.encounter:
        return None
    of_whom = reading.reference(encounter.get("subject"))
    return reading.visit(encounter) if of_whom == f"Patient/{answers.context.patient}" else None


def _practitioner(answers: Answers) -> Practitioner | None:
    target = _user_practitioner(answers) or answers.context.fhir_user
    resource = answers.behind(target)
    if target is None or resource is None or resource.get("resourceType") != "Practitioner":
        return None
    return reading.practitioner(resource, target)


def _user_practitioner(answers: Answers) -> str | None:
    role = answers.one(USER)
    if role is not None and role.get("resourceType") == "PractitionerRole":
        return reading.reference(role.get("practitioner"))
    return None


def _payor(coverage: Json) -> str | None:
    payors = coverage.get("payor")
    return reading.reference(payors[0]) if isinstance(payors, list) and len(payors) == 1 else None


def _payors(answers: Answers) -> list[str | None]:
    return [_payor(one) for one in answers.found(COVERAGE)]


def _recorders(answers: Answers) -> list[str | None]:
    return [reading.recorder(one) for one in answers.found(CONDITION) if reading.diagnosis_code(one)]


def _not_known(answers: Answers) -> Iterator[str]:
    for name, reply in answers.replies.items():
        if reply.trouble:
            yield f"The {name} could not be read: {reply.trouble}."
    for resource in answers.found(COVERAGE):
        organization = answers.behind(_payor(resource))
        if organization is None or reading.payer_code(organization) is None:
            yield f"The payer of Coverage/{resource.get('id')} is not known."
    for code, by in answers.diagnoses[0]:
        if by is None:
            yield f"Who recorded the diagnosis {code} is not known; it does not count for a claim."
    if PROGRAM in answers.replies and not answers.replies[PROGRAM].trouble and answers.one(PROGRAM) is None:
        count = len(answers.found(PROGRAM))
        yield f"The programme is not known to the EHR: {count} organizations carry its NPI."
    if answers.context.fhir_user is None:
        yield "The EHR does not say who is signed in."


def _remarks(answers: Answers, person: Json, organization: str | None) -> Iterator[str]:
    for name in (COVERAGE, CONDITION, EPISODE):
        if answers.foreign(name):
            yield f"The EHR sent {name} of another person; it was left out. Tell your administrator."
    if answers.context.encounter and VISIT in answers.replies and _visit(answers) is None:
        yield "The visit that was open in the EHR is not known as this person's; no note is put to it."
    managing = reading.reference(person.get("managingOrganization"))
    if organization and managing and managing != organization:
        named = answers.behind(managing)
        yield f"This chart is kept by another organization ({(named or {}).get('name') or managing})."
    if person.get("active") is False:
        yield "This chart is marked as not in use."
    if "deceasedDateTime" in person or person.get("deceasedBoolean") is True:
        yield "This chart records the person's death."
