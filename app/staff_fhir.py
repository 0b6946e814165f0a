"""Staff from FHIR: what an import would change, shown first, and the saving of what a person chose of it.

Nothing that the office entered is taken away: a credential is added or completed, a role only with an
administrator's tick, and who left is ended by a person on that member's page.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from app import audit, staff
from app.actor import ADMINISTRATOR, SUPERVISOR, Actor, require
from app.fhir_files import Reading
from app.problems import NotAllowed, Problem, Stale
from app.registry import jurisdiction_of
from app.staff_fhir_plan import REFUSED, Entry, Registry, plan
from mappings.fhir.staff import Left, read_staff
from mappings.fhir.staff_written import Listed, Roster, roster
from mappings.library import Library


@dataclass(frozen=True)
class Preview:
    """What an import would do, member by member, and what of the source belongs to no member. `digest` names
    exactly what was shown."""

    entries: tuple[Entry, ...]
    left: tuple[Left, ...]
    digest: str

    def standing(self, *standings: str) -> tuple[Entry, ...]:
        """The entries that stand so."""
        return tuple(entry for entry in self.entries if entry.standing in standings)


@dataclass(frozen=True)
class Source:
    """Where the resources come from: the EHR's FHIR base address, and whether the EHR itself was asked."""

    reading: Reading
    base: str
    from_ehr: bool = False


@dataclass(frozen=True)
class Taken:
    """What was saved (ids), and what was refused at the last moment with its reason, by name."""

    saved: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]


def preview(session: Session, actor: Actor, source: Source, library: Library, on: date) -> Preview:
    """What an import of the source would change, as of the day `on`; changes nothing. For supervisors and
    administrators (NotAllowed)."""
    require(actor, SUPERVISOR, ADMINISTRATOR, to="keep the staff registry")
    registry = _registry(session, actor, source, library)
    program = staff.program_member(session, actor.issuer)
    organization = program.organization if program else None
    given = source.reading.given
    sheet = read_staff(given, library, on, base=source.base, organization=organization)
    entries = plan(sheet, registry)
    left = (*source.reading.left, *sheet.left)
    return Preview(entries, left, _digest(entries))


def take(
    session: Session,
    actor: Actor,
    source: Source,
    chosen: Mapping[str, frozenset[str]],
    shown: str,
    library: Library,
    on: date,
    now: datetime,
) -> Taken:
    """Save the members chosen, by key of their entry with the suggested roles that an administrator ticked;
    who stands as before and gets no role is left alone. `shown` is the digest of the preview that the
    person saw. Raises Stale when it would show something else now, NotAllowed for roles without an
    administrator."""
    seen = preview(session, actor, source, library, on)
    if seen.digest != shown:
        raise Stale("Staff records changed since this was shown.", "Look at the list again and choose anew.")
    if any(chosen.values()) and not actor.is_any(ADMINISTRATOR):
        raise NotAllowed(
            "Only an administrator gives roles that an import suggests.", "Ask an administrator."
        )
    saved: list[str] = []
    refused: list[tuple[str, str]] = []
    for entry in seen.entries:
        if entry.key not in chosen:
            continue
        try:
            if _save(session, actor, entry, chosen[entry.key], now):
                saved.append(entry.staff_id)
        except Problem as problem:
            refused.append((entry.name, str(problem)))
    if saved or refused:
        kind = "from the EHR" if source.from_ehr else "from a file"
        audit.did(
            session,
            actor,
            "staff imported from FHIR",
            now,
            source=kind,
            saved=len(saved),
            refused=len(refused),
        )
    return Taken(tuple(saved), tuple(refused))


def _save(session: Session, actor: Actor, entry: Entry, ticked: frozenset[str], now: datetime) -> bool:
    """Save one entry through the registry; False when there is nothing to save."""
    if entry.standing == REFUSED or entry.record is None:
        raise NotAllowed(entry.reason, entry.what_to_do)
    roles = ticked & {hint.role for hint in entry.offered}
    if not entry.differences and not roles:
        return False
    if entry.changes_record or roles:
        staff.save(session, actor, entry.record, entry.roles | roles, entry.active, now)
    if entry.link is not None:
        staff.link_practitioner(session, actor.issuer, entry.staff_id, entry.link, now)
    return True


def _registry(session: Session, actor: Actor, source: Source, library: Library) -> Registry:
    tables = (library.table(name) for name in ("credentials", "staff-categories"))
    return Registry(
        members=staff.everyone(session, actor.issuer),
        jurisdiction=jurisdiction_of(session, actor.issuer),
        own=actor.staff_id,
        administrator=actor.is_any(ADMINISTRATOR),
        # A login opens charts: only the EHR's own word or an administrator ties one to a member.
        links=source.from_ehr or actor.is_any(ADMINISTRATOR),
        words={code.code: code.display for table in tables for code in table.codes.values()},
    )


def _digest(entries: tuple[Entry, ...]) -> str:
    said = [asdict(entry) | {"record": None, "roles": sorted(entry.roles)} for entry in entries]
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def exported(session: Session, actor: Actor, library: Library, on: date, now: datetime) -> Roster:
    """The staff of the actor's EHR as Practitioner and PractitionerRole, those who left as inactive, and a
    line in the trail. For supervisors and administrators (NotAllowed); raises NotFit."""
    require(actor, SUPERVISOR, ADMINISTRATOR, to="export the staff")
    listed = [Listed(one.record, one.roles, one.active) for one in staff.listing(session, actor)]
    made = roster(listed, staff.program_of(session, actor.issuer), library, on)
    audit.did(session, actor, "staff exported", now, subject=actor.issuer, members=len(listed))
    return made
