"""Language help: wording of the lists is pointed out with a better one, and never holds anything."""

from __future__ import annotations

from collections.abc import Sequence

from mappings.checks.registry import NOT_APPLICABLE, PASS, Outcome, advises, check, missing, wording_check
from mappings.checks.texts import listed
from mappings.language import Hit
from mappings.library import Bound
from mappings.situation import Situation

MOST_SHOWN = 3
_PARTS = {
    "note.purpose": "the purpose",
    "note.response": "the response",
    "note.progress": "the progress",
    "note.outcome": "the outcome",
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
    return advises(
        f"{b.settings.get('points_out', b.rule.title)}: {_shown(hits)}.",
        *dict.fromkeys(hit.path for hit in hits),
        fix=f"{_instead(hits)} {b.rule.fix}".strip(),
        severity=severity,
    )


def _shown(hits: Sequence[Hit]) -> str:
    words = [f"“{hit.found}” in {_PARTS[hit.path]} (“{hit.around}”)" for hit in hits[:MOST_SHOWN]]
    more = len(hits) - len(words)
    return listed([*words, f"{more} more"] if more else words)


def _instead(hits: Sequence[Hit]) -> str:
    better = {hit.found.casefold(): hit for hit in hits[:MOST_SHOWN] if hit.instead}
    return " ".join(f"Instead of “{hit.found}”: {hit.instead}." for hit in better.values())


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


@check("reengagement-input", "lint.reengagement")
def reengagement_input(s: Situation, b: Bound) -> Outcome:
    """A contact whose purpose is re-engagement has a clinician's input behind it (R099)."""
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


@check("own-text", "clone.min_words", "lint.boilerplate")
def own_text(s: Situation, b: Bound) -> Outcome:
    """The text of a note is its own: no copy of an earlier note, no sentence that fits any note."""
    earlier = _copied_from(s, b["clone.min_words"])
    if earlier is not None:
        whose = "person" if _same_person(s, earlier) else "peer"
        return advises(
            f"Response, progress and outcome are word for word those of contact {earlier.contact.id} "
            f"of the same {whose} on {earlier.day}.",
            "note.response",
            "note.progress",
            "note.outcome",
            severity="warn" if whose == "person" else "info",
        )
    return wording_advice(s, b, "lint.boilerplate")


def _copied_from(s: Situation, least: int) -> Situation | None:
    peer = s.contact.peer
    if s.contact.start is None or s.note_words not in s.around.repeated_words:
        return None
    if s.note_words.count(" ") + 1 < least:
        return None
    keys = [("person", s.contact.individual.id), *([("peer", peer.id)] if peer is not None else [])]
    for kind, id in keys:
        for other in s.around.note_texts.get((kind, id, s.note_words), ())[:MOST_SHOWN]:
            if other is s or not _earlier(other, s):
                break
            if not _one_event(s, other):
                return other
    return None


def _earlier(other: Situation, s: Situation) -> bool:
    ours, theirs = s.contact.start, other.contact.start
    return ours is not None and theirs is not None and theirs < ours


def _same_person(s: Situation, other: Situation) -> bool:
    return s.contact.individual.id == other.contact.individual.id


def _one_event(s: Situation, other: Situation) -> bool:
    """Whether both notes may well be alike: one group session, or a note and its correction."""
    ours, theirs = s.contact.group, other.contact.group
    session = (
        ours is not None and theirs is not None and bool(ours.session) and ours.session == theirs.session
    )
    linked = [r.id for r in (s.contact.relates_to, other.contact.relates_to) if r is not None]
    return session or s.contact.id in linked or other.contact.id in linked
