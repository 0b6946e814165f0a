"""Decisions of the past explained: what each rule said then, by the library as it stood, and whether today's
library says otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import billing, charting, decisions, judging, library_shelf, planning
from app.actor import Actor, not_here
from app.decisions import SIGNED
from app.findings_kept import Reason, read_kept
from app.judging import CONTACT, PLAN_ENTRY
from app.library_shelf import KeptLibrary
from app.problems import MendInput
from app.tables import ClaimHoldRow, ContactRow, DecisionRow, PlanEntryRow, VersionRow
from mappings.findings import Judgement
from mappings.library import Library
from mappings.past_findings import PastRule, as_it_stood, otherwise

HELD = "held"


@dataclass(frozen=True)
class Explained:
    """One finding of the past: what it said, the rule as it stood (None where the library of that day was
    not kept), what today's library says otherwise, and today's result where that differs."""

    reason: Reason
    then: PastRule | None
    otherwise: tuple[str, ...] = ()
    now: str | None = None


@dataclass(frozen=True)
class Decision:
    """One decision of the past. `occasion` is signed, co-signed, released or held; `on` the day whose rules
    counted; `library` the digest, with the program version that used it first where its texts are kept.
    `passed` is None where what passed was not kept yet."""

    subject: str
    version: int
    occasion: str
    at: datetime
    by: str
    on: date | None
    signing: str
    claim: str
    units: int | None
    library: str
    product: str | None
    findings: tuple[Explained, ...]
    passed: tuple[Explained, ...] | None = None

    @property
    def holding(self) -> bool:
        """Whether a finding of it held the signature or the claim."""
        return any(f.reason.severity == "block" and f.reason.result != "advice" for f in self.findings)


@dataclass(frozen=True)
class _Place:
    jurisdiction: str
    on: date
    layers: tuple[str, ...]


@dataclass
class _Shelf:
    """The libraries of the past that one explanation needs, each taken once, beside today's."""

    session: Session
    today: Library
    known: dict[str, KeptLibrary | None] = field(default_factory=dict)

    def take(self, digest: str) -> KeptLibrary | None:
        if digest not in self.known:
            self.known[digest] = library_shelf.take(self.session, digest)
        return self.known[digest]

    def library(self, digest: str) -> Library | None:
        # An installation from before the texts were kept may still run the very library of the finding.
        kept = self.take(digest)
        return kept.library if kept else self.today if self.today.digest == digest else None


def of_note(
    session: Session, actor: Actor, contact_id: str, version: int | None, library: Library, now: datetime
) -> tuple[Decision, ...]:
    """The decisions on a signed version (the one shown where none is named) of a contact, for whoever may
    read the note. Raises as `charting.visible`, and NotFound for a version that is not signed."""
    row, current = charting.visible(session, actor, contact_id)
    return of_contact(session, row, version or current.version, library, now)


def of_contact(
    session: Session, row: ContactRow, version: int, library: Library, now: datetime
) -> tuple[Decision, ...]:
    """The decisions on a signed version of a contact. Raises NotFound for one that is not signed."""
    stored = charting.version_of(session, row, version)
    if stored.frozen_at is None:
        raise not_here("signed version")
    around, shelf = judging.around(session, row.issuer, row.patient, stored.record), _Shelf(session, library)
    judged = around.judged(judging.as_judged(session, row.issuer, [stored])[0], library, now)
    kept = decisions.of_version(session, row.issuer, CONTACT, row.id, version)
    found = [_decision(shelf, each, judged) for each in kept]
    if found:
        return tuple(found)
    decided = decisions.of_contact(stored.record, row.patient, around, library, now)
    place = _Place(decided.jurisdiction, decided.on, decided.layers)
    return (_before(shelf, stored, row.id, row.author, place, stored.units, judged),)


def of_entry(
    session: Session, actor: Actor, entry_id: str, library: Library, now: datetime
) -> tuple[Decision, ...]:
    """The decisions on the version of a plan entry that is shown, for whoever may read the plan. Raises
    NotAllowed, NotFound."""
    shown = planning.read(session, actor, entry_id).entry
    return of_plan_entry(session, actor.issuer, entry_id, shown.version, library, now)


