"""Names of others who are served do not stand in a person's note."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from mappings.checks.language import shown
from mappings.checks.registry import NOT_APPLICABLE, PASS, Outcome, check, points_out
from mappings.language import Hit
from mappings.library import Bound
from mappings.names import Acquaintances, Known, Words, folded, forms_of_names, named, names_of
from mappings.situation import Situation

_PARAMETERS = ("common_words", "always_capital", "places", "company", "titles", "nicknames")


@check("no-names-of-others", *(f"names.{each}" for each in _PARAMETERS))
def no_names_of_others(s: Situation, b: Bound) -> Outcome:
    """Names of other members of the group, and of others the peer knows, stand in nobody's note (D-7)."""
    own, forms = s.person, forms_of_names(b["names.nicknames"])
    near: dict[str, tuple[Known, bool]] = {}
    anybody = False
    for each, here in _known(s):
        if _others(each.known, own):
            anybody = True
            near.update({known.id: (known, here) for known in each.near(s.pieces, forms) if known.id != own})
    if not anybody or not s.pieces:
        return NOT_APPLICABLE
    if not near:
        return PASS
    hits = list(_hits(s, _words(b), list(near.values())))
    if not hits:
        return PASS
    return points_out(f"The name of somebody else may stand in the note: {shown(hits)}.", hits, b.rule.fix)


def _others(known: Collection[str], own: str) -> bool:
    count = len(known)
    return count > 1 or (count == 1 and own not in known)


def _known(s: Situation) -> list[tuple[Acquaintances, bool]]:
    """Whom the peer knows, the group's roster last: what is known of it counts."""
    found = [(s.around.known_to(s.peer_id), False)] if s.peer_id is not None else []
    return [*found, (s.around.roster_of(s.session), True)] if s.session else found


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


def _words(b: Bound) -> Words:
    sets = [frozenset(folded(word) for word in b[f"names.{each}"]) for each in _PARAMETERS[:-1]]
    common, always_capital, places, company, titles = sets
    return Words(common, always_capital, places, company, titles, forms_of_names(b["names.nicknames"]))
