"""What a note holds: its fields, its components, and when it was written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache, partial
from operator import itemgetter

from mappings.checks.registry import (
    NOT_APPLICABLE,
    PASS,
    Outcome,
    Test,
    advises,
    check,
    coded_check,
    fails,
    missing,
    together,
)
from mappings.checks.signatures import author_standing, hours
from mappings.checks.texts import listed, most_words, says_something
from mappings.coding import CodedContact
from mappings.in_force import Bound
from mappings.records import Note
from mappings.situation import Situation

_NO_NOTE = Note()
_TEXTS = {"purpose", "response", "progress", "outcome", "own_words"}
_REQUIRED = ("note.required", "preadmission.note.required")


def _absent_and_blank(s: Situation, b: Bound, names: tuple[str, ...]) -> tuple[list[str], list[str]]:
    told = vars(s.note or _NO_NOTE)
    absent, blank, empty_words = [], [], b["note.empty_words"]
    most = most_words(empty_words)
    for name in names:
        text = s.service.type if name == "type" else told.get(name)
        if text is None:
            absent.append(name)
        elif len(text.split(None, most)) <= most and not says_something(text, empty_words):
            blank.append(name)
    return absent, blank


def _paths(names: list[str]) -> tuple[str, ...]:
    return tuple("service.type" if name == "type" else f"note.{name}" for name in names)


def _words(names: list[str]) -> str:
    return listed("the type of service" if name == "type" else f"the {name}" for name in names)


def _fields_filled(s: Situation, b: Bound, names: tuple[str, ...]) -> Outcome:
    absent, blank = _absent_and_blank(s, b, names)
    if blank:
        verb = "is" if len(blank) == 1 else "are"
        return fails(f"The note says nothing here: {_words(blank)} {verb} blank.", *_paths(blank + absent))
    if absent:
        return missing(_words(absent), *_paths(absent), many=len(absent) > 1)
    return PASS


@check("note-fields", "note.required", "note.empty_words")
def note_fields(s: Situation, b: Bound) -> Outcome:
    """The fields that every progress note has are filled (R053)."""
    return _fields_filled(s, b, b["note.required"])


@check("preadmission-note-fields", "preadmission.note.required", "note.empty_words")
def preadmission_note_fields(s: Situation, b: Bound) -> Outcome:
    """The fields that a note before admission has are filled (R039, AMB-01)."""
    return _fields_filled(s, b, b["preadmission.note.required"])


@together("note-fields", "preadmission-note-fields", "own-words", "rationale")
def _written_out(bounds: Sequence[Bound]) -> Test:
    """Whether the type of service and each text that is asked for say something, the texts in more words than
    those that stand for nothing have."""
    names = {name for b in bounds for each in _REQUIRED if each in b.values for name in b[each]}
    names |= {"own_words" for b in bounds if b.version.check == "own-words"}
    fields = sorted(names & _TEXTS)
    if not fields or not names <= _TEXTS | {"type"}:
        return _never
    why, empty = any(b.version.check == "rationale" for b in bounds), bounds[0]["note.empty_words"]
    # Of one name alone it would be no tuple.
    texts_of = itemgetter(*fields, fields[0])
    most = most_words(empty)
    type_said = lru_cache(maxsize=64)(partial(says_something, empty_words=empty))

    def passes(s: Situation) -> bool:
        type, texts = s.service.type, texts_of(vars(s.note or _NO_NOTE))
        if why:
            texts += (s.service.rationale,)
        return type is not None and type_said(type) and s.around.texts.longer(most).issuperset(texts)

    return passes


def _never(_s: Situation) -> bool:
    return False


@coded_check("component-of-type")
def component_of_type(s: CodedContact, b: Bound) -> Outcome:
    """At least one service component, each from the list of the service type (R054)."""
    if s.codes.type is None:
        return missing("the service type", "service.type")
    if not s.codes.components:
        return fails("No service component is chosen.", "service.components")
    table = s.library.table(b.settings["table"])
    for place, code in enumerate(s.codes.components):
        found = table.code(code, s.day)
        if found is None:
            return fails(f"{code!r} is no service component.", f"service.components[{place}]")
        if found.properties.get("service_type") != s.codes.type:
            return fails(
                f"{code} ({found.display}) belongs to {found.properties.get('service_type')} peer support, "
                f"this service is {s.codes.type}.",
                f"service.components[{place}]",
                "service.type",
            )
    return PASS


@check("written-in-time", "note.due_hours")
def written_in_time(s: Situation, b: Bound) -> Outcome:
    """The author signed within the hours that the site allows after the end (R055, AMB-27)."""
    if s.end is None:
        return missing("the end of the contact", "end")
    signed = [each.at for each in s.signed if each.meaning == "author" and each.at is not None]
    late = (min(signed) if signed else s.now) - s.ended
    if late <= hours(b["note.due_hours"]):
        return PASS
    verb = "was signed" if signed else "is unsigned"
    return fails(
        f"The note {verb} {_long(late)} after the contact; "
        f"{b['note.due_hours']} hours is the limit{b.standing('note.due_hours')}. "
        "It is kept, and its lateness too.",
        "end",
    )


def _long(late: timedelta) -> str:
    full, minutes = divmod(int(late.total_seconds() // 60), 60)
    return f"{full // 24} days" if full >= 72 else f"{full} h {minutes} min"


@coded_check("data-verified")
def data_verified(s: CodedContact, b: Bound) -> Outcome:
    """The person's details were verified with the person (R056)."""
    if s.codes.verified:
        return PASS
    return advises("The person's details are not marked as verified at this visit.", "note.data_verified")


@check("own-words", "note.empty_words")
def own_words(s: Situation, b: Bound) -> Outcome:
    """The person's own view of progress (R057)."""
    own = s.note.own_words if s.note is not None else None
    if own is not None and says_something(own, b["note.empty_words"]):
        return PASS
    return advises("How the person sees the progress could stand here in own words.", "note.own_words")


@check("own-signed-note")
def own_signed_note(s: Situation, b: Bound) -> Outcome:
    """Each contact has its own note, signed by the peer, with times of its own (R058)."""
    standing = author_standing(s)
    if standing is not PASS:
        return standing
    if s.contact.start is None or s.contact.end is None:
        return missing("the times of the contact", "start", "end")
    for other in s.around.of_day(s.contact.individual.id, s.day):
        theirs, ours = other.contact, s.contact
        twin = (theirs.start, theirs.end) == (ours.start, ours.end) and other is not s
        if twin and theirs.peer is not None and ours.peer is not None and theirs.peer.id == ours.peer.id:
            return fails(f"Contact {other.contact.id} has the same peer and the same times.", "start", "end")
    return PASS


@check("rights-explained", settings=("scopes",))
def rights_explained(s: Situation, b: Bound) -> Outcome:
    """Rights and responsibilities were explained by the second contact, or declined (R109)."""
    scopes = b.settings["scopes"]
    if any(c.scope in scopes and (c.from_ is None or c.from_ <= s.day) for c in s.contact.consents):
        return PASS
    if s.contact.start is None or not s.around.began_before(s.contact.individual.id, s.began):
        return NOT_APPLICABLE
    return advises("That rights and responsibilities were explained is not recorded.", "consents")
