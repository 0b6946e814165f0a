"""Planning: LPHAs and clinicians write the entries of a treatment plan, sign them, revise them, end them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import audit, billing, decisions, individuals, judging, outbox, second_step, staff
from app.actor import Actor, not_here, person_of, require
from app.findings_kept import keep
from app.judging import PLAN_ENTRY, Around
from app.keyring import Keyring
from app.plan_list import READERS, WRITERS, Delivered, PlanLine, of_person, with_signatures
from app.plan_text import plan_text
from app.problems import Held, MendInput, Stale
from app.registry import jurisdiction_of
from app.second_step import Act
from app.tables import PlanEntryRow, SignatureRow
from app.words import DISCARDED, DRAFT, ENDED, PLAN_WORDS, SIGNED, SUPERSEDED
from mappings.fhir.bundle import plan_bundle
from mappings.findings import Judgement
from mappings.library import Library
from mappings.records import Plan, PlanEntry, ProgramFields
from mappings.seal import SecondStep, individual_token, seal, statement, text_digest
from mappings.terms import component


@dataclass(frozen=True)
class EntryDraft:
    """One version of an entry as its writers work on it; `edit` counts its savings."""

    entry: PlanEntry
    state: str
    edit: int
    judgement: Judgement | None = None


@dataclass(frozen=True)
class ShownEntry:
    """A version as its signer is shown it: `text` and the SHA-256 of its UTF-8 bytes."""

    entry: PlanEntry
    state: str
    edit: int
    text: str
    digest: str
    judgement: Judgement


def new_entry_id() -> str:
    """An id that has never been used before."""
    return f"P-{uuid.uuid4()}"


def start(
    session: Session, actor: Actor, basis: str, now: datetime, new_id: Callable[[], str] = new_entry_id
) -> EntryDraft:
    """Begin an entry (planned or targeted) in the person's plan in force, or in a new plan. Raises
    NotAllowed, NotFound."""
    require(actor, *WRITERS, to="write treatment plan entries")
    patient = person_of(actor)
    entry_id = new_id()
    blank = PlanEntry(
        kind="plan-entry",
        id=entry_id,
        jurisdiction=jurisdiction_of(session, actor.issuer),
        individual=individuals.find(session, actor.issuer, patient).record,
        basis=basis,
        plan=_plan_in_force(session, actor, patient, now) or _next_plan(session, actor, patient, entry_id),
    )
    record = _as_decided(session, actor, patient, entry_id, 1, blank)
    row = _add(session, actor, patient, record, now)
    audit.did(session, actor, "plan entry begun", now, subject=entry_id, version=1)
    return EntryDraft(record, DRAFT, row.edit)


def save_entry(
    session: Session, actor: Actor, entry: PlanEntry, edit: int, library: Library, now: datetime
) -> EntryDraft:
    """Save a draft over the saving number `edit` (0 for an entry of a new id, which is begun by it) and ask
    the rules. Raises NotAllowed, NotFound, and Stale when somebody saved meanwhile or it is signed."""
    require(actor, *WRITERS, to="write treatment plan entries")
    patient = person_of(actor)
    row = _latest(session, actor.issuer, entry.id)
    if row is None:
        if _free_number(session, actor.issuer, entry.id) > 1:
            raise not_here("plan entry")
        row = _add(session, actor, patient, _as_decided(session, actor, patient, entry.id, 1, entry), now)
    _mine(actor, row)
    if row.state != DRAFT:
        raise Stale(f"This entry is {PLAN_WORDS[row.state]}.", "Revise it: that opens a new version.")
    if row.edit != edit:
        raise Stale("This entry was saved in another window meanwhile.", "Load what was saved there.")
    record = _as_decided(session, actor, patient, row.id, row.version, entry)
    judgement = judging.around(session, actor.issuer, patient).judged_entry(record, library, now)
    row.record, row.edit, row.saved_at = record, edit + 1, now
    session.flush()
    audit.did(session, actor, "plan entry saved", now, subject=row.id, version=row.version, edit=row.edit)
    return EntryDraft(record, DRAFT, row.edit, judgement)


def read(session: Session, actor: Actor, entry_id: str) -> EntryDraft:
    """The latest version of an entry of this launch's person. Raises NotAllowed, NotFound."""
    row = _visible(session, actor, entry_id)
    return EntryDraft(with_signatures(session, row), row.state, row.edit)


