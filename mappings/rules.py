"""Judges contacts and plan entries by the rules in force where and when they took place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import UTC, date, datetime
from operator import attrgetter
from typing import Any

from mappings.checks.registry import BY_CODES, NOT_APPLICABLE, PASS, TOGETHER, Test
from mappings.coding import CodedContact, identities_of
from mappings.contact_seen import Lasting
from mappings.explaining import explain, prove
from mappings.findings import NO_PACK, SUPERSEDED, ClaimState, Finding, Judgement, Signing, Stage
from mappings.in_force import MOST_KINDS, Asked, Asking, Bound, DayPack, Told
from mappings.library import Library
from mappings.office_subjects import Meetings, ProgramSubject, StaffSubject, office_subjects
from mappings.peer_days import PeerOnDay
from mappings.records import Contact, Individual, PlanEntry, Program, Record, Staff
from mappings.sharing import ReleasedUnits, Sharing
from mappings.situation import PlanSituation, Situation, plan_day
from mappings.surroundings import COUNTED, Surrounding

STATUS_CHECK = "status-known"
_stage = attrgetter("stage")


def judge(
    records: Iterable[Record],
    library: Library,
    now: datetime,
    released: Iterable[ReleasedUnits] = (),
    known: Iterable[Individual] = (),
    around: Surrounding | None = None,
) -> list[Judgement]:
    """The judgement of every contact and plan entry of the input, in input order.

    All records are judged together: ids of peers, programmes and plan entries are looked up among them,
    overlaps and the day's cap are seen across them. Of several records with one id the highest version
    counts; an older one gets a judgement of its own with the finding SUPERSEDED and nothing to bill.
    `known` are individuals whom the writers know beside those of the input, so that their names are found.
    `around` is what stands around the records where that is more than themselves.
    `now` must be aware. Never raises on a record that intake has accepted.
    """
    everything = list(records)
    around = around or Surrounding(everything, library, known)
    # Moments of one zone are compared many times faster than those of two.
    clock = now.astimezone(UTC)
    situations = {
        number: Situation(record, around, clock, number in around.doubled)
        for number, record in enumerate(everything)
        if isinstance(record, Contact) and number in around.counting
    }
    around.place(situations.values())
    judged: dict[int, Judgement] = {}
    for number, record in enumerate(everything):
        if (s := situations.get(number)) is not None:
            judged[number] = _judge_contact(s)
        elif isinstance(record, COUNTED):
            judged[number] = _judge_other(number, record, around, now)
    Sharing(judged, situations, released).share()
    return list(judged.values())


def judge_office(
    records: Iterable[Record],
    library: Library,
    now: datetime,
    roles: Mapping[str, bool] | None = None,
    meetings: Meetings | None = None,
) -> list[Judgement]:
    """The judgement of every staff and programme record of the input on the day of the clock, in input order.

    Contacts and plan entries among the records only tell of meetings. Nothing is signed or claimed here:
    `signing` is always ready and `claim` none. `now` must be aware; `roles` says by staff id who has the
    role of a peer, as far as it is known; `meetings` are those told of elsewhere. Never raises on
    a record that intake has accepted.
    """
    everything = list(records)
    return [_judge_subject(subject, library) for subject in office_subjects(everything, now, roles, meetings)]


def _judge_subject(s: StaffSubject | ProgramSubject, library: Library) -> Judgement:
    record = s.record
    program_kind = record.program_kind if isinstance(record, Program) else None
    pack = library.on(record.jurisdiction, s.day, program_kind)
    about = pack.about(record.kind) if pack is not None else ()
    findings = tuple(find(bound, s) for bound in about)
    if pack is None:
        findings = (_no_office_pack(record, library, s.day),)
    return Judgement(record.id, record.kind, 1, "ready", "none", 0, 0, findings)


def _no_office_pack(record: Staff | Program, library: Library, day: date) -> Finding:
    message = f"There are no rules for {record.jurisdiction} on {day}."
    fix = "Check jurisdiction and day; the rules of another place are never used instead."
    return Finding(
        NO_PACK, "advice", "info", "set-up", message, fix, None, ("jurisdiction",), None, library.digest
    )


def _judge_other(number: int, record: Contact | PlanEntry, around: Surrounding, now: datetime) -> Judgement:
    if isinstance(record, Contact) or number not in around.counting:
        return _superseded(record, around.library)
    return _judge_entry(PlanSituation(record, around, now))


def _judge_contact(s: Situation) -> Judgement:
    if s.pack is None:
        return _no_pack(s.contact, s.around.library, s.day)
    asked = _asked(s, s.pack)
    if s.happened:
        findings, holding = _ask(s, asked)
    else:
        findings = _ask_status(s, s.pack) if s.filed else ()
        holding = tuple([finding for finding in findings if finding.blocks])
    stages = {*map(_stage, holding)}
    claim = _claim_state(s, stages)
    return Judgement(
        s.id,
        "contact",
        s.version,
        _signing_state(stages),
        claim,
        s.units if s.counts else 0,
        s.units if claim == "ready" else 0,
        findings,
        s.minutes,
        s.state.status,
        _blocking=holding,
    )


def _asked(s: Situation, pack: DayPack) -> Asked:
    """What the contact is asked, as all that are coded alike."""
    key, kept = identities_of(s), s.around.asked
    if key is None:
        return pack.alike(s.codes) or _asked_of_alike(s, pack)
    found = kept.get(key)
    if found is None:
        # The contact is held, so that nothing else can come to have the identity of a part of it.
        found = kept[key] = s, pack.alike(s.codes) or _asked_of_alike(s, pack)
    return found[1]


def _asked_of_alike(s: Situation, pack: DayPack) -> Asked:
    """What contacts coded as this one are asked, the answers to what is asked of codes among them."""
    asked, coded = pack.for_contact(s.codes.kind), CodedContact(s.codes, s.library, s.day)
    told = {place: find(bound, coded) for place, bound in asked.of_codes}
    for place, bound, _ in asked.of_contact:
        answer = BY_CODES[bound.version.check](s.codes, bound) if bound.version.check in BY_CODES else None
        if answer is not None:
            told[place] = bound.finding(answer)
    together, rest = _together([each for each in asked.of_contact if each[0] not in told])
    answers = list(asked.answers)
    for place, finding in told.items():
        answers[place] = finding
    holding = {place: finding for place, finding in told.items() if finding.blocks}
    alike = replace(asked, answers=tuple(answers), holding=holding, of_contact=rest, together=together)
    return pack.keep_alike(s.codes, alike)


def _together(
    asked: Sequence[Asking],
) -> tuple[tuple[tuple[Test, tuple[Asking, ...]], ...], tuple[Asking, ...]]:
    """What is asked in groups, each behind the test under which all of it passes, and what is asked alone."""
    groups, left = [], list(asked)
    for names, maker in TOGETHER:
        group = tuple([each for each in left if each[1].version.check in names])
        if group:
            groups.append((maker([bound for _, bound, _ in group]), group))
            left = [each for each in left if each not in group]
    return tuple(groups), tuple(left)


def _ask(s: Situation, asked: Asked) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """All findings, and those that block, both in the order of the rules."""
    findings, holding = list(asked.answers), dict(asked.holding)
    asking = asked.of_contact
    for passes, together in asked.together:
        if not passes(s):
            asking += together
    for place, bound, check in asking:
        outcome = check(s, bound)
        # Most checks pass without a word, and their answer stands there already.
        if outcome is PASS:
            continue
        if outcome is NOT_APPLICABLE:
            findings[place] = bound.inapplicable
            continue
        _, finding, blocks = bound.said(outcome)
        findings[place] = finding
        if blocks:
            holding[place] = finding
    for told, blocking in (_ask_peer(s.peer_day, asked.of_peer), _ask_lasting(s.lasting, asked)):
        for place, finding in told:
            findings[place] = finding
        if blocking:
            holding.update(blocking)
    for place, bound in asked.of_wording if s.wording else ():
        finding = findings[place] = find(bound, s)
        holding.pop(place, None)
        if finding.blocks:
            holding[place] = finding
    return tuple(findings), tuple(map(holding.__getitem__, sorted(holding)))


def _ask_peer(day: PeerOnDay, asked: tuple[tuple[int, Bound], ...]) -> Told:
    """What is found of the peer beyond a pass, each with its place, and what of it blocks; it holds for all
    that are asked the same that day."""
    kept = day.told.get(id(asked))
    # What was asked is held, so that nothing else can come to have its identity.
    if kept is None or kept[0] is not asked:
        found = [day.findings.get(place) or _of_peer(day, place, bound) for place, bound in asked]
        kept = day.told[id(asked)] = asked, _beyond(asked, found)
    return kept[1]


def _of_peer(day: PeerOnDay, place: int, bound: Bound) -> Finding:
    finding = day.findings[place] = find(bound, day)
    return finding


def _ask_lasting(lasting: Lasting, asked: Asked) -> Told:
    """The same of how long the contact lasted; it holds for all of one kind that lasted as long."""
    told = asked.by_lasting.get(lasting)
    if told is None:
        if len(asked.by_lasting) > MOST_KINDS:
            asked.by_lasting.clear()
        found = [find(bound, lasting) for _, bound in asked.of_times]
        told = asked.by_lasting[lasting] = _beyond(asked.of_times, found)
    return told


def _beyond(asked: Sequence[tuple[int, Bound]], found: Sequence[Finding]) -> Told:
    # That the rest passed is what stands there already.
    told = [(each[0], said) for each, said in zip(asked, found, strict=True) if said is not each[1].passed]
    return tuple(told), {place: said for place, said in told if said.blocks}


def _ask_status(s: Situation, pack: DayPack) -> tuple[Finding, ...]:
    """What did not take place is only asked whether it was billed all the same."""
    applying = [bound for _, bound in pack.for_contact(s.codes.kind).of_codes]
    own = [bound for _, bound in pack.places.get(STATUS_CHECK, ())]
    return tuple([find(bound, s) if bound in applying else bound.inapplicable for bound in own])


def _judge_entry(s: PlanSituation) -> Judgement:
    entry, day = s.entry, plan_day(s.entry, s.now)
    kind = s.program.program_kind if s.program is not None else None
    pack = s.around.library.on(entry.jurisdiction, day, kind)
    if pack is None:
        return _no_pack(entry, s.around.library, day)
    findings = tuple(find(bound, s) for bound in pack.plan_entry)
    signing = _signing_state({finding.stage for finding in findings if finding.blocks})
    return Judgement(entry.id, entry.kind, entry.version, signing, "none", 0, 0, findings)


def find(bound: Bound, s: Any) -> Finding:
    """What one rule says of one subject of its kind."""
    outcome = bound.check(s, bound)
    # Most checks pass without a word.
    return bound.passed if outcome is PASS else bound.said(outcome)[1]


def _signing_state(stages: Set[Stage]) -> Signing:
    return "held" if "signing" in stages else "ready"


def _claim_state(s: Situation, stages: Set[Stage]) -> ClaimState:
    if s.status == "in-progress" or (not s.counts and not s.filed):
        return "none"
    if s.minutes is not None and s.units == 0 and not s.filed and s.unit is not None:
        return "none"
    note_only = s.pack.value("payer.note_only_classes") if s.pack is not None else None
    if note_only and s.coverage is not None and s.coverage.class_ in note_only:
        return "none"
    return "held" if "signing" in stages or "claim" in stages else "ready"


def _no_pack(record: Contact | PlanEntry, library: Library, day: date) -> Judgement:
    known = ", ".join(sorted({p.jurisdiction for p in library.packs.values() if p.jurisdiction}))
    program = record.program.program_kind if record.program is not None else None
    kind = f" and a programme of kind {program}" if program else ""
    finding = Finding(
        NO_PACK,
        "fail",
        "block",
        "signing",
        f"There are no rules for {record.jurisdiction} on {day}{kind}; the rules of another place "
        "are never used instead.",
        f"Check jurisdiction, day and programme; there are rules for {known}.",
        None,
        ("jurisdiction", "start"),
        None,
        library.digest,
    )
    return Judgement(record.id, record.kind, record.version, "held", "held", 0, 0, (finding,))


def _superseded(record: Contact | PlanEntry, library: Library) -> Judgement:
    finding = Finding(
        SUPERSEDED,
        "advice",
        "info",
        "workflow",
        f"This record of {record.id} does not count: the input holds a higher version, or this one twice.",
        "Nothing to do; the record that counts has a line of its own.",
        None,
        ("version",),
        None,
        library.digest,
    )
    return Judgement(record.id, record.kind, record.version, "ready", "none", 0, 0, (finding,), counts=False)


__all__ = ["Judgement", "ReleasedUnits", "explain", "judge", "judge_office", "prove"]
