"""The note as plain text, exactly as a signer is shown it and as the EHR keeps it.

The digest of a signature is over the UTF-8 bytes of this text: the same contact, the same text, always.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from operator import itemgetter
from sys import intern
from typing import Any, NamedTuple, TypeGuard, cast

from mappings import terms
from mappings.disclosure import NOTICE
from mappings.engagement import state_at
from mappings.findings import Judgement
from mappings.library import Library
from mappings.moments import CLOCK, day_written, offset_written
from mappings.note_lines import (
    LABEL_WIDTH,
    WIDTH,
    Row,
    below,
    bullets,
    in_lines,
    laid_out,
    row,
    section,
    under,
)
from mappings.office import Surroundings
from mappings.once import by_identities, once
from mappings.records import (
    Contact,
    Goal,
    Individual,
    Note,
    ProgramFields,
    Recipient,
    Service,
    StaffFields,
)
from mappings.terms import ENGAGEMENT

_TITLES = (
    "Purpose", "Response", "Progress", "Outcome", "In the person's own words", "Goals", "Service components",
    "Rationale outside the plan", "Event and response in the plan", "Risk", "Collaboration", "Addendum",
    "Notice",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_TIME = f"\n{'Time:':<{LABEL_WIDTH}}"
# An offset in hours and minutes, such as -05:00.
_MINUTES = slice(6)
# The parts of a note, by the attribute that has them, and the line that stands over each.
_NAMES = ("purpose", "response", "progress", "outcome", "own_words")
_HEADINGS = tuple([f"\n\n{title.upper()}\n" for title in _TITLES[: len(_NAMES)]])
_WITH_ALL = "%s".join((*_HEADINGS, ""))
_words = itemgetter(*_NAMES)
# The line that stands over each part of the text, and the heading that it is.
HEADINGS = {title.upper(): title for title in _TITLES}
PART2_NOTICE = NOTICE


def note_text(contact: Contact, judgement: Judgement, surroundings: Surroundings, library: Library) -> str:
    """The note of one version as plain text, lines of at most 100 characters where words allow it.

    Times are in the programme's zone. Parts that are empty are left out; of a group it names nobody but the
    individual. It ends with a line break.
    """
    return Sheet(contact, surroundings, library).text(contact, judgement)


def addendum_text(addendum: str, contact: Contact, said: str, by: str, surroundings: Surroundings) -> str:
    """What somebody (`by`, a staff id) adds to a final version of a note, as plain text of its own, in lines
    as `note_text` has them; `addendum` is its id. It ends with a line break."""
    program = surroundings.program_of(contact.program)
    zone = surroundings.zone_of(contact.program, contact.start) or UTC
    of = f" of {contact.start.astimezone(zone).date()}" if contact.start is not None else ""
    rows: tuple[Row, ...] = (
        ("Individual", _person(contact.individual)),
        ("Program", _named(program.name, program.id) if program else None),
        ("To the note", f"{contact.id}, version {contact.version}{of}"),
        ("Written by", _staff(surroundings.member(by))),
    )
    lines = ["ADDENDUM TO A PEER SUPPORT NOTE", f"{addendum}, version 1", ""]
    head = "\n".join([*lines, *laid_out(rows)])
    notice = section("Notice", PART2_NOTICE if program and program.part2 else None)
    blocks = [head, section("Addendum", said), notice]
    return "\n\n".join(block for block in blocks if block) + "\n"


class Sheet:
    """What the notes of contacts that are alike have in common, put into words once.

    It is made for the first of them. Of the others `text` takes the id, the version, the times, the status,
    what was judged of them, and the parts of the note; all else that is in the text must be the same.
    """

    def __init__(self, contact: Contact, around: Surroundings, library: Library) -> None:
        self.contact, self.around, self.library = contact, around, library
        self.zone: tzinfo = around.zone_of(contact.program, contact.start) or UTC
        self.program = around.program_of(contact.program)

    def text(self, contact: Contact, judged: Judgement) -> str:
        """The note of one version of a contact, ending with a line break."""
        start, end, zone = contact.start, contact.end, self.zone
        begun = start.astimezone(zone) if start is not None else None
        until = end.astimezone(zone) if end is not None else None
        parts = own_parts(words_of(contact.note)).text if contact.note is not None else ""
        return self.text_at(contact, judged, begun, until, parts)

    def text_at(
        self, contact: Contact, judged: Judgement, begun: datetime | None, until: datetime | None, parts: str
    ) -> str:
        """As `text`, of a contact whose times are known in the zone of its notes, and the parts of its note
        as `own_parts` writes them."""
        said = contact.__dict__
        title = f"PEER SUPPORT NOTE\n{said['id']}, version {said['version']}\n"
        return f"{title}{self._who}{self._when(said, judged, begun, until)}{self._what}{parts}{self._rest}\n"

    # In what follows a line break stands before each line, and an empty line before each part.

    @once
    def _rest(self) -> str:
        """The parts under their headings that come after the note's own."""
        rows: tuple[Row, ...] = (
            ("Goals", bullets(self._goals())),
            ("Service components", self._components()),
            ("Rationale outside the plan", self._rationale()),
            ("Event and response in the plan", self._event()),
            ("Risk", self._risk()),
            ("Collaboration", bullets(self._collaboration())),
        )
        parts = [part for heading, text in rows if (part := section(heading, text))]
        if self.program and self.program.part2:
            parts.append(_notice())
        return "".join([f"\n\n{part}" for part in parts])

    @once
    def _who(self) -> str:
        peer = self.contact.peer
        member = self.around.member(peer.id, peer) if peer else None
        lines = _people(self.contact.individual, self.program, member)
        if not self.contact.staff:
            return lines
        others = [self._name(one.id) for one in self.contact.staff if one.id and one.id.strip()]
        return lines + below(row("Also present", ", ".join(others)))

    def _when(
        self, said: Mapping[str, Any], judged: Judgement, begun: datetime | None, until: datetime | None
    ) -> str:
        minutes, lines = judged.minutes, ""
        if begun is not None:
            lines = f"\n{_date(begun.date())}{_time_row(_times(begun, until))}"
        if minutes is not None:
            units = None if begun is None else judged.units
            lines += _lasted(minutes, said["excluded_minutes"], units, self._unit)
        if said["status"] != "finished":
            lines += below(row("Status", said["status"]))
        return lines

    @once
    def _unit(self) -> int | None:
        """The minutes of a unit where and when the contact took place."""
        start = self.contact.start
        if start is None:
            return None
        day = start.astimezone(self.zone).date()
        return terms.unit_minutes(self.library, self.contact.jurisdiction, day)

    @once
    def _what(self) -> str:
        service, contact = self.contact.service, self.contact
        if service is None:
            return ""
        where, why = _service(self.library, service)
        recipients, group = contact.recipients, contact.group
        rows: tuple[Row, ...] = (
            ("Received by", ", ".join([self._recipient(one) for one in recipients]) if recipients else None),
            ("Group", _attended(contact) if group is not None else None),
            ("Technical failure", "The connection failed" if contact.technical_failure else None),
        )
        return below([*where, *row("Admission", self._admission()), *why, *laid_out(rows)])

    def _admission(self) -> str | None:
        if self.contact.start is None:
            return None
        state = state_at(self.contact.engagement, self.contact.start, self.zone)
        return ENGAGEMENT.get(state.status, state.status)

    def _recipient(self, one: Recipient) -> str:
        if one.role == "individual":
            return "the individual"
        kind = one.relationship or one.role or "collateral"
        # Beside a group a name could be that of another member's person: the relationship alone stays.
        name = one.name.full.strip() if one.name and self.contact.group is None else ""
        return f"{name} ({kind})" if name else kind

    def _goals(self) -> list[str]:
        goals = [self._goal(each) for each in self.contact.note.goals] if self.contact.note else []
        engagement = self.contact.engagement
        entry = self.around.entry_of(self.contact)
        if entry is None and engagement is not None and engagement.goal:
            goals.insert(0, engagement.goal)
        return goals

    def _goal(self, name: str) -> str:
        entries = self.around.entries_of(self.contact.individual.id)
        found = next((e.goal for e in entries if e.goal and e.goal.id == name), None)
        return _goal_words(found) if found else name

    def _components(self) -> str:
        service = self.contact.service
        if service is None or not service.components:
            return ""
        return _components(self.library, service, intern(self.contact.jurisdiction))

    def _rationale(self) -> str | None:
        service = self.contact.service
        minutes = service.rationale_ref if service else None
        words = [service.rationale or ""] if service else []
        if minutes and minutes.id:
            words.append(f"Team minutes {minutes.id}" + (f" of {minutes.on}." if minutes.on else "."))
        return "\n".join(each for each in words if each.strip())

    def _event(self) -> str | None:
        entry = self.around.entry_of(self.contact)
        if entry is None or entry.basis != "targeted" or entry.event is None:
            return None
        on = f" ({entry.event.on})" if entry.event.on else ""
        words = [f"Event{on}: {entry.event.text}" if entry.event.text else "", entry.response or ""]
        return "\n".join(each for each in words if each.strip())

    def _risk(self) -> str | None:
        risk = self.contact.risk
        if risk is None or not risk.seen:
            return None
        told = f" {_staff(self.around.member(risk.notified))} was told" if risk.notified else ""
        at = f" at {_moment(risk.at.astimezone(self.zone))}" if risk.at and told else ""
        return "Signs of risk were seen." + (f"{told}{at}." if told else "")

    def _collaboration(self) -> list[str]:
        return [
            ", ".join(
                part for part in (str(one.on or ""), *map(self._name, one.with_), one.reference) if part
            )
            for one in self.contact.collaboration
        ]

    def _name(self, staff_id: str) -> str:
        return _staff(self.around.member(staff_id))


