"""Bundles of contacts cut at all that differs between those that are alike, to be filled by the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from operator import itemgetter
from typing import NamedTuple

from mappings.fhir.bundle import goal_of, own_entries
from mappings.fhir.compiled import Target
from mappings.fhir.elements import master_name, quoted, stamp, to_bytes
from mappings.fhir.gaps import (
    CARRIED,
    PARTS,
    Own,
    addresses_of,
    carried_parts,
    gaps_of,
    goal_in,
    lasting_of,
    times_and_addresses,
)
from mappings.fhir.part2 import label
from mappings.fhir.scene import WORDS, Scene, note_key
from mappings.records import Coverage, Name, Signature

_HEAD, _TAIL = b'{"resourceType":"Bundle","type":"transaction","entry":[', b"]}"
# Around the name of each gap: letters that mean nothing to anybody.
_MARK, _SIGN = "\ue000{}\ue001", "\ue000".encode()
# Far beyond all care, and at odd moments, so that nothing else says them.
_ODD_TIME, _ODD_MINUTES, _ODD_SIZE = datetime(2199, 12, 1, 3, 17, 43, 271828, UTC), 918_273_645, 827_364_519
_ODD_DAY = date(2199, 11, 29)


class Piece(NamedTuple):
    """One entry as bytes, with its fullUrl, the type of its resource and what it refers to in its Bundle."""

    data: bytes
    url: str
    kind: str
    references: Sequence[Target]


class Form:
    """The bytes of a Bundle cut at its gaps, and which gap each of them is."""

    __slots__ = ("_parts", "_pick", "own")

    def __init__(self, parts: list[bytes], gaps: Sequence[int], own: Sequence[Piece]) -> None:
        self._parts, self._pick = parts, itemgetter(*gaps)
        # The entries of the contact itself: where their addresses are no gaps, those of the first.
        self.own = own

    def filled(self, gaps: Sequence[bytes]) -> bytes:
        """The Bundle with what stands in the gaps."""
        parts = self._parts.copy()
        parts[1::2] = self._pick(gaps)
        return b"".join(parts)


def form_of(scene: Scene, own: Own, pieces: Sequence[Piece], data: bytes, end: bytes) -> Form | None:
    """The form of a Bundle that has passed the gate, of which the entries are given and what stands behind;
    None where none can be made."""
    marks, own_marks = _marks_of(scene)
    like = _marked(scene, marks)
    entries, rest = _own_bytes(like), _mark("rest").encode()
    lasting, marks_lasting = lasting_of(scene, rest_of(pieces[len(entries) :])), lasting_of(like, rest)
    if lasting is None or marks_lasting is None:
        return None
    all_marks = [*own_marks, *marks_lasting]
    # Somebody's name may be a mark: it would be taken for a gap.
    known = all_marks if _SIGN in data else [mark for mark in all_marks if _SIGN not in mark]
    if any(mark and mark in data for mark in known):
        return None
    written = b"".join((_HEAD, b",".join([*entries, rest]), _TAIL, end))
    if written.count(own_marks[CARRIED]) != 1:
        return None
    form = cut(written, all_marks, _numbered(scene, own, pieces[: len(entries)]))
    fits = form is not None and form.filled([*own.gaps, *lasting]) == data
    return form if fits else None


def rest_of(pieces: Sequence[Piece]) -> bytes:
    """The entries beside a contact's own as they stand in its Bundle."""
    return b",".join([each.data for each in pieces])


def _numbered(scene: Scene, own: Own, entries: Sequence[Piece]) -> Sequence[Piece]:
    """The contact's own entries with the place among the scene's addresses in the place of each address."""
    places = {url: str(place) for place, url in reversed([*enumerate(addresses_of(scene, own))]) if url}
    return [
        Piece(
            b"",
            places[each.url],
            each.kind,
            # Most are referred to several times.
            [*dict.fromkeys([(places.get(url, url), kinds) for url, kinds in each.references])],
        )
        for each in entries
    ]


def entries_of(scene: Scene, own: Own, form: Form) -> Sequence[Piece]:
    """The contact's own entries as a form knows them, at the scene's addresses."""
    urls = {str(place): url for place, url in enumerate(addresses_of(scene, own)) if url}
    return [
        each._replace(
            url=urls[each.url], references=[(urls.get(url, url), kinds) for url, kinds in each.references]
        )
        for each in form.own
    ]


def _mark(name: str) -> str:
    return _MARK.format(name)


class _Marks(NamedTuple):
    """Marks in place of what is of a contact alone; what is not there is empty."""

    id: str
    session: str
    reason: str
    on: str
    start: str
    end: str
    signed: Sequence[datetime]
    attached: tuple[bytes, int, bytes]


