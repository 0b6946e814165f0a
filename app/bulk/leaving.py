"""Which records of an input may leave, and what holds the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from mappings.findings import Citation, Finding, Judgement
    from mappings.library import Library
    from mappings.records import Contact, PlanEntry

Outcome = Literal["leaves", "held", "left-out"]
# What did not take place, or was wrong from the start, has nothing to send and nothing to mend.
_NOTHING_TO_SEND = {
    "planned": "the contact has not taken place yet",
    "cancelled": "the contact was cancelled",
    "no-show": "the individual did not come",
    "entered-in-error": "the contact was entered in error",
}
# What holds a note or its claim.
_OF_CLAIMS = ("signing", "claim")


class Reason(NamedTuple):
    """Why a record stays: the rule where one says so, what is wrong and what to do."""

    message: str
    fix: str
    rule: str | None = None
    cite: Citation | None = None

    def to_json(self) -> dict[str, Any]:
        """The reason as JSON data."""
        cite = self.cite.to_json() if self.cite is not None else None
        return {"rule": self.rule, "message": self.message, "fix": self.fix, "cite": cite}


@dataclass(frozen=True)
class Departure:
    """Where one record stands: it leaves, is held, or has nothing to send (left out)."""

    outcome: Outcome
    reasons: tuple[Reason, ...] = ()


LEAVES = Departure("leaves")


def departure(record: Contact | PlanEntry, judgement: Judgement, library: Library) -> Departure:
    """Whether a judged record may leave: a contact when it is finished, ready for signing and carries every
    signature that the rules ask for on its current version; a plan entry when it is ready for signing."""
    if not judgement.counts:
        return Departure("left-out", (Reason("a higher version of this record stands in the input", ""),))
    if record.status in _NOTHING_TO_SEND and record.kind == "contact":
        return Departure("left-out", (Reason(_NOTHING_TO_SEND[str(record.status)], ""),))
    reasons = _reasons(record, judgement, library)
    return Departure("held", tuple(reasons)) if reasons else LEAVES


def claim_reasons(judgement: Judgement) -> tuple[Reason, ...]:
    """What holds the claim of a contact; empty when nothing does."""
    if judgement.claim != "held":
        return ()
    return tuple([_of(each) for each in judgement.holding() if each.stage in _OF_CLAIMS])


def _reasons(record: Contact | PlanEntry, judgement: Judgement, library: Library) -> list[Reason]:
    found: list[Reason] = []
    unsigned: list[Reason] = []
    for finding in judgement.holding():
        if finding.stage == "signing":
            found.append(_of(finding))
        elif finding.stage == "claim" and _about_signatures(finding, library):
            unsigned.append(_of(finding))
    if record.kind != "contact":
        return found
    if record.status != "finished":
        found.append(
            Reason(
                f"the contact's status is {record.status or 'not stated'}",
                'Send it once it took place and its status is "finished".',
            )
        )
    if not unsigned and not _author_signed(record):
        found.append(
            Reason(
                f"the author's signature on version {record.version} is missing",
                "Have the peer who delivered the contact sign this version.",
            )
        )
    return [*found, *unsigned]


def _about_signatures(finding: Finding, library: Library) -> bool:
    return _name_signatures(tuple(finding.fields or _fields_of(finding.rule, library)))


@lru_cache(maxsize=256)
def _name_signatures(fields: Sequence[str]) -> bool:
    return any(field.partition("[")[0].split(".")[0] == "signatures" for field in fields)


def _fields_of(rule: str, library: Library) -> Sequence[str]:
    known = library.rules_by_id.get(rule)
    return known.fields if known else ()


def _author_signed(contact: Contact) -> bool:
    said = contact.__dict__
    peer = said["peer"].id if said["peer"] else None
    for each in said["signatures"]:
        one = each.__dict__
        if one["meaning"] == "author" and one["version"] == said["version"] and one["by"] == peer:
            return True
    return False


def _of(finding: Finding) -> Reason:
    return Reason(finding.message, finding.fix, finding.rule, finding.cite)
