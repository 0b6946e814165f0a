"""What every resource of one contact refers to, worked out once: people, visit, note, signatures."""

from __future__ import annotations

import hashlib
import json
import textwrap
from binascii import b2a_base64
from collections.abc import Sequence
from dataclasses import InitVar, dataclass, field
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from operator import is_, itemgetter
from typing import Any

from mappings import seal as seals_
from mappings.engagement import State, state_at
from mappings.fhir.elements import (
    Json,
    NotFit,
    full_url,
    identifier,
    logical,
    period,
    reference,
    stamp,
)
from mappings.fhir.episode import Span, episode_key, span_at, spans
from mappings.fhir.people import ChartLinks, People
from mappings.findings import Judgement
from mappings.library import Library
from mappings.moments import written
from mappings.note_lines import WIDTH, stands_alone
from mappings.note_text import all_said, note_text
from mappings.office import Surroundings
from mappings.once import once
from mappings.records import Contact, Individual, Note, PlanEntry, Recipient, Service
from mappings.seal import Seal

# The parts of a note and the headings over them in its text.
WORDS = {
    "purpose": "PURPOSE",
    "response": "RESPONSE",
    "progress": "PROGRESS",
    "outcome": "OUTCOME",
    "own_words": "IN THE PERSON'S OWN WORDS",
}
BLOCKS = tuple((name, f"\n\n{heading}\n") for name, heading in WORDS.items())
_HEADINGS = tuple([block for _, block in BLOCKS])
_words = itemgetter(*WORDS)
_SHA1 = hashlib.sha1(usedforsecurity=False).copy
_LONGEST_REASON = 200


@dataclass(frozen=True, eq=False)
class Signed:
    """One signature on the version: meaning, signer's id, time, and its seal where there is one."""

    meaning: str
    by: str
    at: datetime
    seal: Seal | None

    @once
    def in_utc(self) -> str:
        """The time in UTC, which is part of what makes a signature one of a kind."""
        return written(self.at.astimezone(UTC))

    @once
    def when(self) -> str:
        """The time as FHIR writes it."""
        return str(stamp(self.at))


