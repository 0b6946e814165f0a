"""A note is no copy: text of an earlier note is pointed out with the day on which it stood there."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from mappings.checks.language import MOST_SHOWN, wording_advice
from mappings.checks.registry import Outcome, advises, check, points_out
from mappings.language import Hit
from mappings.library import Bound
from mappings.repeats import Sentence, sentences
from mappings.situation import Situation
from mappings.surroundings import Notes, before

# What one person's note shares with their earlier notes from this many times the least length on is pointed
# out alone; a shorter sentence is a formula of one's own.
LONG = 2


@check("own-text", "clone.min_words", "clone.share", "lint.boilerplate")
def own_text(s: Situation, b: Bound) -> Outcome:
    """The text of a note is its own: no copy of an earlier note, no sentence that fits any note."""
    if s.start is not None:
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
    whose = "person" if earlier.person == s.person else "peer"
    return advises(
        f"Response, progress and outcome are word for word those of contact {earlier.id} "
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
    of_person = [pair for pair in copied if pair[1].person == s.person]
    told = copied if most else [pair for pair in of_person if pair[0].words >= LONG * least]
    if not told:
        return None
    latest = max([earlier for _, earlier in told], key=attrgetter("began"))
    whose = "of the same person" if latest.person == s.person else "of the same peer"
    hits = [_hit(sentence, earlier) for sentence, earlier in told]
    what = "Most of this" if most else "“" + hits[0].found + "”"
    message = f"{what} stands word for word in contact {latest.id} {whose} on {latest.day}."
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
    notes, wanted = s.around.sentence_texts, {}
    of_person = notes.of_person(s.person)
    for key in s.sentence_keys:
        earlier = _latest(s, of_person.get(key))
        if earlier is None and len(key.split()) >= least:
            earlier = _of_peer(s, key, notes)
        if earlier is not None:
            wanted[key] = earlier
    if not wanted:
        return []
    found = [each for path, text in s.compared for each in sentences(path, text, wanted)]
    return [(each, wanted[each.key]) for each in found if each.words >= least]


def _before(s: Situation, words: str, notes: Notes) -> Situation | None:
    """The latest note before with the same words: of the person, else of the peer."""
    return _latest(s, notes.of_person(s.person).get(words)) or _of_peer(s, words, notes)


def _latest(s: Situation, same: Sequence[Situation] | None) -> Situation | None:
    # Most words stand in this one note alone.
    if same is None or same[0] is s:
        return None
    for other in before(same, s.began, MOST_SHOWN):
        if not _one_event(s, other):
            return other
    return None


def _of_peer(s: Situation, words: str, notes: Notes) -> Situation | None:
    if s.peer_id is not None:
        for other in notes.of_peer(s.peer_id, words, s.began, MOST_SHOWN):
            if not _one_event(s, other):
                return other
    return None


def _one_event(s: Situation, other: Situation) -> bool:
    """Whether both notes may well be alike: one group session, or a note and its correction."""
    session = s.session is not None and s.session != "" and s.session == other.session
    return session or s.id in (s.related, other.related) or other.id in (s.related, other.related)
