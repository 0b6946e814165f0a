"""The charge file: every released claim once, line by line, for the clinic's own billing system.

What a written consent is needed for is asked again as the file is made: it may be revoked since the release.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import audit, consents, judging, outbox
from app.actor import ADMINISTRATOR, BILLER, Actor, not_here, require
from app.claim_lineage import content_of
from app.columns import compact
from app.problems import NotAllowed
from app.staff_cells import safe
from app.tables import ChargeExportRow, ClaimRow, X12ExportRow
from app.x12_lineage import Waiting
from mappings.claim_forms import with_frequency
from mappings.claims import ClaimDraft, ClaimLine
from mappings.disclosure import NOTICE, WrittenConsent
from mappings.fhir.elements import PEER_TAXONOMY
from mappings.records import StaffFields

# A row for each line of a claim, with room for four modifiers as on both forms.
COLUMNS = (
    *("control_number", "frequency", "prior_control_number", "payer_claim_number", "form", "type_of_bill"),
    *("record_number", "family_name", "given_names", "birth_date", "gender", "payer", "member_id"),
    *("authorization_number", "program", "program_npi", "day", "line", "code"),
    *("modifier_1", "modifier_2", "modifier_3", "modifier_4", "units", "rate_code", "revenue_code"),
    *("place_of_service", "diagnoses", "rendering_npi", "rendering_taxonomy", "attending_npi"),
    *("signed_versions", "part_2_notice", "consent_scope"),
)
# Who gets a charge file, in the accounting of disclosures.
RECIPIENT = "The clinic's own billing system"
_MODIFIERS = 4


@dataclass(frozen=True)
class ChargeFile:
    """One charge file: its batch, the CSV text, the control numbers in it, how many went out before, and the
    claims that wait for a consent, with what to do."""

    batch: str
    text: str
    claims: tuple[str, ...]
    before: int
    waiting: tuple[Waiting, ...] = ()


@dataclass(frozen=True)
class _Leaving:
    """A claim that may leave now, and the consent by which it does, None where it needs none."""

    row: ClaimRow
    claim: ClaimDraft
    consent: WrittenConsent | None


def export(session: Session, actor: Actor, now: datetime) -> ChargeFile:
    """The charge file of every released claim that was in none yet, recorded in this transaction: a charge is
    exported once, and the accounting of disclosures names it. A claim whose person's consent is missing or
    revoked waits. Without a new one the file holds the heading alone and `batch` is blank. For billers and
    administrators (NotAllowed)."""
    _may(actor)
    before = len(_exported(session, actor.issuer))
    fresh, waits = _leaving(session, _fresh(session, actor.issuer), now)
    batch = f"CH{now:%Y%m%d%H%M%S%f}" if fresh else ""
    for each in fresh:
        number = each.row.control_number
        session.add(
            ChargeExportRow(
                issuer=actor.issuer, control_number=number, batch=batch, by=actor.staff_id, at=now
            )
        )
    session.flush()
    text, written = _csv(session, fresh)
    for each, lines in zip(fresh, written, strict=True):
        _disclose(session, each, lines, now)
    if fresh:
        audit.did(session, actor, "charges exported", now, subject=batch, claims=len(fresh))
    return ChargeFile(batch, text, _numbers(fresh), before, waits)


def again(session: Session, actor: Actor, batch: str, now: datetime) -> ChargeFile:
    """The charge file of an earlier batch once more, the same claims in the same order but for those whose
    consent was revoked since; the trail tells. Raises NotAllowed, NotFound."""
    _may(actor)
    query = select(ClaimRow).join(
        ChargeExportRow,
        (ChargeExportRow.issuer == ClaimRow.issuer)
        & (ChargeExportRow.control_number == ClaimRow.control_number),
    )
    rows = session.scalars(
        query.where(ChargeExportRow.issuer == actor.issuer, ChargeExportRow.batch == batch).order_by(
            ClaimRow.released_at, ClaimRow.control_number
        )
    ).all()
    if not rows:
        raise not_here("batch of charges")
    found, waits = _leaving(session, rows, now)
    audit.did(session, actor, "charges exported again", now, subject=batch, claims=len(found))
    return ChargeFile(batch, _csv(session, found)[0], _numbers(found), len(rows), waits)


def waiting(session: Session, actor: Actor, now: datetime) -> tuple[Waiting, ...]:
    """The released claims that go into no charge file now, and why. Raises NotAllowed."""
    _may(actor)
    return _leaving(session, _fresh(session, actor.issuer), now)[1]


def batches(session: Session, actor: Actor) -> list[tuple[str, datetime, int]]:
    """The batches of the issuer with when they were made and how many claims they hold, latest first."""
    _may(actor)
    rows = session.scalars(select(ChargeExportRow).where(ChargeExportRow.issuer == actor.issuer)).all()
    found: dict[str, tuple[datetime, int]] = {}
    for row in rows:
        found[row.batch] = (row.at, found.get(row.batch, (row.at, 0))[1] + 1)
    return sorted(((batch, at, many) for batch, (at, many) in found.items()), reverse=True)


def _may(actor: Actor) -> None:
    require(actor, BILLER, ADMINISTRATOR, to="export charges")
    if actor.patient is not None:
        words = "A charge file holds the claims of all people, and here one person's chart is open."
        raise NotAllowed(words, "Open Peerchart from the EHR's menu, without a chart.")


def _exported(session: Session, issuer: str) -> Sequence[str]:
    """What is in a charge file already, or went to the payer while the site was the sole biller."""
    charged = select(ChargeExportRow.control_number).where(ChargeExportRow.issuer == issuer)
    sent = select(X12ExportRow.control_number).where(X12ExportRow.issuer == issuer)
    return [*session.scalars(charged), *session.scalars(sent)]


def _fresh(session: Session, issuer: str) -> list[ClaimRow]:
    known = set(_exported(session, issuer))
    released = select(ClaimRow).where(ClaimRow.issuer == issuer, ClaimRow.released_at.is_not(None))
    rows = session.scalars(released.order_by(ClaimRow.released_at, ClaimRow.control_number))
    return [row for row in rows if row.control_number not in known]


def _leaving(
    session: Session, rows: Sequence[ClaimRow], now: datetime
) -> tuple[list[_Leaving], tuple[Waiting, ...]]:
    leaving, waits = [], []
    for row in rows:
        claim = content_of(session, row)
        under = consents.LABEL if claim.program.part2 else b""
        try:
            consent = consents.by_which(session, row.issuer, row.patient, outbox.CLAIMS, now, under)
        except consents.ConsentMissing as missing:
            waits.append(Waiting(row.control_number, str(missing)))
        else:
            leaving.append(_Leaving(row, claim, consent))
    return leaving, tuple(waits)


def _numbers(leaving: Sequence[_Leaving]) -> tuple[str, ...]:
    return tuple(each.row.control_number for each in leaving)


def _disclose(session: Session, leaving: _Leaving, lines: Sequence[Mapping[str, str]], now: datetime) -> None:
    row, under = leaving.row, b"" if leaving.consent is None else consents.LABEL
    consents.leaves(
        session,
        row.issuer,
        row.patient,
        outbox.CLAIMS,
        "charge",
        f"claim/{row.control_number}",
        hashlib.sha256(compact(list(lines)).encode()).hexdigest(),
        under,
        now,
        recipient=RECIPIENT,
    )


def _csv(session: Session, leaving: Sequence[_Leaving]) -> tuple[str, list[list[dict[str, str]]]]:
    """The text, and for each claim the lines of it."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    staff = judging.staff_of(session, leaving[0].row.issuer) if leaving else {}
    written = []
    for each in leaving:
        lines = [{name: safe(cell) for name, cell in cells.items()} for cells in _lines(each, staff)]
        writer.writerows(lines)
        written.append(lines)
    return out.getvalue(), written