@dataclass(eq=False)
class Scene:
    """A contact with all that its resources need to know of the world around it; not to be changed.

    `shown` is the note exactly as it was signed; None means as `note_text` gives it now.
    """

    contact: Contact
    judgement: Judgement
    around: Surroundings
    seals: Sequence[Seal]
    links: ChartLinks
    library: Library
    now: datetime
    shown: str | None = None
    place: int | None = None
    known: InitVar[People | None] = None
    # The people and organizations of the contact, those that are known already where they are.
    people: People = field(init=False)

    def __post_init__(self, known: People | None) -> None:
        if known is None:
            program = self.around.program_of(self.contact.program)
            known = People(self.contact.individual, program, self.around, self.links, self.contact.peer)
        self.people = known

    @once
    def service(self) -> Service:
        """The service, empty when the contact carries none."""
        return self.contact.service or Service()

    @once
    def note(self) -> Note:
        """The note's parts, empty when the contact carries none."""
        return self.contact.note or Note()

    @once
    def text(self) -> str:
        """The note as plain text."""
        if self.shown is not None:
            return self.shown
        return note_text(self.contact, self.judgement, self.around, self.library)

    @once
    def attached(self) -> tuple[str, int, str]:
        """The note's text as an Attachment has it: its bytes, how many, and their digest."""
        return as_attached(self.text)

    @once
    def words_lost(self) -> bool:
        """Whether the text was wrapped, or cannot be told apart again: the words are then carried as they
        are."""
        return self._apart[0]

    @once
    def unsaid(self) -> Sequence[str]:
        """The parts of the note that it does not have, though their headings stand in its text."""
        return self._apart[1]

    @once
    def _apart(self) -> tuple[bool, Sequence[str]]:
        return told_apart(self.note, self.text, ours=self.shown is None)

    @once
    def reason(self) -> str | None:
        """The purpose of the contact, in short."""
        return reason_of(self.note)

    @once
    def zone(self) -> tzinfo:
        """The programme's time zone, else the offset of the contact's start."""
        return self.around.zone_of(self.contact.program, self.contact.start) or UTC

    @once
    def day(self) -> date:
        """The day of service in the programme's zone; raises NotFit without a start."""
        if self.contact.start is None:
            raise NotFit([("start", f"the contact {self.contact.id} has no start")])
        return self.contact.start.astimezone(self.zone).date()

    @once
    def on(self) -> str:
        """The day of service as text."""
        return self.day.isoformat()

    @once
    def state(self) -> State:
        """The engagement at the contact's start; raises NotFit without a start."""
        if self.contact.start is None:
            raise NotFit([("start", f"the contact {self.contact.id} has no start")])
        return state_at(self.contact.engagement, self.contact.start, self.zone)

    @once
    def spans(self) -> Sequence[Span]:
        """Every engagement of the history."""
        return self._history[0]

    @once
    def straight(self) -> bool:
        """Whether the history is one engagement alone, in its order."""
        return self._history[1]

    @once
    def _history(self) -> tuple[Sequence[Span], bool]:
        engagement, kept = self.contact.engagement, self.people.kept
        key = "history", self.zone, id(engagement)
        found: tuple[object, tuple[Sequence[Span], bool]] | None = kept.get(key)
        if found is None:
            history, cut = engagement.history if engagement else (), spans(engagement, self.zone)
            whole = cut[0] if cut else ()
            same = len(whole) == len(history) and all(map(is_, whole, history))
            # The engagement is held, so that no other can come to have its identity.
            found = kept[key] = engagement, (cut, len(cut) < 2 and same)
        return found[1]

    @once
    def span(self) -> Span:
        """The engagement the contact falls into, as a stretch of the history; that at `place` where given."""
        if self.place is not None:
            return self.spans[self.place]
        return span_at(self.spans, self.contact.start or self.now, self.zone)

    @once
    def episode_key(self) -> str:
        """The business key of that engagement's EpisodeOfCare."""
        program = self.people.program.id if self.people.program else ""
        who = whose(self.contact.individual)
        return episode_key(program, who, self.span, self.day, self.zone, self._episode_name)

    @property
    def _episode_name(self) -> str | None:
        names = self.links.episodes
        if not names or not self.span:
            return None
        places = [at for at, each in enumerate(self.spans) if each == self.span]
        place = places[0] if self.place is None and places else self.place
        return names[place] if place is not None and place < len(names) else None

    @once
    def related(self) -> tuple[Recipient, ...]:
        """Family members and collaterals who received the service."""
        return tuple(one for one in self.contact.recipients if one.role in ("family", "collateral"))

    @once
    def entry(self) -> PlanEntry | None:
        """The plan entry that the contact delivers, where it is known."""
        return self.around.entry_of(self.contact)

    @once
    def note_key(self) -> str:
        """The business id of this version of the note: contact id, "note", version."""
        return note_key(self.contact)

    @once
    def episode(self) -> Json:
        """The EpisodeOfCare of that engagement in this Bundle."""
        return self.people.own("episode", self.episode_key, "EpisodeOfCare")

    @once
    def during(self) -> Json:
        """The time that the contact took."""
        return period(self.contact.start, self.contact.end)

    @once
    def visit_link(self) -> str | None:
        """The visit's own Encounter in the EHR, or None."""
        return visit_link(self.contact, self.links)

    @once
    def visit(self) -> Json:
        """The Encounter: the visit's own in the EHR where it is known, else ours in this Bundle."""
        return reference(self.visit_link or full_url("encounter", self.contact.id), to="Encounter")

    @once
    def note_reference(self) -> Json:
        """The DocumentReference of this version in this Bundle."""
        return reference(full_url("note", self.note_key), to="DocumentReference")

    @once
    def signed(self) -> tuple[Signed, ...]:
        """The signatures on this version, author first; raises NotFit where a seal fits none of it.

        A signature that was recorded elsewhere has no seal; it is said, but not proven.
        """
        own = self.contact.signatures
        if not self.seals and len(own) == 1:
            # Most notes: the author's signature alone.
            one = own[0]
            if one.version == self.contact.version and one.meaning == "author" and one.by and one.at:
                return (Signed(one.meaning, one.by, one.at, None),)
        found = {(each.meaning, each.by): Signed(each.meaning, each.by, each.at, each) for each in self.seals}
        for each in own:
            if each.version == self.contact.version and each.meaning and each.by and each.at:
                found.setdefault((each.meaning, each.by), Signed(each.meaning, each.by, each.at, None))
        order = sorted(found.values(), key=lambda one: (_rank(one.meaning), one.at, one.by))
        if not order or order[0].meaning != "author":
            words = f"version {self.contact.version} of {self.contact.id} has no author's signature"
            raise NotFit([("signatures", f"{words}; the author signs before it leaves")])
        self._fits(order)
        return tuple(order)

    def _fits(self, signed: Sequence[Signed]) -> None:
        sealed = [(one, one.seal) for one in signed if one.seal is not None]
        if not sealed:
            return
        digest = seals_.text_digest(self.text)
        this = {"id": self.contact.id, "version": self.contact.version}
        for one, seal in sealed:
            statement = said(seal)
            if statement.get("note") != this:
                raise NotFit([("signatures", f"the {one.meaning}'s seal is on another note or version")])
            if statement.get("text", {}).get("sha256") != digest:
                words = f"the {one.meaning}'s seal is over another text than the note's"
                raise NotFit([("signatures", f"{words}; send the text exactly as it was signed")])

    def signature_reference(self, one: Signed) -> Json:
        """The Provenance of a signature in this Bundle."""
        found = self._provenances.get(one)
        if found is None:
            made = reference(full_url("provenance", self.signature_key(one)), to="Provenance")
            found = self._provenances[one] = made
        return found

    @once
    def _provenances(self) -> dict[Signed, Json]:
        return {}

    def signature_key(self, one: Signed) -> str:
        """What makes a signature one of a kind: note version, meaning, signer, time."""
        return f"{self.note_key}|{one.meaning}|{one.by}|{one.in_utc}"

    def scoped(self, kind: str, key: str) -> Json:
        """Our identifier of a kind whose keys are only unique for one individual."""
        return identifier(kind, scoped_key(self.contact.individual.id, key))

    @once
    def delivers(self) -> Json | None:
        """The ServiceRequest the contact delivers: in this Bundle where the entry is known, else by name."""
        name = self.service.plan_entry
        if not name:
            return None
        key = scoped_key(self.contact.individual.id, name)
        if self.entry is None:
            return logical("ServiceRequest", identifier("service", key))
        return self.people.own("service", key, "ServiceRequest")


