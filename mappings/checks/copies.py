"""A note is no copy: text of an earlier note is pointed out with the day on which it stood there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import date
from functools import lru_cache, partial
from itertools import compress
from operator import attrgetter, not_

from mappings.checks.language import MOST_SHOWN, wording_advice
from mappings.checks.registry import Outcome, advises, check
from mappings.findings import Severity
from mappings.in_force import Bound
from mappings.language import Hit, Places
from mappings.notes_told import Earlier, RightBefore
from mappings.repeats import COMPARED, words_in
from mappings.situation import Situation

# What one person's note shares with their earlier notes from this many times the least length on is pointed
# out alone; a shorter sentence is a formula of one's own.
LONG = 2
_KEEP_IT = "Keep it where it was so again; else write what was so this time."
_KEEP_THEM = "Keep them where it was so again; else write what was so this time."
_began, _keys = attrgetter("began"), attrgetter("keys")
_person, _peer_id = attrgetter("person"), attrgetter("peer_id")

# A sentence that stood in an earlier note: how many words it has, its key, and that note.
Copied = tuple[int, str, Earlier]


@check("own-text", "clone.min_words", "clone.share", "lint.boilerplate")
def own_text(s: Situation, b: Bound) -> Outcome:
    """The text of a note is its own: no copy of an earlier note, no sentence that fits any note."""
    if s.start is not None and s.compared.words:
        least, before = b["clone.min_words"], _right_before(s)
        peer = _peer_to_ask(s, before)
        found = _whole(s, least, before, peer) or _parts(s, least, b["clone.share"], before, peer)
        if found is not None:
            return found
    return wording_advice(s, b, "lint.boilerplate")


def _whole(s: Situation, least: int, before: RightBefore | None, peer: str | None) -> Outcome | None:
    earlier = _same_words(s, before, peer)
    # Few notes have the very words of another.
    if earlier is None or _length(s) < least:
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


def _parts(
    s: Situation, least: int, share: int, before: RightBefore | None, peer: str | None
) -> Outcome | None:
    """Sentences that stood in earlier notes; those of the same person weigh, own formulas hardly."""
    copied = _copied(s, least, before, peer)
    if not copied:
        return None
    counts, keys, notes = zip(*copied, strict=True)
    most = sum(counts) * 100 >= share * _length(s)
    if most:
        return _advice(s, keys, notes, most, "warn" if s.person in map(_person, notes) else "info")
    own = [each for each in copied if each[2].person == s.person and each[0] >= LONG * least]
    if not own:
        return None
    _, keys, notes = zip(*own, strict=True)
    return _advice(s, keys, notes, most, "info")


def _advice(
    s: Situation, keys: Sequence[str], notes: Sequence[Earlier], most: bool, severity: Severity
) -> Outcome:
    latest, said = max(notes, key=_began), dict(zip(keys, notes, strict=True))
    whose = "of the same person" if latest.person == s.person else "of the same peer"
    places = Places(partial(_places, s, said))
    what = "Most of this" if most else "“" + places[0].found + "”"
    return Outcome(
        "advice",
        f"{what} stands word for word in contact {latest.id} {whose} on {latest.day}.",
        _fields(s, said.keys()),
        severity,
        _KEEP_IT if len(keys) == 1 else _KEEP_THEM,
        places,
    )


def _length(s: Situation) -> int:
    return s.compared.words.count(" ") + 1


def _copied(s: Situation, least: int, before: RightBefore | None, peer: str | None) -> list[Copied]:
    said = zip(s.compared.keys, _said_before(s, before, peer), strict=True)
    return [
        (words, key, earlier)
        for key, earlier in said
        if earlier is not None and (words := words_in(key)) >= least
    ]


def _fields(s: Situation, said: Set[str]) -> tuple[str, ...]:
    """The parts of the note in which one of the sentences stands."""
    lacking = map(said.isdisjoint, map(_keys, s.compared.passages))
    return tuple(compress(COMPARED, map(not_, lacking)))


def _places(s: Situation, said: Mapping[str, Earlier]) -> list[Hit]:
    return [
        Hit(path, start, end, text, _instead(said[key].day), (), "", text)
        for path, passage in zip(COMPARED, s.compared.passages, strict=True)
        for start, end, text, key in passage.sentences
        if key in said
    ]


# Many sentences stood in the notes of one day.
@lru_cache(maxsize=1024)
def _instead(day: date) -> str:
    return f"it stands in your note of {day} too; say what was so this time"


def _right_before(s: Situation) -> RightBefore | None:
    """What stands right before a contact; None where one of these notes may well be alike, or is not earlier,
    so that others are to be looked for."""
    before = s.around.notes.right_before(s)
    if before is not None:
        for each in {before.words, *before.sentences}:
            if each is not None and (each.began >= s.began or _one_event(s, each)):
                return None
    return before


def _peer_to_ask(s: Situation, before: RightBefore | None) -> str | None:
    """The peer whose other notes may say the same; None where as much stands in several of them as stands in
    those right before."""
    shared = s.around.notes.shared
    if shared is None or before is None:
        return s.peer_id
    words, sentences = before
    if not {s.peer_id}.issuperset(map(_peer_id, filter(None, (words, *sentences)))):
        return s.peer_id
    told = {*compress(s.compared.keys, sentences)}
    return None if shared.get(s.id, 0) == len(told) + (words is not None) else s.peer_id


def _same_words(s: Situation, before: RightBefore | None, peer: str | None) -> Earlier | None:
    """The latest note before with the same words: of the person, else of the peer."""
    notes, words = s.around.notes, s.compared.words
    if before is not None:
        earlier: Earlier | None = before.words
    else:
        earlier = _latest(s, notes.of_person(s.person, "words", words, s.began, MOST_SHOWN))
    if earlier is not None or peer is None:
        return earlier
    return _latest(s, notes.of_peer(peer, "words", words, s.began, MOST_SHOWN))


def _said_before(s: Situation, before: RightBefore | None, peer: str | None) -> Sequence[Earlier | None]:
    """For each sentence the latest of the earlier notes that say it: of the person, else of the peer."""
    notes, keys = s.around.notes, s.compared.keys
    if before is not None:
        said: Sequence[Earlier | None] = before.sentences
    else:
        own = [notes.of_person(s.person, "sentence", key, s.began, MOST_SHOWN) for key in keys]
        said = [_latest(s, others) for others in own]
    if peer is None or None not in said:
        return said
    return [
        _latest(s, notes.of_peer(peer, "sentence", key, s.began, MOST_SHOWN)) if each is None else each
        for key, each in zip(keys, said, strict=True)
    ]


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
