"""The note as plain text, exactly as a signer is shown it and as the EHR keeps it.

The digest of a signature is over the UTF-8 bytes of this text: the same contact, the same text, always.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from functools import lru_cache

from mappings import terms
from mappings.disclosure import NOTICE
from mappings.engagement import state_at
from mappings.findings import Judgement
from mappings.library import Library
from mappings.office import Surroundings
from mappings.records import Contact, Goal, Individual, Recipient, StaffFields
from mappings.terms import ENGAGEMENT

WIDTH = 100
LABEL_WIDTH = _LABEL = 18
_TITLES = (
    "Purpose", "Response", "Progress", "Outcome", "In the person's own words", "Goals", "Service components",
    "Rationale outside the plan", "Event and response in the plan", "Risk", "Collaboration", "Addendum",
    "Notice",
)  # fmt: skip
# The line that stands over each part of the text, and the heading that it is.
HEADINGS = {title.upper(): title for title in _TITLES}
PART2_NOTICE = NOTICE

Row = tuple[str, str | None]


def note_text(contact: Contact, judgement: Judgement, surroundings: Surroundings, library: Library) -> str:
    """The note of one version as plain text, lines of at most 100 characters where words allow it.

    Times are in the programme's zone. Parts that are empty are left out; of a group it names nobody but the
    individual. It ends with a line break.
    """
    scene = _Sheet(contact, judgement, surroundings, library)
    blocks = [scene.head(), *scene.sections()]
    return "\n\n".join(block for block in blocks if block) + "\n"


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
    head = "\n".join([*lines, *(line for row in rows for line in _row(*row))])
    notice = _section("Notice", PART2_NOTICE if program and program.part2 else None)
    blocks = [head, _section("Addendum", said), notice]
    return "\n\n".join(block for block in blocks if block) + "\n"


class _Sheet:
    """One contact while it is put into words."""

    def __init__(self, contact: Contact, judged: Judgement, around: Surroundings, library: Library) -> None:
        self.contact, self.judged, self.around, self.library = contact, judged, around, library
        self.zone: tzinfo = around.zone_of(contact.program, contact.start) or UTC
        self.program = around.program_of(contact.program)

    def head(self) -> str:
        """Title and the facts, a labelled line each."""
        rows = [*self._who(), *self._when(), *self._what()]
        lines = ["PEER SUPPORT NOTE", f"{self.contact.id}, version {self.contact.version}", ""]
        return "\n".join([*lines, *(line for row in rows for line in _row(*row))])

    def sections(self) -> Iterable[str]:
        """The parts of the note under their headings."""
        note = self.contact.note
        if note is not None:
            yield _section("Purpose", note.purpose)
            yield _section("Response", note.response)
            yield _section("Progress", note.progress)
            yield _section("Outcome", note.outcome)
            yield _section("In the person's own words", note.own_words)
        yield _section("Goals", _bullets(self._goals()))
        yield _section("Service components", _bullets(self._components()))
        yield _section("Rationale outside the plan", self._rationale())
        yield _section("Event and response in the plan", self._event())
        yield _section("Risk", self._risk())
        yield _section("Collaboration", _bullets(self._collaboration()))
        yield _section("Notice", PART2_NOTICE if self.program and self.program.part2 else None)

    def _who(self) -> Iterable[Row]:
        peer = self.contact.peer
        yield "Individual", _person(self.contact.individual)
        yield "Program", _named(self.program.name, self.program.id) if self.program else None
        yield "Peer", _staff(self.around.member(peer.id, peer)) if peer else None
        others = [self._name(one.id) for one in self.contact.staff if one.id and one.id.strip()]
        yield "Also present", ", ".join(others)

    def _when(self) -> Iterable[Row]:
        start, end = self.contact.start, self.contact.end
        if start is not None:
            begun = start.astimezone(self.zone)
            yield "Date", begun.strftime("%A, ") + begun.date().isoformat()
            yield "Time", _times(begun, end.astimezone(self.zone) if end else None)
        yield "Minutes", self._minutes()
        yield "Units", self._units()
        yield "Status", None if self.contact.status == "finished" else self.contact.status

    def _minutes(self) -> str | None:
        if self.judged.minutes is None:
            return None
        left_out = self.contact.excluded_minutes
        words = f"{left_out} minutes of the time are not counted" if left_out > 0 else ""
        return f"{self.judged.minutes}" + (f" ({words})" if words else "")

    def _units(self) -> str | None:
        if self.judged.minutes is None or self.contact.start is None:
            return None
        day = self.contact.start.astimezone(self.zone).date()
        each = terms.unit_minutes(self.library, self.contact.jurisdiction, day)
        units = f"{self.judged.units} unit{'' if self.judged.units == 1 else 's'}"
        if each is None:
            return units
        return f"{units} (a unit for every {each} full minutes of {self.judged.minutes})"

    def _what(self) -> Iterable[Row]:
        service = self.contact.service
        if service is None:
            return
        words = [self._word("service-types", service.type), service.format]
        yield "Service", ", ".join(each for each in words if each)
        place = service.location
        where = [self._word("places", service.place), self._small("modalities", service.modality)]
        where += [self._small("location-kinds", place.kind), place.name] if place else []
        yield "Place", ", ".join(each for each in where if each)
        if self.contact.start is not None:
            state = state_at(self.contact.engagement, self.contact.start, self.zone)
            yield "Admission", ENGAGEMENT.get(state.status, state.status)
        yield "Basis", self._word("bases", service.basis)
        yield "Plan entry", service.plan_entry
        yield "Received by", ", ".join(self._recipient(one) for one in self.contact.recipients)
        yield "Group", _attended(self.contact)
        failed = "The connection failed" if self.contact.technical_failure else None
        yield "Technical failure", failed

    def _word(self, table: str, code: str | None) -> str | None:
        return terms.word(self.library, table, code)

    def _small(self, table: str, code: str | None) -> str | None:
        return (self._word(table, code) or "").lower()

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

    def _components(self) -> list[str]:
        names = self.contact.service.components if self.contact.service else ()
        return [self._component(code) for code in names]

    def _component(self, code: str) -> str:
        known = terms.component(self.library, self.contact.jurisdiction, code)
        return f"{known[2]} ({code})" if known else code

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


# Most rows stand in many notes: the programme, the peer, the service, the place.
@lru_cache(maxsize=4096)
def _row(label: str, value: str | None) -> tuple[str, ...]:
    if not value or not value.strip():
        return ()
    first = f"{label + ':':<{_LABEL}}"
    return tuple(_wrapped(" ".join(value.split()), first, " " * _LABEL))


def _section(heading: str, text: str | None) -> str:
    if not text or not text.strip():
        return ""
    lines = [line for part in _lines(text) for line in _wrapped(part, "", _hanging(part))]
    return "\n".join([heading.upper(), *lines])


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip("\n").split("\n")


def _hanging(line: str) -> str:
    return "  " if line.startswith("- ") else ""


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    if len(first) + len(text) <= WIDTH:
        return [first + text]
    lines = textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
        expand_tabs=False,
        replace_whitespace=False,
    )
    return lines or [""]


def _bullets(items: Iterable[str]) -> str:
    return "\n".join(f"- {' '.join(item.split())}" for item in items if item.strip())


def _times(start: datetime, end: datetime | None) -> str:
    if end is None:
        return f"from {_moment(start)}"
    until = f"{end:%H:%M}" if end.date() == start.date() else f"{end:%Y-%m-%d %H:%M}"
    zone = f"{start:%Z}".strip()
    return f"{start:%H:%M} to {until} ({zone if zone.startswith('UTC') else f'{zone}, UTC' + _offset(start)})"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} (UTC{_offset(at)})"


def _offset(at: datetime) -> str:
    return f"{at:%z}"[:3] + ":" + f"{at:%z}"[3:5]


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
