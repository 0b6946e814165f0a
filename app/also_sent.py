"""What an EHR gets beside the records where it asks for it: written consents, and lines of the audit trail.

Both are gathered from what is kept here, so that nothing is lost between the two: a consent goes once it is
in force, its revocation after it, and each line about a person of the EHR goes once and is never changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, String, and_, cast, exists, literal, or_, select
from sqlalchemy.orm import Session

from app import audit, consents, consents_fhir, history, outbox
from app.actor import ADMINISTRATOR, Actor, require
from app.ehr_uses import WRITTEN
from app.problems import Held, MendInput
from app.tables import AlsoSentRow, ConsentEndRow, ConsentRow, OutboxRow
from mappings.audit_trace import Trace
from mappings.fhir.audit_event import trail_bundle
from mappings.fhir.elements import to_bytes
from smart_launch import scopes

CONSENTS, AUDIT_EVENTS = "consents", "audit-events"
WORDS = {
    CONSENTS: "Consents to disclose, and their revocation",
    AUDIT_EVENTS: "Lines of the audit trail about its people",
}
# The type that brings each, so that its scope can be named.
TYPES = {CONSENTS: "Consent", AUDIT_EVENTS: "AuditEvent"}
OF_KIND = {outbox.CONSENT: CONSENTS, outbox.LINES: AUDIT_EVENTS}
# Lines go together: one row for each single line would fill the outbox and the accounting.
TOGETHER = timedelta(minutes=15)
MOST_LINES, IN_ONE = 2000, 50
# Longer than an EHR takes to store a consent about which it answered nothing.
AFTER_THE_CONSENT = timedelta(minutes=1)


def asked(session: Session, issuer: str) -> tuple[str, ...]:
    """What the EHR gets beside the records at present, of WORDS."""
    rows = session.scalars(
        select(AlsoSentRow.what).where(AlsoSentRow.issuer == issuer, AlsoSentRow.goes.is_(True))
    )
    found = set(rows)
    return tuple(one for one in WORDS if one in found)


def switch(session: Session, actor: Actor, wanted: Iterable[str], now: datetime) -> bool:
    """Set what the actor's EHR gets beside the records from now on: every consent in force, and the lines of
    the trail that come after this. Answers whether that is a change. Raises NotAllowed, MendInput."""
    require(actor, ADMINISTRATOR, to="change what an EHR gets")
    goes, before = set(wanted), asked(session, actor.issuer)
    if not goes <= set(WORDS):
        raise MendInput("Nothing was changed.", f"Choose of: {', '.join(WORDS)}.")
    if goes == set(before):
        return False
    for what in WORDS:
        _set(session, actor, what, goes=what in goes, now=now)
    after = [what for what in WORDS if what in goes]
    audit.did(
        session,
        actor,
        "what goes beside records changed",
        now,
        subject=actor.issuer,
        changed=[list(before), after],
    )
    return True


def scopes_missing(goes: Iterable[str], backend_scopes: Sequence[str]) -> tuple[str, ...]:
    """The scopes without which the backend client cannot bring what goes, in SMART v2 form."""
    needed = [use for use in WRITTEN if use.resource in {TYPES[one] for one in goes}]
    return tuple(
        use.scope
        for use in needed
        if not all(scopes.allows(backend_scopes, "system", use.resource, letter) for letter in use.letters)
    )


def waiting(session: Session, now: datetime) -> tuple[str, ...]:
    """The EHRs for which something is to be gathered at `now`."""
    rows = session.scalars(select(AlsoSentRow).order_by(AlsoSentRow.issuer)).all()
    return tuple(dict.fromkeys(row.issuer for row in rows if _is_any(session, row, now)))


def gather(session: Session, issuer: str, now: datetime) -> int:
    """Put what an EHR is to get beside the records into the outbox, in this transaction; answers how many
    deliveries were made. What was gathered before is not gathered again. Raises NotFound, NotFit."""
    rows = session.scalars(select(AlsoSentRow).where(AlsoSentRow.issuer == issuer)).all()
    return sum(_gathered(session, row, now) for row in rows)


def refuse(session: Session, issuer: str, kind: str, subject: str) -> None:
    """Pass for everything but what the EHR no longer asks for, and a consent that was revoked before it went
    (Held)."""
    what = OF_KIND.get(kind)
    if what is None:
        return
    if what not in asked(session, issuer):
        raise Held(
            f"This EHR is no longer set up to get {WORDS[what].lower()}.",
            f"Let it stay here, or have an administrator run: peerchart issuers also {issuer} {what}",
        )
    if kind == outbox.CONSENT and consents.is_revoked(session, _number(subject)):
        raise Held("This consent was revoked before it went to the EHR.", "It stays here.")


def goes_first(session: Session, issuer: str, number: int) -> bool:
    """Whether the consent by which something leaves is itself still on its way to the EHR: then it goes
    first. One that the EHR refuses, or that is held, keeps nothing back: its explanation goes along."""
    if CONSENTS not in asked(session, issuer):
        return False
    sent = outbox.of_key(session, issuer, outbox.CONSENTS, _key(number))
    return sent is not None and sent.state in (outbox.WAITING, outbox.SENDING)


def _set(session: Session, actor: Actor, what: str, *, goes: bool, now: datetime) -> None:
    row = session.get(AlsoSentRow, (actor.issuer, what))
    if row is None and goes:
        row = AlsoSentRow(issuer=actor.issuer, what=what, goes=False, upto=0, by="", at=now)
        session.add(row)
    if row is None or row.goes == goes:
        return
    row.goes, row.by, row.at = goes, actor.staff_id, now
    if goes:
        row.upto = audit.last_number(session, actor.issuer)
    session.flush()


def _is_any(session: Session, row: AlsoSentRow, now: datetime) -> bool:
    if row.what == AUDIT_EVENTS:
        return bool(row.goes and _due_lines(session, row, now, most=1))
    return next(_consents(session, row, now), None) is not None or bool(_revoked(session, row.issuer))


def _gathered(session: Session, row: AlsoSentRow, now: datetime) -> int:
    if row.what == AUDIT_EVENTS:
        return _gather_lines(session, row, now) if row.goes else 0
    made = 0
    for each in list(_consents(session, row, now)):
        bundle = consents_fhir.bundle_of(session, each.issuer, each.patient, each.id)
        _add(session, each, outbox.CONSENT, _key(each.id), to_bytes(bundle), now)
        made += 1
    for each in _revoked(session, row.issuer):
        _tell_revocation(session, each, now)
        made += 1
    return made


def _consents(session: Session, row: AlsoSentRow, now: datetime) -> Iterator[ConsentRow]:
    """Those in force that did not go yet, where they are asked for."""
    if not row.goes:
        return
    day = now.astimezone(history.zone(session, row.issuer)).date()
    in_force = and_(
        ConsentRow.first_day <= day, or_(ConsentRow.last_day.is_(None), ConsentRow.last_day >= day)
    )
    ended = exists().where(ConsentEndRow.consent == ConsentRow.id)
    query = select(ConsentRow).where(ConsentRow.issuer == row.issuer, in_force, ~ended, ~_went(row.issuer))
    yield from session.scalars(query.order_by(ConsentRow.id)).all()


def _revoked(session: Session, issuer: str) -> list[ConsentRow]:
    """Those that went, or may have, and of whose revocation the EHR was not told yet; that is told whatever
    it asks for by then."""
    query = (
        select(ConsentRow)
        .join(ConsentEndRow, ConsentEndRow.consent == ConsentRow.id)
        .where(ConsentEndRow.issuer == issuer, _went(issuer), ~_went(issuer, "/revoked"))
    )
    return list(session.scalars(query.order_by(ConsentRow.id)))


def _went(issuer: str, ending: str = "") -> ColumnElement[bool]:
    key = literal("consent/").concat(cast(ConsentRow.id, String)).concat(ending)
    return exists().where(
        OutboxRow.issuer == issuer, OutboxRow.destination == outbox.CONSENTS, OutboxRow.key == key
    )


def _tell_revocation(session: Session, row: ConsentRow, now: datetime) -> None:
    sent = outbox.of_key(session, row.issuer, outbox.CONSENTS, _key(row.id))
    stands = sent is not None and sent.state == outbox.IN_CHART
    batch = consents_fhir.revocation_of(session, row.issuer, row.patient, row.id)
    key = f"{_key(row.id)}/revoked"
    due = now if stands else now + AFTER_THE_CONSENT
    _add(session, row, outbox.REVOCATION, key, to_bytes(batch), now, due)


def _add(
    session: Session,
    row: ConsentRow,
    kind: str,
    key: str,
    payload: bytes,
    now: datetime,
    due: datetime | None = None,
) -> None:
    outbox.add(session, row.issuer, outbox.CONSENTS, kind, key, row.patient, key, payload, now, due)


def _gather_lines(session: Session, row: AlsoSentRow, now: datetime) -> int:
    found = _due_lines(session, row, now, most=MOST_LINES)
    if not found:
        return 0
    parts = list(_together(found))
    for patient, lines in parts:
        key = f"trail/{lines[0].number}"
        payload = to_bytes(trail_bundle(lines, row.issuer))
        outbox.add(session, row.issuer, outbox.TRAIL, outbox.LINES, key, patient, key, payload, now)
    row.upto = found[-1].number
    session.flush()
    return len(parts)


def _due_lines(session: Session, row: AlsoSentRow, now: datetime, *, most: int) -> list[Trace]:
    """The lines after those that were gathered, once the first of them is old enough."""
    found = audit.traces_after(session, row.issuer, row.upto, most)
    return found if found and found[0].at <= now - TOGETHER else []


def _together(found: Iterable[Trace]) -> Iterator[tuple[str, list[Trace]]]:
    """The lines about each person, in parts; what is about nobody's chart is no matter of the EHR's."""
    of_person: dict[str, list[Trace]] = {}
    for one in found:
        if one.patient and not _about_itself(one):
            of_person.setdefault(one.patient, []).append(one)
    for patient, lines in of_person.items():
        for start in range(0, len(lines), IN_ONE):
            yield patient, lines[start : start + IN_ONE]


def _about_itself(line: Trace) -> bool:
    # What is written down of the delivery of lines would be lines to deliver, for ever.
    return not line.actor and (line.subject or "").startswith("trail/")


def _key(number: int) -> str:
    return f"consent/{number}"


def _number(subject: str) -> int:
    return int(subject.split("/")[1])