def as_attached(text: str) -> tuple[str, int, str]:
    """The bytes of a text, how many, and their digest, as an Attachment has them."""
    data, size, digest = attached_bytes(text)
    return data.decode("ascii"), size, digest.decode("ascii")


def attached_bytes(text: str) -> tuple[bytes, int, bytes]:
    """As `as_attached`, with bytes and digest in the bytes of JSON."""
    data = text.encode("utf-8")
    # R4 says SHA-1 for Attachment.hash; what proves the text is the SHA-256 in the seal.
    hashed = _SHA1()
    hashed.update(data)
    return b2a_base64(data, newline=False), len(data), b2a_base64(hashed.digest(), newline=False)


def told_apart(note: Note, text: str, *, ours: bool) -> tuple[bool, Sequence[str]]:
    """Whether the words of a note are lost in its text, and which parts it does not have whose headings stand
    there; see `Scene.words_lost` and `Scene.unsaid`. It is `ours` where `note_text` made it."""
    said = _words(note.__dict__)
    # Most notes: several times quicker, and the same.
    if ours and all_said(said):
        return laid_apart(said, text), ()
    lost, unsaid = False, list[str]()
    for (name, block), words in zip(BLOCKS, said, strict=True):
        if not words:
            if block in text:
                unsaid.append(name)
        elif not lost and not (ours and stands_alone(words)):
            lost = "\n" in words or not _stands(f"{block}{words}\n", text)
    return lost, unsaid


def laid_apart(said: Sequence[str], text: str) -> bool:
    """Whether one of the parts of a note, all of which say something without a line break, does not stand in
    its text as it is: it was laid in lines."""
    for heading, words in zip(_HEADINGS, said, strict=True):
        if len(words) > WIDTH and not _stands(f"{heading}{words}\n", text):
            return True
    return False


def reason_of(note: Note) -> str | None:
    """The purpose that a note names, in short."""
    whole = " ".join((note.purpose or "").split())
    if len(whole) > _LONGEST_REASON:
        whole = textwrap.shorten(whole, _LONGEST_REASON, placeholder=" ...").strip()
    return whole or None


def _stands(block: str, text: str) -> bool:
    return f"{block}\n" in text or text.endswith(block)


def said(seal: Seal) -> dict[str, Any]:
    """What a seal's statement says, unverified; raises NotFit when it is no statement."""
    try:
        return dict(json.loads(seal.statement))
    except ValueError:
        raise NotFit([("signatures", f"the seal of {seal.by} carries no readable statement")]) from None


def note_key(contact: Contact) -> str:
    """The business id of one version of a note."""
    return f"{contact.id}/note/{contact.version}"


@lru_cache(maxsize=64)
def _mark(system: str) -> str:
    return hashlib.sha256(system.encode()).hexdigest()[:8]


def whose(individual: Individual) -> str:
    """The record number together with a mark of its system: hospitals that share an EHR share numbers."""
    if not individual.identifier_system:
        return individual.id
    return f"{individual.id}@{_mark(individual.identifier_system)}"


def scoped_key(individual_id: str, key: str) -> str:
    """A key that is unique only together with its individual."""
    return f"{individual_id}/{key}"


def visit_link(contact: Contact, links: ChartLinks) -> str | None:
    """The visit's own Encounter in the EHR as "Encounter/id", from the chart or the contact, or None."""
    known = links.encounter or (contact.ehr.encounter if contact.ehr else None)
    return known if not known or "/" in known else f"Encounter/{known}"


def _rank(meaning: str) -> int:
    order = seals_.MEANINGS
    return order.index(meaning) if meaning in order else len(order)