def shown_entry(session: Session, actor: Actor, entry_id: str, library: Library, now: datetime) -> ShownEntry:
    """The latest version of an entry exactly as it is signed. Raises NotAllowed, NotFound."""
    row = _visible(session, actor, entry_id)
    around = judging.around(session, row.issuer, row.patient)
    text = row.text if row.text is not None else _text(row.record, around, library)
    judgement = around.judged_entry(with_signatures(session, row), library, now)
    return ShownEntry(with_signatures(session, row), row.state, row.edit, text, text_digest(text), judgement)


def sign_entry(
    session: Session,
    actor: Actor,
    entry_id: str,
    digest: str,
    library: Library,
    keyring: Keyring,
    now: datetime,
) -> ShownEntry:
    """Sign the draft whose text has this digest: it is frozen, sealed, takes the place of the version before
    and goes to the chart with its plan. Raises NotAllowed, NotFound, Stale, Held, and StepNeeded where
    nothing but the programme's second step is missing."""
    require(actor, *WRITERS, to="sign treatment plan entries")
    row = _visible(session, actor, entry_id)
    around = judging.around(session, row.issuer, row.patient)
    if row.state != DRAFT:
        raise Stale(f"This entry is {PLAN_WORDS[row.state]} already.", "Look at the plan again.")
    text = _text(row.record, around, library)
    if digest != text_digest(text):
        raise Stale("The entry is not the one you were shown: it changed meanwhile.", "Read it again.")
    judgement = around.judged_entry(row.record, library, now)
    if judgement.signing != "ready":
        raise Held("The rules hold this entry.", "Mend what the findings name.", judgement.holding("signing"))
    step = second_step.take(session, actor, Act(PLAN_ENTRY, row.id, row.version, "author", digest), now)
    _replace_signed(session, row)
    kept = keep(session, judgement.shown, library, now)
    row.text, row.digest, row.state, row.frozen_at = text, digest, SIGNED, now
    row.findings, row.library = kept, library.digest
    session.flush()
    _seal(session, actor, row, step, keyring, now)
    decided = decisions.of_plan_entry(row.record, row.patient, around, library, now)
    decisions.keep_decision(
        session, row.issuer, actor.staff_id, decisions.SIGNED, decided, judgement, library, now
    )
    audit.did(session, actor, "plan entry signed", now, subject=row.id, version=row.version, sha256=digest)
    _send(session, row, f"plan/{row.id}/{row.version}", library, now)
    billing.draft(session, row.issuer, row.patient, library, now)
    return shown_entry(session, actor, entry_id, library, now)


def revise(session: Session, actor: Actor, entry_id: str, now: datetime) -> EntryDraft:
    """Open a new version of a signed entry with the same words; the signed one counts until the new one is
    signed. Raises NotAllowed, NotFound, Stale."""
    require(actor, *WRITERS, to="revise treatment plan entries")
    row = _visible(session, actor, entry_id)
    if row.state not in (SIGNED, ENDED):
        raise Stale(f"This entry is a {PLAN_WORDS[row.state]}.", "Go on writing it.")
    record = _as_decided(session, actor, row.patient, row.id, row.version, row.record)
    fresh = _add(session, actor, row.patient, record, now)
    audit.did(session, actor, "plan entry revised", now, subject=row.id, version=fresh.version)
    return EntryDraft(fresh.record, DRAFT, fresh.edit)


def discard(session: Session, actor: Actor, entry_id: str, now: datetime) -> None:
    """Drop a draft; a signed version before it goes on counting. Raises NotAllowed, NotFound, Stale."""
    require(actor, *WRITERS, to="write treatment plan entries")
    row = _visible(session, actor, entry_id)
    if row.state != DRAFT:
        raise Stale(f"This entry is {PLAN_WORDS[row.state]}.", "End it instead.")
    row.state = DISCARDED
    session.flush()
    audit.did(session, actor, "plan entry discarded", now, subject=row.id, version=row.version)


