"""A note is no copy: text of an earlier note is pointed out with the day on which it stood there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache, partial
from itertools import compress
from operator import attrgetter
from typing import NamedTuple

from mappings.checks.language import MOST_SHOWN, wording_advice
from mappings.checks.registry import Outcome, advises, check
from mappings.checks.texts import on_day
from mappings.findings import Severity
from mappings.in_force import Bound
from mappings.language import Hit, Places
from mappings.notes_told import Earlier, RightBefore
from mappings.repeats import COMPARED, Passage
from mappings.situation import Situation

# What one person's note shares with their earlier notes from this many times the least length on is pointed
# out alone; a shorter sentence is a formula of one's own.
LONG = 2
_KEEP_IT = "Keep it where it was so again; else write what was so this time."
_KEEP_THEM = "Keep them where it was so again; else write what was so this time."
_INSTEAD = "it stands in your note of {} too; say what was so this time"
_began, _person = attrgetter("began"), attrgetter("person")


class Told(NamedTuple):
    """The long ones of sentences that stood in earlier notes: which these are, their keys and places, the
    parts of the note that they stand in, and how many words they have together."""

    long: Sequence[bool]
    keys: Sequence[str]
    paths: Sequence[str]
    fields: tuple[str, ...]
    words: int


@check("own-text", "clone.min_words", "clone.share", "lint.boilerplate")
def own_text(s: Situation, b: Bound) -> Outcome:
    """The text of a note is its own: no copy of an earlier note, no sentence that fits any note."""
    words = s.compared.words
    if s.start is not None and words:
        before, peer = _to_ask(s)
        earlier, count = _same_words(s, before, peer), words.count(" ") + 1
        # Few notes have the very words of another.
        if earlier is not None and count >= b["clone.min_words"]:
            return _whole(s, earlier)
        found = _parts(s, _said_before(s, before, peer), count, b)
        if found is not None:
            return found
    return wording_advice(s, b, "lint.boilerplate")


def _whole(s: Situation, earlier: Earlier) -> Outcome:
    whose = "person" if earlier.person == s.person else "peer"
    return advises(
        f"Response, progress and outcome are word for word those of contact {earlier.id} "
        f"of the same {whose} on {earlier.day}.",
        "note.response",
        "note.progress",
        "note.outcome",
        severity="warn" if whose == "person" else "info",
    )


def _parts(s: Situation, said: Sequence[Earlier | None], count: int, b: Bound) -> Outcome | None:
    """Sentences that stood in earlier notes; those of the same person weigh, own formulas hardly."""
    _, _, keys, paths = s.compared
    least = b["clone.min_words"]
    told = _told(tuple(compress(keys, said)), tuple(compress(paths, said)), least)
    if not told.keys:
        return None
    notes = [*compress(filter(None, said), told.long)]
    if told.words * 100 >= b["clone.share"] * count:
        weight: Severity = "warn" if s.person in map(_person, notes) else "info"
        return _advice(s, "Most of this", told, notes, weight)
    own = [note.person == s.person for note in notes]
    told = _told(tuple(compress(told.keys, own)), tuple(compress(told.paths, own)), LONG * least)
    notes = [*compress(compress(notes, own), told.long)]
    return _advice(s, None, told, notes, "info") if notes else None


# What one note of a person repeats, the next one repeats too.
@lru_cache(maxsize=4096)
def _told(keys: tuple[str, ...], paths: tuple[str, ...], least: int) -> Told:
    words = [len(key.split()) for key in keys]
    long = [count >= least for count in words]
    stands = tuple(compress(paths, long))
    return Told(
        long, [*compress(keys, long)], stands, tuple(dict.fromkeys(stands)), sum(compress(words, long))
    )


def _advice(
    s: Situation, what: str | None, told: Told, notes: Sequence[Earlier], severity: Severity
) -> Outcome:
    latest = max(notes, key=_began)
    whose = "of the same person" if latest.person == s.person else "of the same peer"
    places = Places(partial(_places, s.compared.passages, told.keys, notes))
    what = what or f"“{places[0].found}”"
    return Outcome(
        "advice",
        f"{what} stands word for word in contact {latest.id} {whose} on {on_day(latest.day)}.",
        told.fields,
        severity,
        _KEEP_IT if len(notes) == 1 else _KEEP_THEM,
        places,
    )


def _places(passages: Iterable[Passage], keys: Iterable[str], notes: Iterable[Earlier]) -> list[Hit]:
    said = dict(zip(keys, notes, strict=True))
    return [
        Hit(path, start, end, text, _INSTEAD.format(on_day(said[key].day)), (), "", text)
        for path, passage in zip(COMPARED, passages, strict=True)
        for start, end, text, key in passage.sentences
        if key in said
    ]


def _to_ask(s: Situation) -> tuple[RightBefore | None, str | None]:
    """What stands right before a contact, where that tells what the person's earlier notes say, and the peer
    whose other notes may say more.

    The first is None where one of the notes may well be alike, or is not earlier, so that others are to be
    looked for; the second where no earlier note of the peer says more of the note than those.
    """
    notes = s.around.notes
    before, repeating = notes.right_before(s), notes.repeating
    if before is None or not (before.apart or _all_apart(s, before)):
        return None, s.peer_id
    return before, s.peer_id if repeating is None or s.id in repeating else None


def _all_apart(s: Situation, before: RightBefore) -> bool:
    notes = {before.words, *before.sentences}
    return not any(each.began >= s.began or _one_event(s, each) for each in notes if each is not None)


def _same_words(s: Situation, before: RightBefore | None, peer: str | None) -> Earlier | None:
    """The latest note before with the same words: of the person, else of the peer."""
    notes, words = s.around.notes, s.compared.words
    earlier: Earlier | None
    if before is not None:
        earlier, others = before.words, notes.of_others
    else:
        earlier = _latest(s, notes.of_person(s.person, "words", words, s.began, MOST_SHOWN))
        others = notes.of_peer
    if earlier is not None or peer is None:
        return earlier
    return _latest(s, others(peer, "words", words, s.began, MOST_SHOWN))


def _said_before(s: Situation, before: RightBefore | None, peer: str | None) -> Sequence[Earlier | None]:
    """For each sentence the latest of the earlier notes that say it: of the person, else of the peer."""
    notes, keys = s.around.notes, s.compared.keys
    said: Sequence[Earlier | None]
    if before is not None:
        said, others = before.sentences, notes.of_others
    else:
        own = [notes.of_person(s.person, "sentence", key, s.began, MOST_SHOWN) for key in keys]
        said, others = [_latest(s, each) for each in own], notes.of_peer
    if peer is None or None not in said:
        return said
    return [
        _latest(s, others(peer, "sentence", key, s.began, MOST_SHOWN)) if each is None else each
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