# The contacts of one person and one peer, and those of one service, come one after another.
@by_identities(1024)
def _people(who: Individual, program: ProgramFields | None, peer: StaffFields | None) -> str:
    rows: tuple[Row, ...] = (
        ("Individual", _person(who)),
        ("Program", _named(program.name, program.id) if program else None),
        ("Peer", _staff(peer) if peer else None),
    )
    return below(laid_out(rows))


@by_identities(1024)
def _service(library: Library, service: Service) -> tuple[Sequence[str], Sequence[str]]:
    """The lines of what was done and where, and those of what it rests on."""

    def word(table: str, code: str | None) -> str | None:
        return terms.word(library, table, code)

    place = service.location
    done = [word("service-types", service.type), service.format]
    where = [word("places", service.place), (word("modalities", service.modality) or "").lower()]
    where += [(word("location-kinds", place.kind) or "").lower(), place.name] if place else []
    first = ("Service", ", ".join(filter(None, done))), ("Place", ", ".join(filter(None, where)))
    return laid_out(first), laid_out(
        (("Basis", word("bases", service.basis)), ("Plan entry", service.plan_entry))
    )


@by_identities(1024)
def _components(library: Library, service: Service, jurisdiction: str) -> str:
    found = [(code, terms.component(library, jurisdiction, code)) for code in service.components]
    return bullets([f"{known[2]} ({code})" if known else code for code, known in found])


