"""The forms of the pages: fields <-> Contact, PlanEntry. Pure: no request, no session, no clock."""

from __future__ import annotations

from datetime import datetime
from typing import cast
from zoneinfo import ZoneInfo

from app.web.formkit import (
    Data,
    Errors,
    Field,
    Read,
    Unreadable,
    Values,
    clock_time,
    day,
    first,
    get,
    moment,
    put,
    read_into,
    row_numbers,
    rows_read,
    rows_shown,
    show,
)
from mappings.intake import record_from, write_record
from mappings.records import Contact, PlanEntry

CONTACT = (
    Field("status", "line", "What happened"),
    Field("service.type", "line", "Type of service"),
    Field("service.format", "line", "One person or a group"),
    Field("service.place", "line", "Place"),
    Field("service.modality", "line", "How you met"),
    Field("service.location.kind", "line", "Kind of location"),
    Field("service.location.name", "line", "Name of the location"),
    Field("service.components", "many", "What you did"),
    Field("service.basis", "line", "How it relates to the plan"),
    Field("service.plan_entry", "line", "Plan entry"),
    Field("service.rationale", "text", "Why this contact was needed"),
    Field("service.rationale_ref.id", "line", "Team minutes"),
    Field("service.rationale_ref.on", "day", "Day of the team minutes"),
    Field("service.accompaniment.requested", "yesno", "The person asked to be accompanied"),
    Field("service.accompaniment.support", "yesno", "Support was given on the way"),
    Field("service.accompaniment.travel_minutes", "whole", "Minutes of travel without support"),
    Field("service.voluntary", "yesno", "The person took part of their own free will"),
    Field("excluded_minutes", "whole", "Minutes that do not count"),
    Field("technical_failure", "check", "The connection failed"),
    Field("group.session", "line", "Name of the group session"),
    Field("group.attendees", "whole", "Number of people who attended"),
    Field("note.purpose", "text", "Purpose"),
    Field("note.response", "text", "Response"),
    Field("note.progress", "text", "Progress"),
    Field("note.outcome", "text", "Outcome"),
    Field("note.own_words", "text", "In the person's own words"),
    Field("note.goals", "many", "Goals"),
    Field("note.data_verified", "check", "Name and address checked with the person"),
    Field("risk.seen", "yesno", "Risk of harm was seen"),
    Field("risk.notified", "line", "Who was told"),
    Field("clinical_input.by", "line", "Clinician who advised"),
    Field("clinical_input.on", "day", "Day of the advice"),
)
TIMES = (
    Field("start_date", "day", "Date"),
    Field("start_time", "line", "Start"),
    Field("end_time", "line", "End"),
    Field("end_next_day", "check", "Ended after midnight"),
    Field("risk_date", "day", "Day someone was told"),
    Field("risk_time", "line", "Time someone was told"),
)
RECIPIENTS = Field("recipients", "many", "Who was there")
RECIPIENT = (
    Field("role", "line", "Role"),
    Field("name.given", "given", "First name"),
    Field("name.family", "line", "Last name"),
    Field("relationship", "line", "Relationship"),
    Field("attachment", "check", "Significant attachment"),
)
PRESENT = (Field("id", "line", "Staff member"), Field("role", "line", "What they did there"))
COLLABORATION = (
    Field("on", "day", "Day of the meeting"),
    Field("with", "many", "With whom"),
    Field("reference", "line", "Where it is written down"),
)
# What is repeated beside the recipients: its place in the record and the fields of one row.
ROWS: tuple[tuple[str, tuple[Field, ...]], ...] = (("staff", PRESENT), ("collaboration", COLLABORATION))
ENGAGEMENT_GOAL = Field("engagement.goal", "text", "Goal of the contacts")

PLAN_ENTRY = (
    Field("status", "line", "State"),
    Field("basis", "line", "Kind of entry"),
    Field("service_type", "line", "Type of service"),
    Field("plan.from", "day", "Plan from"),
    Field("plan.to", "day", "Plan to"),
    Field("plan.review_due", "day", "Review due"),
    Field("plan.contributors", "many", "Contributors"),
    Field("goal.text", "text", "Goal"),
    Field("goal.objective", "text", "Objective"),
    Field("goal.target", "day", "Target day"),
    Field("frequency.units", "whole", "Units each time"),
    Field("frequency.times", "whole", "How often"),
    Field("frequency.per", "line", "Per"),
    Field("components", "many", "Service components"),
    Field("event.text", "text", "What happened"),
    Field("event.on", "day", "Day it happened"),
    Field("response", "text", "Response"),
)

LABELS = {item.path: item.label for item in (*CONTACT, *TIMES, RECIPIENTS, ENGAGEMENT_GOAL)}
PLAN_LABELS = {item.path: item.label for item in PLAN_ENTRY}

# Where a finding about a path of the record stands when the form has no field of that name.
BESIDE = {
    "start": "start_time",
    "end": "end_time",
    "service": "service.type",
    "service.location": "service.location.kind",
    "service.accompaniment": "service.accompaniment.requested",
    "service.rationale_ref": "service.rationale_ref.id",
    "engagement": "engagement.goal",
    "note": "note.purpose",
    "group": "group.attendees",
    "risk": "risk.seen",
    "risk.at": "risk_time",
    "clinical_input": "clinical_input.by",
    "staff": "staff.0.id",
    "collaboration": "collaboration.0.on",
    "plan": "plan.from",
    "goal": "goal.text",
    "frequency": "frequency.units",
    "event": "event.text",
}


