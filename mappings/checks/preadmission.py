"""Contacts before admission: who, what for, how long, and when they must stop."""

from __future__ import annotations

from mappings.checks.registry import NOT_APPLICABLE, PASS, Outcome, advises, check, fails, missing
from mappings.checks.texts import says_something
from mappings.engagement import DECLINED, DISCHARGED, state_at
from mappings.in_force import Bound
from mappings.situation import Situation


@check("information", always_passes=True)
def information(s: Situation, b: Bound) -> Outcome:
    """A sentence that never holds anything: it passes and says itself."""
    return PASS


@check("purpose-and-goal", "note.empty_words")
def purpose_and_goal(s: Situation, b: Bound) -> Outcome:
    """The purpose of this contact and a dated goal of the engagement are written (R037)."""
    note, engagement = s.contact.note, s.contact.engagement
    purpose = note.purpose if note is not None else None
    goal = engagement.goal if engagement is not None else None
    goal_on = engagement.goal_on if engagement is not None else None
    for text, field, words in (
        (purpose, "note.purpose", "the purpose of this contact"),
        (goal, "engagement.goal", "the goal of the contacts before admission"),
    ):
        if text is None:
            return missing(words, field)
        if not says_something(text, b["note.empty_words"]):
            return fails(f"{words[0].upper()}{words[1:]} is blank.", field)
    if goal_on is None:
        return missing("the day the goal was set", "engagement.goal_on")
    if goal_on > s.day_of(s.now):
        return fails(f"The goal is dated {goal_on}, which lies in the future.", "engagement.goal_on")
    return PASS


@check("individual-only")
def individual_only(s: Situation, b: Bound) -> Outcome:
    """Before admission the service is given to one person, never to a group (R038, AMB-13)."""
    if s.service.format is None:
        return missing("whether this was an individual or a group service", "service.format")
    filed = s.contact.claim
    if s.is_group:
        return fails(
            "This person is not admitted, so the service cannot be a group service; "
            "the lines of admitted people stay as they are.",
            "service.format",
            "group",
        )
    if filed is not None and b.settings.get("modifier") in filed.modifiers:
        return fails("A group modifier stands on a contact before admission.", "claim.modifiers")
    return PASS


@check("not-after-decline")
def not_after_decline(s: Situation, b: Bound) -> Outcome:
    """No contact after a decline or a discharge without a new decision record (R041)."""
    state = s.state
    if "[" in state.missing:
        return missing("the day or the status (undecided, admitted, declined, discharged)", state.missing)
    if state.missing:
        return missing("the history of the engagement (undecided, admitted, declined)", state.missing)
    if s.contact.start is None:
        return missing("the start of the contact", "start")
    if state.status == DECLINED:
        return fails(
            f"The person declined on {state.since} and is not enrolled; this contact is later.",
            "engagement.history",
        )
    if state.status == DISCHARGED:
        return fails(
            f"The person was discharged on {state.since}; ongoing service needs a new admission.",
            "engagement.history",
            fix="Record a new undecided entry for a re-engagement, or the new admission.",
        )
    return PASS


@check("not-stand-alone", "preadmission.review_after_contacts", "preadmission.review_after_days")
def not_stand_alone(s: Situation, b: Bound) -> Outcome:
    """A reminder when contacts before admission go on without a decision; off until a site sets it (R043)."""
    contacts, days = b["preadmission.review_after_contacts"], b["preadmission.review_after_days"]
    if contacts is None and days is None:
        return NOT_APPLICABLE
    start = s.contact.start
    count, since = s.around.before_admission(s.contact.individual.id, s.began) if start else (0, None)
    if contacts is not None and count >= contacts:
        return fails(f"This is contact {count} before admission and no decision is recorded.", "engagement")
    if days is not None and since is not None and (s.day - since).days >= days:
        return fails(
            f"Contacts before admission go on since {since} and no decision is recorded.", "engagement"
        )
    return PASS


@check("referral")
def referral(s: Situation, b: Bound) -> Outcome:
    """After a decline a referral to community services can be offered (R044)."""
    # The contact in which the person declines begins while nothing is decided; the offer belongs to it too.
    if DECLINED not in (s.state.status, state_at(s.contact.engagement, s.now, s.zone).status):
        return NOT_APPLICABLE
    to = b.settings["adult"] if s.service.type == "adult" else b.settings["child"]
    return advises(f"The person declined: a referral to {to} can be offered.", "engagement.history")