def _time_row(value: str) -> str:
    # Hardly any other note has the same: nothing is kept.
    if len(value) > WIDTH - LABEL_WIDTH:
        return below(row("Time", value))
    return _TIME + value


# Of most days there are many notes.
@lru_cache(maxsize=4096)
def _date(day: date) -> str:
    return f"{'Date:':<{LABEL_WIDTH}}{_DAYS[day.weekday()]}, {day.isoformat()}"


@lru_cache(maxsize=4096)
def _lasted(minutes: int, left_out: int, units: int | None, each: int | None) -> str:
    """How long a contact took, and how many units (None: not known without a start) of so many minutes."""
    rows = [("Minutes", _minutes(minutes, left_out))]
    if units is not None:
        rows.append(("Units", _units(units, minutes, each)))
    return below(laid_out(rows))


def all_said(words: Sequence[str | None]) -> TypeGuard[Sequence[str]]:
    """Whether all parts of a note say something, each without a line break."""
    if not all(words):
        return False
    said = cast("Sequence[str]", words)
    whole = "".join(said)
    return "\n" not in whole and "\r" not in whole and not any(map(str.isspace, said))


class Parts(NamedTuple):
    """A note's own parts under their headings. Where all of them say something, each without a line break,
    `laid` is whether lines were made of one; it is None otherwise."""

    text: str
    laid: bool | None


def words_of(note: Note) -> Sequence[str | None]:
    """What a note says in each of its own parts."""
    words: Sequence[str | None] = _words(note.__dict__)
    return words


def own_parts(words: Sequence[str | None]) -> Parts:
    """The note's own parts under their headings."""
    # Most notes: many times quicker, and the same.
    if all_said(words):
        said = tuple(words)
        laid = tuple([each if len(each) <= WIDTH else in_lines(each) for each in said])
        return Parts(_WITH_ALL % laid, laid != said)
    parts = zip(_HEADINGS, words, strict=True)
    return Parts("".join([under(heading, each) for heading, each in parts if each]), None)


@lru_cache(maxsize=1)
def _notice() -> str:
    return section("Notice", PART2_NOTICE)


def _minutes(minutes: int, left_out: int) -> str:
    return f"{minutes} ({left_out} minutes of the time are not counted)" if left_out > 0 else f"{minutes}"


def _units(units: int, minutes: int, each: int | None) -> str:
    said = f"{units} unit{'' if units == 1 else 's'}"
    return said if each is None else f"{said} (a unit for every {each} full minutes of {minutes})"


def _times(start: datetime, end: datetime | None) -> str:
    if end is None:
        return f"from {_moment(start)}"
    until, ended = CLOCK[end.hour * 60 + end.minute], end.date()
    if ended != start.date():
        until = f"{day_written(ended)} {until}"
    zone = _zone(start.tzname(), start.utcoffset() or timedelta())
    return f"{CLOCK[start.hour * 60 + start.minute]} to {until} ({zone})"


@lru_cache(maxsize=256)
def _zone(name: str | None, offset: timedelta) -> str:
    zone = (name or "").strip()
    return zone if zone.startswith("UTC") else f"{zone}, UTC{offset_written(offset)[_MINUTES]}"


def _moment(at: datetime) -> str:
    offset = offset_written(at.utcoffset() or timedelta())[_MINUTES]
    return f"{day_written(at.date())} {CLOCK[at.hour * 60 + at.minute]} (UTC{offset})"


def _person(who: Individual) -> str:
    born = f"born {who.birth_date}" if who.birth_date else ""
    return ", ".join(part for part in (who.name.full if who.name else "", born, who.id) if part)


def _named(name: str | None, code: str) -> str:
    return f"{name} ({code})" if name else code


def _staff(member: StaffFields) -> str:
    return _named(member.name.full if member.name else None, member.id)


def _goal_words(goal: Goal) -> str:
    objective = f" (objective: {goal.objective})" if goal.objective else ""
    return f"{goal.text or goal.id or ''}{objective}"


def _attended(contact: Contact) -> str | None:
    if contact.group is None or not contact.group.attendees:
        return None
    return f"{contact.group.attendees} people attended"