def _marks_of(scene: Scene) -> tuple[_Marks, Sequence[bytes]]:
    """Marks in place of all that is of the contact alone, and the gaps that they make."""
    contact, note, minutes = scene.contact, scene.contact.note, scene.judgement.minutes
    group = contact.group
    marks = _Marks(
        _mark("id"),
        _mark("session") if group and group.session else "",
        _mark("reason") if scene.reason else "",
        _mark("on"),
        _mark("start"),
        _mark("end"),
        [_ODD_TIME + timedelta(days=1 + place) for place in range(len(contact.signatures))],
        (_mark("data").encode(), _ODD_SIZE, _mark("digest").encode()),
    )
    key = note_key(contact.model_copy(update={"id": marks.id}))
    _, signed, addresses = times_and_addresses(marks.id, key, (), _signed_at(scene, marks.signed))
    data, size, digest = marks.attached
    told = [
        *(marks.id, marks.session, marks.reason, carried_parts(PARTS, [*map(_mark, WORDS)])),
        *(quoted(marks.id), marks.on, marks.start, marks.end, "" if minutes is None else str(_ODD_MINUTES)),
        *((note and note.edited_at and stamp(_ODD_TIME)) or "", master_name(key), *addresses, *signed),
    ]
    return marks, gaps_of([*told, str(size)], data, digest)


def _signed_at(scene: Scene, times: Sequence[datetime]) -> Sequence[Signature]:
    return [
        each.model_copy(update={"at": at}) for each, at in zip(scene.contact.signatures, times, strict=True)
    ]


def _marked(scene: Scene, own: _Marks) -> Scene:
    """The same scene with marks in place of all that differs, those of the contact alone among them."""
    contact, note, people = scene.contact, scene.note, scene.people
    words = {name: _mark(name) for name in WORDS}
    data, size, digest = own.attached
    engagement, service, covers = contact.engagement, contact.service, contact.individual.coverages
    marks = {
        "id": own.id,
        "note": note.model_copy(update={**words, "edited_at": note.edited_at and _ODD_TIME}),
        "group": contact.group and contact.group.model_copy(update={"session": own.session or None}),
        "signatures": tuple(_signed_at(scene, own.signed)),
        "recipients": tuple(
            [
                each.model_copy(update={"name": each.name and Name(family=_mark(f"recipient {place}"))})
                for place, each in enumerate(contact.recipients)
            ]
        ),
        "engagement": engagement
        and engagement.model_copy(
            update={"goal": engagement.goal and _mark("goal"), "goal_on": engagement.goal_on and _ODD_DAY}
        ),
        "service": service
        and service.model_copy(
            update={
                "rationale": service.rationale and _mark("why"),
                "components": (_mark("component"),) if service.components else (),
            }
        ),
        "individual": contact.individual.model_copy(
            update={"coverages": (Coverage(payer=_mark("covers")),) if covers else ()}
        ),
    }
    who = [contact.peer.id] if contact.peer is not None else []
    who += [str(each.by) for each in contact.signatures]
    known = replace(people)
    known.__dict__.update(
        _patient={_mark("patient"): ""},
        _organization={_mark("organization"): ""},
        _said={each: {_mark(f"staff {place}"): ""} for place, each in enumerate(dict.fromkeys(who))},
    )
    minutes = None if scene.judgement.minutes is None else _ODD_MINUTES
    marked = replace(
        scene,
        contact=contact.model_copy(update=marks),
        judgement=replace(scene.judgement, minutes=minutes),
        known=known,
    )
    marked.__dict__.update(
        {name: getattr(scene, name) for name in ("text", "unsaid", "state", "straight", "span", "entry")},
        words_lost=True,
        reason=own.reason or None,
        on=own.on,
        during={"start": own.start, "end": own.end},
        attached=(data.decode(), size, digest.decode()),
        episode={_mark("episode"): ""},
        delivers=scene.delivers and {_mark("delivers"): ""},
        goal=goal_of(scene) and {_mark("pertains"): ""},
    )
    return marked


def _own_bytes(scene: Scene) -> list[bytes]:
    entries = list(own_entries(scene, goal_in(scene)))
    if scene.people.program is not None and scene.people.program.part2:
        for each in entries:
            label(each)
    return [to_bytes(each) for each in entries]


def cut(written: bytes, marks: Sequence[bytes], own: Sequence[Piece]) -> Form | None:
    """A Bundle of marks cut at each of them; None where it has too few. `own` are the entries that are not
    those of the people."""
    places = {mark: place for place, mark in reversed([*enumerate(marks)]) if mark}
    # A mark may have another one in it: of those that begin at one place the longest counts.
    found = sorted([(at, -len(mark), mark) for mark in places for at in _all_of(mark, written)])
    parts: list[bytes] = []
    gaps, end = list[int](), 0
    for at, _, mark in found:
        if at >= end:
            parts += [written[end:at], mark]
            gaps.append(places[mark])
            end = at + len(mark)
    return Form([*parts, written[end:]], gaps, own) if len(gaps) > 1 else None


def _all_of(mark: bytes, written: bytes) -> Iterator[int]:
    at = written.find(mark)
    while at >= 0:
        yield at
        at = written.find(mark, at + len(mark))
