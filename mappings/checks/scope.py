"""What peers may not do, as far as structured data shows it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mappings.checks.codes import by_a_peer
from mappings.checks.language import shown, wording_advice
from mappings.checks.registry import (
    NOT_APPLICABLE,
    PASS,
    Outcome,
    Test,
    advises,
    by_codes,
    check,
    coded_check,
    fails,
    missing,
    points_out,
    together,
)
from mappings.checks.texts import blank
from mappings.coding import CodedContact, Coding
from mappings.in_force import Bound
from mappings.language import Hit
from mappings.situation import Situation


@check("no-diagnosis-by-peer", "credentials.peers", "lint.diagnosing")
def no_diagnosis_by_peer(s: Situation, b: Bound) -> Outcome:
    """A peer's record carries no diagnosis made by a peer, nor words of one (R094)."""
    for place, diagnosis in enumerate(s.contact.diagnoses):
        if by_a_peer(s, b, diagnosis):
            return fails("Peers do not diagnose: a clinician records it.", f"diagnoses[{place}].by")
        if blank(diagnosis.by):
            return missing("who recorded the diagnosis", f"diagnoses[{place}].by")
    return wording_advice(s, b, "lint.diagnosing")


@together("no-diagnosis-by-peer", "diagnosis-by-clinician")
def _by_clinicians(bounds: Sequence[Bound]) -> Test:
    """Whether all is well with the diagnoses: as with those of any other contact of the peer that are the
    same, once nothing was found among the words of the note."""

    def passes(s: Situation) -> bool:
        if s.wording:
            return False
        key = passes, s.peer_id, s.jurisdiction, tuple(map(id, s.contact.diagnoses))
        known = s.around.kept.get(key)
        if known is None:
            # The contact is held, so that nothing else can come to have the identity of one of its diagnoses.
            known = s.around.kept[key] = all(b.check(s, b) is PASS for b in bounds), s
        return known[0]

    return passes


@coded_check("no-assessment-code", "scope.assessment_codes", "lint.assessing", of_wording=True)
def no_assessment_code(s: CodedContact | Situation, b: Bound) -> Outcome:
    """Neither the service nor a filed claim carries an assessment code; words only advise (R095, AMB-19)."""
    coded = _none_of(s, b["scope.assessment_codes"], "an assessment")
    return _then_wording(coded, s, b, "lint.assessing")


@coded_check("no-therapy-code", "scope.therapy_codes", "lint.therapy", of_wording=True)
def no_therapy_code(s: CodedContact | Situation, b: Bound) -> Outcome:
    """Neither the service nor a filed claim carries a psychotherapy code; words only advise (R096)."""
    coded = _none_of(s, b["scope.therapy_codes"], "psychotherapy")
    return _then_wording(coded, s, b, "lint.therapy")


def _then_wording(coded: Outcome, s: CodedContact | Situation, b: Bound, parameter: str) -> Outcome:
    return wording_advice(s, b, parameter) if coded is PASS and isinstance(s, Situation) else coded


def _none_of(s: CodedContact | Situation, codes: tuple[str, ...], what: str) -> Outcome:
    filed = s.codes.filed.code if s.codes.filed is not None else None
    for code, field in ((s.codes.code, "service.code"), (filed, "claim.code")):
        if code is not None and code.startswith(codes):
            return fails(f"{code} is {what}; peers do not offer it.", field)
    return PASS


@check("not-transport-alone", "lint.transport", "signs.support")
def not_transport_alone(s: Situation, b: Bound) -> Outcome:
    """Going along is support, never transport alone; travel without support does not count (R097). The words
    of the note only advise."""
    going = s.service.accompaniment
    if going is None:
        told = _transport_in_words(s)
        return NOT_APPLICABLE if told is PASS else told
    if going.support is None:
        return missing("whether support was given on the way", "service.accompaniment.support")
    if not going.support:
        return fails("Only transport is recorded, no support.", "service.accompaniment.support")
    if going.travel_minutes is None:
        return missing("the minutes of travel without support", "service.accompaniment.travel_minutes")
    if s.gross is not None and 0 < s.gross <= going.travel_minutes:
        return fails(
            "All minutes are travel without support.", "service.accompaniment.travel_minutes", "start", "end"
        )
    return _transport_in_words(s)


