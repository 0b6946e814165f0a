"""A plan entry as plain text, exactly as its signer is shown it; the digest of the seal is over its bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mappings.office import Surroundings
from mappings.records import Frequency, Individual, PlanEntry

Row = tuple[str, str | None]


def plan_text(entry: PlanEntry, surroundings: Surroundings, component: Callable[[str], str]) -> str:
    """The text of one version of an entry. `component` gives a component's words by its code. The same entry
    gives the same text; parts that are empty are left out; it ends with a line break."""
    rows = [row for row in _rows(entry, surroundings, component) if row[1] and row[1].strip()]
    head = ["TREATMENT PLAN ENTRY", f"{entry.id}, version {entry.version}", ""]
    return "\n".join([*head, *(f"{label}: {value}" for label, value in rows)]) + "\n"


def _rows(entry: PlanEntry, around: Surroundings, component: Callable[[str], str]) -> Iterable[Row]:
    program = around.program_of(entry.program)
    yield "Individual", _person(entry.individual)
    yield "Program", None if program is None else program.name or program.id
    yield "Basis", entry.basis
    yield "Service", entry.service_type
    if entry.plan is not None:
        yield "Plan", entry.plan.id
        yield "In force", f"{entry.plan.from_ or ''} to {entry.plan.to or 'open'}"
        yield "Review due", str(entry.plan.review_due or "")
        yield "Author", _staff(entry.plan.author, around)
        yield "Contributors", ", ".join(_staff(each, around) for each in entry.plan.contributors)
    if entry.goal is not None:
        yield "Goal", entry.goal.text
        yield "Objective", entry.goal.objective
        yield "Target", str(entry.goal.target or "")
    yield "Frequency", _frequency(entry.frequency)
    yield "Components", "; ".join(component(code) for code in entry.components)
    if entry.event is not None:
        yield "Event", " ".join(part for part in (str(entry.event.on or ""), entry.event.text) if part)
    yield "Response", entry.response
    for meeting in entry.collaboration:
        who = ", ".join(_staff(each, around) for each in meeting.with_)
        yield "Collaboration", ", ".join(p for p in (str(meeting.on or ""), who, meeting.reference) if p)


def _frequency(frequency: Frequency | None) -> str | None:
    if frequency is None or frequency.units is None:
        return None
    units = f"{frequency.units} unit{'' if frequency.units == 1 else 's'}"
    times = f", {frequency.times} time{'' if frequency.times == 1 else 's'}" if frequency.times else ""
    return f"{units}{times} per {frequency.per}" if frequency.per else f"{units}{times}"


def _person(who: Individual) -> str:
    born = f"born {who.birth_date}" if who.birth_date else ""
    return ", ".join(part for part in (who.name.full if who.name else "", born, who.id) if part)


def _staff(staff_id: str | None, around: Surroundings) -> str:
    if not staff_id:
        return ""
    member = around.member(staff_id)
    return f"{member.name.full} ({staff_id})" if member.name and member.name.full else staff_id
