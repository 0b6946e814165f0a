"""What differs between contacts that are alike: from contact to contact, and from person to person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from itertools import chain, compress
from operator import itemgetter
from typing import NamedTuple, cast

import orjson

from mappings.fhir import gate
from mappings.fhir.bundle import goal_of
from mappings.fhir.carried import CONTACT
from mappings.fhir.compiled import Met
from mappings.fhir.elements import (
    Json,
    master_name,
    own_urls,
    quoted,
    stamp,
    stamps,
    to_bytes,
    xml_can_hold,
)
from mappings.fhir.scene import WORDS, Scene, attached_bytes, laid_apart, reason_of, told_apart
from mappings.findings import Judgement
from mappings.moments import day_written
from mappings.records import Contact, Signature

_contact = itemgetter("id", "version", "note", "group", "start", "end", "signatures")
PARTS = tuple(f"note-{name.replace('_', '-')}" for name in WORDS)
# The signs that JSON writes for each text of a list: two quotation marks, and a bracket or comma before.
_AROUND = 3
_EMPTY: Sequence[str] = ()
_MOST_PASSED = 4_096
# Where among what differs the reason is, and the words that the record's extension carries.
_REASON, CARRIED = 2, 3


class Own(NamedTuple):
    """What is of one contact alone in its Bundle.

    `gaps` are as `gaps_of` has them, `addresses` those of the contact's own entries; `shape` is what of the
    words of its note decides which parts its Bundle has, beside the words themselves.
    """

    shape: object
    gaps: list[bytes]
    addresses: Sequence[str]


def own_of(
    contact: Contact, judged: Judgement, on: date, text: str, words: Sequence[str | None], laid: bool | None
) -> Own | None:
    """What is of a contact alone; None where the gate would not pass one of its texts.

    `on` is the day of service, `text` what `note_text` makes of it, `words` and `laid` are those of its note
    as `own_parts` has them. It must have start, end, note and signatures with their times.
    """
    id, version, note, group, start, end, signatures = _contact(contact.__dict__)
    said = cast("Sequence[str]", words) if laid is not None else [*filter(None, words)]
    session = group.session if group is not None else None
    texts = _as_written([id, session or "", reason_of(note) or "", *said])
    if texts is None:
        return None
    lost, parts, unsaid = laid, PARTS, _EMPTY
    if lost is None:
        lost, unsaid = told_apart(note, text, ours=True)
        parts = tuple(compress(PARTS, words))
    elif lost:
        lost = laid_apart(said, text)
    carried = carried_parts(parts, texts[CARRIED:]) if lost else ""
    key, edited, minutes = f"{id}/note/{version}", note.edited_at, judged.minutes
    times = start, end, edited or start
    (begun, ended, edited_at), signed, addresses = times_and_addresses(id, key, times, signatures)
    data, size, digest = attached_bytes(text)
    gaps = gaps_of(
        [
            texts[0],
            texts[1],
            texts[_REASON],
            carried,
            quoted(id),
            day_written(on),
            begun,
            ended,
            "" if minutes is None else str(minutes),
            "" if edited is None else edited_at,
            master_name(key),
            *addresses,
            *signed,
            str(size),
        ],
        data,
        digest,
    )
    return Own(shape_of(texts[_REASON], unsaid), gaps, addresses)


def shape_of(reason: str, unsaid: Sequence[str]) -> object:
    """What a contact's `Own` has as its shape."""
    return not reason, tuple(unsaid)


def times_and_addresses(
    id: str, key: str, times: Sequence[datetime], signatures: Sequence[Signature]
) -> tuple[Sequence[str], Sequence[str], Sequence[str]]:
    """The times given and those of the signatures as FHIR writes them, and the addresses of a contact's own
    entries; `key` is that of its note."""
    found, first, names = [*times], len(times), [f"encounter|{id}", f"note|{key}"]
    for each in signatures:
        at = each.__dict__["at"]
        found += at, at.astimezone(UTC)
    written = stamps(found)
    for each, utc in zip(signatures, written[first + 1 :: 2], strict=True):
        said = each.__dict__
        meaning = said["meaning"]
        names.append(f"provenance|{key}|{meaning}|{said['by']}|{utc}")
        if meaning != "author":
            names.append(f"task|{key}/{meaning}")
    return written[:first], written[first::2], own_urls(names)


