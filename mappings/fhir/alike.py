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

from mappings.fhir.beyond import history_lost, signatures_lost
from mappings.fhir.forms import Form, Piece, form_of, own_of, rest_of
from mappings.fhir.gaps import covers_of, gaps_of, lasting_of, person_stands, referred, stand, texts_of
from mappings.fhir.people import GENDERS
from mappings.fhir.scene import Scene
from mappings.note_text import Sheet
from mappings.records import PlanEntry

# What a contact has in common with those of its person that are alike: as values, as one and the same object,
# and as lists of the same objects. Who is in it, the people of its scene say. What few contacts have is
# compared as it reads, and not written into the forms of other persons.
_values = itemgetter("kind", "version", "jurisdiction", "status", "excluded_minutes", "technical_failure")
_objects = itemgetter("engagement", "service")
_lists = itemgetter("recipients", "diagnoses")
_rare = itemgetter("staff", "risk", "consents", "clinical_input", "collaboration", "authorization", "claim")
_signed_as = itemgetter("meaning", "by", "category", "licence_from", "licence_to")
_service = itemgetter("type", "code", "format", "place", "modality", "components", "basis", "voluntary")
_place = itemgetter("kind", "name")
_received = itemgetter("role", "relationship", "attachment")
_diagnosed = itemgetter("code", "rank", "by")
_SIGNERS = (["author"], ["author", "cosigner"])
_MOST_KEPT, _MOST_FORMS = 512, 512


class Alike:
    """The contacts of one person that are alike so far: what they are made of, the text they share, which of
    the contacts of other persons they are like, what is of the person in their Bundles, and their forms."""

    __slots__ = ("forms", "held", "lasting", "manner", "often", "sheet")

    def __init__(self, held: object, sheet: Sheet, manner: object, often: bool) -> None:
        # What is held keeps its identity, by which others are found to be alike.
        self.held, self.sheet = held, sheet
        # Where it is like nobody else's its forms are its own, and whoever keeps them holds what it holds.
        self.manner = self if manner is None else manner
        # Whether others like them are to be expected: to make a form costs as much as a Bundle.
        self.often = often
        self.lasting: Sequence[bytes] | None = None
        self.forms: dict[object, Form] = {}


class Kept:
    """What one writer knows of contacts that are alike."""

    def __init__(self) -> None:
        self._known: dict[object, Alike] = {}
        # None for what no form can be made of.
        self._forms: dict[object, Form | None] = {}

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
            held = scene.contact, scene.people, scene.span
            alike = self._known[key] = Alike(held, sheet, _manner(scene), not _has_rare(scene))
        else:
            alike.often = True
        # Before anybody asks for the text.
        scene.__dict__["text"] = alike.sheet.text(scene.contact, scene.judgement)
        return alike

    def filled(
        self, scene: Scene, alike: Alike, beside: Callable[[Sequence[Piece]], bytes | None]
    ) -> bytes | None:
        """The Bundle of a contact by the form of those that are alike; None where there is none, or in doubt.

        `beside` makes the other entries of a Bundle of which the contact's own are given.
        """
        name = _shape_of(scene)
        form = alike.forms.get(name)
        if form is None:
            form = self._forms.get((alike.manner, name))
            if form is None:
                return None
            alike.forms[name] = form
        texts = texts_of(scene)
        if not stand(texts):
            return None
        if alike.lasting is None:
            rest = beside(own_of(scene, form)) if person_stands(scene) else None
            if rest is None:
                return None
            alike.lasting = lasting_of(scene, rest)
        return form.filled([*gaps_of(scene, texts), *alike.lasting])

    def learn(self, scene: Scene, alike: Alike, pieces: Sequence[Piece], data: bytes) -> None:
        """Make a form of a Bundle that has passed the gate."""
        key = alike.manner, _shape_of(scene)
        if not alike.often or key in self._forms or not stand(texts_of(scene)):
            return
        if len(self._forms) >= _MOST_FORMS:
            self._forms.clear()
        form = self._forms[key] = form_of(scene, pieces, data)
        if form is not None:
            alike.lasting = lasting_of(scene, rest_of(pieces[len(form.own) :]))


def _key(scene: Scene) -> object:
    """All that a Bundle depends on beside what `gaps_of` lists; None where that is not all of it."""
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
        repr(rare) if any(rare := _rare(contact)) else None,
        scene.judgement.minutes is None,
        # What the day and the time of the contact bring about.
        bisect_right(scene.library.breaks, day),
        bisect_left(_ends(scene), day),
        scene.state,
        scene.zone,
        # Equal zones may be called by other names, and the text says the name.
        str(scene.zone),
    )


def _has_rare(scene: Scene) -> bool:
    return any(_rare(scene.contact.__dict__))


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


def _manner(scene: Scene) -> object:
    """All that a contact's own entries depend on beside what `gaps_of` and `lasting_of` list; None where that
    is not all of it."""
    contact, service, people = scene.contact, scene.service.__dict__, scene.people
    engagement, note, group = contact.engagement, scene.note, contact.group
    if engagement is None or contact.service is None or contact.peer is None or _has_rare(scene):
        return None
    if service["rationale_ref"] is not None or service["accompaniment"] is not None or scene.related:
        return None
    gender = contact.individual.gender
    if history_lost(scene) or any(each.name for each in contact.recipients) or gender not in GENDERS:
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
        not covers_of(scene),
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


def _shape_of(scene: Scene) -> object:
    """What of the words of a note decides which parts its Bundle has, beside the words themselves."""
    return scene.reason is None, tuple(scene.unsaid)
