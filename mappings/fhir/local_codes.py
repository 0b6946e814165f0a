"""The codes and identifiers of our own that are in no table: named once, written from here and published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class LocalSystem:
    """A code system of our own: what it is for and its codes with their displays; `open` where further codes
    are made of words that others give."""

    title: str
    codes: Mapping[str, str] = field(default_factory=dict)
    open: bool = False


SYSTEMS: Mapping[str, LocalSystem] = {
    "audit-action": LocalSystem("What a line of the audit trail says was done", open=True),
    "claim-information": LocalSystem("Kinds of information on a claim", {"value-code": "Value code"}),
    "cosignature-status": LocalSystem("How far a co-signature is", {"signed": "Signed"}),
    "performer": LocalSystem(
        "Who may do a task of the programme", {"lpha": "Licensed practitioner of the healing arts"}
    ),
    "presence": LocalSystem(
        "Who took part in a contact", {"collateral-only": "With family or collaterals alone"}
    ),
    "service-phase": LocalSystem(
        "Whether a contact was before the admission",
        {"pre-admission": "Before admission", "enrolled": "During admission"},
    ),
    "task": LocalSystem("Tasks of the programme", {"cosign-note": "Co-sign a note"}),
}

# What each kind of business identifier names.
IDENTIFIER_KINDS: Mapping[str, str] = {
    "audit-line": "A line of the audit trail, by its number",
    "claim": "A claim, by its control number",
    "condition": "A diagnosis of an individual",
    "consent": "A written consent of an individual",
    "coverage": "A coverage, by payer and member",
    "encounter": "A contact, by the id of its record",
    "episode": "An engagement of an individual",
    "goal": "A goal of an individual",
    "group-session": "A group session, which its contacts share",
    "individual": "An individual, where the record names no system of its own",
    "meeting": "The minutes of a team meeting",
    "note": "One version of a note",
    "note-series": "All versions of a note",
    "plan": "A treatment plan",
    "program": "A programme without an NPI",
    "record": "A record that a line of the audit trail is about",
    "referral": "A referral onward",
    "referral-task": "The task that a referral gives",
    "related-person": "A family member or collateral",
    "service": "A peer service in a treatment plan",
    "staff": "A staff member without an NPI",
    "task": "A co-signature that was asked for",
    "x-request-id": "A request, by the id that server and log share",
}


def display(system: str, code: str) -> str:
    """What a code of one of these systems is called; KeyError for one that is not published."""
    return SYSTEMS[system].codes[code]