def gaps_of(told: Sequence[str], data: bytes, digest: bytes) -> list[bytes]:
    """What differs from contact to contact, as it is written; what is not there is empty.

    `told` begins with id, session, reason and the words that the record's extension carries, as they stand
    between the quotation marks of JSON. The rest is of a form that needs no check: the id in a query, the day
    of service, start, end, minutes, when the note was edited, its name, the addresses of the contact's own
    entries, the times of the signatures, and how long the note's text is. `data` is that text in base64,
    `digest` its digest.
    """
    # This sign is in no text that the gate passes.
    return [*"\0".join(told).encode().split(b"\0"), data, digest]


def _as_written(texts: Sequence[str]) -> Sequence[str] | None:
    """Texts as they stand between the quotation marks of JSON; None where the gate would not pass one of
    them. What is empty is not written."""
    said = "".join(texts)
    if not all(map(str.strip, filter(None, texts))) or not (said.isascii() or xml_can_hold(said)):
        return None
    written = orjson.dumps(texts)
    # What JSON writes as it is XML can hold; to look at each sign costs many times as much.
    if len(written) == len(said) + _AROUND * len(texts) + 1:
        return texts
    if not xml_can_hold(said):
        return None
    # JSON has a quotation mark within a text only behind a backslash: the three signs between two texts stand
    # nowhere else but where a text ends with such a mark and a comma.
    if b'\\","' in written:
        return [orjson.dumps(each)[1:-1].decode() for each in texts]
    return written[2:-2].decode().split('","')


def carried_parts(parts: tuple[str, ...], words: Sequence[str]) -> str:
    """The parts of the record's extension of these names that carry the words of a note, each as it stands
    between the quotation marks of JSON."""
    return _carried(parts) % tuple(words)


@lru_cache(maxsize=64)
def _carried(parts: tuple[str, ...]) -> str:
    # There are other parts before them.
    return "".join([f',{{"url":"{name}","valueString":"%s"}}' for name in parts])


def referred(scene: Scene) -> list[Json | None]:
    """Whom and what of the person the contact's own entries refer to, family and collaterals last."""
    found: list[Json | None] | None = scene.__dict__.get("referred")
    if found is None:
        found = scene.__dict__["referred"] = _referred(scene)
    return found


def _referred(scene: Scene) -> list[Json | None]:
    people, peer = scene.people, scene.contact.peer
    staff = [people.practitioner(str(each.by)) for each in scene.contact.signatures]
    own = people.practitioner(peer.id) if peer is not None else None
    who = [people.patient(), people.organization(), own, *staff]
    return [*who, scene.episode, scene.delivers, goal_in(scene), *map(people.related, scene.related)]


def goal_in(scene: Scene) -> Json | None:
    """The goal that the contact's own entries refer to, or None."""
    return scene.__dict__["goal"] if "goal" in scene.__dict__ else goal_of(scene)


def _person_texts(scene: Scene) -> list[str]:
    engagement = scene.contact.engagement
    return [scene.service.rationale or "", (engagement.goal if engagement is not None else None) or ""]


def carried_of(scene: Scene) -> Sequence[list[Json]]:
    """The parts of the record's extension that carry the person's coverages, the components of the service
    and those who received it where one has a name: of each those that say something."""
    contact, recipients = scene.contact, scene.contact.recipients
    named = recipients if any(each.name is not None for each in recipients) else ()
    return (
        _carried_in("individual-coverages", contact.individual.coverages),
        _carried_in("service-components", scene.service.components),
        _carried_in("recipients", named),
    )


def _carried_in(part: str, values: Sequence[object]) -> list[Json]:
    found: list[Json] = []
    CONTACT[part].add(found, values)
    return found


def person_stands(scene: Scene, passed: dict[int, Json]) -> bool:
    """Whether the gate would pass what is of the person in the contact's own entries. References that it has
    passed are in `passed` by their identity: most are those of other persons as well."""
    if _as_written(_person_texts(scene)) is None:
        return False
    met = Met()
    for each in referred(scene):
        if each is not None and id(each) not in passed:
            if not gate.passes_part(each, "Reference", met) or met.fresh:
                return False
            if len(passed) >= _MOST_PASSED:
                passed.clear()
            # What is held keeps its identity.
            passed[id(each)] = each
    carried = chain.from_iterable(carried_of(scene))
    return all(gate.passes_part(each, "Extension", met) for each in carried) and not met.fresh


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
        *[b",".join(map(to_bytes, each)) for each in carried_of(scene)],
        rest,
    ]


def addresses_of(scene: Scene, own: Own) -> list[str | None]:
    """The addresses of the contact's own entries, and of whom and what of the person they refer to; None for
    what has none."""
    people = [each.get("reference") if each is not None else None for each in referred(scene)]
    return [*own.addresses, *people]
