"""Contacts that are alike: a person comes to a peer for the same service, week after week.

Their Bundles differ in names, times and words alone, and those of two persons who come for the same in who
they are besides. So a Bundle that has passed the whole gate is cut at all of these, and the next one is put
together of the pieces and of what is its own. `gaps_of` lists what differs from contact to contact and
`lasting_of` what differs from person to person; all else that a Bundle depends on is in the keys by which
contacts are alike. Whatever cannot be told to be right is left to the ordinary way, which checks everything
and names what is wrong.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from operator import itemgetter
from typing import NamedTuple

from mappings.engagement import day_of, state_at
from mappings.fhir.beyond import history_lost, signatures_lost
from mappings.fhir.elements import Json
from mappings.fhir.episode import span_at
from mappings.fhir.forms import Form, Piece, entries_of, form_of, rest_of
from mappings.fhir.gaps import (
    Own,
    carried_of,
    lasting_of,
    own_of,
    person_stands,
    referred,
)
from mappings.fhir.people import GENDERS
from mappings.fhir.scene import Scene
from mappings.findings import Judgement
from mappings.note_text import Sheet, own_parts, words_of
from mappings.office import Surroundings
from mappings.records import Contact, Signature

# What a contact has in common with those of its course: as values, and as one and the same object. What few
# contacts have is compared as it reads, and not written into the forms of other persons.
_values = itemgetter("kind", "version", "jurisdiction", "status", "excluded_minutes", "technical_failure")
_objects = itemgetter("individual", "program", "peer", "engagement", "service")
_told = itemgetter(
    *("start", "end", "note", "group", "ehr", "recipients", "diagnoses", "signatures", "version")
)
_rare = itemgetter(
    *("staff", "risk", "consents", "clinical_input", "collaboration", "authorization", "claim", "relates_to")
)
_noted = itemgetter("goals", "data_verified", "edited_at")
_signed_as = itemgetter("meaning", "by", "category", "licence_from", "licence_to")
_service = itemgetter("type", "code", "format", "place", "modality", "basis", "voluntary")
_place = itemgetter("kind", "name")
_received = itemgetter("role", "relationship", "attachment")
_diagnosed = itemgetter("code", "rank", "by")
_SIGNERS = (["author"], ["author", "cosigner"])
_MOST_KEPT, _MOST_ALIKE, _MOST_FORMS = 512, 32, 512


# The day of a contact, its start and its end, where the programme is.
Times = tuple[date, datetime, datetime]


class Alike:
    """The contacts of one person that are alike so far: what they are made of, the text they share, which of
    the contacts of other persons they are like, what is of the person in their Bundles, and their forms."""

    __slots__ = ("forms", "held", "lasting", "manner", "often", "sheet")

    def __init__(self, scene: Scene) -> None:
        # What is held keeps its identity, by which others are found to be alike.
        self.held = scene.contact, scene.people, scene.span
        self.sheet = Sheet(scene.contact, scene.around, scene.library)
        # Where it is like nobody else's its forms are its own, and whoever keeps them holds what it holds.
        self.manner = _manner(scene) or self
        # Whether others like them are to be expected: to make a form costs as much as a Bundle.
        self.often = not _has_rare(scene)
        self.lasting: list[bytes] | None = None
        self.forms: dict[object, Form] = {}

    def told(self, contact: Contact, judged: Judgement, times: Times) -> tuple[str, Own | None]:
        """The text of one of them, and what is of it alone; None where that does not stand."""
        day, begun, until = times
        words = words_of(contact.__dict__["note"])
        parts, laid = own_parts(words)
        text = self.sheet.text_at(contact, judged, begun, until, parts)
        return text, own_of(contact, judged, day, text, words, laid)


class Course:
    """The contacts of one person with one peer for one service: alike but for what their days bring about.

    `turns` are the days (as ordinals) with which something may begin to be otherwise: the rules, the plan or
    the engagement; `near` those that are alone between two turns, since it may begin in their midst.
    """

    __slots__ = ("alike", "ends", "held", "near", "settled", "spans", "turns", "zone")

    def __init__(self, scene: Scene) -> None:
        self.held, self.ends, self.spans, self.zone = scene, _ends(scene), scene.spans, scene.zone
        engagement = scene.contact.engagement
        history = engagement.history if engagement is not None else ()
        changes = [day_of(each, scene.zone).toordinal() for each in history if each.at is not None]
        # Where clocks are put back at midnight a day comes back for a while.
        self.near = {day + beside for day in changes for beside in (-1, 0, 1)}
        after = [day + 1 for day in (*self.near, *[each.toordinal() for each in self.ends])]
        self.turns = sorted({*self.near, *after, *[each.toordinal() for each in scene.library.breaks]})
        self.alike: dict[object, Alike] = {}
        # Those of the stretches from turn to turn.
        self.settled: dict[int, Alike] = {}

    def on(self, times: Times) -> Alike | None:
        """Those that a contact of such times is alike; None where it is the first."""
        day, start, _ = times
        number = day.toordinal()
        stretch = bisect_right(self.turns, number)
        found = self.settled.get(stretch)
        if found is None:
            found = self.alike.get(self._then(day, start))
            if found is not None and number not in self.near:
                self.settled[stretch] = found
        return found

    def first(self, scene: Scene) -> Alike:
        """Those that will be like a contact that is like no other."""
        if len(self.alike) >= _MOST_ALIKE:
            self.alike.clear()
            self.settled.clear()
        found = self.alike[self._then(scene.day, scene.contact.start)] = Alike(scene)
        return found

    def _then(self, day: date, start: datetime | None) -> object:
        """What the day and the time of a contact bring about."""
        of, at = self.held, start or self.held.now
        state, span = state_at(of.contact.engagement, at, of.zone), span_at(self.spans, at, of.zone)
        return bisect_right(of.library.breaks, day), bisect_left(self.ends, day), state, id(span)

    def times(self, contact: Contact) -> Times | None:
        """The times of one of its contacts; None where it ended before it began."""
        said, zone = contact.__dict__, self.zone
        begun, until = said["start"].astimezone(zone), said["end"].astimezone(zone)
        # What a clock shows tells unless it shows it twice, where summer ends.
        wrong = until < begun if until.fold == begun.fold else _before(until, begun)
        return None if wrong else (begun.date(), begun, until)


class Met(NamedTuple):
    """A contact beside those that it is alike, and what is of it alone; None where that does not stand."""

    alike: Alike
    own: Own | None


class Kept:
    """What one writer knows of contacts that are alike; `end` stands behind each of its Bundles."""

    def __init__(self, end: bytes = b"") -> None:
        self._end = end
        self._courses: dict[object, Course] = {}
        # None for what no form can be made of.
        self._forms: dict[object, Form | None] = {}
        # References that the gate has passed, by their identity.
        self._passed: dict[int, Json] = {}

    def at_once(self, contact: Contact, judged: Judgement, around: Surroundings) -> bytes | None:
        """The Bundle of a contact by the form of those before it; None where all of it must be looked at."""
        kind = _kind(contact, judged, around)
        if kind is None:
            return None
        course = self._courses.get(kind) or self._courses.get(_of_offset(kind, contact))
        times = course.times(contact) if course is not None else None
        if course is None or times is None:
            return None
        alike = course.on(times)
        if alike is None or alike.lasting is None:
            return None
        _, own = alike.told(contact, judged, times)
        form = alike.forms.get(own.shape) if own is not None else None
        return form.filled(own.gaps + alike.lasting) if own is not None and form is not None else None

    def met(self, scene: Scene) -> Met | None:
        """Those that the contact is alike; None where it is of no kind that has a form."""
        contact, around = scene.contact, scene.around
        kind = _kind(contact, scene.judgement, around)
        if kind is None or not scene.span or not _in_order(contact):
            return None
        if around.zone_of(contact.program, None) is None:
            kind = _of_offset(kind, contact)
        known = self._courses.get(kind)
        course = known or Course(scene)
        times = course.times(contact)
        if times is None:
            return None
        if known is None:
            if len(self._courses) >= _MOST_KEPT:
                self._courses.clear()
            self._courses[kind] = course
        alike = course.on(times)
        if alike is None:
            alike = course.first(scene)
        else:
            alike.often = True
        # Before anybody asks for the text.
        scene.__dict__["text"], own = alike.told(contact, scene.judgement, times)
        return Met(alike, own)

    def filled(
        self, scene: Scene, met: Met, beside: Callable[[Sequence[Piece]], bytes | None]
    ) -> bytes | None:
        """The Bundle of a contact by the form of those that are alike; None where there is none, or in doubt.

        `beside` makes the other entries of a Bundle of which the contact's own are given.
        """
        alike, own = met
        if own is None:
            return None
        form = alike.forms.get(own.shape)
        if form is None:
            form = self._forms.get((alike.manner, own.shape))
            if form is None:
                return None
            alike.forms[own.shape] = form
        if alike.lasting is None:
            rest = beside(entries_of(scene, own, form)) if person_stands(scene, self._passed) else None
            alike.lasting = lasting_of(scene, rest) if rest is not None else None
        return form.filled(own.gaps + alike.lasting) if alike.lasting is not None else None

    def learn(self, scene: Scene, met: Met, pieces: Sequence[Piece], data: bytes) -> None:
        """Make a form of a Bundle that has passed the gate."""
        alike, own = met
        if own is None or not alike.often or (alike.manner, own.shape) in self._forms:
            return
        if len(self._forms) >= _MOST_FORMS:
            self._forms.clear()
        form = self._forms[alike.manner, own.shape] = form_of(scene, own, pieces, data, self._end)
        if form is not None:
            alike.forms[own.shape] = form
            alike.lasting = lasting_of(scene, rest_of(pieces[len(form.own) :]))


def _kind(contact: Contact, judged: Judgement, around: Surroundings) -> object | None:
    """All that a Bundle depends on beside what `Own` has and what the day brings about; None where that is
    not all of it. Where the programme has no time zone `_of_offset` makes it whole."""
    said = contact.__dict__
    start, end, note, group, ehr, recipients, diagnoses, signatures, version = _told(said)
    if start is None or end is None or note is None or (ehr is not None and ehr.encounter is not None):
        return None
    rare, few = None, _rare(said)
    if any(few):
        if said["relates_to"]:
            return None
        rare = repr(few)
    held = None
    if group is not None:
        held = group.attendees, group.session is None
        if not held[1] and (group.session != group.session.strip() or not group.session):
            return None
    signed = _signed(signatures, version)
    if signed is None:
        return None
    parts = note.__dict__
    goals, verified, edited = _noted(parts)
    same = tuple(map(id, (around, *_objects(said), *recipients, *diagnoses)))
    untimed = judged.minutes is None
    return same, _values(said), goals, verified, edited is None, signed, held, rare, untimed


def _of_offset(kind: object, contact: Contact) -> object:
    """The kind of a contact whose programme has no time zone: its times are those of its own offset."""
    zone = (contact.start.tzinfo if contact.start is not None else None) or UTC
    # Equal zones may be called by other names, and the text says the name.
    return kind, zone, str(zone)


def _signed(signatures: Sequence[Signature], version: int) -> object | None:
    """How the version is signed, each signature with a time after that of the one before; None otherwise."""
    # Most notes: the author's signature alone.
    if len(signatures) == 1:
        one = signatures[0].__dict__
        return _signed_as(one) if one["at"] is not None and one["by"] and one["version"] == version else None
    found, before = [], None
    for each in signatures:
        one = each.__dict__
        at = one["at"]
        if at is None or not one["by"] or one["version"] != version:
            return None
        if before is not None and not (before < at and _before(before, at)):
            return None
        found.append(_signed_as(one))
        before = at
    return tuple(found)


def _in_order(contact: Contact) -> bool:
    return [each.meaning for each in contact.signatures] in _SIGNERS


def _has_rare(scene: Scene) -> bool:
    return any(_rare(scene.contact.__dict__))


def _before(one: datetime, other: datetime) -> bool:
    """Whether a moment is before another; two of one time zone Python compares by what its clocks show,
    which is the same hour twice where summer ends."""
    if one.tzinfo is not other.tzinfo:
        return one < other
    return one.astimezone(UTC) < other.astimezone(UTC)


def _ends(scene: Scene) -> Sequence[date]:
    """The last days of the services of the plan that the contact delivers."""
    if scene.entry is None:
        return ()
    plans = [each.plan for each in scene.around.plan_of(scene.entry)]
    return sorted([each.to for each in plans if each and each.to])


def _manner(scene: Scene) -> object:
    """All that a contact's own entries depend on beside what `gaps_of` and `lasting_of` list; None where that
    is not all of it."""
    contact, service, people = scene.contact, scene.service.__dict__, scene.people
    engagement, note, group = contact.engagement, scene.note, contact.group
    if engagement is None or contact.service is None or contact.peer is None or _has_rare(scene):
        return None
    if service["rationale_ref"] is not None or service["accompaniment"] is not None:
        return None
    gender = contact.individual.gender
    if history_lost(scene) or gender not in GENDERS:
        return None
    ids = [contact.peer.id, *[each.by for each in contact.signatures]]
    signed = [_signed_as(each.__dict__) for each in contact.signatures] if signatures_lost(scene) else ()
    return (
        *_values(contact.__dict__),
        *_service(service),
        service["location"] and _place(service["location"].__dict__),
        (service["rationale"] is None, service["rationale"] == "", bool(service["plan_entry"])),
        (engagement.goal is None, engagement.goal == "", engagement.goal_on is None, not engagement.history),
        tuple([_received(each.__dict__) for each in contact.recipients]),
        tuple([_diagnosed(each.__dict__) for each in contact.diagnoses]),
        tuple([not each for each in carried_of(scene)]),
        (note.goals, note.data_verified, note.edited_at is None),
        # What the record's extension carries of people.
        tuple(signed),
        people.staff_lost(contact.peer.id) and contact.peer.id,
        people.program is not None and people.program_lost() and people.program.id,
        # Who is the same, and to whom the Bundle refers by an address.
        tuple([ids.index(each) for each in ids]),
        tuple([each and "reference" in each for each in referred(scene)]),
        people.program is not None and bool(people.program.part2),
        group and (group.attendees, group.session is None),
        scene.judgement.minutes is None,
        bisect_right(scene.library.breaks, scene.day),
        (scene.entry is None, scene.state.status),
    )