def _transport_in_words(s: Situation) -> Outcome:
    found = _alone(s, "lint.transport", "signs.support")
    if not found:
        return PASS
    return points_out(
        f"The words speak of the way alone: {shown(found)}.",
        found,
        "Say what support was given before, on the way or there.",
        "warn",
    )


def _alone(s: Situation, work: str, signs: str) -> list[Hit]:
    """The words of a kind of work where no sign stands beside them that the person took part."""
    found = [hit for hit in s.wording.get(work, ()) if not hit.denied]
    return found if found and not any(not sign.denied for sign in s.signs(signs)) else []


@check("asked-to-accompany")
def asked_to_accompany(s: Situation, b: Bound) -> Outcome:
    """An adult is accompanied at the person's own request (R107)."""
    going = s.service.accompaniment
    if going is None or going.requested:
        return PASS
    return advises(
        "It is not recorded that the person asked to be accompanied.", "service.accompaniment.requested"
    )


@coded_check("component-in-scope", "lint.coordination", "signs.together", of_wording=True)
def component_in_scope(s: CodedContact | Situation, b: Bound) -> Outcome:
    """At least one service component that is in scope, and words of more than coordination without the
    person (R098, AMB-26)."""
    table = s.library.table(b.settings["table"])
    if not any(table.code(code, s.day) is not None for code in s.codes.components):
        return fails(
            "No component in scope is chosen: care coordination alone is no peer support.",
            "service.components",
        )
    if not isinstance(s, Situation):
        return PASS
    found = _alone(s, "lint.coordination", "signs.together")
    if not found or _named(s):
        return PASS
    return points_out(
        f"The words speak of coordination alone, without the person: {shown(found)}.",
        found,
        "Say what was done together with the person, if it was.",
    )


def _named(s: Situation) -> bool:
    """Whether the person is named as one who took part: "Ana chose", "with Ana", but not "for Ana"."""
    name = s.contact.individual.name
    if name is None or not name.given:
        return False
    given = name.given[0]
    texts = [text for _, text in s.peer_texts if text and given.casefold() in text.casefold()]
    if not texts:
        return False
    took_part = rf"(?<!\bfor )(?<!\bof )(?<!\bto )(?<!\babout )\b{re.escape(given)}\b(?!['’])"
    return any(re.search(took_part, text, re.I) for text in texts)


@coded_check("voluntary")
def voluntary(s: CodedContact, b: Bound) -> Outcome:
    """The person takes part freely; coercion holds the claim and never the signing (R103)."""
    if s.codes.voluntary is None:
        return missing("whether the person takes part freely", "service.voluntary")
    if s.codes.voluntary:
        return PASS
    return fails("The service is recorded as not voluntary.", "service.voluntary")


@check("risk-told")
def risk_told(s: Situation, b: Bound) -> Outcome:
    """Where risk was seen, who was told and when is recorded (R104)."""
    risk = s.contact.risk
    if risk is None or not risk.seen:
        return NOT_APPLICABLE
    if not (risk.notified or "").strip():
        return fails("Risk was seen and nobody is recorded as told.", "risk.notified")
    if risk.at is None:
        return missing("when the clinician was told of the risk", "risk.at")
    return PASS


@by_codes("risk-told")
def _no_risk_seen(codes: Coding, b: Bound) -> Outcome | None:
    return None if codes.risk_seen else NOT_APPLICABLE


@check("beside-no-other-service")
def beside_no_other_service(s: Situation, b: Bound) -> Outcome:
    """No other service of the same person lies at the same time (R110)."""
    if s.contact.start is None or s.contact.end is None:
        return NOT_APPLICABLE
    for other in s.around.of_day(s.contact.individual.id, s.day):
        theirs = other.contact
        if other is s or theirs.start is None or theirs.end is None:
            continue
        if theirs.start < s.contact.end and s.contact.start < theirs.end:
            return fails(f"{theirs.id} lies at the same time for the same person.", "start", "end")
    return PASS
