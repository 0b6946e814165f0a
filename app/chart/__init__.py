"""What the EHR's chart says of a person at launch: the only part of the product that reads there.

It asks little (up to three batches, or single requests where the EHR takes no batch), takes what it gets, and
says what it did not get.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from uuid import uuid4

from sqlalchemy.orm import Session

from app import engagement, individuals
from app.chart import gather
from app.chart.asking import Question, ask_all
from app.chart.facts import ChartFacts, ChartProblem, Episode, Practitioner, Visit
from app.individuals import PersonLinks
from app.staff import by_npi, link_practitioner, link_program
from mappings.engagement import ADMITTED, DISCHARGED
from mappings.records import Diagnosis, Individual
from smart_launch.context import LaunchContext
from smart_launch.fhir_client import FhirClient

__all__ = ["ChartFacts", "ChartProblem", "Episode", "Practitioner", "Visit", "read_chart", "remember"]

_REAL = frozenset({"active", "onhold", "finished"})


def read_chart(
    client: FhirClient,
    context: LaunchContext,
    *,
    program_npi: str | None = None,
    organization: str | None = None,
    batch: bool = False,
    request_id: str | None = None,
) -> ChartFacts:
    """What the EHR shows of the person, the visit, the person signed in and the programme (found by its NPI;
    `organization` is where it was found before, so that its Location can be asked for at the same time).
    `batch`: the EHR declares batch Bundles; then one request does, and one more for what is referred to.
    Raises ChartProblem when the person cannot be told apart; whatever else is missing or refused stands in
    `not_known`."""
    request = request_id or str(uuid4())
    asked = gather.questions(context, program_npi, organization)
    replies = ask_all(client, asked, batch=batch, request_id=request)
    answers = gather.Answers(context, {q.name: reply for q, reply in zip(asked, replies, strict=True)}, {})
    wanted = [Question(one, reference=one) for one in gather.still_open(answers)]
    answers, where = gather.location_question(answers, organization)
    more = [gather.as_granted(context, one) for one in ([*wanted, where] if where else wanted)]
    later = dict(
        zip([q.name for q in more], ask_all(client, more, batch=batch, request_id=request), strict=True)
    )
    replies_by_name = dict(answers.replies)
    if where:
        replies_by_name[where.name] = later.pop(where.name)
    referred = {name: reply.found[0] for name, reply in later.items() if reply.found}
    return gather.gather(gather.Answers(context, replies_by_name, referred))


def remember(session: Session, issuer: str, facts: ChartFacts, now: datetime) -> None:
    """Keep what the chart said, so that use cases need not ask the EHR: the person with references, the
    practitioner's and the programme's references, and an engagement that began before Peerchart did.
    Raises NotAllowed when the EHR's login belongs to another member of the staff."""
    if facts.practitioner is not None and facts.practitioner.npi:
        member = by_npi(session, issuer, facts.practitioner.npi)
        if member is not None and member.practitioner != facts.practitioner.reference:
            link_practitioner(session, issuer, member.record.id, facts.practitioner.reference, now)
    link_program(session, issuer, now, organization=facts.organization, location=facts.location)
    if facts.patient is None or facts.individual is None:
        return
    record, diagnoses, links = _as_far_as_read(session, issuer, facts.patient, facts.individual, facts)
    individuals.remember(session, issuer, facts.patient, record, diagnoses, links, now)
    for status, at, source in _steps(facts.episodes):
        engagement.adopt(session, issuer, facts.patient, status, at, source, now)


def _as_far_as_read(
    session: Session, issuer: str, patient: str, record: Individual, facts: ChartFacts
) -> tuple[Individual, tuple[Diagnosis, ...], PersonLinks]:
    """What the chart said now; what it would not let us read this time stays as it was read before."""
    diagnoses, links = facts.diagnoses, facts.links
    if facts.unread.isdisjoint((gather.COVERAGE, gather.CONDITION)):
        return record, diagnoses, links
    before = individuals.known(session, issuer, patient)
    if before is not None and gather.COVERAGE in facts.unread:
        record = record.model_copy(update={"coverages": before.record.coverages})
        links = replace(links, coverages=before.links.coverages, payers=before.links.payers)
    if before is not None and gather.CONDITION in facts.unread:
        diagnoses, links = before.diagnoses, replace(links, conditions=before.links.conditions)
    return record, diagnoses, links


def _steps(episodes: Sequence[Episode]) -> Iterator[tuple[str, date, str]]:
    dated = [(one.start, one) for one in episodes if one.status in _REAL and one.start is not None]
    for start, one in sorted(dated, key=lambda pair: pair[0]):
        yield ADMITTED, start, one.reference
        if one.status == "finished" and one.end is not None:
            yield DISCHARGED, one.end, one.reference