def end_entry(
    session: Session, actor: Actor, entry_id: str, on: date, library: Library, now: datetime
) -> None:
    """End a signed entry: `on` is its last day. The plan goes to the chart again. Raises NotAllowed,
    NotFound, Stale, and MendInput for a day before its plan or in the future."""
    require(actor, *WRITERS, to="end treatment plan entries")
    row = _visible(session, actor, entry_id)
    if row.state != SIGNED:
        raise Stale(f"This entry is {PLAN_WORDS[row.state]}.", "Only a signed entry can be ended.")
    begun = row.record.plan.from_ if row.record.plan else None
    around = judging.around(session, row.issuer, row.patient)
    if on > judging.today(around, now) or (begun is not None and on < begun):
        raise MendInput(
            "The last day does not lie within the plan so far.", "Mend the day.", {"on": "mend it"}
        )
    row.state, row.ended_on = ENDED, on
    session.flush()
    audit.did(session, actor, "plan entry ended", now, subject=row.id, version=row.version, on=on.isoformat())
    _send(session, row, f"plan/{row.id}/{row.version}/ended", library, now)
    billing.draft(session, row.issuer, row.patient, library, now)


def _text(record: PlanEntry, around: Around, library: Library) -> str:
    def words(code: str) -> str:
        known = component(library, record.jurisdiction, code)
        return f"{known[2]} ({code})" if known else code

    return plan_text(record, around.surroundings(), words)


def _latest(session: Session, issuer: str, entry_id: str) -> PlanEntryRow | None:
    return session.scalars(
        select(PlanEntryRow)
        .where(
            PlanEntryRow.issuer == issuer,
            PlanEntryRow.id == entry_id,
            PlanEntryRow.state.in_((DRAFT, SIGNED, ENDED)),
        )
        .order_by(PlanEntryRow.version.desc())
        .limit(1)
    ).first()


def _visible(session: Session, actor: Actor, entry_id: str) -> PlanEntryRow:
    require(actor, *READERS, to="read the treatment plan")
    row = _latest(session, actor.issuer, entry_id)
    if row is None or (row.state == DRAFT and not actor.is_any(*WRITERS)):
        raise not_here("plan entry")
    _mine(actor, row)
    return row


def _mine(actor: Actor, row: PlanEntryRow) -> None:
    if row.patient != person_of(actor):
        raise not_here("plan entry")


def _as_decided(
    session: Session, actor: Actor, patient: str, entry_id: str, version: int, given: PlanEntry
) -> PlanEntry:
    """What the writer wrote, with all that is not the writer's to say as it stands here."""
    program = staff.program_of(session, actor.issuer)
    plan, person = given.plan or Plan(), individuals.find(session, actor.issuer, patient)
    return given.model_copy(
        update={
            "id": entry_id,
            "version": version,
            "jurisdiction": jurisdiction_of(session, actor.issuer),
            "status": "active",
            "individual": person.record,
            "program": None if program is None else ProgramFields(id=program.id),
            "plan": plan.model_copy(
                update={
                    "id": plan.id or f"T-{entry_id}",
                    "author": plan.author or actor.staff_id,
                    "diagnoses": tuple(each for each in person.diagnoses if each.by),
                }
            ),
            "signatures": (),
        }
    )


def _next_plan(session: Session, actor: Actor, patient: str, entry_id: str) -> Plan:
    """A new plan; it follows the one that ended last."""
    around = judging.around(session, actor.issuer, patient)
    plans = [each.plan for each in around.plan_entries if each.plan is not None and each.plan.id]
    ended = sorted((each.to, str(each.id)) for each in plans if each.to is not None)
    before = ended[-1][1] if ended else None
    return Plan(id=f"T-{entry_id}", author=actor.staff_id, replaces=before)


