"""A note is no copy: text of an earlier note is pointed out with the day on which it stood there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from operator import attrgetter

from mappings.checks.language import MOST_SHOWN, wording_advice
from mappings.checks.registry import Outcome, advises, check, points_out
from mappings.in_force import Bound
from mappings.language import Hit
from mappings.notes_told import Earlier, RightBefore
from mappings.repeats import COMPARED, compared_parts
from mappings.situation import Situation

# What one person's note shares with their earlier notes from this many times the least length on is pointed
# out alone; a shorter sentence is a formula of one's own.
LONG = 2
_began = attrgetter("began")


@check("own-text", "clone.min_words", "clone.share", "lint.boilerplate")
def own_text(s: Situation, b: Bound) -> Outcome:
    """The text of a note is its own: no copy of an earlier note, no sentence that fits any note."""
    if s.start is not None:
        least = b["clone.min_words"]
        before = s.around.notes.right_before(s)
        found = _whole(s, least, before) or _parts(s, least, b["clone.share"], before)
        if found is not None:
            return found
    return wording_advice(s, b, "lint.boilerplate")


def _whole(s: Situation, least: int, before: RightBefore | None) -> Outcome | None:
    words = s.note_words
    if not words or words.count(" ") + 1 < least:
        return None
    earlier = _same_words(s, words, before)
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


def _parts(s: Situation, least: int, share: int, before: RightBefore | None) -> Outcome | None:
    """Sentences that stood in earlier notes; those of the same person weigh, own formulas hardly."""
    copied = _copied(s, least, before)
    if not copied:
        return None
    most = sum([words for words, _, _ in copied]) * 100 >= share * (s.note_words.count(" ") + 1)
    of_person = [each for each in copied if each[2].person == s.person]
    told = copied if most else [each for each in of_person if each[0] >= LONG * least]
    if not told:
        return None
    _, hits, notes = zip(*told, strict=True)
    latest = max(notes, key=_began)
    whose = "of the same person" if latest.person == s.person else "of the same peer"
    what = "Most of this" if most else "“" + hits[0].found + "”"
    message = f"{what} stands word for word in contact {latest.id} {whose} on {latest.day}."
    return points_out(message, hits, _what_to_do(hits), "warn" if most and of_person else "info")


def _what_to_do(hits: Sequence[Hit]) -> str:
    which = "it" if len(hits) == 1 else "them"
    return f"Keep {which} where it was so again; else write what was so this time."


def _copied(s: Situation, least: int, before: RightBefore | None) -> list[tuple[int, Hit, Earlier]]:
    """The sentences that stood in an earlier note: how many words each has, itself, and that note."""
    wanted = _said_before(s, least, before)
    if not wanted:
        return []
    return [
        (words, Hit(path, start, end, text, _instead(wanted[key].day), (), "", text), wanted[key])
        for path, written in zip(COMPARED, compared_parts(s.note), strict=True)
        if written
        for start, end, text, key, words in s.around.passages[written].sentences
        if key in wanted and words >= least
    ]


# Many sentences stood in the notes of one day.
@lru_cache(maxsize=1024)
def _instead(day: date) -> str:
    return f"it stands in your note of {day} too; say what was so this time"


def _same_words(s: Situation, words: str, before: RightBefore | None) -> Earlier | None:
    """The latest note before with the same words: of the person, else of the peer."""
    notes = s.around.notes
    # Most words stand in this one note alone.
    if before is None or before.words is not None:
        earlier = _latest(s, notes.of_person(s.person, "words", words, s.began, MOST_SHOWN))
        if earlier is not None:
            return earlier
    if s.peer_id is None:
        return None
    return _latest(s, notes.of_peer(s.peer_id, "words", words, s.began, MOST_SHOWN))


def _said_before(s: Situation, least: int, before: RightBefore | None) -> Mapping[str, Earlier]:
    """By each sentence that stood in an earlier note the latest of these: of the person, else of the peer."""
    of_person, peer = _said_by_person(s, before), s.peer_id
    rest = [key for passage in s.compared for key in passage.keys if key not in of_person]
    if not rest or peer is None:
        return of_person
    found = dict(of_person)
    for key in rest:
        others = s.around.notes.of_peer(peer, "sentence", key, s.began, MOST_SHOWN)
        # To count its words takes longer than to see that nobody said so.
        earlier = _latest(s, others) if others and len(key.split()) >= least else None
        if earlier is not None:
            found[key] = earlier
    return found


def _said_by_person(s: Situation, before: RightBefore | None) -> Mapping[str, Earlier]:
    if before is not None:
        doubtful = [each for each in {*before.sentences.values()} if not _surely_before(s, each)]
        if not doubtful:
            return before.sentences
    found = {}
    for key in [key for passage in s.compared for key in passage.keys]:
        earlier = _latest(s, s.around.notes.of_person(s.person, "sentence", key, s.began, MOST_SHOWN))
        if earlier is not None:
            found[key] = earlier
    return found


def _surely_before(s: Situation, other: Earlier) -> bool:
    return other.began < s.began and not _one_event(s, other)


def _latest(s: Situation, others: Iterable[Earlier]) -> Earlier | None:
    """Of notes that say the same, the latest first, the first that is one of its own."""
    for other in others:
        if not _one_event(s, other):
            return other
    return None


def _one_event(s: Situation, other: Earlier) -> bool:
    """Whether both notes may well be alike: one group session, or a note and its correction."""
    if s.session and s.session == other.session:
        return True
    # Most notes say nothing of any other.
    if s.related is None and other.related is None:
        return False
    return s.id in (s.related, other.related) or other.id in (s.related, other.related)
