"""Which records a change of the rules between two days touches; ids and states, never a name or a text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import judging, staff
from app.judging import Around
from app.tables import ClaimRow, ClaimUnitRow, ContactRow, IssuerRow, PlanEntryRow, VersionRow
from app.words import AWAITING, DRAFT, FINAL, SIGNED
from mappings.as_of import Turn, as_of, renewed, turns
from mappings.days import zone_of
from mappings.findings import Judgement
from mappings.library import Library
from mappings.records import Contact, Program, Staff
from mappings.rules import judge_office
from mappings.situation import plan_day

KINDS = {DRAFT: "draft", AWAITING: "open review", FINAL: "final, not released"}
Told = Callable[[int, int], None]


@dataclass(frozen=True)
class Touched:
    """One record that the later day's rules touch. `day` is the day whose rules judge it; `counts` says
    whether that day lies after the first one, so that the change is already its own; `why` has the rules
    that turn, `lost` the credentials or values that a list drops or takes on."""

    issuer: str
    kind: str
    id: str
    state: str
    day: date | None
    counts: bool
    why: tuple[Turn, ...]
    lost: tuple[str, ...] = ()


@dataclass(frozen=True)
class Span:
    """Two days to compare, with the library as if every day were the one or the other."""

    library: Library
    start: date
    end: date
    before: Library
    after: Library

    @classmethod
    def of(cls, library: Library, start: date, end: date) -> Span:
        """The span between two days."""
        return cls(library, start, end, as_of(library, start), as_of(library, end))

    def falls(self, day: date | None) -> bool:
        """Whether the rules of a day are no longer those of the first day of the span."""
        return day is not None and self.start < day


def touched(
    session: Session,
    spans: Callable[[str], Span],
    jurisdiction: str | None,
    now: datetime,
    told: Told = lambda _at, _of: None,
    issuer: str | None = None,
) -> list[Touched]:
    """Every draft, open review, final contact in no released claim, plan entry, member of staff and programme
    that the rules of the later day touch, at one EHR alone where `issuer` names it. `spans` gives the days by
    the rules of an EHR, since one may have an overlay of its own; `told` hears how many of how many persons
    are done."""
    places = session.execute(
        select(IssuerRow.issuer, IssuerRow.jurisdiction).order_by(IssuerRow.issuer)
    ).all()
    issuers = [id for id, place in places if jurisdiction in (None, place) and issuer in (None, id)]
    people = [(id, patient) for id in issuers for patient in _people(session, id)]
    found = [each for id in issuers for each in _office(session, id, spans(id))]
    for number, (id, patient) in enumerate(people, start=1):
        found += _of_person(session, id, patient, spans(id), now)
        told(number, len(people))
    return found


def _people(session: Session, issuer: str) -> list[str]:
    contacts = session.scalars(select(ContactRow.patient).where(ContactRow.issuer == issuer).distinct())
    entries = session.scalars(select(PlanEntryRow.patient).where(PlanEntryRow.issuer == issuer).distinct())
    return sorted({*contacts, *entries})


def _of_person(session: Session, issuer: str, patient: str, span: Span, now: datetime) -> Iterator[Touched]:
    around = judging.around(session, issuer, patient)
    yield from _contacts(session, issuer, patient, around, span, now)
    yield from _entries(session, issuer, patient, around, span, now)


def _contacts(
    session: Session, issuer: str, patient: str, around: Around, span: Span, now: datetime
) -> Iterator[Touched]:
    rows = session.scalars(
        select(VersionRow)
        .join(ContactRow, judging.current_version())
        .where(ContactRow.issuer == issuer, ContactRow.patient == patient, VersionRow.state.in_(KINDS))
        .order_by(VersionRow.start, VersionRow.contact)
    ).all()
    records = judging.as_judged(session, issuer, rows)
    gone = _released(session, issuer, patient)
    old = around.judged_together(records, span.before, now)
    new = around.judged_together(records, span.after, now)
    for row, record, before, after in zip(rows, records, old, new, strict=True):
        if (row.contact, row.version) not in gone:
            day = _day(record, around)
            yield from _one(issuer, KINDS[row.state], row.contact, row.state, day, before, after, span)


def _entries(
    session: Session, issuer: str, patient: str, around: Around, span: Span, now: datetime
) -> Iterator[Touched]:
    rows = session.scalars(
        select(PlanEntryRow)
        .where(
            PlanEntryRow.issuer == issuer,
            PlanEntryRow.patient == patient,
            PlanEntryRow.state.in_((DRAFT, SIGNED)),
        )
        .order_by(PlanEntryRow.id, PlanEntryRow.version)
    )
    for row in rows:
        signed = judging.signatures_of(session, issuer, judging.PLAN_ENTRY, row.id, row.version)
        entry = judging.entry_as_judged(row, signed)
        before = around.judged_entry(entry, span.before, now)
        after = around.judged_entry(entry, span.after, now)
        yield from _one(issuer, "plan entry", row.id, row.state, plan_day(entry, now), before, after, span)


def _one(
    issuer: str,
    kind: str,
    id: str,
    state: str,
    day: date | None,
    before: Judgement,
    after: Judgement,
    span: Span,
) -> Iterator[Touched]:
    why = turns(before, after)
    if span.falls(day):
        why = (*why, *renewed(before, after))
    if why:
        yield Touched(issuer, kind, id, state, day, span.falls(day), why)


def _office(session: Session, issuer: str, span: Span) -> Iterator[Touched]:
    """The staff and the programme on the later day, by the rules of either day."""
    program = staff.program_of(session, issuer)
    members = [member for member in staff.everyone(session, issuer) if member.active]
    noon = datetime(span.end.year, span.end.month, span.end.day, 12, tzinfo=zone_of(program, None))
    records: list[Staff | Program] = [*(member.record for member in members), *([program] if program else [])]
    old, new = judge_office(records, span.before, noon), judge_office(records, span.after, noon)
    kind = None if program is None else program.program_kind
    for record, before, after in zip(records, old, new, strict=True):
        why = turns(before, after)
        lost = tuple(_listed(record, span, kind)) if isinstance(record, Staff) else ()
        if why or lost:
            name = "staff" if isinstance(record, Staff) else "programme"
            yield Touched(issuer, name, record.id, "active", span.end, True, why, lost)


def _listed(record: Staff, span: Span, kind: str | None) -> Iterator[str]:
    """The lists of the rules that drop or take on a credential of this member between the two days."""
    old = span.library.on(record.jurisdiction, span.start, kind)
    new = span.library.on(record.jurisdiction, span.end, kind)
    if old is None or new is None:
        return
    for code in dict.fromkeys(c.code for c in record.credentials if c.code):
        for name in sorted(old.values.keys() & new.values.keys()):
            was, then = _holds(old.value(name), code), _holds(new.value(name), code)
            if was != then:
                words = "no longer lists" if was else "now lists"
                yield f"{name} {words} {code} from {new.values[name].from_}"


def _holds(value: object, code: str) -> bool:
    return isinstance(value, tuple) and code in value


def _day(contact: Contact, around: Around) -> date | None:
    return around.surroundings().day_of(contact)


def _released(session: Session, issuer: str, patient: str) -> set[tuple[str, int]]:
    rows = session.execute(
        select(ClaimUnitRow.contact, ClaimUnitRow.version)
        .join(ClaimRow, judging.claim_of_units())
        .where(
            ClaimUnitRow.issuer == issuer,
            ClaimUnitRow.patient == patient,
            ClaimUnitRow.live,
            ClaimRow.released_at.is_not(None),
        )
    )
    return {(contact, version) for contact, version in rows}


def to_json(found: Sequence[Touched]) -> list[dict[str, object]]:
    """The records as JSON data, an object for each."""
    return [
        {
            "record": each.kind,
            "issuer": each.issuer,
            "id": each.id,
            "state": each.state,
            "day": None if each.day is None else each.day.isoformat(),
            "counts": each.counts,
            "rules": [turn.to_json() for turn in each.why],
            "lists": list(each.lost),
        }
        for each in found
    ]
