"""X12 batches: the released claims of a sole biller, each in one file for the payer."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import audit, consents, individuals, judging, outbox, staff
from app.actor import ADMINISTRATOR, BILLER, Actor, not_here, require
from app.claim_lineage import content_of
from app.problems import Held, NotAllowed, Stale
from app.registry import jurisdiction_of
from app.tables import ClaimRow, VersionRow, X12BatchRow, X12ExportRow, X12NumberRow
from app.x12_lineage import Sending, Waiting, to_send, unsent
from mappings.claim_forms import HANDOFF, sole_biller
from mappings.claims import ClaimDraft
from mappings.days import zone_named
from mappings.library import Library
from mappings.records import StaffFields
from mappings.x12.batch import LAST_NUMBER, Billed, Interchange, interchange, sets_needed
from mappings.x12.claim import Bill, charged, subscriber_level
from mappings.x12.configuration import Trading, charges, trading
from mappings.x12.judging import faults
from mappings.x12.wording import Unfit, line


@dataclass(frozen=True)
class Batch:
    """One written file: its name, the form of its claims (institutional or professional), text and claims."""

    batch: str
    form: str
    text: str
    claims: tuple[str, ...]


@dataclass(frozen=True)
class _Ready:
    """A claim that goes into a file now."""

    patient: str
    claim: ClaimDraft
    billed: Billed


@dataclass(frozen=True)
class Outlook:
    """What an export would come to now: how many claims of each form and what they charge in US dollars, and
    as in an Export what waits and what need not be sent; `digest` tells one outlook from another."""

    ready: Mapping[str, tuple[int, Decimal]]
    waiting: tuple[Waiting, ...]
    needless: tuple[str, ...]
    digest: str


@dataclass(frozen=True)
class Export:
    """What an export came to: the files, the claims that wait with the reasons, and those that need not be
    sent since they were replaced or voided before they ever left."""

    batches: tuple[Batch, ...]
    waiting: tuple[Waiting, ...]
    needless: tuple[str, ...]


@dataclass(frozen=True)
class _Sorted:
    """The released claims that left by no way yet, by what becomes of each now."""

    told: Trading
    ready: tuple[_Ready, ...]
    waiting: tuple[Waiting, ...]
    needless: tuple[str, ...]

    def of_form(self, form: str) -> list[_Ready]:
        return [each for each in self.ready if each.claim.form == form]

    @property
    def submitter(self) -> str:
        """Who sends, as control numbers are counted."""
        return f"{self.told.submitter.qualifier}/{self.told.submitter.id}"

    @property
    def forms(self) -> list[str]:
        return sorted({each.claim.form for each in self.ready})

    @property
    def digest(self) -> str:
        """Of what a person sees before it goes: which claims, and what each charges."""
        said = "".join(f"{each.billed.control_number} {charged(each.billed.written)};" for each in self.ready)
        return hashlib.sha256(said.encode()).hexdigest()


def export(
    session: Session,
    actor: Actor,
    library: Library,
    now: datetime,
    seen: str | None = None,
    checked: frozenset[str] = frozenset(),
) -> Export:
    """Write every released claim that left by no way yet, a file for each form, and record in this
    transaction which claim is in which; the file is to be written down after the commit. A claim of which
    something is missing waits. For billers and administrators of a site that is its sole biller (NotAllowed).
    Raises Stale where the configuration is not whole, the validator refuses a file, or something else would
    leave than the outlook with the digest `seen` showed: nothing is recorded. What `check` found well is
    not asked of the validator again."""
    found = _sorted(session, actor, library, now)
    if seen not in (None, found.digest):
        raise Stale("What would leave has changed since it was shown.", "Look at it, and make the file then.")
    made = []
    for form, first in _numbered(session, found):
        _draw(session, found.submitter, first, sets_needed(len(found.of_form(form))))
        file = _written(session, actor, found, form, first, now)
        if digest_of(file.text) not in checked:
            _ask_validator(form, file.text)
        made.append(_keep(session, actor, found, form, first, file, now))
    return Export(tuple(made), found.waiting, found.needless)


def check(session: Session, actor: Actor, library: Library, now: datetime) -> frozenset[str]:
    """The digests of the files that an export at this very moment would write, all of which the validator
    takes. It asks while nobody else has to wait: nothing is recorded. Raises as `export` does."""
    found = _sorted(session, actor, library, now)
    texts = [
        _written(session, actor, found, form, first, now).text for form, first in _numbered(session, found)
    ]
    for form, text in zip(found.forms, texts, strict=True):
        _ask_validator(form, text)
    return frozenset(digest_of(text) for text in texts)


def digest_of(text: str) -> str:
    """The SHA-256 of a file's text."""
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def outlook(session: Session, actor: Actor, library: Library, now: datetime) -> Outlook:
    """What an export would come to now; nothing is recorded. Raises as `export` does, but not for a
    validator's refusal."""
    found = _sorted(session, actor, library, now)
    ready = {}
    for form in found.forms:
        mine = [charged(each.billed.written) for each in found.of_form(form)]
        ready[form] = (len(mine), sum(mine, Decimal(0)))
    return Outlook(ready, found.waiting, found.needless, found.digest)