def _plan_in_force(session: Session, actor: Actor, patient: str, now: datetime) -> Plan | None:
    around = judging.around(session, actor.issuer, patient)
    day = judging.today(around, now)
    plans = [entry.plan for entry in around.plan_entries if entry.plan is not None]
    in_force = [
        plan
        for plan in plans
        if plan.id and (plan.from_ is None or plan.from_ <= day) and (plan.to is None or day <= plan.to)
    ]
    return in_force[-1] if in_force else None


def _add(session: Session, actor: Actor, patient: str, record: PlanEntry, now: datetime) -> PlanEntryRow:
    row = PlanEntryRow(
        issuer=actor.issuer,
        id=record.id,
        version=_free_number(session, actor.issuer, record.id),
        patient=patient,
        author=actor.staff_id,
        state=DRAFT,
        edit=0,
        record=record,
        findings=[],
        saved_at=now,
    )
    row.record = record.model_copy(update={"version": row.version})
    session.add(row)
    session.flush()
    return row


def _free_number(session: Session, issuer: str, entry_id: str) -> int:
    query = select(func.max(PlanEntryRow.version)).where(
        PlanEntryRow.issuer == issuer, PlanEntryRow.id == entry_id
    )
    return (session.scalars(query).one_or_none() or 0) + 1


def _replace_signed(session: Session, row: PlanEntryRow) -> None:
    earlier = session.scalars(
        select(PlanEntryRow).where(
            PlanEntryRow.issuer == row.issuer,
            PlanEntryRow.id == row.id,
            PlanEntryRow.version < row.version,
            PlanEntryRow.state.in_((SIGNED, ENDED)),
        )
    )
    for each in earlier:
        each.state = SUPERSEDED
    session.flush()


def _seal(
    session: Session,
    actor: Actor,
    row: PlanEntryRow,
    step: SecondStep | None,
    keyring: Keyring,
    now: datetime,
) -> None:
    record, key = row.record, keyring.seal_key(session, row.issuer)
    said = statement(
        note_id=row.id,
        version=row.version,
        individual=individual_token(record.individual.identifier_system, record.individual.id),
        program=record.program.id if record.program else row.issuer,
        signer=actor.staff_id,
        meaning="author",
        at=now,
        sha256=row.digest or "",
        second_step=step,
    )
    session.add(
        SignatureRow(
            issuer=row.issuer,
            kind=PLAN_ENTRY,
            subject=row.id,
            version=row.version,
            meaning="author",
            by=actor.staff_id,
            name=actor.name,
            at=now,
            digest=row.digest or "",
            statement=said,
            jws=seal(said, key),
            kid=str(key["kid"]),
            launch=audit.launch_digest(actor.launch_id),
            second_step=step.method if step else None,
            second_step_at=step.at if step else None,
        )
    )
    session.flush()


def _send(session: Session, row: PlanEntryRow, key: str, library: Library, now: datetime) -> None:
    """All signed entries of the row's plan go to the chart together."""
    around = judging.around(session, row.issuer, row.patient).surroundings()
    entries = around.plan_of(with_signatures(session, row))
    numbers = {entry.id: entry.version for entry in entries}
    seals = [
        each
        for entry_id, version in numbers.items()
        for each in judging.seals_of(session, row.issuer, PLAN_ENTRY, entry_id, version)
    ]
    links = individuals.chart_links(session, row.issuer, row.patient, None)
    payload = judging.payload("plan", lambda: plan_bundle(entries, around, seals, links, library, now))
    subject = row.record.plan.id if row.record.plan and row.record.plan.id else row.id
    outbox.add(
        session,
        row.issuer,
        outbox.CHART,
        outbox.PLAN,
        key,
        row.patient,
        subject,
        payload,
        now,
    )


__all__ = [
    "Delivered",
    "EntryDraft",
    "PlanLine",
    "ShownEntry",
    "discard",
    "end_entry",
    "new_entry_id",
    "of_person",
    "read",
    "revise",
    "save_entry",
    "shown_entry",
    "sign_entry",
    "start",
]
