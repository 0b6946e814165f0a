"""What differs between contacts that are alike: from contact to contact, and from person to person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from itertools import compress
from operator import itemgetter
from typing import NamedTuple

import orjson

from mappings.fhir import gate
from mappings.fhir.bundle import goal_of
from mappings.fhir.carried import CONTACT
from mappings.fhir.compiled import Met
from mappings.fhir.elements import Json, master_name, own_url, quoted, stamp, to_bytes, xml_can_hold
from mappings.fhir.scene import WORDS, Scene, attached_bytes, in_utc, note_key, reason_of, told_apart
from mappings.findings import Judgement
from mappings.moments import day_written
from mappings.records import Contact, Signature

_words = itemgetter(*WORDS)
PARTS = tuple(f"note-{name.replace('_', '-')}" for name in WORDS)
# Where among what differs the reason is, and the words that the record's extension carries.
_REASON, CARRIED = 2, 3


class Own(NamedTuple):
    """What is of one contact alone in its Bundle; what is not there is empty.

    `key` is that of its note. `texts` are id, session, reason and words as they stand between the quotation
    marks of JSON, `parts` the names of the words, which are `lost` in the note's text or not. `on` is the day
    of service; other times are as FHIR writes them. `attached` is the text as bytes of base64, its size and
    its digest. Of each signature there are meaning, signer, time and time in UTC.
    """

    id: str
    key: str
    texts: Sequence[str]
    parts: tuple[str, ...]
    lost: bool
    unsaid: Sequence[str]
    on: str
    start: str
    end: str
    minutes: str
    edited: str
    attached: tuple[bytes, int, bytes]
    signed: Sequence[tuple[str, str, str, str]]

    @property
    def shape(self) -> object:
        """What of the words of a note decides which parts its Bundle has, beside the words themselves."""
        return not self.texts[_REASON], tuple(self.unsaid)


def own_of(contact: Contact, judged: Judgement, begun: datetime, text: str) -> Own | None:
    """What is of a contact alone; None where the gate would not pass one of its texts.

    `begun` is its start where the programme is, `text` what `note_text` makes of it. It must have start, end,
    note and signatures with their times.
    """
    said = contact.__dict__
    note, group, minutes = said["note"], said["group"], judged.minutes
    words = _words(note.__dict__)
    session, reason = group.session if group is not None else None, reason_of(note)
    texts = _as_written([said["id"], session or "", reason or "", *filter(None, words)])
    if texts is None:
        return None
    return Own(
        said["id"],
        note_key(contact),
        texts,
        PARTS if all(words) else tuple(compress(PARTS, words)),
        *told_apart(note, text, ours=True),
        day_written(begun.date()),
        stamp(said["start"]) or "",
        stamp(said["end"]) or "",
        "" if minutes is None else str(minutes),
        stamp(note.edited_at) or "",
        attached_bytes(text),
        signatures_of(said["signatures"]),
    )


def signatures_of(signatures: Sequence[Signature]) -> Sequence[tuple[str, str, str, str]]:
    """What `Own` has of signatures, which have their signers and times."""
    found = []
    for each in signatures:
        said = each.__dict__
        found.append((said["meaning"], said["by"], stamp(said["at"]) or "", in_utc(said["at"])))
    return found


def gaps_of(own: Own) -> list[bytes]:
    """What differs from contact to contact, as it is written; what is not there is empty.

    The times, the numbers and what is computed of them are of a form that needs no check.
    """
    data, size, digest = own.attached
    id, session, reason, *words = own.texts
    found = [
        id,
        session,
        reason,
        _carried(own.parts) % tuple(words) if own.lost else "",
        quoted(own.id),
        own.on,
        own.start,
        own.end,
        own.minutes,
        own.edited,
        str(size),
        master_name(own.key),
        *own_addresses(own),
        *[when for _, _, when, _ in own.signed],
    ]
    # This sign is in no text that the gate passes.
    return [*"\0".join(found).encode().split(b"\0"), data, digest]


def _as_written(texts: Sequence[str]) -> Sequence[str] | None:
    """Texts as they stand between the quotation marks of JSON; None where the gate would not pass one of
    them. What is empty is not written."""
    said = "".join(texts)
    if not all(map(str.strip, filter(None, texts))):
        return None
    # What JSON writes as it is XML can hold; to look at each sign costs many times as much.
    if said.isascii() and len(orjson.dumps(said)) == len(said) + len('""'):
        return texts
    if not all(map(xml_can_hold, texts)):
        return None
    return [orjson.dumps(each)[1:-1].decode() for each in texts]


@lru_cache(maxsize=64)
def _carried(parts: tuple[str, ...]) -> str:
    """The parts of the record's extension that carry the words of a note; there are others before them."""
    return "".join([f',{{"url":"{name}","valueString":"%s"}}' for name in parts])


def own_addresses(own: Own) -> list[str]:
    """The addresses of the contact's own entries."""
    key = own.key
    found = [own_url("encounter", own.id), own_url("note", key)]
    for meaning, by, _, utc in own.signed:
        found.append(own_url("provenance", f"{key}|{meaning}|{by}|{utc}"))
        if meaning != "author":
            found.append(own_url("task", f"{key}/{meaning}"))
    return found


def referred(scene: Scene) -> list[Json | None]:
    """Whom and what of the person the contact's own entries refer to."""
    people, peer = scene.people, scene.contact.peer
    staff = [people.practitioner(str(each.by)) for each in scene.contact.signatures]
    own = people.practitioner(peer.id) if peer is not None else None
    who = [people.patient(), people.organization(), own, *staff]
    return [*who, scene.episode, scene.delivers, goal_in(scene)]


def goal_in(scene: Scene) -> Json | None:
    """The goal that the contact's own entries refer to, or None."""
    return scene.__dict__["goal"] if "goal" in scene.__dict__ else goal_of(scene)


def _person_texts(scene: Scene) -> list[str]:
    engagement = scene.contact.engagement
    return [scene.service.rationale or "", (engagement.goal if engagement is not None else None) or ""]


def covers_of(scene: Scene) -> list[Json]:
    """The parts of the record's extension that carry the person's coverages: those that say something."""
    found: list[Json] = []
    CONTACT["individual-coverages"].add(found, scene.contact.individual.coverages)
    return found


def person_stands(scene: Scene) -> bool:
    """Whether the gate would pass what is of the person in the contact's own entries."""
    met = Met()
    references = [each for each in referred(scene) if each is not None]
    passed = _as_written(_person_texts(scene)) is not None and all(
        [
            *[gate.passes_part(each, "Reference", met) for each in references],
            *[gate.passes_part(each, "Extension", met) for each in covers_of(scene)],
        ]
    )
    return passed and not met.fresh


def lasting_of(scene: Scene, rest: bytes) -> list[bytes] | None:
    """What differs from person to person, as it is written; what is not there is empty. None where the gate
    would not pass one of the texts. `rest` are the entries beside the contact's own."""
    engagement, texts = scene.contact.engagement, _as_written(_person_texts(scene))
    if texts is None:
        return None
    goal_on = stamp(engagement.goal_on if engagement is not None else None) or ""
    return [
        *[each.encode() for each in (*texts, goal_on)],
        *[to_bytes(each) if each is not None else b"" for each in referred(scene)],
        b",".join(map(to_bytes, covers_of(scene))),
        rest,
    ]


def addresses(scene: Scene, own: Own) -> list[str | None]:
    """The addresses of the contact's own entries, and of whom and what of the person they refer to; None for
    what has none."""
    people = [each.get("reference") if each is not None else None for each in referred(scene)]
    return [*own_addresses(own), *people]
