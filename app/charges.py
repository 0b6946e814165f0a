"""The charge file: every released claim once, line by line, for the clinic's own billing system."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import audit, judging
from app.actor import ADMINISTRATOR, BILLER, Actor, not_here, require
from app.claim_lineage import content_of
from app.problems import NotAllowed
from app.staff_cells import safe
from app.tables import ChargeExportRow, ClaimRow, X12ExportRow
from mappings.claim_forms import with_frequency
from mappings.claims import ClaimDraft, ClaimLine
from mappings.fhir.elements import PEER_TAXONOMY
from mappings.records import StaffFields

# A row for each line of a claim, with room for four modifiers as on both forms.
COLUMNS = (
    *("control_number", "frequency", "prior_control_number", "payer_claim_number", "form", "type_of_bill"),
    *("record_number", "family_name", "given_names", "birth_date", "gender", "payer", "member_id"),
    *("authorization_number", "program", "program_npi", "day", "line", "code"),
    *("modifier_1", "modifier_2", "modifier_3", "modifier_4", "units", "rate_code", "revenue_code"),
    *("place_of_service", "diagnoses", "rendering_npi", "rendering_taxonomy", "attending_npi"),
    *("signed_versions",),
)
_MODIFIERS = 4


@dataclass(frozen=True)
class ChargeFile:
    """One charge file: its batch, the CSV text, the control numbers in it and how many went out before."""

    batch: str
    text: str
    claims: tuple[str, ...]
    before: int


def export(session: Session, actor: Actor, now: datetime) -> ChargeFile:
    """The charge file of every released claim that was in none yet, recorded in this transaction: a charge is
    exported once. Without a new one the file holds the heading alone and `batch` is blank. For billers and
    administrators (NotAllowed)."""
    _may(actor)
    known = set(_exported(session, actor.issuer))
    released = select(ClaimRow).where(ClaimRow.issuer == actor.issuer, ClaimRow.released_at.is_not(None))
    rows = session.scalars(released.order_by(ClaimRow.released_at, ClaimRow.control_number)).all()
    fresh = [row for row in rows if row.control_number not in known]
    batch = f"CH{now:%Y%m%d%H%M%S%f}" if fresh else ""
    for row in fresh:
        session.add(
            ChargeExportRow(
                issuer=actor.issuer, control_number=row.control_number, batch=batch, by=actor.staff_id, at=now
            )
        )
    session.flush()
    if fresh:
        audit.did(session, actor, "charges exported", now, subject=batch, claims=len(fresh))
    return ChargeFile(batch, _csv(session, fresh), tuple(row.control_number for row in fresh), len(known))


def again(session: Session, actor: Actor, batch: str, now: datetime) -> ChargeFile:
    """The charge file of an earlier batch once more, the same claims in the same order; the trail tells.
    Raises NotAllowed, NotFound."""
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
    audit.did(session, actor, "charges exported again", now, subject=batch, claims=len(rows))
    return ChargeFile(batch, _csv(session, rows), tuple(row.control_number for row in rows), len(rows))


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


def _csv(session: Session, rows: Sequence[ClaimRow]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    staff: dict[str, Mapping[str, StaffFields]] = {}
    for row in rows:
        if row.patient not in staff:
            staff[row.patient] = judging.around(session, row.issuer, row.patient).surroundings().staff
        for cells in _lines(session, row, staff[row.patient]):
            writer.writerow({name: safe(cell) for name, cell in cells.items()})
    return out.getvalue()


def _lines(session: Session, row: ClaimRow, staff: Mapping[str, StaffFields]) -> Iterator[dict[str, str]]:
    claim = content_of(session, row)
    head = _head(row, claim, staff)
    for number, line in enumerate(claim.lines, start=1):
        yield {**head, "line": str(number), **_line(line, staff)}


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
