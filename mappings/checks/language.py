"""Language help: wording of the lists is pointed out with a better one, and never holds anything."""

from __future__ import annotations

from collections.abc import Sequence

from mappings.checks.registry import (
    NOT_APPLICABLE,
    PASS,
    Outcome,
    advises,
    coded_check,
    missing,
    points_out,
    wording_check,
)
from mappings.checks.texts import listed
from mappings.coding import CodedContact
from mappings.in_force import Bound
from mappings.language import Hit
from mappings.situation import Situation

MOST_SHOWN = 3
_PARTS = {
    "note.purpose": "the purpose",
    "note.response": "the response",
    "note.progress": "the progress",
    "note.outcome": "the outcome",
    "note.own_words": "the person's own words",
    "service.rationale": "the rationale",
}


def wording_advice(s: Situation, b: Bound, parameter: str) -> Outcome:
    """Advice that shows the words of a list found in the note and what could stand there; else a pass."""
    found = s.wording.get(parameter)
    if found is None:
        return PASS
    hits = [hit for hit in found if b.settings.get("denied", True) or not hit.denied]
    if not hits:
        return PASS
    # The advice keeps the rule's own weight, but never that of a block: the peer decides (AMB-28).
    severity = "warn" if b.severity == "block" else b.severity
    message = f"{b.settings.get('points_out', b.rule.title)}: {shown(hits)}."
    return points_out(message, hits, f"{_instead(hits)} {b.rule.fix}".strip(), severity)


def shown(hits: Sequence[Hit]) -> str:
    """The words found, each with the part of the note and the words around it."""
    words = [f"“{hit.found}” in {_PARTS[hit.path]} (“{hit.around}”)" for hit in hits[:MOST_SHOWN]]
    more = len(hits) - len(words)
    return listed([*words, f"{more} more"] if more else words)


def _instead(hits: Sequence[Hit]) -> str:
    better = {hit.found.casefold(): hit for hit in hits[:MOST_SHOWN] if hit.wordings or hit.instead}
    return " ".join(
        f"Instead of “{hit.found}”: {listed([f'“{each}”' for each in hit.wordings], 'or') or hit.instead}."
        for hit in better.values()
    )


@wording_check("person-first", "lint.person_first")
def person_first(s: Situation, b: Bound) -> Outcome:
    """The person comes before the label (R112)."""
    return wording_advice(s, b, "lint.person_first")


@wording_check("common-words", "lint.clinical")
def common_words(s: Situation, b: Bound) -> Outcome:
    """Words of common experience, not of the clinic (R113)."""
    return wording_advice(s, b, "lint.clinical")


@wording_check("judgment-free", "lint.judgment")
def judgment_free(s: Situation, b: Bound) -> Outcome:
    """Words that do not judge (R114)."""
    return wording_advice(s, b, "lint.judgment")


@wording_check("no-case-management", "lint.case_management")
def no_case_management(s: Situation, b: Bound) -> Outcome:
    """Resources are shared, cases are not managed (R100)."""
    return wording_advice(s, b, "lint.case_management")


@wording_check("no-gifts", "lint.gifts")
def no_gifts(s: Situation, b: Bound) -> Outcome:
    """The peer gives no money, goods or place to stay (R101)."""
    return wording_advice(s, b, "lint.gifts")


@wording_check("no-professional-advice", "lint.advice")
def no_professional_advice(s: Situation, b: Bound) -> Outcome:
    """No professional advice, no single pathway, no mandate (R102)."""
    return wording_advice(s, b, "lint.advice")


@wording_check("no-doing-for", "lint.doing_for")
def no_doing_for(s: Situation, b: Bound) -> Outcome:
    """Tasks are done together or taught, not done for the person (R106)."""
    return wording_advice(s, b, "lint.doing_for")


@wording_check("no-peer-health", "lint.peer_health")
def no_peer_health(s: Situation, b: Bound) -> Outcome:
    """Health details of the peer stand in nobody's chart (D-8)."""
    return wording_advice(s, b, "lint.peer_health")


@coded_check("reengagement-input", "lint.reengagement", of_wording=True)
def reengagement_input(s: CodedContact | Situation, b: Bound) -> Outcome:
    """A contact whose purpose is re-engagement has a clinician's input behind it (R099)."""
    if not isinstance(s, Situation):
        return NOT_APPLICABLE
    hits = [hit for hit in s.wording.get("lint.reengagement", ()) if hit.path == "note.purpose"]
    if not hits:
        return NOT_APPLICABLE
    given = s.contact.clinical_input
    if given is None:
        return advises(
            f"The purpose is re-engagement (“{hits[0].found}”) and no clinician's input is recorded.",
            "clinical_input",
            "note.purpose",
        )
    if not (given.by or "").strip():
        return missing("which clinician was asked", "clinical_input.by")
    if given.on is None:
        return missing("the day the clinician was asked", "clinical_input.on")
    if given.on > s.day:
        return advises(f"The clinician's input is dated {given.on}, after the contact.", "clinical_input.on")
    return PASS