def _sorted(session: Session, actor: Actor, library: Library, now: datetime) -> _Sorted:
    may_send(actor)
    jurisdiction = jurisdiction_of(session, actor.issuer)
    _sole(library, jurisdiction, now)
    told = _configured(library, jurisdiction, now)
    people = judging.staff_of(session, actor.issuer)
    priced = functools.cache(lambda day: charges(library, jurisdiction, day))
    waiting: list[Waiting] = []
    needless: list[str] = []
    ready: list[_Ready] = []
    for row in unsent(session, actor.issuer):
        way = to_send(session, row)
        if way is None:
            needless.append(row.control_number)
        elif isinstance(way, Waiting):
            waiting.append(way)
        elif not sole_biller(library, jurisdiction, row.day):
            words = f"on {row.day} the site was not the sole biller: hand it over with a charge file"
            waiting.append(Waiting(row.control_number, words))
        else:
            _add(session, way, told, library, people, priced, now, ready, waiting)
    return _Sorted(told, tuple(ready), tuple(waiting), tuple(needless))


def again(session: Session, actor: Actor, batch: str, now: datetime) -> Batch:
    """An earlier file once more, the same bytes; the trail tells. Raises NotAllowed, NotFound, and Held where
    a person in it has revoked the consent by which it left."""
    may_send(actor)
    row = session.get(X12BatchRow, (actor.issuer, batch))
    if row is None:
        raise not_here("X12 batch")
    claims = _claims_of(session, row)
    _still_may(session, actor.issuer, claims, now)
    audit.did(session, actor, "X12 batch written again", now, subject=batch, claims=len(claims))
    return Batch(batch, row.form, row.content, claims)


def _still_may(session: Session, issuer: str, claims: Sequence[str], now: datetime) -> None:
    stopped = []
    for number in claims:
        row = session.get_one(ClaimRow, (issuer, number))
        try:
            _ask_consent(session, row, content_of(session, row), now)
        except consents.ConsentMissing:
            stopped.append(number)
    if stopped:
        words = f"No written consent in force lets these claims of the file leave: {', '.join(stopped)}."
        raise Held(words, "Record the consent, or ask the payer whether the first file came in.")


def _ask_consent(session: Session, row: ClaimRow, claim: ClaimDraft, now: datetime) -> None:
    under = consents.LABEL if claim.program.part2 else b""
    consents.by_which(session, row.issuer, row.patient, outbox.CLAIMS, now, under)


def batches(session: Session, actor: Actor) -> list[tuple[str, str, datetime, int]]:
    """Each batch with its form, when it was made and how many claims it holds, the latest first."""
    may_send(actor)
    rows = session.scalars(
        select(X12BatchRow).where(X12BatchRow.issuer == actor.issuer).order_by(X12BatchRow.at.desc())
    )
    return [(row.batch, row.form, row.at, len(_claims_of(session, row))) for row in rows]


def may_send(actor: Actor) -> None:
    """Let billers and administrators pass, outside of charts. Raises NotAllowed."""
    require(actor, BILLER, ADMINISTRATOR, to="send claims")
    if actor.patient is not None:
        words = "An X12 file holds the claims of all people, and here one person's chart is open."
        raise NotAllowed(words, "Open Peerchart from the EHR's menu, without a chart.")


def _sole(library: Library, jurisdiction: str, now: datetime) -> None:
    if not sole_biller(library, jurisdiction, now.date()):
        words = "This site is not the sole biller: its claims go to the clinic's own billing system."
        raise NotAllowed(
            words, f'Export a charge file, or set "{HANDOFF}" to sole-biller in the site\'s rules.'
        )


def _configured(library: Library, jurisdiction: str, now: datetime) -> Trading:
    try:
        return trading(library, jurisdiction, now.date())
    except Unfit as unfit:
        raise Stale(f"The site's overlay is not whole: {unfit}.", "Set it, and export again.") from unfit


def _add(
    session: Session,
    way: Sending,
    told: Trading,
    library: Library,
    people: Mapping[str, StaffFields],
    priced: Callable[[date], Mapping[str, Decimal]],
    now: datetime,
    ready: list[_Ready],
    waiting: list[Waiting],
) -> None:
    row = way.row
    claim = _with_address(session, row, content_of(session, row))
    try:
        _ask_consent(session, row, claim, now)
        peers = _peers(session, row.issuer, claim)
        bill = Bill(claim, way.frequency, way.payer_number, people, peers, priced(claim.day))
        billed = Billed(row.control_number, claim.program, subscriber_level(bill, told, library))
    except (Unfit, consents.ConsentMissing) as missing:
        waiting.append(Waiting(row.control_number, str(missing)))
    else:
        ready.append(_Ready(row.patient, claim, billed))


