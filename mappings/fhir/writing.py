"""Bundles as finished bytes, for many records: what they share is made, checked and written once.

The bytes are those of `to_bytes` of the Bundle that `bundle` and `claim` make. Whatever this cannot tell to
be right is left to them: they check everything, name what is wrong, and let the models pass a new shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial

from mappings.claims import ClaimDraft
from mappings.fhir import gate
from mappings.fhir.alike import Kept
from mappings.fhir.bundle import (
    contact_bundle,
    entries_beside,
    label,
    plan_bundle,
    plan_parts,
    scene_parts,
)
from mappings.fhir.claim import claim_bundle, claim_parts
from mappings.fhir.claims_alike import KeptClaims, key_of
from mappings.fhir.compiled import Met, Same
from mappings.fhir.elements import Json, to_bytes
from mappings.fhir.forms import Piece, rest_of
from mappings.fhir.people import ChartLinks, People
from mappings.fhir.repeated import Repeated
from mappings.fhir.scene import Scene
from mappings.findings import Judgement
from mappings.library import Library
from mappings.office import Surroundings
from mappings.records import Contact, Individual, PlanEntry, ProgramFields, StaffFields
from mappings.seal import Seal

# What is kept of people is a few kB each: some MB at most, however long the input is.
_MOST_KEPT = 1_024
_MOST_CASTS, _MOST_SAME = 256, 8_192
# Who is the same for everybody whom a peer of a programme supports; a payer's entry says its code alone.
_OF_OFFICE = ("Practitioner", "Organization")
_HEAD, _TAIL = b'{"resourceType":"Bundle","type":"transaction","entry":[', b"]}"


class Cast:
    """The people of a record, and the entries of those whom it refers to as they were written before: those
    of its individual, and those of the office that is theirs."""

    __slots__ = ("office", "people", "pieces")

    def __init__(self, people: People, office: dict[str, Piece] | None = None) -> None:
        self.people = people
        self.pieces: dict[str, Piece] = {}
        self.office = office if office is not None else {}

    def of(self, around: Surroundings, peer: StaffFields | None, program: ProgramFields | None) -> bool:
        """Whether its people are of this peer and programme."""
        known = self.people
        return known.around is around and (known.peer, known.program) == (peer, program)


class Writer:
    """Writes the Bundles of one input, and keeps the entry of a person or programme while it stays the same.

    One for each input or worker; not to be shared between threads. `end` stands behind each Bundle.
    """

    def __init__(
        self, library: Library, now: datetime, links: ChartLinks | None = None, end: bytes = b""
    ) -> None:
        self.end = end
        self.library, self.now, self.links = library, now, links or ChartLinks()
        self._kept: dict[tuple[str, bool], tuple[object, Sequence[Piece]]] = {}
        self._casts: dict[tuple[str, str | None, str | None], Cast] = {}
        # By peer and programme those of one of their records.
        self._offices: dict[tuple[str | None, str | None], Cast] = {}
        self._same: Same = {}
        self._kept_alike, self._kept_claims = Kept(end), KeptClaims()

    def contact(
        self,
        contact: Contact,
        judgement: Judgement,
        around: Surroundings,
        seals: Sequence[Seal] = (),
        text: str | None = None,
    ) -> bytes:
        """The bytes of `contact_bundle`; raises NotFit as it does."""
        alone = text is None and not seals and self.links.empty
        data = self._kept_alike.at_once(contact, judgement, around) if alone else None
        if data is not None:
            return data
        given = (contact, judgement, around, seals, self.links, self.library, self.now, text)
        program = around.program_of(contact.program)
        cast = self._cast(contact.individual, contact.peer, program, around)
        scene = Scene(*given, known=cast.people)
        met = self._kept_alike.met(scene) if alone else None
        if met is None:
            return self._written(scene_parts(scene), cast, lambda: contact_bundle(*given))
        data = self._kept_alike.filled(scene, met, lambda own: self._beside(own, scene, cast))
        if data is None:
            learn = partial(self._kept_alike.learn, scene, met)
            data = self._written(scene_parts(scene), cast, lambda: contact_bundle(*given), learn)
        return data

    def plan(self, entries: Sequence[PlanEntry], around: Surroundings, seals: Sequence[Seal] = ()) -> bytes:
        """The bytes of `plan_bundle`; raises NotFit as it does."""
        given = (entries, around, seals, self.links, self.library, self.now)
        parts, people = plan_parts(*given)
        return self._written(parts, Cast(people), lambda: plan_bundle(*given))

    def claim(
        self,
        claim: ClaimDraft,
        around: Surroundings,
        encounters: Mapping[str, str] | None = None,
        type_of_bill: str | None = None,
    ) -> bytes:
        """The bytes of `claim_bundle`; raises NotFit as it does."""
        key = key_of(claim, around) if encounters is None and type_of_bill is None else None
        data = self._kept_claims.filled(key, claim) if key is not None else None
        if data is not None:
            return data
        given = (around, self.links, self.library, self.now, encounters, type_of_bill)
        cast = self._cast(claim.individual, None, claim.program, around)
        parts, people = claim_parts(claim, *given, cast.people)

        def learn(pieces: Sequence[Piece], data: bytes) -> None:
            def written(marked: ClaimDraft) -> bytes:
                own, _ = claim_parts(marked, *given, people)
                return self._bundle([_bytes(own[0], people), *[each.data for each in pieces[1:]]])

            self._kept_claims.learn(key, claim, around, data, written)

        whole = partial(claim_bundle, claim, *given)
        return self._written(parts, cast, whole, learn if key is not None else None)

    def _cast(
        self,
        person: Individual,
        peer: StaffFields | None,
        program: ProgramFields | None,
        around: Surroundings,
    ) -> Cast:
        """Everybody of a contact or claim: those of an earlier one while they are the same."""
        name = person.id, peer.id if peer else None, program.id if program else None
        kept = self._casts.get(name)
        if kept is not None and kept.of(around, peer, program) and kept.people.individual == person:
            return kept
        if len(self._casts) >= _MOST_CASTS:
            self._casts.clear()
            self._offices.clear()
        known = self._offices.get(name[1:])
        if known is None or not known.of(around, peer, program):
            made = self._offices[name[1:]] = Cast(People(person, program, around, self.links, peer))
        else:
            made = Cast(known.people.beside(person), known.office)
        self._casts[name] = made
        return made

    def _written(
        self,
        entries: Iterable[Json | Repeated],
        cast: Cast,
        whole: Callable[[], Json],
        learn: Callable[[Sequence[Piece], bytes], None] | None = None,
    ) -> bytes:
        fresh: list[str] = []
        pieces = self._pieces(entries, cast, fresh)
        if pieces and not fresh:
            data = self._bundle([each.data for each in pieces])
            if learn is not None:
                learn(pieces, data)
            return data
        return to_bytes(whole()) + self.end

    def _bundle(self, entries: Sequence[bytes]) -> bytes:
        return b"".join((_HEAD, b",".join(entries), _TAIL, self.end))

    def _beside(self, own: Sequence[Piece], scene: Scene, cast: Cast) -> bytes | None:
        """The other entries of a contact's Bundle, of which its own are known; None in doubt."""
        fresh: list[str] = []
        pieces = self._pieces([*own, *entries_beside(scene)], cast, fresh)
        if not pieces or fresh:
            return None
        return rest_of(pieces[len(own) :])

    def _pieces(
        self, entries: Iterable[Json | Repeated | Piece], cast: Cast, fresh: list[str]
    ) -> Sequence[Piece] | None:
        """The entries and those of the people they refer to, in the order of the Bundle; None in doubt, and
        where a reference is to an entry of a type that it may not be to."""
        part2 = _part2(cast.people)
        once: dict[str, Piece] = {}
        for each in entries:
            pieces: Sequence[Piece] | None
            if isinstance(each, Piece):
                pieces = (each,)
            elif isinstance(each, Repeated):
                pieces = self._again(each.name, each.source, each.make, part2, fresh)
            else:
                pieces = _pieces_of((each,), part2, fresh, self._known_same())
            if pieces is None:
                return None
            for piece in pieces:
                once.setdefault(piece.url, piece)
        todo = list(once.values())
        while todo:
            for url, allowed in todo.pop().references:
                known = once.get(url)
                if known is None:
                    known = cast.office.get(url) or cast.pieces.get(url) or self._of(url, cast, part2, fresh)
                    if known is None:
                        return None
                    once[url] = known
                    todo.append(known)
                if allowed and known.kind not in allowed:
                    return None
        return list(once.values())

    def _of(self, url: str, cast: Cast, part2: bool, fresh: list[str]) -> Piece | None:
        """The entry of somebody a record refers to; None where nobody is there, or in doubt."""
        made, new = cast.people.record(url), len(fresh)
        pieces = made and self._again(url, made[0], _alone(made[1]), part2, fresh)
        if not pieces:
            return None
        if len(fresh) == new:
            (cast.office if pieces[0].kind in _OF_OFFICE else cast.pieces)[url] = pieces[0]
        return pieces[0]

    def _again(
        self, name: str, source: object, make: Callable[[], Iterable[Json]], part2: bool, fresh: list[str]
    ) -> Sequence[Piece] | None:
        """Entries as they were written for an earlier record, while what they are made of is the same."""
        kept = self._kept.get((name, part2))
        if kept is not None and (kept[0] is source or kept[0] == source):
            return kept[1]
        new = len(fresh)
        pieces = _pieces_of(make(), part2, fresh, self._known_same())
        if pieces is not None and len(fresh) == new:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[name, part2] = source, pieces
        return pieces

    def _known_same(self) -> Same:
        if len(self._same) >= _MOST_SAME:
            self._same.clear()
        return self._same


def _bytes(entry: Json, people: People) -> bytes:
    """An entry as it is written, unchecked."""
    if _part2(people):
        label(entry)
    return to_bytes(entry)


def _part2(people: People) -> bool:
    return people.program is not None and bool(people.program.part2)


def _alone(make: Callable[[], Json]) -> Callable[[], Iterable[Json]]:
    return lambda: (make(),)


def _pieces_of(entries: Iterable[Json], part2: bool, fresh: list[str], same: Same) -> Sequence[Piece] | None:
    found: list[Piece] = []
    for each in entries:
        piece = _piece(each, part2, fresh, same)
        if piece is None:
            return None
        found.append(piece)
    return found


def _piece(entry: Json, part2: bool, fresh: list[str], same: Same) -> Piece | None:
    """The entry once it has passed the gate; None where only the gate itself can tell. Shapes that no model
    has passed yet go into `fresh`."""
    if part2:
        label(entry)
    met = Met(same)
    if not gate.passes_entry(entry, met):
        return None
    fresh += met.fresh
    kind = entry["resource"]["resourceType"]
    return Piece(to_bytes(entry), entry["fullUrl"], kind, met.references)


__all__ = ["Writer"]