def _lines(leaving: _Leaving, staff: Mapping[str, StaffFields]) -> Iterator[dict[str, str]]:
    claim, consent = leaving.claim, leaving.consent
    head = _head(leaving.row, claim, staff)
    # 42 CFR 2.32: the notice and the consent's scope go with each disclosure made by a written consent.
    told = {
        "part_2_notice": "" if consent is None else NOTICE,
        "consent_scope": "" if consent is None else consent.words,
    }
    for number, line in enumerate(claim.lines, start=1):
        yield {**head, "line": str(number), **_line(line, staff), **told}


def _head(row: ClaimRow, claim: ClaimDraft, staff: Mapping[str, StaffFields]) -> dict[str, str]:
    person, cover, name = claim.individual, claim.coverage, claim.individual.name
    granted = claim.authorization.number if claim.authorization else None
    return {
        "control_number": row.control_number,
        "frequency": row.frequency,
        "prior_control_number": row.prior or "",
        "payer_claim_number": claim.payer_number or "",
        "form": claim.form,
        "type_of_bill": with_frequency(claim.type_of_bill, row.frequency) or "",
        "record_number": person.id,
        "family_name": (name.family if name else None) or "",
        "given_names": " ".join(name.given) if name else "",
        "birth_date": person.birth_date.isoformat() if person.birth_date else "",
        "gender": person.gender or "",
        "payer": (cover.payer if cover else None) or "",
        "member_id": (cover.member_id if cover else None) or "",
        "authorization_number": granted or "",
        "program": claim.program.name or claim.program.id,
        "program_npi": claim.program.npi or "",
        "day": claim.day.isoformat(),
        "rate_code": claim.rate_code,
        "attending_npi": _npi(claim.attending, staff) if claim.attending else "",
    }


def _line(line: ClaimLine, staff: Mapping[str, StaffFields]) -> dict[str, str]:
    modifiers = [*line.modifiers, *[""] * _MODIFIERS][:_MODIFIERS]
    return {
        "code": line.code,
        **{f"modifier_{number}": code for number, code in enumerate(modifiers, start=1)},
        "units": str(line.units),
        "revenue_code": line.revenue_code or "",
        "place_of_service": line.place_of_service or "",
        "diagnoses": " ".join(line.diagnoses),
        "rendering_npi": " ".join(_npi(each, staff) for each in line.rendering),
        "rendering_taxonomy": PEER_TAXONOMY[0],
        "signed_versions": " ".join(
            f"{contact}/{version}={units}" for contact, version, units in line.contacts
        ),
    }


def _npi(staff_id: str, staff: Mapping[str, StaffFields]) -> str:
    member = staff.get(staff_id)
    return (member.npi if member else None) or staff_id