def of_plan_entry(
    session: Session, issuer: str, entry_id: str, version: int, library: Library, now: datetime
) -> tuple[Decision, ...]:
    """The decisions on a signed version of a plan entry. Raises NotFound for one that is not signed."""
    row = session.get(PlanEntryRow, (issuer, entry_id, version))
    if row is None or row.frozen_at is None:
        raise not_here("signed version")
    around, shelf = judging.around(session, issuer, row.patient), _Shelf(session, library)
    signed = judging.signatures_of(session, issuer, PLAN_ENTRY, entry_id, version)
    judged = around.judged_entry(judging.entry_as_judged(row, signed), library, now)
    found = [
        _decision(shelf, each, judged)
        for each in decisions.of_version(session, issuer, PLAN_ENTRY, entry_id, version)
    ]
    if found:
        return tuple(found)
    decided = decisions.of_plan_entry(row.record, row.patient, around, library, now)
    place = _Place(decided.jurisdiction, decided.on, decided.layers)
    return (_before(shelf, row, row.id, row.author, place, None, judged),)


def of_claim(
    session: Session, actor: Actor, reference: str, library: Library, now: datetime
) -> tuple[Decision, ...]:
    """Why a claim was released, a decision for each of its contacts, or why a contact is held, for whoever
    may see the claim. Findings on the words of a note stay with its readers: here are those that hold, and
    those about the claim. Raises NotAllowed, NotFound."""
    claim = billing.view(session, actor, reference)
    if claim.control_number:
        rows = decisions.of_claim(session, actor.issuer, claim.control_number)
        shelf = _Shelf(session, library)
        return tuple(_for_billers(_decision(shelf, row, None)) for row in rows)
    hold = session.get(ClaimHoldRow, (actor.issuer, reference))
    return () if hold is None else (of_hold(session, hold, library, now),)


def of_hold(session: Session, hold: ClaimHoldRow, library: Library, now: datetime) -> Decision:
    """Why a final contact is in no claim, by the rules that hold it."""
    around = judging.around(session, hold.issuer, hold.patient)
    stored = session.get_one(VersionRow, (hold.issuer, hold.contact, hold.version))
    decided = decisions.of_contact(stored.record, hold.patient, around, library, now)
    place = _Place(decided.jurisdiction, decided.on, decided.layers)
    shelf, reasons = _Shelf(session, library), read_kept(hold.findings)
    digest = reasons[0].library if reasons else library.digest
    findings = tuple(_explained(shelf, reason, place, None) for reason in reasons)
    return Decision(
        hold.contact,
        hold.version,
        HELD,
        hold.since,
        "",
        hold.day,
        "ready",
        "held",
        stored.units,
        digest,
        _product(shelf, digest),
        findings,
    )


def find_contact(session: Session, contact_id: str, issuer: str | None) -> ContactRow:
    """A contact by its id alone, for whoever has the shell of the machine. Raises NotFound, and MendInput
    where several EHRs have one of that id and `issuer` does not say which."""
    query = select(ContactRow).where(ContactRow.id == contact_id)
    rows = session.scalars(query if issuer is None else query.where(ContactRow.issuer == issuer)).all()
    if not rows:
        raise not_here("contact")
    if len(rows) > 1:
        known = ", ".join(sorted(row.issuer for row in rows))
        raise MendInput(f"Several EHRs have a contact {contact_id}.", f"Say which: {known}.")
    return rows[0]


def last_signed(session: Session, row: ContactRow) -> int:
    """The newest signed version of a contact. Raises NotFound where none is."""
    number = session.scalars(
        select(func.max(VersionRow.version)).where(
            VersionRow.issuer == row.issuer,
            VersionRow.contact == row.id,
            VersionRow.frozen_at.is_not(None),
        )
    ).one()
    if number is None:
        raise not_here("signed version")
    return int(number)


def find_entry(
    session: Session, entry_id: str, issuer: str | None, version: int | None
) -> tuple[PlanEntryRow, int]:
    """A signed version of a plan entry by its id (the newest where none is named), as `find_contact`."""
    query = select(PlanEntryRow).where(PlanEntryRow.id == entry_id, PlanEntryRow.frozen_at.is_not(None))
    query = query if issuer is None else query.where(PlanEntryRow.issuer == issuer)
    query = query if version is None else query.where(PlanEntryRow.version == version)
    rows = session.scalars(query.order_by(PlanEntryRow.version.desc())).all()
    if not rows:
        raise not_here("signed plan entry")
    if len({row.issuer for row in rows}) > 1:
        known = ", ".join(sorted({row.issuer for row in rows}))
        raise MendInput(f"Several EHRs have a plan entry {entry_id}.", f"Say which: {known}.")
    return rows[0], rows[0].version


