"""What differs between contacts that are alike: from contact to contact, and from person to person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import compress
from operator import itemgetter
from typing import NamedTuple

import orjson

from mappings.fhir import gate
from mappings.fhir.bundle import goal_of
from mappings.fhir.carried import CONTACT
from mappings.fhir.compiled import Met
from mappings.fhir.elements import (
    Json,
    master_name,
    own_url,
    quoted,
    stamp,
    stamps,
    to_bytes,
    xml_can_hold,
)
from mappings.fhir.scene import WORDS, Scene, attached_bytes, note_key, reason_of, told_apart
from mappings.findings import Judgement
from mappings.moments import day_written
from mappings.records import Contact, Signature

_words = itemgetter(*WORDS)
_signed = itemgetter("meaning", "by", "at")
PARTS = tuple(f"note-{name.replace('_', '-')}" for name in WORDS)
# Where among what differs the reason is, and the words that the record's extension carries.
_REASON, CARRIED = 2, 3
# The signs that JSON writes for each text of a list: two quotation marks, and a bracket or comma before.
_AROUND = 3


class Own(NamedTuple):
    """What is of one contact alone in its Bundle; what is not there is empty.

    `master` is the name of its note. `texts` are id, session, reason and words as they stand between the
    quotation marks of JSON, `parts` the names of the words, which are `lost` in the note's text or not. `on`
    is the day of service; other times are as FHIR writes them. `attached` is the text as bytes of base64, its
    size and its digest. `signed` are the times of the signatures, `addresses` those of the contact's own
    entries.
    """

    id: str
    master: str
    texts: Sequence[bytes]
    parts: tuple[str, ...]
    lost: bool
    unsaid: Sequence[str]
    on: str
    start: str
    end: str
    minutes: str
    edited: str
    attached: tuple[bytes, int, bytes]
    signed: Sequence[str]
    addresses: Sequence[str]

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
    id, note, group, minutes, key = said["id"], said["note"], said["group"], judged.minutes, note_key(contact)
    words = _words(note.__dict__)
    session = group.session if group is not None else None
    texts = _as_written([id, session or "", reason_of(note) or "", *filter(None, words)])
    if texts is None:
        return None
    edited = note.edited_at
    times = [said["start"], said["end"], edited or said["start"]]
    (start, end, edited_at, *signed), addresses = times_and_addresses(id, key, times, said["signatures"])
    return Own(
        id,
        master_name(key),
        texts,
        PARTS if all(words) else tuple(compress(PARTS, words)),
        *told_apart(note, text, ours=True),
        day_written(begun.date()),
        start,
        end,
        "" if minutes is None else str(minutes),
        edited_at if edited is not None else "",
        attached_bytes(text),
        signed,
        addresses,
    )


def times_and_addresses(
    id: str, key: str, times: Sequence[datetime], signatures: Sequence[Signature]
) -> tuple[Sequence[str], Sequence[str]]:
    """The times given and those of the signatures as FHIR writes them, and the addresses of a contact's own
    entries; `key` is that of its note."""
    found, addresses = [*times], [own_url(f"encounter|{id}"), own_url(f"note|{key}")]
    signed = [_signed(each.__dict__) for each in signatures]
    found += [at for _, _, at in signed]
    written = stamps(found + [at.astimezone(UTC) for _, _, at in signed])
    for (meaning, by, _), utc in zip(signed, written[len(found) :], strict=True):
        addresses.append(own_url(f"provenance|{key}|{meaning}|{by}|{utc}"))
        if meaning != "author":
            addresses.append(own_url(f"task|{key}/{meaning}"))
    return written[: len(found)], addresses


def gaps_of(own: Own) -> list[bytes]:
    """What differs from contact to contact, as it is written; what is not there is empty.

    The times, the numbers and what is computed of them are of a form that needs no check.
    """
    id, master, texts, parts, lost, _, on, start, end, minutes, edited, attached, signed, addresses = own
    (data, size, digest), (name, session, reason, *words) = attached, texts
    carried = _carried(parts) % tuple(words) if lost else b""
    found = quoted(id), on, start, end, minutes, edited, str(size), master, *addresses, *signed
    # This sign is in no text that the gate passes.
    return [name, session, reason, carried, *"\0".join(found).encode().split(b"\0"), data, digest]


def _as_written(texts: Sequence[str]) -> Sequence[bytes] | None:
    """Texts as they stand between the quotation marks of JSON; None where the gate would not pass one of
    them. What is empty is not written."""
    said = "".join(texts)
    if not all(map(str.strip, filter(None, texts))) or not (said.isascii() or xml_can_hold(said)):
        return None
    written = orjson.dumps(texts)
    # What JSON writes as it is XML can hold; to look at each sign costs many times as much.
    if len(written) != len(said) + _AROUND * len(texts) + 1 and not xml_can_hold(said):
        return None
    # JSON has a quotation mark within a text only behind a backslash: the three signs between two texts stand
    # nowhere else but where a text ends with such a mark and a comma.
    if b'\\","' in written:
        return [orjson.dumps(each)[1:-1] for each in texts]
    return written[2:-2].split(b'","')


@lru_cache(maxsize=64)
def _carried(parts: tuple[str, ...]) -> bytes:
    """The parts of the record's extension that carry the words of a note; there are others before them."""
    return "".join([f',{{"url":"{name}","valueString":"%s"}}' for name in parts]).encode()


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
        *texts,
        goal_on.encode(),
        *[to_bytes(each) if each is not None else b"" for each in referred(scene)],
        b",".join(map(to_bytes, covers_of(scene))),
        rest,
    ]


def addresses_of(scene: Scene, own: Own) -> list[str | None]:
    """The addresses of the contact's own entries, and of whom and what of the person they refer to; None for
    what has none."""
    people = [each.get("reference") if each is not None else None for each in referred(scene)]
    return [*own.addresses, *people]
