"""Contacts that are alike: one person comes to one peer for the same service, week after week.

Their Bundles differ in names, times and words alone. So the Bundle of one of them that has passed the whole
gate is cut at these, and the next is put together of the pieces and of what is its own. What may differ is
listed in `_gaps`; all else that a Bundle depends on is in the key by which contacts are alike. Whatever
cannot be told to be right is left to the ordinary way, which checks everything and names what is wrong.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from operator import itemgetter

import orjson

from mappings.fhir.bundle import own_entries
from mappings.fhir.elements import full_url, master_identifier, quoted, stamp, to_bytes, xml_can_hold
from mappings.fhir.part2 import label
from mappings.fhir.scene import WORDS, Scene
from mappings.note_text import Sheet
from mappings.records import PlanEntry

# What a contact has in common with those that are alike: as values, as one and the same object, and as lists
# of the same objects. Who is in it, the people of its scene say.
_values = itemgetter("kind", "version", "jurisdiction", "status", "excluded_minutes", "technical_failure")
_objects = itemgetter("engagement", "service", "risk", "clinical_input", "authorization", "claim")
_lists = itemgetter("staff", "recipients", "consents", "collaboration", "diagnoses")
_words = itemgetter(*WORDS)
_signed_as = itemgetter("meaning", "by", "category", "licence_from", "licence_to")
_SIGNERS = (["author"], ["author", "cosigner"])
_MOST_KEPT = 1_024
# Around the name of each gap: letters that mean nothing to anybody.
_MARK = "\ue000{}\ue001"
# Far beyond all care, and at odd moments, so that nothing else says them.
_ODD_TIME, _ODD_MINUTES, _ODD_SIZE = datetime(2199, 12, 1, 3, 17, 43, 271828, UTC), 918_273_645, 827_364_519


class Alike:
    """Contacts that are alike so far: what they are made of, the text they share, and their forms."""

    __slots__ = ("forms", "held", "sheet")

    def __init__(self, held: object, sheet: Sheet) -> None:
        # What is held keeps its identity, by which others are found to be alike.
        self.held, self.sheet = held, sheet
        self.forms: dict[object, Form | None] = {}


class Form:
    """The bytes of a Bundle cut at its gaps, and which gap each of them is."""

    __slots__ = ("_parts", "_pick")

    def __init__(self, parts: list[bytes], gaps: Sequence[int]) -> None:
        self._parts, self._pick = parts, itemgetter(*gaps)

    def filled(self, gaps: Sequence[bytes]) -> bytes:
        """The Bundle with what stands in the gaps."""
        parts = self._parts.copy()
        parts[1::2] = self._pick(gaps)
        return b"".join(parts)


class Kept:
    """The forms of one writer; one scene after another is asked for, and the ordinary way is told of."""

    def __init__(self) -> None:
        self._known: dict[object, Alike] = {}

    def met(self, scene: Scene) -> Alike | None:
        """Those that the contact is alike; None where it is of no kind that has a form."""
        key = _key(scene)
        if key is None:
            return None
        alike = self._known.get(key)
        if alike is None:
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            sheet = Sheet(scene.contact, scene.around, scene.library)
            alike = self._known[key] = Alike((scene.contact, scene.people, scene.span), sheet)
        # Before anybody asks for the text.
        scene.__dict__["text"] = alike.sheet.text(scene.contact, scene.judgement)
        return alike


def filled(scene: Scene, alike: Alike) -> bytes | None:
    """The Bundle of a contact by the form of those that are alike; None where there is none, or in doubt."""
    form = alike.forms.get(_form_of(scene))
    if form is None or not _texts_stand(scene):
        return None
    return form.filled(_gaps(scene))


def learn(scene: Scene, alike: Alike, data: bytes, own: Iterable[bytes]) -> None:
    """Make a form of a Bundle that has passed the gate, of which `own` are the entries of this contact."""
    key = _form_of(scene)
    if key not in alike.forms:
        # The first is remembered, of the second a form is made: to make one costs half as much as a Bundle.
        alike.forms[key] = None
        return
    if not _texts_stand(scene):
        return
    marked = _marked(scene)
    marks = _gaps(marked)
    # Somebody's name may be a mark: it would be taken for a gap.
    if any(mark and mark in data for mark in marks):
        return
    written = data
    for before, after in zip(own, _own_bytes(marked), strict=False):
        written = written.replace(before, after, 1)
    form = _cut(written, marks)
    if form is not None and form.filled(_gaps(scene)) == data:
        alike.forms[key] = form


def _key(scene: Scene) -> object:
    """All that a Bundle depends on beside what `_gaps` lists; None where that is not all of it."""
    contact, people = scene.contact.__dict__, scene.people
    start, end, signatures, ehr = contact["start"], contact["end"], contact["signatures"], contact["ehr"]
    if start is None or end is None or contact["note"] is None or contact["relates_to"]:
        return None
    if (ehr is not None and ehr.encounter is not None) or not scene.span or _before(end, start):
        return None
    if not _in_order(scene):
        return None
    note, group, day = contact["note"].__dict__, contact["group"], scene.day
    session = group.session if group is not None else None
    if session is not None and (session != session.strip() or not session):
        return None
    return (
        id(people),
        id(scene.span),
        *_values(contact),
        *map(id, _objects(contact)),
        *[tuple(map(id, each)) for each in _lists(contact)],
        (note["goals"], note["data_verified"], note["edited_at"] is None),
        tuple([_signed_as(each.__dict__) for each in signatures]),
        group and (group.attendees, session is None),
        scene.judgement.minutes is None,
        # What the day and the time of the contact bring about.
        bisect_right(scene.library.breaks, day),
        bisect_left(_ends(scene), day),
        scene.state,
        scene.zone,
        # Equal zones may be called by other names, and the text says the name.
        str(scene.zone),
    )


def _in_order(scene: Scene) -> bool:
    """Whether the version is signed by its author, and after that by one co-signer at most."""
    own = scene.contact.signatures
    if [each.meaning for each in own] not in _SIGNERS:
        return False
    for each in own:
        if each.version != scene.contact.version or not each.by or each.at is None:
            return False
    if len(own) == 1:
        return True
    first, second = own[0].at, own[1].at
    return first < second and _before(first, second)  # type: ignore[operator, arg-type]  # both are there


def _before(one: datetime, other: datetime) -> bool:
    """Whether a moment is before another; two of one time zone Python compares by what its clocks show,
    which is the same hour twice where summer ends."""
    return one.astimezone(UTC) < other.astimezone(UTC)


def _ends(scene: Scene) -> Sequence[date]:
    """The last days of the services of the plan that the contact delivers."""
    entry, kept = scene.entry, scene.people.kept
    if entry is None:
        return ()
    # The entry is held, so that no other can come to have its identity.
    found: tuple[PlanEntry, Sequence[date]] | None = kept.get(("ends", id(entry)))
    if found is None:
        plans = [each.plan for each in scene.around.plan_of(entry)]
        found = entry, sorted([each.to for each in plans if each and each.to])
        kept["ends", id(entry)] = found
    return found[1]


def _form_of(scene: Scene) -> object:
    """What of the words of a note decides which parts its Bundle has."""
    texts = tuple([each is None or each == "" for each in _words(scene.note.__dict__)])
    return scene.words_lost, texts, tuple(scene.unsaid)


def _texts(scene: Scene) -> list[str]:
    """The texts of people among what differs."""
    contact = scene.contact
    session = contact.group.session if contact.group is not None else None
    return [
        contact.id,
        session or "",
        scene.reason or "",
        *[each or "" for each in _words(scene.note.__dict__)],
    ]


def _texts_stand(scene: Scene) -> bool:
    """Whether the gate would pass each of the texts."""
    return not any(each and not (each.strip() and xml_can_hold(each)) for each in _texts(scene))


def _gaps(scene: Scene) -> list[bytes]:
    """What stands in the gaps, as it is written there; what is not there is empty.

    The times, the numbers and what is computed of them are of a form that needs no check.
    """
    name, key, during = scene.contact.id, scene.note_key, scene.during
    edited, (data, size, digest) = scene.note.edited_at, scene.attached
    texts = _texts(scene)
    said = "".join(texts)
    if '"' in said or "\\" in said or not said.isprintable():
        texts = [_escaped(each) for each in texts]
    found = [
        *texts,
        quoted(name),
        full_url("encounter", name),
        full_url("note", key),
        master_identifier(key)["value"],
        scene.on,
        during["start"],
        during["end"],
        "" if scene.judgement.minutes is None else str(scene.judgement.minutes),
        stamp(edited) or "",
        data,
        str(size),
        digest,
    ]
    for one in scene.signed:
        found += (
            one.when,
            scene.signature_reference(one)["reference"],
            full_url("task", f"{key}/{one.meaning}"),
        )
    return "\0".join(found).encode().split(b"\0")


def _escaped(text: str) -> str:
    """A text as it stands between the quotation marks of JSON."""
    return orjson.dumps(text)[1:-1].decode()


def _marked(scene: Scene) -> Scene:
    """The same scene with marks in place of all that differs."""
    contact, note = scene.contact, scene.note
    words = {
        name: said and _MARK.format(name) for name, said in zip(WORDS, _words(note.__dict__), strict=True)
    }
    edited = note.edited_at and _ODD_TIME
    times = [_ODD_TIME + timedelta(days=1 + place) for place in range(len(contact.signatures))]
    marks = {
        "id": _MARK.format("id"),
        "note": note.model_copy(update={**words, "edited_at": edited}),
        "group": contact.group
        and contact.group.model_copy(update={"session": contact.group.session and _MARK.format("session")}),
        "signatures": tuple(
            [each.model_copy(update={"at": at}) for each, at in zip(contact.signatures, times, strict=True)]
        ),
    }
    minutes = None if scene.judgement.minutes is None else _ODD_MINUTES
    marked = replace(
        scene, contact=contact.model_copy(update=marks), judgement=replace(scene.judgement, minutes=minutes)
    )
    marked.__dict__.update(
        text=scene.text,
        words_lost=scene.words_lost,
        unsaid=scene.unsaid,
        reason=scene.reason and _MARK.format("reason"),
        on=_MARK.format("on"),
        during={"start": _MARK.format("start"), "end": _MARK.format("end")},
        attached=(_MARK.format("data"), _ODD_SIZE, _MARK.format("digest")),
    )
    return marked


def _own_bytes(scene: Scene) -> list[bytes]:
    entries = list(own_entries(scene))
    if scene.people.program is not None and scene.people.program.part2:
        for each in entries:
            label(each)
    return [to_bytes(each) for each in entries]


def _cut(written: bytes, marks: Sequence[bytes]) -> Form | None:
    """A Bundle of marks cut at each of them."""
    places = {mark: place for place, mark in enumerate(marks) if mark}
    longest = sorted(places, key=len, reverse=True)
    parts = re.split(b"(" + b"|".join(map(re.escape, longest)) + b")", written)
    if len(parts) < 4:
        return None
    return Form(parts, [places[mark] for mark in parts[1::2]])
