"""A note is no copy: text of an earlier note is pointed out with the day on which it stood there."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from mappings.checks.language import MOST_SHOWN, wording_advice
from mappings.checks.registry import Outcome, advises, check, points_out
from mappings.language import Hit
from mappings.library import Bound
from mappings.records import Contact
from mappings.repeats import Sentence, compared_parts, sentences
from mappings.situation import Situation
from mappings.surroundings import Notes

# What one person's note shares with their earlier notes from this many times the least length on is pointed
# out alone; a shorter sentence is a formula of one's own.
LONG = 2


@check("own-text", "clone.min_words", "clone.share", "lint.boilerplate")
def own_text(s: Situation, b: Bound) -> Outcome:
    """The text of a note is its own: no copy of an earlier note, no sentence that fits any note."""
    if s.contact.start is not None:
        found = _whole(s, b["clone.min_words"]) or _parts(s, b["clone.min_words"], b["clone.share"])
        if found is not None:
            return found
    return wording_advice(s, b, "lint.boilerplate")


def _whole(s: Situation, least: int) -> Outcome | None:
    if not s.note_words or s.note_words.count(" ") + 1 < least:
        return None
    earlier = _before(s, s.note_words, s.around.note_texts)
    if earlier is None:
        return None
    whose = "person" if _same_person(s, earlier) else "peer"
    return advises(
        f"Response, progress and outcome are word for word those of contact {earlier.contact.id} "
        f"of the same {whose} on {earlier.day}.",
        "note.response",
        "note.progress",
        "note.outcome",
        severity="warn" if whose == "person" else "info",
    )


def _parts(s: Situation, least: int, share: int) -> Outcome | None:
    """Sentences that stood in earlier notes; those of the same person weigh, own formulas hardly."""
    copied = _copied(s, least)
    if not copied:
        return None
    words = sum([sentence.words for sentence, _ in copied])
    most = words * 100 >= share * (s.note_words.count(" ") + 1)
    of_person = [pair for pair in copied if _same_person(s, pair[1])]
    told = copied if most else [pair for pair in of_person if pair[0].words >= LONG * least]
    if not told:
        return None
    latest = max([earlier for _, earlier in told], key=attrgetter("began"))
    whose = "of the same person" if _same_person(s, latest) else "of the same peer"
    hits = [_hit(sentence, earlier) for sentence, earlier in told]
    what = "Most of this" if most else "“" + hits[0].found + "”"
    message = f"{what} stands word for word in contact {latest.contact.id} {whose} on {latest.day}."
    return points_out(message, hits, _what_to_do(hits), "warn" if most and of_person else "info")


def _what_to_do(hits: Sequence[Hit]) -> str:
    which = "it" if len(hits) == 1 else "them"
    return f"Keep {which} where it was so again; else write what was so this time."


def _hit(sentence: Sentence, earlier: Situation) -> Hit:
    path, start, end, text, _, _ = sentence
    instead = f"it stands in your note of {earlier.day} too; say what was so this time"
    return Hit(path, start, end, text, instead, (), "", text)


def _copied(s: Situation, least: int) -> list[tuple[Sentence, Situation]]:
    """The sentences that stood in an earlier note, and in which."""
    notes = s.around.sentence_texts
    wanted = {}
    for key in s.sentence_keys:
        if len(key.split()) >= least and (earlier := _before(s, key, notes)) is not None:
            wanted[key] = earlier
    if not wanted:
        return []
    found = []
    for path, text in compared_parts(s.contact.note):
        found += [(each, wanted[each.key]) for each in sentences(path, text, wanted)]
    return found


def _before(s: Situation, words: str, notes: Notes) -> Situation | None:
    """The latest note before with the same words: of the person, else of the peer."""
    contact = s.contact
    for other in notes.of_person(contact.individual.id, words, s.began, MOST_SHOWN):
        if not _one_event(contact, other.contact):
            return other
    if contact.peer is not None:
        for other in notes.of_peer(contact.peer.id, words, s.began, MOST_SHOWN):
            if not _one_event(contact, other.contact):
                return other
    return None


def _same_person(s: Situation, other: Situation) -> bool:
    return s.contact.individual.id == other.contact.individual.id


def _one_event(one: Contact, other: Contact) -> bool:
    """Whether both notes may well be alike: one group session, or a note and its correction."""
    ours, theirs = one.group, other.group
    if ours is not None and theirs is not None and ours.session and ours.session == theirs.session:
        return True
    if one.relates_to is None and other.relates_to is None:
        return False
    linked = [r.id for r in (one.relates_to, other.relates_to) if r is not None]
    return one.id in linked or other.id in linked
