"""Names of others who are served do not stand in a person's note."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Set

from mappings.checks.language import shown
from mappings.checks.registry import NOT_APPLICABLE, PASS, Outcome, check, points_out
from mappings.in_force import Bound
from mappings.language import Hit
from mappings.names import Acquaintances, Known, Words, folded, forms_of_names, named, names_of
from mappings.once import by_identity
from mappings.situation import Situation

_PARAMETERS = ("common_words", "always_capital", "places", "company", "titles", "nicknames")


@check("no-names-of-others", *(f"names.{each}" for each in _PARAMETERS))
def no_names_of_others(s: Situation, b: Bound) -> Outcome:
    """Names of other members of the group, and of others the peer knows, stand in nobody's note (D-7)."""
    others = _known(s)
    if not others or not (s.compared.words or any(map(str.strip, filter(None, s.texts)))):
        return NOT_APPLICABLE
    words = _words(b)
    near: dict[str, tuple[Known, bool]] = {}
    for people, here in others:
        found = _near(s, people, words.nicknames)
        if found:
            near.update({known.id: (known, here) for known in found if known.id != s.person})
    if not near:
        return PASS
    hits = list(_hits(s, words, list(near.values())))
    if not hits:
        return PASS
    return points_out(f"The name of somebody else may stand in the note: {shown(hits)}.", hits, b.rule.fix)


def _near(s: Situation, people: Acquaintances, nicknames: Mapping[str, Set[str]]) -> list[Known]:
    """Those of the people one of whose names, in any form, may stand in the note."""
    beginnings, texts = people.beginnings(nicknames), s.around.texts
    near = texts.near(beginnings, s.texts)
    # Most notes name nobody.
    if not near:
        return []
    return people.named_by(set().union(*[beginnings.near(texts.pieces_of(text)) for text in near]))


def _others(known: Collection[str], own: str) -> bool:
    count = len(known)
    return count > 1 or (count == 1 and own not in known)


def _known(s: Situation) -> list[tuple[Acquaintances, bool]]:
    """Whom the peer knows, the group's roster last, so that what is known of it counts; each only where it
    holds others than the person."""
    found = []
    if s.peer_id is not None and _others((known := s.around.known_to(s.peer_id)).known, s.person):
        found.append((known, False))
    if s.session and _others((roster := s.around.roster_of(s.session)).known, s.person):
        found.append((roster, True))
    return found


def _hits(s: Situation, words: Words, near: list[tuple[Known, bool]]) -> Iterator[Hit]:
    spared = _spared(s, words)
    note = s.contact.note
    for path, text in (*s.peer_texts, ("note.own_words", note.own_words if note else None)):
        if not text:
            continue
        spans: dict[tuple[int, int], bool] = {}
        for roster in (True, False):
            others = [known for known, here in near if here is roster]
            for span in named(text, others, spared, words, alone=roster) if others else ():
                if not any(start < span[1] and span[0] < end for start, end in spans):
                    spans[span] = roster
        for (start, end), roster in sorted(spans.items()):
            yield _hit(path, text, start, end, roster)


def _hit(path: str, text: str, start: int, end: int, roster: bool) -> Hit:
    wording = "another member of the group" if roster else "another person"
    if not text[:start].strip() or text[:start].rstrip()[-1] in ".!?":
        wording = wording[0].upper() + wording[1:]
    around = " ".join(text[max(0, start - 20) : end + 20].split())
    return Hit(path, start, end, text[start:end], "", (wording,), around=around)


def _spared(s: Situation, words: Words) -> list[Known]:
    """The person, staff and whoever took part by name: their names stand there with good reason."""
    person = s.contact.individual
    present = [(str(number), each.name) for number, each in enumerate(s.contact.recipients)]
    own = names_of([(person.id, person.name), *present])
    return [*(words.in_all_forms(each) for each in own), *s.around.staff_names]


@by_identity
def _words(b: Bound) -> Words:
    sets = [frozenset(folded(word) for word in b[f"names.{each}"]) for each in _PARAMETERS[:-1]]
    common, always_capital, places, company, titles = sets
    return Words(common, always_capital, places, company, titles, forms_of_names(b["names.nicknames"]))