def _decision(shelf: _Shelf, row: DecisionRow, judged: Judgement | None) -> Decision:
    place = _Place(row.jurisdiction, row.on, tuple(row.layers))
    reasons = read_kept(row.findings)
    return Decision(
        row.subject,
        row.version,
        row.occasion,
        row.at,
        row.by,
        row.on,
        row.signing,
        row.claim,
        row.units,
        row.library,
        _product(shelf, row.library),
        tuple(_explained(shelf, reason, place, judged) for reason in reasons),
        _passed(shelf, row, place, judged),
    )


def _before(
    shelf: _Shelf,
    row: VersionRow | PlanEntryRow,
    subject: str,
    author: str,
    place: _Place,
    units: int | None,
    judged: Judgement,
) -> Decision:
    """What was kept with a version that was signed before decisions were kept: what a reader was shown."""
    reasons = read_kept(row.findings)
    held = any(r.severity == "block" and r.result in ("fail", "indeterminate") for r in reasons)
    return Decision(
        subject,
        row.version,
        SIGNED,
        row.frozen_at or row.saved_at,
        author,
        place.on,
        "ready",
        "held" if held else "ready",
        units,
        row.library or "",
        _product(shelf, row.library or ""),
        tuple(_explained(shelf, reason, place, judged) for reason in reasons),
    )


def _explained(shelf: _Shelf, reason: Reason, place: _Place, judged: Judgement | None) -> Explained:
    library = shelf.library(reason.library)
    version = None if reason.version_from is None else date.fromisoformat(reason.version_from)
    at = (place.layers, place.jurisdiction, place.on)
    then = None if library is None or version is None else as_it_stood(library, reason.rule, *at, version)
    other = () if then is None else tuple(otherwise(then, shelf.today, *at))
    return Explained(reason, then, other, _now(reason, judged))


def _now(reason: Reason, judged: Judgement | None) -> str | None:
    found = None if judged is None else judged.finding(reason.rule)
    return found.result if found is not None and found.result != reason.result else None


def _passed(
    shelf: _Shelf, row: DecisionRow, place: _Place, judged: Judgement | None
) -> tuple[Explained, ...]:
    library = shelf.library(row.library)
    return tuple(
        _explained(shelf, _pass(rule, version, library, row.library), place, judged)
        for rule, version in row.passed
    )


def _pass(rule: str, version: str | None, library: Library | None, digest: str) -> Reason:
    known = None if library is None else library.rules_by_id.get(rule)
    says, severity, stage = ("", "", "") if known is None else (known.says, known.severity, known.stage)
    at: Mapping[str, Any] = {"message": says, "fix": "", "cite": None, "library": digest}
    return Reason(rule=rule, result="pass", severity=severity, stage=stage, version_from=version, **at)


def _for_billers(decision: Decision) -> Decision:
    about = {name: getattr(decision, name) for name in Decision.__dataclass_fields__}
    shown = [f for f in decision.findings if f.reason.stage == "claim" or f.reason.severity == "block"]
    passed = [f for f in decision.passed or () if f.reason.stage == "claim"]
    return Decision(**{**about, "findings": tuple(shown), "passed": tuple(passed)})


def _product(shelf: _Shelf, digest: str) -> str | None:
    kept = shelf.take(digest)
    return None if kept is None else kept.product


def to_json(found: Sequence[Decision], rule: str | None = None) -> list[dict[str, Any]]:
    """The decisions as JSON data, an object for each finding; of one rule alone where it is named."""
    return [
        {
            "subject": decision.subject,
            "version": decision.version,
            "occasion": decision.occasion,
            "at": decision.at.isoformat(),
            "on": None if decision.on is None else decision.on.isoformat(),
            "library": decision.library,
            "product": decision.product,
            "rule": each.reason.rule,
            "result": each.reason.result,
            "severity": each.reason.severity,
            "stage": each.reason.stage,
            "message": each.reason.message,
            "fix": each.reason.fix,
            "then": None if each.then is None else each.then.to_json(),
            "cite": each.reason.cite,
            "otherwise": list(each.otherwise),
            "now": each.now,
            "left": list(each.reason.left),
        }
        for decision in found
        for each in of_rule(decision, rule)
    ]


def of_rule(decision: Decision, rule: str | None) -> tuple[Explained, ...]:
    """The findings of a decision that were shown, or all that one rule said, passed or not."""
    if rule is None:
        return decision.findings
    return tuple(f for f in (*decision.findings, *(decision.passed or ())) if f.reason.rule == rule)