def _with_address(session: Session, row: ClaimRow, claim: ClaimDraft) -> ClaimDraft:
    """The address was not read from charts at first: a claim without one takes the chart's of today."""
    known = individuals.known(session, row.issuer, row.patient)
    if claim.individual.address is not None or known is None:
        return claim
    person = claim.individual.model_copy(update={"address": known.record.address})
    return replace(claim, individual=person)


def _peers(session: Session, issuer: str, claim: ClaimDraft) -> dict[tuple[str, int], str]:
    """Who rendered each signed version, for the lines that several did."""
    found = {}
    shared = [each for each in claim.lines if len(each.rendering) > 1]
    for contact, version, _ in (part for each in shared for part in each.contacts):
        row = session.get(VersionRow, (issuer, contact, version))
        if row is not None and row.record.peer is not None:
            found[contact, version] = row.record.peer.id
    return found


def _written(
    session: Session, actor: Actor, found: _Sorted, form: str, first: int, now: datetime
) -> Interchange:
    program = staff.program_of(session, actor.issuer)
    zone = zone_named(program.time_zone) if program is not None and program.time_zone else None
    try:
        written = [each.billed for each in found.of_form(form)]
        return interchange(written, form, found.told, first, now.astimezone(zone) if zone else now)
    except Unfit as unfit:
        raise Stale(f"The file cannot be written: {unfit}.", "Set it, and export again.") from unfit


def _ask_validator(form: str, text: str) -> None:
    if found := faults(text):
        words = f"The validator refuses the {form} file: {'; '.join(found[:5])}."
        raise Stale(words, "Nothing was exported. Compare the claim that it names with the payer's guide.")


def _keep(
    session: Session, actor: Actor, found: _Sorted, form: str, first: int, file: Interchange, now: datetime
) -> Batch:
    claims = found.of_form(form)
    name = f"{found.told.submitter.id.strip()}-{first:09d}".replace(" ", "_")
    row = X12BatchRow(
        issuer=actor.issuer,
        batch=name,
        submitter=found.submitter,
        number=first,
        form=form,
        content=file.text,
        by=actor.staff_id,
        at=now,
    )
    _record(session, row, file.sets)
    for each in claims:
        _disclose(session, actor.issuer, each, now)
    audit.did(session, actor, "claims exported as X12", now, subject=name, claims=len(claims))
    return Batch(name, form, file.text, tuple(each.billed.control_number for each in claims))


def _disclose(session: Session, issuer: str, ready: _Ready, now: datetime) -> None:
    """The accounting of disclosures has each claim under the payer to whom it goes."""
    said = "".join(line(each) for each in ready.billed.written)
    cover = ready.claim.coverage
    consents.leaves(
        session,
        issuer,
        ready.patient,
        outbox.CLAIMS,
        "X12 claim",
        f"claim/{ready.billed.control_number}",
        hashlib.sha256(said.encode("ascii")).hexdigest(),
        consents.LABEL if ready.claim.program.part2 else b"",
        now,
        recipient=cover.payer if cover is not None else None,
    )


def _record(session: Session, row: X12BatchRow, sets: Sequence[tuple[str, tuple[str, ...]]]) -> None:
    session.add(row)
    session.flush()
    placed = ((number, claim) for number, claims in sets for claim in claims)
    for position, (number, claim) in enumerate(placed, start=1):
        session.add(
            X12ExportRow(
                issuer=row.issuer,
                control_number=claim,
                batch=row.batch,
                set_number=number,
                position=position,
            )
        )
    session.flush()


def _numbered(session: Session, found: _Sorted) -> list[tuple[str, int]]:
    """Each form with the number of its interchange, those of its sets behind it: numbers that this submitter
    never used."""
    first, forms = _next(session, found.submitter), []
    for form in found.forms:
        forms.append((form, first))
        first += 1 + sets_needed(len(found.of_form(form)))
    if first - 1 > LAST_NUMBER:
        words = f"The submitter {found.submitter} has used every control number."
        raise Stale(words, "Ask the payer for another id.")
    return forms


def _next(session: Session, submitter: str) -> int:
    row = session.get(X12NumberRow, submitter)
    return 1 if row is None else row.last + 1


def _draw(session: Session, submitter: str, first: int, sets: int) -> None:
    """The number of an interchange and those of its sets are used, and never will be again."""
    row = session.get(X12NumberRow, submitter)
    if row is None:
        session.add(X12NumberRow(submitter=submitter, last=first + sets))
    else:
        row.last = first + sets
    session.flush()


def _claims_of(session: Session, row: X12BatchRow) -> tuple[str, ...]:
    inside = select(X12ExportRow.control_number).where(
        X12ExportRow.issuer == row.issuer, X12ExportRow.batch == row.batch
    )
    return tuple(session.scalars(inside.order_by(X12ExportRow.position)))
