"""What differs between contacts that are alike: from contact to contact, and from person to person."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

import orjson

from mappings.fhir import gate
from mappings.fhir.bundle import goal_of
from mappings.fhir.carried import CONTACT
from mappings.fhir.compiled import Met
from mappings.fhir.elements import Json, full_url, master_identifier, quoted, stamp, to_bytes, xml_can_hold
from mappings.fhir.scene import WORDS, Scene

_words = itemgetter(*WORDS)
_PARTS = tuple(f"note-{name.replace('_', '-')}" for name in WORDS)
# Where among what differs the words are that the record's extension carries.
CARRIED = 3


def texts_of(scene: Scene) -> list[str]:
    """The texts of people among what differs."""
    group, words = scene.contact.group, _words(scene.note.__dict__)
    session = group.session if group is not None else None
    return [scene.contact.id, session or "", scene.reason or "", *[each for each in words if each]]


def stand(texts: Sequence[str]) -> bool:
    """Whether the gate would pass each of the texts; what is empty is not written."""
    if "".join(texts).isprintable() and all(map(str.strip, filter(None, texts))):
        return True
    return not any(each and not (each.strip() and xml_can_hold(each)) for each in texts)


def gaps_of(scene: Scene, texts: Sequence[str]) -> list[bytes]:
    """What differs from contact to contact, as it is written; what is not there is empty.

    The times, the numbers and what is computed of them are of a form that needs no check.
    """
    name, key, during = scene.contact.id, scene.note_key, scene.during
    edited, (data, size, digest) = scene.note.edited_at, scene.attached
    id, session, reason, *words = _escaped(texts)
    found = [
        id,
        session,
        reason,
        _carried(scene, words) if scene.words_lost else "",
        quoted(name),
        *_own_addresses(scene),
        master_identifier(key)["value"],
        scene.on,
        during["start"],
        during["end"],
        "" if scene.judgement.minutes is None else str(scene.judgement.minutes),
        stamp(edited) or "",
        data,
        str(size),
        digest,
        *[one.when for one in scene.signed],
    ]
    return "\0".join(found).encode().split(b"\0")


def _carried(scene: Scene, words: Sequence[str]) -> str:
    """The parts of the record's extension that carry the words of a note; there are others before them."""
    names = [name for name, each in zip(_PARTS, _words(scene.note.__dict__), strict=True) if each]
    return "".join(
        [f',{{"url":"{name}","valueString":"{each}"}}' for name, each in zip(names, words, strict=True)]
    )


def _escaped(texts: Sequence[str]) -> Sequence[str]:
    """Texts as they stand between the quotation marks of JSON."""
    said = "".join(texts)
    if said.isprintable() and '"' not in said and "\\" not in said:
        return texts
    return [orjson.dumps(each)[1:-1].decode() for each in texts]


def _own_addresses(scene: Scene) -> list[str]:
    """The addresses of the contact's own entries."""
    key = scene.note_key
    found = [full_url("encounter", scene.contact.id), full_url("note", key)]
    for one in scene.signed:
        found.append(full_url("provenance", scene.signature_key(one)))
        if one.meaning != "author":
            found.append(full_url("task", f"{key}/{one.meaning}"))
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
    passed = stand(_person_texts(scene)) and all(
        [
            *[gate.passes_part(each, "Reference", met) for each in references],
            *[gate.passes_part(each, "Extension", met) for each in covers_of(scene)],
        ]
    )
    return passed and not met.fresh


def lasting_of(scene: Scene, rest: bytes) -> list[bytes]:
    """What differs from person to person, as it is written; what is not there is empty. `rest` are the
    entries beside the contact's own."""
    engagement = scene.contact.engagement
    texts = [
        *_escaped(_person_texts(scene)),
        stamp(engagement.goal_on if engagement is not None else None) or "",
    ]
    return [
        *[each.encode() for each in texts],
        *[to_bytes(each) if each is not None else b"" for each in referred(scene)],
        b",".join(map(to_bytes, covers_of(scene))),
        rest,
    ]


def addresses(scene: Scene) -> list[str | None]:
    """The addresses of the contact's own entries, and of whom and what of the person they refer to; None for
    what has none."""
    people = [each.get("reference") if each is not None else None for each in referred(scene)]
    return [*_own_addresses(scene), *people]