def contact_values(contact: Contact, zone: ZoneInfo) -> Values:
    """The form's fields for a contact, times in the programme's time zone."""
    data = write_record(contact)
    others = [row for row in data["recipients"] if row["role"] != "individual"]
    return {
        **show(CONTACT, data),
        **show([ENGAGEMENT_GOAL], data),
        **_shown_times(contact, zone),
        "recipients": ["individual"] if len(others) < len(data["recipients"]) else [],
        **rows_shown("recipients", RECIPIENT, others),
        **{name: shown for path, item in ROWS for name, shown in rows_shown(path, item, data[path]).items()},
    }


def read_contact(values: Values, base: Contact, zone: ZoneInfo) -> Read:
    """The contact's data as typed on top of `base`, which keeps what the form does not show. Unreadable
    fields are None in the data, keep their text in `values` and have their message in `errors`."""
    data, errors = write_record(base), cast(Errors, {})
    read_into((*CONTACT, ENGAGEMENT_GOAL), values, data, errors)
    if data.get("excluded_minutes") is None:
        data["excluded_minutes"] = 0
    _read_times(values, base, data, errors, zone)
    _read_recipients(values, data, errors)
    for path, fields in ROWS:
        if row_numbers(path, values):
            data[path] = rows_read(path, fields, values, data[path], errors)
    before = write_record(base)
    if _changed(before, data, "service.format") and get(data, "service.format") != "group":
        data["group"] = None
    if _changed(before, data, "risk.seen") and get(data, "risk.seen") is not True:
        data["risk"] = None if get(data, "risk.seen") is None else {"seen": False}
    return Read(tidy(data), values, errors)


def contact_of(read: Read) -> Contact:
    """The frozen contact of what was read."""
    return cast(Contact, record_from(read.data))


def not_in_record(read: Read, zone: ZoneInfo) -> Values:
    """The fields in which something was typed that the record cannot hold: what cannot be read, and a day or
    a time that stands alone."""
    kept = _shown_times(contact_of(read), zone)
    alone = {name for name, shown in kept.items() if first(read.values, name) and not any(shown)}
    return {name: typed for name, typed in read.values.items() if name in alone or name in read.errors}


def plan_values(entry: PlanEntry) -> Values:
    """The form's fields for a plan entry."""
    return show(PLAN_ENTRY, write_record(entry))


def read_plan_entry(values: Values, base: PlanEntry) -> Read:
    """The plan entry's data as typed on top of `base`; see `read_contact` for what cannot be read."""
    data, errors = write_record(base), cast(Errors, {})
    read_into(PLAN_ENTRY, values, data, errors)
    if data.get("basis") != "targeted":
        data["event"] = data["response"] = None
    return Read(tidy(data), values, errors)


def plan_entry_of(read: Read) -> PlanEntry:
    """The frozen plan entry of what was read."""
    return cast(PlanEntry, record_from(read.data))


def _shown_times(contact: Contact, zone: ZoneInfo) -> Values:
    start, end = _local(contact.start, zone), _local(contact.end, zone)
    told = _local(contact.risk.at, zone) if contact.risk else None
    either = start or end
    return {
        "start_date": [f"{either:%Y-%m-%d}" if either else ""],
        "start_time": [f"{start:%H:%M}" if start else ""],
        "end_time": [f"{end:%H:%M}" if end else ""],
        "end_next_day": ["yes"] if start and end and end.date() > start.date() else [],
        "risk_date": [f"{told:%Y-%m-%d}" if told else ""],
        "risk_time": [f"{told:%H:%M}" if told else ""],
    }


def _local(at: datetime | None, zone: ZoneInfo) -> datetime | None:
    return at.astimezone(zone) if at else None


def _read_times(values: Values, base: Contact, data: Data, errors: Errors, zone: ZoneInfo) -> None:
    later = 1 if first(values, "end_next_day") else 0
    shown = _shown_times(base, zone)

    def changed(*names: str) -> bool:
        return any(values.get(name, []) != shown[name] for name in names)

    if changed("start_date", "start_time"):
        data["start"] = _moment(values, errors, zone, ("start_date", "start_time"))
    if changed("start_date", "end_time", "end_next_day"):
        data["end"] = _moment(values, errors, zone, ("start_date", "end_time"), later)
    if changed("risk_date", "risk_time"):
        put(data, "risk.at", _moment(values, errors, zone, ("risk_date", "risk_time")))


def _moment(
    values: Values, errors: Errors, zone: ZoneInfo, names: tuple[str, str], later: int = 0
) -> str | None:
    on_name, at_name = names
    labels = {item.path: item.label for item in TIMES}
    on = at = None
    try:
        on = day(first(values, on_name))
    except Unreadable as problem:
        errors[on_name] = f"{labels[on_name]}: {problem}"
    try:
        at = clock_time(first(values, at_name))
        return moment(on, at, zone, later)
    except Unreadable as problem:
        errors[at_name] = f"{labels[at_name]}: {problem}"
    return None


def _read_recipients(values: Values, data: Data, errors: Errors) -> None:
    before = [row for row in data["recipients"] if row["role"] != "individual"]
    themself = [row for row in data["recipients"] if row["role"] == "individual"]
    others = rows_read("recipients", RECIPIENT, values, before, errors)
    present = "individual" in values.get("recipients", [])
    data["recipients"] = [*((themself[:1] or [{"role": "individual"}]) if present else []), *others]


def _changed(before: Data, data: Data, path: str) -> bool:
    return bool(get(before, path) != get(data, path))


def tidy(data: Data) -> Data:
    """The data with every object that holds nothing as null."""
    return {name: _tidied(value) for name, value in data.items()}


def _tidied(value: object) -> object:
    if not isinstance(value, dict):
        return value
    inner = {name: _tidied(part) for name, part in value.items()}
    return inner if any(part is not None and part != [] for part in inner.values()) else None
